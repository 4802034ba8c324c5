"""Writing a media file: frames in order, synced and read back in the background, then its end, then its name."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pwsops.engines.sqlite import layout, pipeline
from pwsops.engines.sqlite.layout import Header, Trailer
from pwsops.engines.sqlite.media import damaged
from pwsops.errors import MediaError

if TYPE_CHECKING:
    from pwsops.engines.sqlite.cipher import Cipher

STEP_BYTES = 8 << 20
STEPS_BEHIND = 6
"""Written out in small steps, and without waiting: one large sync, or many that wait, would keep the database's own
writers waiting for the disk. A step is read back when the system has had time to write it."""
HELD_BYTES = (STEPS_BEHIND + 2) * STEP_BYTES
"""So much of what was written is held until it was read back, to be compared itself; of more, only its checksum is."""


class _Written(NamedTuple):
    offset: int
    size: int
    digest: bytes
    data: bytes | None


_Batch = list[_Written]


class MediaWriter:
    """Writes one media file into an open, empty descriptor.

    What was written is read back, from the device where the system lets us say so, and compared while the writing
    goes on.

    Parameters
    ----------
    key
        The file's own, where its header says that it is encrypted.
    """

    def __init__(self, fd: int, path: str, header: Header, key: bytes | None = None) -> None:
        self._fd = fd
        self._path = path
        self._header = layout.pack_header(header)
        self.cipher = None if key is None else _cipher(key, self._header)
        self._offset = 0
        self._chain = hashlib.sha256()
        self._frames = 0
        self._stored_pages = 0
        self._checks: queue.Queue[_Written | None] = queue.Queue()
        self._checked = 0
        self._failure: Exception | None = None
        self._write(self._header, layout.sha256(self._header))
        self._checker = threading.Thread(target=self._check_behind, name="media-check", daemon=True)
        self._checker.start()

    @property
    def frames(self) -> int:
        """Frames so far."""
        return self._frames

    def add(self, head: bytes, payload: bytes, pages: int) -> None:
        """Append one frame."""
        if self._failure is not None:
            raise self._failure
        self._write(head, layout.sha256(head))
        self._write(payload, layout.payload_digest(head))
        self._chain.update(head[-layout.DIGEST_BYTES :])
        self._frames += 1
        self._stored_pages += pages

    def _write(self, data: bytes, digest: bytes) -> None:
        view = memoryview(data)
        start = self._offset
        while view:
            done = os.pwrite(self._fd, view, self._offset)
            self._offset += done
            view = view[done:]
        # Comparing takes a tenth of what hashing does, but where the disk is slow, memory must not fill up.
        held = data if self._offset - self._checked <= HELD_BYTES else None
        self._checks.put(_Written(start, len(data), digest, held))

    def finish(self, finished_at: str, damaged: str | None = None) -> str:
        """Write the end, sync, finish checking; give the set's digest. `damaged` as in `Trailer`.

        Raises
        ------
        MediaError
            Where what was read back is not what was written.
        """
        trailer = layout.pack_trailer(self._trailer(finished_at, damaged))
        footer = layout.pack_footer(self._offset, self._header, trailer)
        self._write(trailer + footer, layout.sha256(trailer, footer))
        self.close()
        if self._failure is not None:
            raise self._failure
        os.fsync(self._fd)
        return layout.unpack_footer(footer).set_digest

    def _trailer(self, finished_at: str, damaged: str | None) -> Trailer:
        trailer = Trailer(
            finished_at=finished_at,
            frames=self._frames,
            stored_pages=self._stored_pages,
            frames_bytes=self._offset - len(self._header),
            heads_digest=self._chain.hexdigest(),
            damaged=damaged,
        )
        if self.cipher is None:
            return trailer
        return replace(trailer, seal=self.cipher.seal_end(self._frames, trailer.text()))

    def close(self) -> None:
        """Wait for the checks; harmless to repeat."""
        self._checks.put(None)
        self._checker.join()

    def _check_behind(self) -> None:
        try:
            behind: deque[_Batch] = deque()
            batch, size = _Batch(), 0
            while (written := self._checks.get()) is not None:
                batch.append(written)
                size += written.size
                if size >= STEP_BYTES:
                    self._let_go(batch)
                    behind.append(batch)
                    batch, size = _Batch(), 0
                if len(behind) > STEPS_BEHIND:
                    self._compare(behind.popleft())
            os.fdatasync(self._fd)
            with pipeline.pool() as pool:  # whoever finishes waits for this, and nothing else is left to do
                for _ in pipeline.ordered(pool, self._compare, (*behind, batch)):
                    pass
        except (OSError, MediaError) as error:
            self._failure = error

    def _let_go(self, batch: _Batch) -> None:
        """Have the system write these bytes without waiting for it, and forget those that it has written."""
        if batch and hasattr(os, "posix_fadvise"):
            start, end = batch[0].offset, batch[-1].offset + batch[-1].size
            os.posix_fadvise(self._fd, start, end - start, os.POSIX_FADV_DONTNEED)

    def _compare(self, batch: _Batch) -> None:
        self._let_go(batch)
        for offset, size, digest, data in batch:
            found = os.pread(self._fd, size, offset)
            if found != data if data is not None else layout.sha256(found) != digest:
                raise damaged(self._path, f"what was read back at byte {offset} is not what was written")
            self._checked = offset + size


def _cipher(key: bytes, header: bytes) -> Cipher:
    # Here and not above: most backups are not encrypted, and a worker has to start fast.
    from pwsops.engines.sqlite.cipher import Cipher

    return Cipher(key, header)
