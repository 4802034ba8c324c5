"""The file in which a home keeps a statement beside backups, as `docs/media-format.md` describes it.

A header block, a payload, and a SHA-256 of both. `ValueError` on doubt: anybody may have written it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import zstandard

from pwsops.engines.sqlite import layout
from pwsops.engines.sqlite.layout import Envelope

if TYPE_CHECKING:
    from pwsops.engines.sqlite.recipient import Recipient

MAGIC = b"PWSHOM\x1a\x01"
CONTENT_LIMIT = 16 << 20
"""What a statement takes at most; what declares more is refused before it is read."""
FILE_LIMIT = CONTENT_LIMIT + (2 << 20)
_LEVEL = 9
_ONLY = 0
"""The number of the one frame that is sealed."""


class Head(NamedTuple):
    """What anybody can read of it: which home wrote it, of which profile, and whom it is encrypted for."""

    home_id: str
    profile_id: int
    content_bytes: int
    envelope: Envelope | None
    block: bytes


def pack(content: bytes, *, home_id: str, profile_id: int, recipient: Recipient | None) -> bytes:
    """Return the file of a statement; `ValueError` where that is too long."""
    if len(content) > CONTENT_LIMIT:
        raise ValueError(f"it takes {len(content)} bytes, and {CONTENT_LIMIT} at most are kept")
    head: dict[str, Any] = {"home_id": home_id, "profile_id": profile_id, "content_bytes": len(content)}
    payload = zstandard.ZstdCompressor(level=_LEVEL).compress(content)
    if recipient is None:
        block = layout.pack_block(MAGIC, head)
    else:
        # Here and not above: a worker has to start fast.
        from pwsops.engines.sqlite.cipher import Cipher, new_key

        key, envelope = new_key(recipient)
        block = layout.pack_block(MAGIC, head | {"encryption": layout.ALGORITHMS | asdict(envelope)})
        payload = Cipher(key, block).seal_payload(_ONLY, payload)
    return block + payload + layout.sha256(block, payload)


def head_of(start: bytes) -> Head:
    """Return what the beginning of a file says of it."""
    size = layout.block_bytes(start[:12], (MAGIC,))
    if len(start) < size:
        raise ValueError("it is cut short")
    content = layout.unpack_block((MAGIC,), start[:size])
    try:
        home_id, profile_id, size_bytes = (content[key] for key in ("home_id", "profile_id", "content_bytes"))
        encryption = content.get("encryption")
        envelope = None if encryption is None else layout.envelope_of(_texts(encryption))
    except (KeyError, TypeError) as error:
        raise ValueError("its header lacks something") from error
    if not isinstance(home_id, str) or type(profile_id) is not int or type(size_bytes) is not int:
        raise ValueError("its header is not as ours are")
    if not 0 < size_bytes <= CONTENT_LIMIT:
        raise ValueError(f"it declares {size_bytes} bytes, and none of ours has more than {CONTENT_LIMIT}")
    return Head(home_id, profile_id, size_bytes, envelope, start[:size])


def _texts(content: Mapping[str, Any]) -> Mapping[str, Any]:
    if not all(isinstance(each, str) for each in content.values()):
        raise ValueError("its header is not as ours are")
    return content


def unpack(whole: bytes, private_key: bytes | None = None) -> bytes:
    """Return the statement in a file; `private_key` (PKCS #8, DER) opens an encrypted one."""
    head = head_of(whole)
    payload, digest = whole[len(head.block) : -layout.DIGEST_BYTES], whole[-layout.DIGEST_BYTES :]
    if len(whole) > FILE_LIMIT or layout.sha256(head.block, payload) != digest:
        raise ValueError("it fails its checksum, or is longer than any of ours")
    if head.envelope is not None:
        from pwsops.engines.sqlite.cipher import Cipher, unwrap

        if private_key is None:
            raise ValueError("its private key is not at hand")
        payload = Cipher(unwrap(head.envelope, private_key), head.block).open_payload(_ONLY, payload)
    try:
        # What a frame says of its own size is what the library makes room for, whatever the limit it is given.
        if zstandard.frame_content_size(payload) != head.content_bytes:
            raise ValueError("it is longer or shorter than it says")
        content = zstandard.ZstdDecompressor().decompress(payload, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ValueError(f"it cannot be decompressed: {error}") from error
    return content


def name(home_id: str, profile_id: int) -> str:
    """Return what the file of a home's statement on a profile is called."""
    return f"pwsops-home-{home_id}-{profile_id}.pwsops"
