"""Whether two backups hold one database that went on, told by the hashes of its pages, and else by what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from operator import itemgetter

from blake3 import blake3

from pwsops.engines.sqlite import layout, rows_kept
from pwsops.engines.sqlite.media import Media
from pwsops.errors import CertificateNeeded, MediaError

_LEAVES = (0x0A, 0x0D)
"""What the page of an empty index and of an empty table begins with."""

_Hashed = tuple[int, bytes]
"""A page's number and the hash of its contents."""


def unlike(
    former: Media,
    now: Media,
    base: Media | None = None,
    *,
    same_file: bool = False,
    as_noted: Callable[[], str] = lambda: "",
) -> str:
    """Return why two backups are not of one database that went on; empty where at least half its pages still are there.

    Pages that hold nothing do not count, nor does the first one, which has the tables' definitions: a database that is
    made anew has all these as well. In the same file the rows may have come into other pages (VACUUM, a night's work):
    there it is enough that three quarters of the values still are there. A new file is often made with the same few
    rows in it, so for another file it is not.

    Parameters
    ----------
    former, now
        The older backup and the new one.
    base
        The full that the new one, or the older one, refers to.
    same_file
        Whether both were taken of the same file.
    as_noted
        Returns the same as far as notes of the older backup tell. Asked of the same file only, where what is encrypted
        cannot be opened.
    """
    sizes = former.header.page_size, now.header.page_size
    if len(set(sizes)) > 1:
        return f"its pages had {sizes[0]} bytes and have {sizes[1]} now"
    try:
        same, all_of_them = _compare(former, now, base)
        why = "" if all_of_them <= 2 * same else f"of its {all_of_them} pages with data only {same} are still the same"
        if why and same_file:
            kept, sampled = rows_kept.share(former, _data(now, base))
            why = "" if 0 < 3 * sampled <= 4 * kept else f"{why}, and of {sampled} values looked for {kept} are there"
    except CertificateNeeded:
        why = "the private key that is needed to compare what both hold is not at hand"
        if same_file:
            noted = as_noted()
            return f"{why}, and {noted}" if noted else ""
        return why
    except MediaError as error:
        return f"what both hold cannot be compared ({error.message.rstrip('.')})"
    return why


def _compare(former: Media, now: Media, base: Media | None) -> tuple[int, int]:
    """Return how many of the former pages with data are still the same, and how many there were."""
    same = count = first = 0
    blank = _blank(former.header.page_size)
    newer = _pages(now, base)
    number, digest = next(newer, (0, b""))
    for page, before in _pages(former, base):
        while 0 < number < page:
            number, digest = next(newer, (0, b""))
        is_same = (number, digest) == (page, before)
        if page == 1:
            first = is_same
        elif before not in blank:
            count += 1
            same += is_same
    # Where it held no data at all, only the definitions can tell.
    return (same, count) if count else (int(first), 1)


def _pages(media: Media, base: Media | None) -> Iterator[_Hashed]:
    """Yield the pages of the database that a backup holds, in order; of an incremental on another base those in it."""
    if base is None or not _refers_to(media, base):
        yield from _stored(media)
        return
    last = 0
    for number, digest in merge(_stored(media), _stored(base), key=itemgetter(0)):
        if last < number <= media.header.page_count:
            yield number, digest
            last = number


def _data(now: Media, base: Media | None) -> Iterator[bytes]:
    """Yield what is in the pages of the database that a backup holds."""
    yield from rows_kept.data_of(now)
    if base is not None and _refers_to(now, base):
        stored = {number for number, _ in _stored(now)}
        last = now.header.page_count
        yield from rows_kept.data_of(base, lambda number: number <= last and number not in stored)


def _refers_to(media: Media, base: Media) -> bool:
    reference = media.header.base
    return reference is not None and (reference.set_id, reference.digest) == (base.header.set_id, base.digest)


def _stored(media: Media) -> Iterator[_Hashed]:
    size = layout.DIGEST_BYTES
    for _, head in media.frames():
        for index, number in enumerate(head.page_numbers()):
            yield number, head.hashes[index * size : (index + 1) * size]


def _blank(page_size: int) -> frozenset[bytes]:
    """Return the hashes of pages that hold nothing."""
    end = (page_size & 0xFFFF).to_bytes(2, "big")  # 0 stands for 65536
    begins = [b"", *(bytes([kind, 0, 0, 0, 0]) + end for kind in _LEAVES)]
    return frozenset(blake3(begin.ljust(page_size, b"\0")).digest() for begin in begins)
