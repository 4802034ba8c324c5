"""Sealed texts: encrypted with a home's key, and bound to what they were given for.

A sealed text is ``2.`` and, in URL-safe base64, the digest of what it is bound to (32 bytes), a nonce (12 bytes) and
the text under AES-256-GCM (NIST SP 800-38D) with that digest as associated data. The digest stands in it, so that
another key can take over without knowing what the text is bound to; whoever opens it has to name that. A text sealed
by a version before is a Fernet token and bound to nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Bound = tuple[str, ...]
"""What a text is sealed for: its kind, and what it may be used with."""

_PREFIX = "2."
_DIGEST_BYTES, _NONCE_BYTES = 32, 12


class WrongKey(Exception):
    """None of the keys at hand is the one that the text was sealed with, or the text was changed."""


class WrongUse(Exception):
    """The text was sealed for something else than what it is to be used for now."""


class Key:
    """One key of a home: 32 bytes in URL-safe base64, as a Fernet key is; raises `ValueError` for what is none."""

    def __init__(self, text: str) -> None:
        self._fernet = Fernet(text)
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"pwsops sealed text 2")
        self._cipher = AESGCM(derived.derive(urlsafe_b64decode(text)))

    def seal(self, text: str, digest: bytes) -> str:
        """Encrypt a text and bind it to what a digest stands for."""
        nonce = os.urandom(_NONCE_BYTES)
        content = self._cipher.encrypt(nonce, text.encode(), _associated(digest))
        return _PREFIX + urlsafe_b64encode(digest + nonce + content).decode()

    def open(self, block: bytes) -> str:
        """Decrypt what stands behind the prefix of a sealed text; raises `WrongKey`."""
        digest, rest = block[:_DIGEST_BYTES], block[_DIGEST_BYTES:]
        try:
            return self._cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _associated(digest)).decode()
        except (InvalidTag, ValueError):
            raise WrongKey from None

    def open_unbound(self, sealed: str) -> str:
        """Decrypt what a version before sealed; raises `WrongKey`."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except (InvalidToken, ValueError):
            raise WrongKey from None


def digest_of(home_id: str, bound: Bound) -> bytes:
    """Return what stands for a use in one home."""
    return hashlib.sha256(json.dumps([home_id, *bound]).encode()).digest()


def is_bound(sealed: str) -> bool:
    """Whether a sealed text is bound to a use; those of versions before are not."""
    return sealed.startswith(_PREFIX)


def opened(sealed: str, digest: bytes, keys: Sequence[Key]) -> str:
    """Decrypt a bound text; raises `WrongUse` where it was sealed for something else, `WrongKey` where none fits."""
    block = _block(sealed)
    text = _by_any(block, keys)
    if block[:_DIGEST_BYTES] != digest:
        raise WrongUse
    return text


def resealed(sealed: str, keys: Sequence[Key], key: Key) -> str:
    """Seal a bound text with another key, for the same use; raises `WrongKey`."""
    block = _block(sealed)
    return key.seal(_by_any(block, keys), block[:_DIGEST_BYTES])


def opened_unbound(sealed: str, keys: Sequence[Key]) -> str:
    """Decrypt what a version before sealed; raises `WrongKey`."""
    for key in keys:
        try:
            return key.open_unbound(sealed)
        except WrongKey:
            continue
    raise WrongKey


def _block(sealed: str) -> bytes:
    try:
        return urlsafe_b64decode(sealed.removeprefix(_PREFIX).encode())
    except ValueError:
        raise WrongKey from None


def _by_any(block: bytes, keys: Sequence[Key]) -> str:
    for key in keys:
        try:
            return key.open(block)
        except WrongKey:
            continue
    raise WrongKey


def _associated(digest: bytes) -> bytes:
    return _PREFIX.encode() + digest
