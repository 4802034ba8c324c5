"""Reading a media file: its two ends for a listing, its frames for everything else. Any doubt is a `MediaError`."""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode
from collections.abc import Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING

from pwsops import foreign as places
from pwsops.engines.sqlite import layout
from pwsops.engines.sqlite.layout import Envelope, Footer, FrameHead, Header, Trailer
from pwsops.errors import CertificateNeeded, MediaError

if TYPE_CHECKING:
    from pwsops.engines.sqlite.cipher import Cipher

TAPE_MAGIC = b"TAPE"

Keys = Mapping[str, bytes]
"""Private keys (PKCS #8, DER), by the thumbprints of their certificates."""
NO_KEYS: Keys = MappingProxyType({})


def read_keys(given: Mapping[str, str]) -> Keys:
    """Return keys that came as base64."""
    return {thumbprint: b64decode(key) for thumbprint, key in given.items()}


def damaged(path: str, why: object) -> MediaError:
    """Return the error of a file of ours that cannot be trusted."""
    return MediaError(
        f"The media file {path} is damaged: {why}.",
        hint="Choose another backup, or another copy of this file; nothing was written from it.",
        path=path,
    )


def locked(path: str, envelope: Envelope) -> CertificateNeeded:
    """Return the error that names the certificate whose private key a file of ours needs."""
    return CertificateNeeded(
        f"The media file {path} is encrypted for the certificate {envelope.subject} (thumbprint "
        f"{envelope.thumbprint}), whose private key is not in the certificate store.",
        hint="Import that certificate with its private key (`pwsops certificate import FILE.pfx`) and try again; a "
        "profile that saves its certificates has put one beside its backups.",
        path=path,
        thumbprint=envelope.thumbprint,
    )


def foreign(path: str, start: bytes) -> MediaError:
    """Return the error of a file that is not ours."""
    if start.startswith(TAPE_MAGIC):
        what = "is a SQL Server backup (Microsoft tape format), which this instance cannot read"
    elif not start:
        what = "is empty"
    elif start.startswith(b"SQLite format 3\x00"):
        what = "is a SQLite database, not a backup of one"
    else:
        what = "is not one of our backups"
    hint = "Choose a .bak file that a profile of this instance wrote."
    return MediaError(f"The file {path} {what}.", hint=hint, path=path)


def _open(path: str) -> int:
    try:
        return places.open_plain(path)
    except places.NotPlain as error:
        raise MediaError(
            f"The media file {path} cannot be read: {error.strerror}.",
            hint="Choose a plain file; of a link, the file that it leads to.",
            path=path,
        ) from error
    except OSError as error:
        raise _unreadable(path, "opened", error) from error


def _unreadable(path: str, what: str, error: OSError) -> Unreadable:
    return Unreadable(
        f"The media file {path} cannot be {what}: {error.strerror}.",
        hint="Check that the file still exists there and that the service may read it.",
        path=path,
    )


class Unreadable(MediaError):
    """The system does not let it be opened or read; what is inside is not known."""


class Media:
    """One open media file whose header, trailer and footer were checked.

    Parameters
    ----------
    path
        The file. Opened in a process of its own only (see `worker`): a path that a person typed may name a database
        that the calling process has open, and closing it here would drop that connection's locks.
    keys
        What opens encrypted files. Their two ends can be read without.

    Raises
    ------
    MediaError
        Where the file is missing, not ours, cut short, or fails a checksum.
    """

    def __init__(self, path: str, keys: Keys = NO_KEYS) -> None:
        self.path = path
        self._keys = keys
        self._opened: Cipher | None = None
        self._fd = _open(path)
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
            raise _unreadable(self.path, "read", error) from error
        if not start.startswith(layout.MAGICS):
            raise foreign(self.path, start)
        try:
            self._check_ends(start)
        except OSError as error:
            raise _unreadable(self.path, "read", error) from error
        except ValueError as error:
            raise damaged(self.path, error) from error

    def _check_ends(self, start: bytes) -> None:
        size = os.fstat(self._fd).st_size
        self.header_bytes = layout.block_bytes(start, layout.MAGICS)
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
        self.trailer = layout.unpack_trailer(trailer, sealed=self.header.encryption is not None)
        if layout.sha256(header, trailer).hex() != self.footer.set_digest:
            raise ValueError("its header and trailer do not belong together")
        if self.header_bytes + self.trailer.frames_bytes != offset:
            raise ValueError("its frames do not fill it")

    def is_at(self, path: str) -> bool:
        """Whether this very file has that name now; a link that leads to it does not count."""
        return places.is_at(self._fd, path)

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

    def unlock(self) -> Cipher | None:
        """Return what opens the frames, after checking that it opens this very file; None where it is not encrypted.

        Raises
        ------
        CertificateNeeded
            Where the private key is not at hand.
        """
        envelope = self.header.encryption
        if envelope is None or self._opened is not None:
            return self._opened
        private_key = self._keys.get(envelope.thumbprint)
        if private_key is None:
            raise locked(self.path, envelope)
        # Here and not above: most files are not encrypted, and a worker has to start fast.
        from pwsops.engines.sqlite.cipher import Cipher, unwrap

        try:
            cipher = Cipher(unwrap(envelope, private_key), self.read(0, self.header_bytes))
            cipher.check_end(self.trailer.frames, self.trailer.text(), self.trailer.seal or "")
        except (ValueError, OSError) as error:
            raise damaged(self.path, error) from error
        self._opened = cipher
        return cipher

    def head_at(self, offset: int) -> FrameHead:
        """Read and check one frame's head."""
        cipher = self.unlock()
        try:
            size = layout.frame_head_bytes(self.read(offset, layout.FRAME.size), sealed=cipher is not None)
            return layout.unpack_frame_head(self.read(offset, size), cipher)
        except (ValueError, OSError) as error:
            raise damaged(self.path, error) from error

    def frames(self) -> Iterator[tuple[int, FrameHead]]:
        """Walk the frames' heads with their offsets, checking that they are all there, in order, and nothing else.

        The last checks come after the last frame: a caller that stops early has not checked the file.
        """
        offset, stored, last_page, behind = self.header_bytes, 0, 0, 0
        base_pages = 0 if self.header.base is None else self.header.base.page_count
        chain = hashlib.sha256()
        for sequence in range(self.trailer.frames):
            head = self.head_at(offset)
            if head.sequence != sequence:
                raise damaged(self.path, f"frame {sequence} is out of order")
            last_page = self._check_pages(head, last_page)
            stored += head.pages
            behind += head.pages_behind(base_pages)
            chain.update(self.read(offset + head.head_bytes - layout.DIGEST_BYTES, layout.DIGEST_BYTES))
            yield offset, head
            offset += head.head_bytes + head.stored_bytes
        # Of an incremental, at least what lies behind the end of its full.
        complete = behind == max(0, self.header.page_count - base_pages)
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

    def payload(self, offset: int, head: FrameHead, *, checked: bool = True) -> bytes:
        """Read one frame's compressed pages, check them against the head's checksum, and open what was sealed.

        Not `checked`: without that checksum, for who proves the pages themselves.
        """
        cipher = self.unlock()
        try:
            data = self.read(offset + head.head_bytes, head.stored_bytes)
        except OSError as error:
            raise damaged(self.path, error.strerror) from error
        if checked and layout.sha256(data) != head.payload_digest:
            raise damaged(self.path, f"frame {head.sequence} fails its checksum")
        try:
            return data if cipher is None else cipher.open_payload(head.sequence, data)
        except ValueError as error:
            raise damaged(self.path, f"frame {head.sequence}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def __enter__(self) -> Media:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
