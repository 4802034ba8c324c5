"""PKCS #12 files (`.pfx`) with any number of pairs.

The `cryptography` library reads and writes one pair a file. A file is a sequence of parts, each protected for itself,
under one checksum; so files of one pair each become one file, and the other way round, by moving their parts. Nothing
is decrypted here.

The structures are those of RFC 7292; the key of the checksum is derived as its appendix B says.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from pwsops.certificates.pair import Pair

ROUNDS = 100_000
"""How often a password is hashed before it serves as a key: what slows down guessing it."""

_INTEGER, _OCTETS, _OID, _SEQUENCE, _EXPLICIT = 0x02, 0x04, 0x06, 0x30, 0xA0
_VERSION = bytes([_INTEGER, 1, 3])
_DATA = bytes.fromhex("06092a864886f70d010701")
_SHROUDED_KEY = bytes.fromhex("060b2a864886f70d010c0a0102")
_KEY = bytes.fromhex("060b2a864886f70d010c0a0101")
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_MAC_PURPOSE = 3
_SALT_BYTES = 16


class Element(NamedTuple):
    """One element of DER: its tag, what it holds, and all of its bytes."""

    tag: int
    content: bytes
    whole: bytes


def looks_like_one(data: bytes) -> bool:
    """Whether these bytes begin as a PKCS #12 file does."""
    return data[:1] == bytes([_SEQUENCE]) and _VERSION in data[2:9]


def pack(pairs: Sequence[Pair], password: str) -> bytes:
    """Return one file with all these pairs, protected by a password that is not empty.

    AES-256 and SHA-256, which OpenSSL and Windows have read for years.
    """
    protection = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.encode())
    )
    files = [
        pkcs12.serialize_key_and_certificates(
            pair.name.encode() or None, pair.private_key, pair.certificate, None, protection
        )
        for pair in pairs
    ]
    return files[0] if len(files) == 1 else _join(files, password)


def _join(files: Sequence[bytes], password: str) -> bytes:
    parts = b"".join(part.whole for file in files for part in _parts(file))
    content = _wrap(_SEQUENCE, parts)
    return _wrap(_SEQUENCE, _VERSION, _data(content), _mac(content, password))


def split(data: bytes) -> list[bytes]:
    """Return a file for each private key, with all the certificates; they carry no checksum any more.

    Fewer than two where there is no more than one key, or where the file is written in a way that is not known.
    """
    try:
        parts = list(_parts(data))
        keys = [bag for part in parts for bag in _plain_bags(part) if bag.content.startswith((_SHROUDED_KEY, _KEY))]
    except (ValueError, IndexError):
        return []
    rest = [_without_keys(part) for part in parts]
    return [
        _wrap(_SEQUENCE, _VERSION, _data(_wrap(_SEQUENCE, *rest, _data(_wrap(_SEQUENCE, key.whole))))) for key in keys
    ]


def _parts(data: bytes) -> Iterator[Element]:
    [file] = elements(data)
    _, holder, *_ = elements(file.content)
    [content] = elements(_octets(holder))
    yield from elements(content.content)


def _plain_bags(part: Element) -> list[Element]:
    """Return the bags of a part that is not encrypted as a whole; keys are encrypted one by one."""
    if not part.content.startswith(_DATA):
        return []
    [bags] = elements(_octets(part))
    return list(elements(bags.content))


def _without_keys(part: Element) -> bytes:
    if not part.content.startswith(_DATA):
        return part.whole
    kept = [bag.whole for bag in _plain_bags(part) if not bag.content.startswith((_SHROUDED_KEY, _KEY))]
    return _data(_wrap(_SEQUENCE, *kept)) if kept else b""


def _octets(holder: Element) -> bytes:
    """Return the octets in a ContentInfo of the kind "data"."""
    _, explicit = elements(holder.content)
    [octets] = elements(explicit.content)
    if octets.tag != _OCTETS:
        raise ValueError("not a plain string of octets")
    return octets.content


def _data(content: bytes) -> bytes:
    return _wrap(_SEQUENCE, _DATA, _wrap(_EXPLICIT, _wrap(_OCTETS, content)))


def _mac(content: bytes, password: str) -> bytes:
    salt = os.urandom(_SALT_BYTES)
    digest = hmac.digest(_derive(password, salt, ROUNDS), content, "sha256")
    rounds = _wrap(_INTEGER, ROUNDS.to_bytes(ROUNDS.bit_length() // 8 + 1, "big"))
    return _wrap(_SEQUENCE, _wrap(_SEQUENCE, _SHA256, _wrap(_OCTETS, digest)), _wrap(_OCTETS, salt), rounds)


def _derive(password: str, salt: bytes, rounds: int) -> bytes:
    """Derive the checksum's key: one output block of SHA-256 is all it takes."""
    block = hashlib.sha256().block_size
    text = password.encode("utf-16-be") + b"\0\0"
    digest = bytes([_MAC_PURPOSE]) * block + _fill(salt, block) + _fill(text, block)
    for _ in range(rounds):
        digest = hashlib.sha256(digest).digest()
    return digest


def _fill(text: bytes, block: int) -> bytes:
    size = -(-len(text) // block) * block
    return (text * (size // len(text) + 1))[:size]


def elements(data: bytes) -> Iterator[Element]:
    """Take DER apart, one level deep; `ValueError` or `IndexError` where it is not DER."""
    at = 0
    while at < len(data):
        start, length = at + 2, data[at + 1]
        if length == 0x80:
            raise ValueError("the length is not told")
        if length > 0x80:
            start, length = start + length - 0x80, int.from_bytes(data[start : start + length - 0x80], "big")
        if start + length > len(data):
            raise ValueError("it ends too early")
        yield Element(data[at], data[start : start + length], data[at : start + length])
        at = start + length


def _wrap(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 + len(size)]) + size + content
