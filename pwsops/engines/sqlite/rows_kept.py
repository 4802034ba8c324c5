"""Whether the rows of one backup still are in another: for a file whose pages were all written anew, as by VACUUM.

A few values of the older backup are looked for in the pages of the newer one. Nothing is asked of SQLite: what a page
holds is read as sqlite.org/fileformat2.html describes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pwsops.engines.sqlite import pages
from pwsops.engines.sqlite.media import Media

SAMPLES = 16
"""So many values are looked for. Each is one pass over the pages."""
_SHORTEST, _LONGEST = 6, 64
"""Of a value, in bytes: a shorter one is found anywhere."""
_LEAVES = {0x0A, 0x0D}
"""The types of pages that hold rows or keys: of an index (or a table without rowids), and of a table."""
_TABLE_LEAF = 0x0D
_LEAST_USABLE, _MOST_RESERVED = 480, 255
"""Bytes of a page that SQLite uses at least, and that it leaves to others at most."""

Holds = Callable[[int], bool]
"""Whether a page of that number is part of the database."""


def share(former: Media, holds: Iterator[bytes]) -> tuple[int, int]:
    """Return how many of the older backup's sampled values are in the newer one's pages, and how many were sampled.

    Parameters
    ----------
    former
        The older backup.
    holds
        The newer one's pages, many together.
    """
    values = sample(former)
    left = set(values)
    for data in holds:
        if not left:
            break
        left = {value for value in left if value not in data}
    return len(values) - len(left), len(values)


def data_of(media: Media, is_needed: Holds | None = None) -> Iterator[bytes]:
    """Yield the pages that a backup stores, without the first one; of the others those that are needed."""
    size = media.header.page_size
    for offset, head in media.frames():
        raw = pages.unpack(media, offset, head)
        numbers = head.page_numbers()
        if is_needed is None and numbers[0] != 1:
            yield raw
            continue
        yield b"".join(
            raw[at * size : (at + 1) * size]
            for at, number in enumerate(numbers)
            if number != 1 and (is_needed is None or is_needed(number))
        )


def sample(media: Media) -> Sequence[bytes]:
    """Return distinct values that a backup holds, from all over it."""
    frames = list(media.frames())
    some = frames[:: -(-len(frames) // SAMPLES) or 1]
    found: dict[bytes, None] = {}
    for offset, head in some:
        raw = pages.unpack(media, offset, head)
        there = dict.fromkeys(_values(raw, media.header.page_size, head.page_numbers()))
        found |= dict.fromkeys(_spread(list(there), -(-SAMPLES // len(some))))
    return _spread(list(found), SAMPLES)


def _spread(values: Sequence[bytes], count: int) -> Sequence[bytes]:
    """Return so many of the values at most, evenly."""
    if len(values) <= count:
        return values
    return [values[at * len(values) // count] for at in range(count)]


def _values(raw: bytes, size: int, numbers: Sequence[int]) -> Iterator[bytes]:
    for at, number in enumerate(numbers):
        page = raw[at * size : (at + 1) * size]
        if number != 1 and page[0] in _LEAVES:
            yield from _of_page(page)


def _of_page(page: bytes) -> Iterator[bytes]:
    for at in range(int.from_bytes(page[3:5], "big")):
        start = int.from_bytes(page[8 + 2 * at : 10 + 2 * at], "big")
        try:
            yield from _of_cell(page, start)
        except IndexError:  # a page of another kind that looks like one of rows, or one that is damaged
            return


def _of_cell(page: bytes, at: int) -> Iterator[bytes]:
    length, at = _number(page, at)
    if page[0] == _TABLE_LEAF:
        _, at = _number(page, at)  # the rowid, which VACUUM may change
    end = at + _local(length, len(page))
    header, begin = _number(page, at)
    body, longest = at + header, b""
    stop = body
    while begin < stop:
        kind, begin = _number(page, begin)
        size = _size(kind)
        value = page[body : min(body + size, body + _LONGEST, end)]
        longest = value if kind >= 12 and len(value) > len(longest) else longest
        body += size
    # A row of numbers alone is looked for as a whole.
    value = longest if len(longest) >= _SHORTEST else page[stop : min(end, stop + _LONGEST)]
    if len(value) >= _SHORTEST and len(set(value)) >= _SHORTEST // 2:
        yield value


def _local(length: int, page_size: int) -> int:
    """Return how many bytes of a record are in its page for sure; the others may be on further ones."""
    usable = max(_LEAST_USABLE, page_size - _MOST_RESERVED)
    whole = (usable - 12) * 64 // 255 - 23
    return length if length <= whole else (usable - 12) * 32 // 255 - 23


def _size(kind: int) -> int:
    """Return how many bytes a value of that serial type takes."""
    if kind >= 12:
        return (kind - 12) // 2
    return (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]


def _number(page: bytes, at: int) -> tuple[int, int]:
    """Return a variable-length number, and where it ends."""
    value = 0
    for length in range(8):
        byte = page[at + length]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + length + 1
    return value << 8 | page[at + 8], at + 9
