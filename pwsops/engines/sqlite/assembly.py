"""Putting a full and its differential together again, page after page, as far ahead as somebody reads."""

from __future__ import annotations

import mmap
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from types import TracebackType

from pwsops.engines.sqlite import pages, pipeline
from pwsops.engines.sqlite.layout import FrameHead
from pwsops.engines.sqlite.media import Media

KEPT_BYTES = 8 << 20
"""How much of what was read stays in the file; what lies further back is given up in steps of this size."""

_Piece = tuple[int, bytes | memoryview]


class Assembly:
    """A file in which the database of a chain comes into being from its first page on.

    SQLite copies a database in the order of its pages and reads each of them once. Therefore only a window of it has
    to be there at a time: a restore needs neither the disk space nor the memory for a second copy.

    Parameters
    ----------
    fd
        Open and empty; gets the database's full length at once.
    chain
        A full and at most one differential.
    first_bytes
        What to write over the database's beginning, as (offset, bytes); None leaves it.
    """

    def __init__(self, fd: int, chain: Sequence[Media], first_bytes: tuple[int, bytes] | None = None) -> None:
        header = chain[-1].header
        self.page_size, self.page_count = header.page_size, header.page_count
        self._fd = fd
        self._first_bytes = first_bytes
        self._pieces = _pieces(chain)
        self._next = next(self._pieces, None)
        self._given_up = KEPT_BYTES  # the first pages are looked at again and again
        os.ftruncate(fd, self.page_size * self.page_count)

    def __enter__(self) -> Assembly:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pieces.close()

    def reach(self, page: int) -> None:
        """Have all pages up to this one in the file; raises `MediaError` where one no longer is what it was."""
        while self._next is not None and self._next[0] <= page:
            number, content = self._next
            _write(self._fd, content, (number - 1) * self.page_size)
            if number == 1 and self._first_bytes is not None:
                _write(self._fd, self._first_bytes[1], self._first_bytes[0])
            self._next = next(self._pieces, None)

    def complete(self) -> None:
        """Have all of it in the file."""
        self.reach(self.page_count)

    def give_up_before(self, page: int) -> None:
        """Let the system have back what lies well before this page, where it can be had."""
        end = (page * self.page_size - KEPT_BYTES) // KEPT_BYTES * KEPT_BYTES
        if end <= self._given_up or not hasattr(mmap, "MADV_REMOVE"):
            return
        # Some file systems cannot; then it just stays until the end.
        with suppress(OSError), closing(mmap.mmap(self._fd, end - self._given_up, offset=self._given_up)) as gone:
            gone.madvise(mmap.MADV_REMOVE)
        self._given_up = end


def _pieces(chain: Sequence[Media]) -> Generator[_Piece]:
    """Give what to write, by first page: each stretch of the full, then what the differential changes in it."""
    header = chain[-1].header
    with pipeline.pool() as pool:
        changes = (piece for media in chain[1:] for piece in _listed(media, pool))
        change = next(changes, None)
        for head, raw in pipeline.ordered(pool, _decoding(chain[0]), chain[0].frames()):
            count = min(head.pages, header.page_count + 1 - head.first_page)
            if count > 0:
                yield head.first_page, memoryview(raw)[: count * header.page_size]
            while change is not None and change[0] < head.first_page + head.pages:
                yield change
                change = next(changes, None)
        while change is not None:
            yield change
            change = next(changes, None)


def _listed(media: Media, pool: pipeline.Pool) -> Iterator[_Piece]:
    size = media.header.page_size
    for head, raw in pipeline.ordered(pool, _decoding(media), media.frames()):
        for index, number in enumerate(head.page_numbers()):
            yield number, memoryview(raw)[index * size : (index + 1) * size]


def _decoding(media: Media) -> pipeline.Work[tuple[int, FrameHead], tuple[FrameHead, bytes]]:
    def work(item: tuple[int, FrameHead]) -> tuple[FrameHead, bytes]:
        return item[1], pages.unpack(media, *item)

    return work


def _write(fd: int, content: bytes | memoryview, offset: int) -> None:
    view = memoryview(content)
    while view:
        done = os.pwrite(fd, view, offset)
        view, offset = view[done:], offset + done
