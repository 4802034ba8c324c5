"""Reading a set from end to end, in the worker process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pwsops.engines.sqlite import pages, pipeline
from pwsops.engines.sqlite.identity import Recorded, difference
from pwsops.engines.sqlite.layout import FrameHead
from pwsops.engines.sqlite.media import NO_KEYS, Keys, Media, damaged
from pwsops.engines.sqlite.report import Report
from pwsops.engines.sqlite.sets import describe


def check(path: str, recorded: Recorded | None, report: Report, keys: Keys = NO_KEYS) -> dict[str, object]:
    """Check every checksum of the file at `path`, the pages' own included.

    Raises
    ------
    CertificateNeeded
        Where it is encrypted and `keys` lack what opens it.
    MediaError
        For any damage, and where the file is not the set that is `recorded`.
    """
    with Media(path, keys) as media:
        if recorded is not None:
            expect(media, recorded)
        _read_all([media], report, lambda *frame: len(pages.decode(*frame)))
        return {"set": describe(media), "checked_bytes": media.size_bytes}


def check_all(chain: Sequence[Media], report: Report) -> None:
    """Check every byte of these files against its checksum; what they decompress to, `pages.unpack` proves."""

    def work(media: Media, offset: int, head: FrameHead) -> int:
        media.payload(offset, head)
        return head.pages * media.header.page_size

    _read_all(chain, report, work)


def _read_all(chain: Sequence[Media], report: Report, read: Callable[[Media, int, FrameHead], int]) -> None:
    done, total = 0, sum(media.trailer.stored_pages * media.header.page_size for media in chain)
    for media in chain:

        def work(item: tuple[int, FrameHead], media: Media = media) -> int:
            return read(media, *item)

        with pipeline.pool() as pool:
            for size in pipeline.ordered(pool, work, media.frames()):
                done += size
                report.progress("verifying", done, total)


def expect(media: Media, recorded: Recorded) -> None:
    """Raise `MediaError` where a file is not the set that was recorded."""
    if why := difference(media, recorded):
        raise damaged(media.path, why)
