"""The encryption of a media file: AES-256-GCM in numbered chunks, under a key that serves for one file only.

That key lies in the file's header, wrapped for a certificate's public key: taking a backup needs the certificate,
reading one needs its private key. Each chunk is sealed with its number and with the header's digest, and the last one
is marked as the last and covers the trailer. So a chunk that was changed, moved, repeated, left out, or taken from
another file does not open, and neither does anything under a changed header or a file that was cut short.

This proves that a file is as it was written. It does not prove who wrote it: a public key is public.
"""

from __future__ import annotations

import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pwsops.engines.sqlite.layout import Envelope, sha256
from pwsops.engines.sqlite.recipient import Recipient

KEY_BYTES = 32
_NONCE = struct.Struct(">7xIB")
"""Seven zero bytes, the chunk's number, and 1 for the last chunk: a key serves for one file, so no number repeats."""
_MOST_CHUNKS = (1 << 32) - 1
_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


class Cipher:
    """Seals and opens the parts of one file. Used from several threads at once.

    Frame n has the chunks 2n, what its head says of its pages, and 2n + 1, its payload.

    Parameters
    ----------
    key
        The file's own.
    header
        Its header block.
    """

    def __init__(self, key: bytes, header: bytes) -> None:
        self._aead = AESGCM(key)
        self._context = sha256(header)

    def seal_head(self, sequence: int, fixed: bytes, rest: bytes) -> bytes:
        """Seal what follows the fixed fields of a frame's head; the fields themselves are covered."""
        return self._aead.encrypt(_nonce(2 * sequence), rest, self._context + fixed)

    def open_head(self, sequence: int, fixed: bytes, rest: bytes) -> bytes:
        """Open it; `ValueError` where it is not what was sealed."""
        return self._open(_nonce(2 * sequence), rest, self._context + fixed)

    def seal_payload(self, sequence: int, payload: bytes) -> bytes:
        """Seal a frame's compressed pages."""
        return self._aead.encrypt(_nonce(2 * sequence + 1), payload, self._context)

    def open_payload(self, sequence: int, payload: bytes) -> bytes:
        """Open them; `ValueError` where they are not what was sealed."""
        return self._open(_nonce(2 * sequence + 1), payload, self._context)

    def seal_end(self, frames: int, trailer: bytes) -> str:
        """Return the tag that closes a file of so many frames."""
        return self._aead.encrypt(_nonce(2 * frames, last=True), b"", self._context + trailer).hex()

    def check_end(self, frames: int, trailer: bytes, seal: str) -> None:
        """Raise `ValueError` unless the file was closed so."""
        self._open(_nonce(2 * frames, last=True), bytes.fromhex(seal), self._context + trailer)

    def _open(self, nonce: bytes, data: bytes, context: bytes) -> bytes:
        try:
            return self._aead.decrypt(nonce, data, context)
        except InvalidTag:
            raise ValueError("it is not what was encrypted (its authentication fails)") from None


def _nonce(chunk: int, *, last: bool = False) -> bytes:
    """Return what a chunk is sealed under; `ValueError` for a number that none has: a head may declare any."""
    if chunk > _MOST_CHUNKS:
        raise ValueError("it has more parts than any can have")
    return _NONCE.pack(chunk, last)


def new_key(recipient: Recipient) -> tuple[bytes, Envelope]:
    """Make a file's key, and what its header says of it."""
    public = rsa.RSAPublicNumbers(recipient.exponent, int(recipient.modulus, 16)).public_key()
    key = os.urandom(KEY_BYTES)
    wrapped = public.encrypt(key, _OAEP).hex()
    return key, Envelope(thumbprint=recipient.thumbprint, subject=recipient.subject, wrapped_key=wrapped)


def unwrap(envelope: Envelope, private_key: bytes) -> bytes:
    """Return a file's key.

    Parameters
    ----------
    private_key
        PKCS #8, DER. `ValueError` where it is not the one the key was wrapped for.
    """
    # Here and not above: only reading needs it, and it takes a while to import.
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    # The key was checked when the store took it in, and has been sealed since. Checking its primes anew would take
    # longer than a small backup; one that is not right opens nothing.
    private = load_der_private_key(private_key, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ValueError("its key was wrapped for an RSA key, and this is none")
    try:
        key = private.decrypt(bytes.fromhex(envelope.wrapped_key), _OAEP)
    except ValueError:
        raise ValueError("the key in its header cannot be unwrapped") from None
    if len(key) != KEY_BYTES:
        raise ValueError("the key in its header is not one")
    return key
