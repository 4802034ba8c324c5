"""Putting a full and its differential together again, page after page, as far ahead as somebody reads."""

from __future__ import annotations

import mmap
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from types import TracebackType

from pwsops.engines.sqlite import pages, pipeline
from pwsops.engines.sqlite.layout import FrameHead, Header
from pwsops.engines.sqlite.media import Media

KEPT_BYTES = 4 << 20
"""How much of what was read stays in the file; what lies further back is given up in steps of this size."""


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
        self._given_up = KEPT_BYTES  # the first pages are looked at again and again
        os.ftruncate(fd, self.page_size * self.page_count)
        self._stretches = _stretches(fd, chain)
        self._next = next(self._stretches, None)

    def __enter__(self) -> Assembly:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stretches.close()

    def reach(self, page: int) -> None:
        """Have all pages up to this one in the file; raises `MediaError` where one no longer is what it was."""
        while self._next is not None and self._next <= page:
            if self._next == 1 and self._first_bytes is not None:
                _write(self._fd, self._first_bytes[1], self._first_bytes[0])
            self._next = next(self._stretches, None)

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


def _stretches(fd: int, chain: Sequence[Media]) -> Generator[int]:
    """Write stretch after stretch of the full, each with what the differential changes in it, giving its first page."""
    header = chain[-1].header
    with pipeline.pool() as pool:
        changes = (piece for media in chain[1:] for piece in _listed(media, pool))
        change = next(changes, None)
        # The stretches are written where they are decoded, beside whoever waits for them: they are most of the work.
        for head in pipeline.ordered(pool, _writing(fd, chain[0], header), chain[0].frames()):
            while change is not None and change[0] < head.first_page + head.pages:
                _write(fd, change[1], (change[0] - 1) * header.page_size)
                change = next(changes, None)
            if head.first_page <= header.page_count:
                yield head.first_page
        while change is not None:
            _write(fd, change[1], (change[0] - 1) * header.page_size)
            yield change[0]
            change = next(changes, None)


def _writing(fd: int, full: Media, header: Header) -> pipeline.Work[tuple[int, FrameHead], FrameHead]:
    def work(item: tuple[int, FrameHead]) -> FrameHead:
        offset, head = item
        count = min(head.pages, header.page_count + 1 - head.first_page)
        if count > 0:
            raw = memoryview(pages.unpack(full, offset, head))[: count * header.page_size]
            _write(fd, raw, (head.first_page - 1) * header.page_size)
        return head

    return work


def _listed(media: Media, pool: pipeline.Pool) -> Iterator[tuple[int, memoryview]]:
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
