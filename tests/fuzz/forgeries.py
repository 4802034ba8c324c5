"""Encrypted media that were made up.

A certificate is public: whoever has it can seal whatever they like for it, and all of that opens.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from pwsops.certificates.pair import Pair
from pwsops.engines.sqlite import cipher, layout
from pwsops.engines.sqlite.cipher import Cipher
from tests.fuzz import mutations
from tests.fuzz.mutations import Frame, Parts

MOST_CHUNKS = 1 << 31
"""The numbers that chunks are sealed under go no further."""


class Forger:
    """Changes one encrypted file below its encryption, and seals it again, so that everything opens."""

    def __init__(self, whole: bytes, pair: Pair) -> None:
        self._parts = mutations.take_apart(whole)
        envelope = layout.unpack_header(self._parts.header).encryption
        public = pair.certificate.public_key()
        assert envelope is not None
        assert isinstance(public, rsa.RSAPublicKey)
        self._public = public
        self._key = cipher.unwrap(envelope, pair.key_der())
        opened = Cipher(self._key, self._parts.header)
        self._frames = [_opened(frame, opened) for frame in mutations.split_frames(self._parts)]

    def unchanged(self) -> bytes:
        """Return the same file, sealed anew."""
        return self._sealed(self._parts.header, self._frames, {})

    def change(self, random: Random) -> bytes:
        """Return the file with something changed in it."""
        parts = self._parts
        changes: list[Callable[[], bytes]] = [
            lambda: self._sealed(mutations.block(parts.header, random), self._frames, {}),
            lambda: self._sealed(parts.header, self._frames, _changed_trailer(parts, random)),
            lambda: self._sealed(self._with_key(random), self._frames, {}),
            *[lambda: self._sealed(parts.header, mutations.frames(self._frames, random), {})] * 4,
        ]
        return random.choice(changes)()

    def _with_key(self, random: Random) -> bytes:
        """Return a header that wraps something else in the place of the file's key."""
        wrapped = self._public.encrypt(os.urandom(random.choice((0, 1, 16, 31, 32, 33, 190))), cipher._OAEP).hex()
        content = mutations.content_of(self._parts.header)
        content["encryption"]["wrapped_key"] = random.choice((wrapped, wrapped[:-1], "00" * 256, "\u0660" * 512))
        return layout.pack_block(layout.ENCRYPTED_MAGIC, content)

    def _sealed(self, header: bytes, frames: Sequence[Frame], said: Mapping[str, Any]) -> bytes:
        """Return a file of these frames; `said`: what its trailer says otherwise than is so."""
        seals = Cipher(self._key, header)
        sealed = [_sealed(frame, seals) for frame in frames]
        content = mutations.fitting(self._parts.trailer, sealed) | said
        text = layout._text({key: value for key, value in content.items() if key != "seal"})
        count = content["frames"] if type(content.get("frames")) is int else 0
        content.setdefault("seal", "")
        if "seal" not in said:
            content["seal"] = seals.seal_end(count % MOST_CHUNKS, text)
        trailer = layout.pack_block(layout.TRAILER_MAGIC, content)
        return mutations.put_together(Parts(header, b"".join(map(b"".join, sealed)), trailer))


def _changed_trailer(parts: Parts, random: Random) -> Mapping[str, Any]:
    name = random.choice(["damaged", *mutations.content_of(parts.trailer)])
    return {name: random.choice(mutations.HOSTILE + mutations.NUMBERS)}


def _opened(frame: Frame, opened: Cipher) -> Frame:
    head, payload = frame
    fixed = head[: layout.FRAME.size]
    fields = list(layout.FRAME.unpack(fixed))
    rest = opened.open_head(fields[1], fixed, head[layout.FRAME.size : -layout.DIGEST_BYTES])
    fields[4] -= layout.TAG_BYTES
    return layout.FRAME.pack(*fields) + rest + bytes(layout.DIGEST_BYTES), opened.open_payload(fields[1], payload)


def _sealed(frame: Frame, seals: Cipher) -> Frame:
    head, payload = frame
    fields = list(layout.FRAME.unpack_from(head))
    number = fields[1] % MOST_CHUNKS
    payload = seals.seal_payload(number, payload)
    fields[4] = (fields[4] + layout.TAG_BYTES) % (1 << 32)
    fields[6] = layout.sha256(payload)
    fixed = layout.FRAME.pack(*fields)
    body = fixed + seals.seal_head(number, fixed, head[layout.FRAME.size : -layout.DIGEST_BYTES])
    return body + layout.sha256(body), payload
