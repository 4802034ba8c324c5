"""Whether two backups hold one database that went on, told by the hashes of its pages. The pages are not read."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from operator import itemgetter

from blake3 import blake3

from pwsops.engines.sqlite import layout
from pwsops.engines.sqlite.media import Media
from pwsops.errors import CertificateNeeded, MediaError

_LEAVES = (0x0A, 0x0D)
"""What the page of an empty index and of an empty table begins with."""

_Hashed = tuple[int, bytes]
"""A page's number and the hash of its contents."""


def unlike(former: Media, now: Media, base: Media | None = None) -> str:
    """Return why two backups are not of one database that went on; empty where at least half its pages still are there.

    Pages that hold nothing do not count: a database that is made anew has them as well.

    Parameters
    ----------
    former, now
        The older backup and the new one.
    base
        The full that the new one refers to.
    """
    sizes = former.header.page_size, now.header.page_size
    if len(set(sizes)) > 1:
        return f"its pages had {sizes[0]} bytes and have {sizes[1]} now"
    try:
        same, all_of_them = _compare(_pages(former, base), _pages(now, base), _blank(sizes[0]))
    except CertificateNeeded:
        return "the private key that is needed to compare what both hold is not at hand"
    except MediaError as error:
        return f"what both hold cannot be compared ({error.message.rstrip('.')})"
    if 0 < all_of_them <= 2 * same:
        return ""
    return f"of its {all_of_them} pages with data only {same} are still the same"


def _compare(former: Iterator[_Hashed], now: Iterator[_Hashed], blank: frozenset[bytes]) -> tuple[int, int]:
    """Return how many of the former pages with data are still the same, and how many there were."""
    same = count = 0
    number, digest = next(now, (0, b""))
    for wanted, before in former:
        while 0 < number < wanted:
            number, digest = next(now, (0, b""))
        if before not in blank:
            count += 1
            same += (number, digest) == (wanted, before)
    return same, count


def _pages(media: Media, base: Media | None) -> Iterator[_Hashed]:
    """Yield the pages of the database that a backup holds, in order; of an incremental on another base those in it."""
    reference = media.header.base
    if reference is None or base is None or (reference.set_id, reference.digest) != (base.header.set_id, base.digest):
        yield from _stored(media)
        return
    last = 0
    for number, digest in merge(_stored(media), _stored(base), key=itemgetter(0)):
        if last < number <= media.header.page_count:
            yield number, digest
            last = number


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
