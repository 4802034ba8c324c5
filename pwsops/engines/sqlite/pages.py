"""Pages to frames and back: hashing, compressing, comparing. Used from several threads at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import zstandard
from blake3 import blake3

from pwsops.engines.sqlite import layout
from pwsops.engines.sqlite.layout import FrameHead
from pwsops.engines.sqlite.media import Media, damaged
from pwsops.errors import EngineError, MediaError

if TYPE_CHECKING:
    from pwsops.engines.sqlite.cipher import Cipher

_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    1, source_size=layout.FRAME_BYTES, hash_log=13, min_match=6
)
"""Level 1 with smaller tables: on what a vault holds a tenth faster for the same size, on plain text 2% larger."""
_UNKNOWN_SIZE = -1
"""What `zstandard` answers for a frame that does not say how large its content is."""
_local = threading.local()


class ShortRead(EngineError):
    """The file ends before its last page."""


def _compressor() -> zstandard.ZstdCompressor:
    # A compressor may be used by one thread at a time; its tables are worth keeping.
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(compression_params=_PARAMETERS)
    return _local.compressor  # type: ignore[no-any-return]


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    return _local.decompressor  # type: ignore[no-any-return]


def _buffer(size: int) -> memoryview:
    if not hasattr(_local, "buffer") or len(_local.buffer) < size:
        _local.buffer = bytearray(max(size, layout.FRAME_BYTES))
    return memoryview(_local.buffer)[:size]


def read_pages(fd: int, path: str, page_size: int, first_page: int, pages: int) -> memoryview:
    """Read consecutive pages into this thread's buffer, which the next call reuses."""
    view = _buffer(pages * page_size)
    done = 0
    while done < len(view):
        got = os.preadv(fd, [view[done:]], (first_page - 1) * page_size + done)
        if not got:
            raise ShortRead(
                f"The database {path} ends before its page {first_page + done // page_size}.",
                hint="It is damaged: run PRAGMA integrity_check on it, and restore it from its last backup.",
            )
        done += got
    return view


def hashes(view: memoryview, step: int) -> bytes:
    """Return the BLAKE3 of each `step` bytes (the last may be shorter), one after the other."""
    hasher, found = blake3(), []
    # One that is begun anew costs less than a new one; there are a quarter of a million in a gigabyte.
    for at in range(0, len(view), step):
        hasher.update(view[at : at + step])
        found.append(hasher.digest())
        hasher.reset()
    return b"".join(found)


def _block_step(page_size: int) -> int:
    return max(page_size, layout.BLOCK_BYTES)


Page = tuple[int, bytes]
"""A page's number, from 1, and what it holds."""


def changed(view: memoryview, page_size: int, head: FrameHead) -> list[Page]:
    """Return the pages in `view` whose hash differs from the one in the frame that begins with them."""
    step, size = _block_step(page_size), layout.DIGEST_BYTES
    found: list[Page] = []
    for index, at in enumerate(range(0, len(view), step)):
        block = view[at : at + step]
        # The last block of a database that shrank is compared page by page: its hash covers pages that are gone.
        if blake3(block).digest() != head.blocks[index * size : (index + 1) * size]:
            first = at // page_size
            now = hashes(block, page_size)
            before = head.hashes[first * size : first * size + len(now)]
            found += [
                (head.first_page + first + k, bytes(block[k * page_size : (k + 1) * page_size]))
                for k in range(len(now) // size)
                if now[k * size : (k + 1) * size] != before[k * size : (k + 1) * size]
            ]
    return found


def split(view: memoryview, page_size: int, first_page: int) -> list[Page]:
    """Return consecutive pages one by one."""
    return [
        (first_page + index, bytes(view[at : at + page_size]))
        for index, at in enumerate(range(0, len(view), page_size))
    ]


def encode_run(
    fd: int, path: str, page_size: int, sequence: int, first_page: int, pages: int, cipher: Cipher | None = None
) -> tuple[bytes, bytes]:
    """Read consecutive pages and give a frame's head and payload."""
    view = read_pages(fd, path, page_size, first_page, pages)
    payload = _payload(view, sequence, cipher)
    blocks = hashes(view, _block_step(page_size))
    return layout.pack_run_head(sequence, first_page, blocks, hashes(view, page_size), payload, cipher), payload


def encode_listed(
    page_size: int, sequence: int, listed: Sequence[Page], cipher: Cipher | None = None
) -> tuple[bytes, bytes]:
    """Return the head and payload of a frame of scattered pages."""
    raw = b"".join([content for _, content in listed])
    payload = _payload(memoryview(raw), sequence, cipher)
    numbers = [number for number, _ in listed]
    return layout.pack_listed_head(sequence, numbers, hashes(memoryview(raw), page_size), payload, cipher), payload


def _payload(raw: memoryview, sequence: int, cipher: Cipher | None) -> bytes:
    payload = _compressor().compress(raw)
    return payload if cipher is None else cipher.seal_payload(sequence, payload)


def decode(media: Media, offset: int, head: FrameHead) -> bytes:
    """Read a frame's pages, checking on the way head, payload and each page that it decompresses to.

    Raises
    ------
    MediaError
        Naming the file and the frame.
    """
    raw = _unpack(media, head, media.payload(offset, head))
    size = media.header.page_size
    if head.blocks and hashes(memoryview(raw), _block_step(size)) != head.blocks:
        raise _other_pages(media, head)
    if hashes(memoryview(raw), size) != head.hashes:
        raise _other_pages(media, head)
    return raw


def unpack(media: Media, offset: int, head: FrameHead) -> bytes:
    """Read a frame's pages and prove them, by their blocks where these are hashed: several times faster than `decode`.

    Raises
    ------
    MediaError
        Naming the file and the frame.
    """
    raw = _unpack(media, head, media.payload(offset, head, checked=False))
    size = media.header.page_size
    step, proof = (_block_step(size), head.blocks) if head.blocks else (size, head.hashes)
    if hashes(memoryview(raw), step) != proof:
        raise _other_pages(media, head)
    return raw


def _unpack(media: Media, head: FrameHead, payload: bytes) -> bytes:
    size = head.pages * media.header.page_size
    try:
        # What a frame says of its own size is what the library makes room for, whatever the limit it is given.
        if zstandard.frame_content_size(payload) not in (size, _UNKNOWN_SIZE):
            raise _other_pages(media, head)
        raw = _decompressor().decompress(payload, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise damaged(media.path, f"frame {head.sequence} does not decompress") from error
    if len(raw) != size:
        raise _other_pages(media, head)
    return raw


def _other_pages(media: Media, head: FrameHead) -> MediaError:
    return damaged(media.path, f"frame {head.sequence} holds other pages than it lists")
