"""Restoring, in the worker process: rebuild the database beside its target, checking everything, then write it in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise

from pwsops.engines.sqlite import files, pages, pipeline, target
from pwsops.engines.sqlite.connect import gone
from pwsops.engines.sqlite.layout import FrameHead
from pwsops.engines.sqlite.media import Media
from pwsops.engines.sqlite.report import Report
from pwsops.engines.sqlite.verify import expect
from pwsops.errors import EngineError, MediaError


@dataclass(frozen=True, kw_only=True)
class RestoreOrder:
    """What the parent asks for. `sets` are (path, set id) pairs: a full, then at most one differential."""

    path: str
    sets: Sequence[tuple[str, str]]
    token: str
    may_replace_damaged: bool = True
    stamp: str = ""
    """UTC time for the name of a damaged predecessor."""

    @property
    def temp(self) -> str:
        """Where the database is rebuilt: beside its target."""
        directory, name = os.path.split(self.path)
        return os.path.join(directory, files.temp_name("restore", files.key(name, "restore"), self.token))


def restore(order: RestoreOrder, report: Report) -> dict[str, object]:
    """Restore as ordered; until every checksum held, the target is not touched.

    Raises
    ------
    MediaError
        For any damage, and for sets that do not belong together.
    NotFound
        Where the target is gone.
    EngineError
        Where there is no space, or the target stays locked.
    """
    directory, name = os.path.split(order.path)
    if not os.path.isfile(order.path):
        raise gone(order.path)
    with ExitStack() as stack:
        chain = [stack.enter_context(Media(path)) for path, _ in order.sets]
        check_chain(chain, [set_id for _, set_id in order.sets])
        last = chain[-1].header
        size = last.page_size * last.page_count
        files.sweep(directory, key=files.key(name, "restore"))
        _require_space(directory, size)
        try:
            fd = stack.enter_context(files.temporary(order.temp))
            rebuild(fd, chain, report)
        except OSError as error:
            raise files.translate(error, f"Restore of {name}", directory) from error
        kept = target.write_into(order.path, order.temp, fd, last.page_size, order, report)
    return {"restored_bytes": size, "kept_damaged_as": kept}


def check_chain(chain: Sequence[Media], set_ids: Sequence[str | None]) -> None:
    """Refuse sets that are not a full with at most one differential that refers to it."""
    for media, set_id in zip(chain, set_ids, strict=True):
        expect(media, set_id)
    if not chain or chain[0].header.base is not None or len(chain) > 2:
        raise MediaError(
            "A restore needs one full backup, then at most one incremental.",
            hint="Choose the incremental's full backup as well.",
        )
    for full, differential in pairwise(chain):
        base = differential.header.base
        if base is None or (base.set_id, base.digest) != (full.header.set_id, full.digest):
            raise MediaError(
                f"The incremental {differential.path} does not refer to the full backup {full.path}.",
                hint="Choose the full backup that it was taken against, or the full alone.",
            )


def _require_space(directory: str, size: int) -> None:
    free = files.free_bytes(directory)
    if free is not None and free < 2 * size:
        raise EngineError(
            f"Restore: {directory} has {free} bytes free; {2 * size} are needed, for the rebuilt database and for the "
            "journal while it is written in.",
            hint="Free space there and try again.",
        )


def rebuild(fd: int, chain: Sequence[Media], report: Report) -> None:
    """Write the pages of all sets, in order, into an empty file, checking everything on the way.

    Raises
    ------
    MediaError
        For any damage in any of the sets.
    """
    page_size = chain[-1].header.page_size
    total, done = sum(media.trailer.stored_pages * page_size for media in chain), 0
    for media in chain:

        def work(item: tuple[int, FrameHead], media: Media = media) -> tuple[FrameHead, bytes]:
            return item[1], pages.decode(media, *item, thorough=False)

        with pipeline.pool() as pool:
            for head, raw in pipeline.ordered(pool, work, media.frames()):
                # Written here, not in the pool: two threads writing one file only wait for each other in the kernel.
                _write_pages(fd, page_size, head, raw)
                done += len(raw)
                report.progress("checking", done, total)
    os.ftruncate(fd, chain[-1].header.page_count * page_size)


def _write_pages(fd: int, page_size: int, head: FrameHead, raw: bytes) -> None:
    view = memoryview(raw)
    for index, first_page, count in _stretches(head):
        part, offset = view[index * page_size : (index + count) * page_size], (first_page - 1) * page_size
        while part:
            done = os.pwrite(fd, part, offset)
            part, offset = part[done:], offset + done


def _stretches(head: FrameHead) -> Iterator[tuple[int, int, int]]:
    """Give consecutive pages of a frame as (index in the frame, first page, count)."""
    if head.numbers is None:
        yield 0, head.first_page, head.pages
        return
    begin = 0
    for index in range(1, head.pages + 1):
        if index == head.pages or head.numbers[index] != head.numbers[index - 1] + 1:
            yield begin, head.numbers[begin], index - begin
            begin = index
