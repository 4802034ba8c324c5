"""The bytes of a media file, as `docs/media-format.md` describes them. Bytes in, records out, `ValueError` on doubt.

A file is a header block, frames, a trailer block and a footer, without gaps; every byte is under a SHA-256. In an
encrypted file what a head says of its pages and the pages themselves are sealed (see `cipher`).
"""

from __future__ import annotations

import hashlib
import json
import struct
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from pwsops.engines.sqlite import declared

MAGIC = b"PWSOPS\x1a\x01"
ENCRYPTED_MAGIC = b"PWSOPS\x1a\x02"
MAGICS = (MAGIC, ENCRYPTED_MAGIC)
TRAILER_MAGIC = b"PWSTRL\x1a\x01"
END_MAGIC = b"PWSEND\x1a\x01"
FRAME_MAGIC = b"PFRM"
DIGEST_BYTES = 32
BLOCK_LIMIT = 1 << 20
PAGE_SIZES = tuple(1 << power for power in range(9, 17))
FRAME_BYTES = 2 << 20
"""Raw bytes of pages in one frame, at most."""
BLOCK_BYTES = 32 << 10
"""Raw bytes under one block hash: a comparison looks at blocks first, at pages only in blocks that differ."""
PAGE_LIMIT = 0xFFFFFFFE
TAG_BYTES = 16
"""What sealing adds: the tag that proves it."""
ALGORITHMS = {"algorithm": "AES-256-GCM", "wrapping": "RSA-OAEP-SHA256"}

_LENGTH = struct.Struct("<I")
FRAME = struct.Struct("<4sIIIII32s")
_FOOTER = struct.Struct("<8sQQ32s")
FOOTER_BYTES = _FOOTER.size + DIGEST_BYTES
BLOCK_OVERHEAD = len(MAGIC) + _LENGTH.size + DIGEST_BYTES


class HeadCipher(Protocol):
    """What seals and opens that part of a frame's head that tells of its pages."""

    def seal_head(self, sequence: int, fixed: bytes, rest: bytes) -> bytes:
        """Seal what stands behind the head's fixed part."""

    def open_head(self, sequence: int, fixed: bytes, rest: bytes) -> bytes:
        """Open it again; raises `ValueError` where it is not what was sealed."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """What a differential refers to: the full's identity, the digest of its file, and how many pages it holds."""

    set_id: str
    digest: str
    page_count: int


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Whom a file is encrypted for: a certificate, and the file's own key, in hexadecimal, wrapped for it."""

    thumbprint: str
    subject: str
    wrapped_key: str


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is known before the first page is read. `started_at` is ISO 8601 in UTC."""

    set_id: str
    database: str
    kind: str
    description: str
    started_at: str
    page_size: int
    page_count: int
    base: Base | None
    app: str
    sqlite: str
    encryption: Envelope | None = None

    @property
    def pages_per_frame(self) -> int:
        """How many pages a frame of this file holds at most."""
        return max(1, FRAME_BYTES // self.page_size)


@dataclass(frozen=True, kw_only=True)
class Trailer:
    """What is known after the last page was written. `heads_digest` covers every frame head, in order.

    `seal`: in an encrypted file the tag, in hexadecimal, that closes it. `damaged`: set where the database was found
    damaged while it was read; a digest of where it was (see `damage.mark`).
    """

    finished_at: str
    frames: int
    stored_pages: int
    frames_bytes: int
    heads_digest: str
    damaged: str | None = None
    seal: str | None = None

    def content(self) -> dict[str, Any]:
        """Return the fields as they are written; those that do not apply are left out."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    def text(self) -> bytes:
        """Return what the seal covers: all the rest, as it is written."""
        return _text({key: value for key, value in self.content().items() if key != "seal"})


@dataclass(frozen=True, kw_only=True)
class Footer:
    """The end of the file, of fixed size: where the trailer is, and the digest that names this very content."""

    trailer_offset: int
    file_bytes: int
    set_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameHead:
    """One frame: which pages (1-based numbers), their hashes, and how long its compressed payload is.

    `numbers` is None where the pages follow each other from `first_page` on; only then there are `blocks`.
    """

    sequence: int
    first_page: int
    pages: int
    stored_bytes: int
    payload_digest: bytes
    hashes: bytes
    blocks: bytes
    numbers: tuple[int, ...] | None
    head_bytes: int

    def pages_behind(self, number: int) -> int:
        """Return how many of its pages have a higher number than this one."""
        numbers = self.page_numbers()
        return len(numbers) - bisect_right(numbers, number)

    def page_numbers(self) -> range | tuple[int, ...]:
        """Return the page numbers of the frame, ascending."""
        return range(self.first_page, self.first_page + self.pages) if self.numbers is None else self.numbers


def sha256(*parts: bytes | memoryview) -> bytes:
    """Hash the parts as if they were one."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def _text(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode("ascii")


def pack_block(magic: bytes, content: Mapping[str, Any]) -> bytes:
    """Write a block."""
    text = _text(content)
    if len(text) > BLOCK_LIMIT:
        raise ValueError(f"a block of {len(text)} bytes is longer than {BLOCK_LIMIT}")
    body = magic + _LENGTH.pack(len(text)) + text
    return body + sha256(body)


def block_bytes(start: bytes, magics: tuple[bytes, ...]) -> int:
    """Return the whole length of a block whose first 12 bytes are `start`."""
    if len(start) < len(MAGIC) + _LENGTH.size or not start.startswith(magics):
        raise ValueError("a block does not begin as one")
    length = int(_LENGTH.unpack_from(start, len(MAGIC))[0])
    if length > BLOCK_LIMIT:
        raise ValueError("a block is longer than any can be")
    return length + BLOCK_OVERHEAD


def unpack_block(magics: tuple[bytes, ...], block: bytes) -> dict[str, Any]:
    """Read a block; `ValueError` where it is not whole."""
    if block_bytes(block[: len(MAGIC) + _LENGTH.size], magics) != len(block):
        raise ValueError("a block is shorter than it says")
    if sha256(block[:-DIGEST_BYTES]) != block[-DIGEST_BYTES:]:
        raise ValueError("a block fails its checksum")
    try:
        content = json.loads(block[len(MAGIC) + _LENGTH.size : -DIGEST_BYTES])
    except RecursionError:
        raise ValueError("a block is nested deeper than any of ours") from None
    if not isinstance(content, dict):
        raise ValueError("a block does not hold an object")
    return content


def pack_header(header: Header) -> bytes:
    """Write the header block."""
    content = asdict(header)
    del content["encryption"]
    if header.encryption is None:
        return pack_block(MAGIC, content)
    return pack_block(ENCRYPTED_MAGIC, content | {"encryption": ALGORITHMS | asdict(header.encryption)})


def unpack_header(block: bytes) -> Header:
    """Read the header block; `ValueError` where anything about it is not as it must be."""
    try:
        content = unpack_block(MAGICS, block)
        declared.check_header(content)
        base = content["base"]
        encryption = content.pop("encryption") if block.startswith(ENCRYPTED_MAGIC) else None
        header = Header(
            **content
            | {"base": None if base is None else Base(**base)}
            | {"encryption": None if encryption is None else envelope_of(encryption)}
        )
    except (KeyError, TypeError) as error:
        raise ValueError("the header lacks something") from error
    if header.page_size not in PAGE_SIZES or not 0 < header.page_count <= PAGE_LIMIT:
        raise ValueError("the header names an impossible page size or count")
    if (header.kind, header.base is None) not in (("full", True), ("differential", False)):
        raise ValueError("the header contradicts itself about its base")
    return header


def envelope_of(content: Mapping[str, Any]) -> Envelope:
    """Return whom a file is encrypted for, as its header says it; `ValueError` for a way that is not known."""
    if {key: content[key] for key in ALGORITHMS} != ALGORITHMS:
        raise ValueError("it is encrypted in a way that this version does not know")
    return Envelope(**{key: value for key, value in content.items() if key not in ALGORITHMS})


def pack_trailer(trailer: Trailer) -> bytes:
    """Write the trailer block."""
    return pack_block(TRAILER_MAGIC, trailer.content())


def unpack_trailer(block: bytes, *, sealed: bool = False) -> Trailer:
    """Read the trailer block."""
    try:
        content = unpack_block((TRAILER_MAGIC,), block)
        declared.check_trailer(content)
        trailer = Trailer(**content)
    except (KeyError, TypeError) as error:
        raise ValueError("the trailer lacks something") from error
    if sealed != (trailer.seal is not None):
        raise ValueError("the trailer contradicts the header about encryption")
    return trailer


def pack_footer(trailer_offset: int, header: bytes, trailer: bytes) -> bytes:
    """Write the footer that ends the file, for these two blocks."""
    size = trailer_offset + len(trailer) + FOOTER_BYTES
    body = _FOOTER.pack(END_MAGIC, trailer_offset, size, sha256(header, trailer))
    return body + sha256(body)


def unpack_footer(data: bytes) -> Footer:
    """Read the footer."""
    if len(data) != FOOTER_BYTES or sha256(data[:-DIGEST_BYTES]) != data[-DIGEST_BYTES:]:
        raise ValueError("the end of the file fails its checksum")
    magic, offset, size, digest = _FOOTER.unpack_from(data)
    if magic != END_MAGIC:
        raise ValueError("the file does not end as one of ours")
    return Footer(trailer_offset=offset, file_bytes=size, set_digest=digest.hex())


def pack_run_head(
    sequence: int, first_page: int, blocks: bytes, hashes: bytes, payload: bytes, cipher: HeadCipher | None = None
) -> bytes:
    """Write the head of a frame of consecutive pages: fixed fields, block and page hashes, a checksum of all that."""
    pages = len(hashes) // DIGEST_BYTES
    fixed = FRAME.pack(FRAME_MAGIC, sequence, first_page, pages, len(payload), len(blocks), sha256(payload))
    return _pack_head(sequence, fixed, blocks + hashes, cipher)


def pack_listed_head(
    sequence: int, numbers: Sequence[int], hashes: bytes, payload: bytes, cipher: HeadCipher | None = None
) -> bytes:
    """Write the head of a frame of scattered pages: fixed fields, page numbers and hashes, a checksum of all that."""
    # Which pages changed is nobody's business where the file is encrypted.
    first_page = numbers[0] if cipher is None else 0
    fixed = FRAME.pack(FRAME_MAGIC, sequence, first_page, len(numbers), len(payload), 0, sha256(payload))
    return _pack_head(sequence, fixed, struct.pack(f"<{len(numbers)}I", *numbers) + hashes, cipher)


def _pack_head(sequence: int, fixed: bytes, rest: bytes, cipher: HeadCipher | None) -> bytes:
    body = fixed + (rest if cipher is None else cipher.seal_head(sequence, fixed, rest))
    return body + sha256(body)


def payload_digest(head: bytes) -> bytes:
    """Return the checksum of the payload that follows a packed head."""
    return bytes(FRAME.unpack_from(head)[-1])


def frame_head_bytes(fixed: bytes, *, sealed: bool = False) -> int:
    """Return the whole length of a frame's head from its fixed part."""
    if len(fixed) != FRAME.size or not fixed.startswith(FRAME_MAGIC):
        raise ValueError("a frame does not begin as one")
    _, _, _, pages, stored, blocks, _ = FRAME.unpack(fixed)
    possible = 0 < pages <= FRAME_BYTES // PAGE_SIZES[0] and 0 < stored <= 2 * FRAME_BYTES
    if not possible or blocks % DIGEST_BYTES or blocks > pages * DIGEST_BYTES:
        raise ValueError("a frame has impossible sizes")
    rest = (int(blocks) or 4 * int(pages)) + int(pages) * DIGEST_BYTES
    return FRAME.size + rest + (TAG_BYTES if sealed else 0) + DIGEST_BYTES


def unpack_frame_head(data: bytes, cipher: HeadCipher | None = None) -> FrameHead:
    """Read the head of a frame; `cipher` opens the one of an encrypted file."""
    fixed = data[: FRAME.size]
    whole = frame_head_bytes(fixed, sealed=cipher is not None) == len(data)
    if not whole or sha256(data[:-DIGEST_BYTES]) != data[-DIGEST_BYTES:]:
        raise ValueError("the head of a frame fails its checksum")
    _, sequence, first_page, pages, stored, blocks, digest = FRAME.unpack(fixed)
    rest = data[FRAME.size : -DIGEST_BYTES]
    if cipher is not None:
        rest = cipher.open_head(sequence, fixed, rest)
    return FrameHead(
        sequence=sequence,
        first_page=first_page,
        pages=pages,
        stored_bytes=stored,
        payload_digest=digest,
        hashes=rest[blocks or 4 * pages :],
        blocks=rest[:blocks],
        numbers=None if blocks else struct.unpack_from(f"<{pages}I", rest),
        head_bytes=len(data),
    )
