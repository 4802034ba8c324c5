"""Reading a media file: its two ends for a listing, its frames for everything else. Any doubt is a `MediaError`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from types import TracebackType

from pwsops.engines.sqlite import layout
from pwsops.engines.sqlite.layout import Footer, FrameHead, Header, Trailer
from pwsops.errors import MediaError

TAPE_MAGIC = b"TAPE"


def damaged(path: str, why: object) -> MediaError:
    """Say that a file of ours cannot be trusted."""
    return MediaError(
        f"The media file {path} is damaged: {why}.",
        hint="Choose another backup, or another copy of this file; nothing was written from it.",
    )


def foreign(path: str, start: bytes) -> MediaError:
    """Say what a file is that is not ours."""
    if start.startswith(TAPE_MAGIC):
        what = "is a SQL Server backup (Microsoft tape format), which this instance cannot read"
    elif not start:
        what = "is empty"
    elif start.startswith(b"SQLite format 3\x00"):
        what = "is a SQLite database, not a backup of one"
    else:
        what = "is not one of our backups"
    return MediaError(f"The file {path} {what}.", hint="Choose a .bak file that a profile of this instance wrote.")


class Media:
    """One open media file whose header, trailer and footer were checked.

    Parameters
    ----------
    path
        The file. Opened in a process of its own only (see `worker`): a path that a person typed may name a database
        that the calling process has open, and closing it here would drop that connection's locks.

    Raises
    ------
    MediaError
        Where the file is missing, not ours, cut short, or fails a checksum.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise MediaError(
                f"The media file {path} cannot be opened: {error.strerror}.",
                hint="Check that the file still exists there and that the service may read it.",
            ) from error
        try:
            self._read_ends()
        except BaseException:
            os.close(self._fd)
            raise

    header: Header
    trailer: Trailer
    footer: Footer
    header_bytes: int

    def _read_ends(self) -> None:
        try:
            start = self.read(0, 16)
        except OSError as error:
            raise MediaError(
                f"The media file {self.path} cannot be read: {error.strerror}.", hint="Choose a file, not a directory."
            ) from error
        if not start.startswith(layout.MAGIC):
            raise foreign(self.path, start)
        try:
            self._check_ends(start)
        except (ValueError, OSError) as error:
            raise damaged(self.path, error) from error

    def _check_ends(self, start: bytes) -> None:
        size = os.fstat(self._fd).st_size
        self.header_bytes = layout.block_bytes(start, layout.MAGIC)
        header = self.read(0, self.header_bytes)
        self.header = layout.unpack_header(header)
        if size < self.header_bytes + layout.FOOTER_BYTES:
            raise ValueError("it is cut short")
        self.footer = layout.unpack_footer(self.read(size - layout.FOOTER_BYTES, layout.FOOTER_BYTES))
        if self.footer.file_bytes != size:
            raise ValueError("it is longer or shorter than it says")
        offset = self.footer.trailer_offset
        if not self.header_bytes <= offset <= size - layout.FOOTER_BYTES:
            raise ValueError("its trailer is out of place")
        trailer = self.read(offset, size - layout.FOOTER_BYTES - offset)
        self.trailer = layout.unpack_trailer(trailer)
        if layout.sha256(header, trailer).hex() != self.footer.set_digest:
            raise ValueError("its header and trailer do not belong together")
        if self.header_bytes + self.trailer.frames_bytes != offset:
            raise ValueError("its frames do not fill it")

    @property
    def size_bytes(self) -> int:
        """What the file takes on disk."""
        return self.footer.file_bytes

    @property
    def digest(self) -> str:
        """What names this very content: a hash over header and trailer, hence over every head and payload."""
        return self.footer.set_digest

    def read(self, offset: int, count: int) -> bytes:
        """Read exactly so many bytes, or fewer at the end of the file."""
        return os.pread(self._fd, count, offset)

    def head_at(self, offset: int) -> FrameHead:
        """Read and check one frame's head."""
        try:
            fixed = self.read(offset, layout.FRAME.size)
            return layout.unpack_frame_head(self.read(offset, layout.frame_head_bytes(fixed)))
        except (ValueError, OSError) as error:
            raise damaged(self.path, error) from error

    def frames(self) -> Iterator[tuple[int, FrameHead]]:
        """Walk the frames' heads with their offsets, checking that they are all there, in order, and nothing else.

        The last checks come after the last frame: a caller that stops early has not checked the file.
        """
        offset, stored, last_page = self.header_bytes, 0, 0
        chain = hashlib.sha256()
        for sequence in range(self.trailer.frames):
            head = self.head_at(offset)
            if head.sequence != sequence:
                raise damaged(self.path, f"frame {sequence} is out of order")
            last_page = self._check_pages(head, last_page)
            stored += head.pages
            chain.update(self.read(offset + head.head_bytes - layout.DIGEST_BYTES, layout.DIGEST_BYTES))
            yield offset, head
            offset += head.head_bytes + head.stored_bytes
        complete = self.header.base is not None or stored == self.header.page_count
        if offset != self.footer.trailer_offset or stored != self.trailer.stored_pages or not complete:
            raise damaged(self.path, "frames are missing or left over")
        if chain.hexdigest() != self.trailer.heads_digest:
            raise damaged(self.path, "its frames are not the ones it was finished with")

    def _check_pages(self, head: FrameHead, last_page: int) -> int:
        if (head.numbers is None) != (self.header.base is None) or head.pages > self.header.pages_per_frame:
            raise damaged(self.path, f"frame {head.sequence} does not fit its header")
        for number in head.page_numbers()[:1] if head.numbers is None else head.numbers:
            if number <= last_page or (head.numbers is None and number != last_page + 1):
                raise damaged(self.path, f"frame {head.sequence} repeats or leaves out pages")
            last_page = number
        last_page = head.page_numbers()[-1]
        if last_page > self.header.page_count:
            raise damaged(self.path, f"frame {head.sequence} holds pages behind the end of the database")
        return last_page

    def payload(self, offset: int, head: FrameHead) -> bytes:
        """Read one frame's compressed pages and check them against the head's checksum."""
        try:
            data = self.read(offset + head.head_bytes, head.stored_bytes)
        except OSError as error:
            raise damaged(self.path, error.strerror) from error
        if layout.sha256(data) != head.payload_digest:
            raise damaged(self.path, f"frame {head.sequence} fails its checksum")
        return data

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def __enter__(self) -> Media:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
