"""Private keys in Microsoft's PVK files, as SQL Server writes them beside a certificate (`.cer`).

A header, a salt and an RSA key as Windows keeps one, all numbers with their lowest byte first; the key is protected
by RC4 under SHA-1 of salt and password. That is weak: such a file is read here, and never written. How a password
beyond ASCII goes in differs by who wrote the file, so that each likely encoding is tried.
"""

from __future__ import annotations

import hashlib
import struct

from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher

from pwsops.certificates.pair import Pair, public_bytes
from pwsops.errors import InvalidInput

MAGIC = bytes.fromhex("1ef1b5b0")
_HEADER = struct.Struct("<4s5I")
_BLOB_HEADER_BYTES = 8
_PRIVATE_RSA = b"RSA2"
_ENCODINGS = ("utf-8", "utf-16-le", "cp1252")
_WEAK_BYTES, _KEY_BYTES = 5, 16


def holds_one(data: bytes) -> bool:
    """Whether a private key of this kind is in what was given: alone, or beside its certificate."""
    return MAGIC in data


def read(data: bytes, password: str, *, source: str) -> Pair:
    """Return the pair of a certificate and its key, from two files one behind the other, in any order.

    Raises
    ------
    InvalidInput
        For a wrong password, half a pair, a damaged file, and a key that belongs to another certificate.
    """
    begin = data.index(MAGIC)
    end = _end(data, begin, source)
    key = _key(data[begin:end], password, source)
    certificate = _certificate(data[:begin] + data[end:], source)
    if public_bytes(certificate) != public_bytes(key):
        raise InvalidInput(
            f"The private key in {source} does not belong to the certificate.",
            hint="Give the two files that were saved together: their names differ only in the ending.",
        )
    return Pair(certificate=certificate, private_key=key)


def _end(data: bytes, begin: int, source: str) -> int:
    if len(data) < begin + _HEADER.size:
        raise _damaged(source)
    *_, salt_bytes, key_bytes = _HEADER.unpack_from(data, begin)
    end = begin + _HEADER.size + int(salt_bytes) + int(key_bytes)
    if len(data) < end:
        raise _damaged(source)
    return end


def _certificate(data: bytes, source: str) -> x509.Certificate:
    # Put together from files, with a line break between them, which is no part of any.
    for some in (data, data[:-1], data[1:]):
        for load in (x509.load_der_x509_certificate, x509.load_pem_x509_certificate):
            try:
                return load(some)
            except ValueError:
                continue
    raise InvalidInput(
        f"{source} is half a pair: it holds a private key without its certificate.",
        hint="Give the certificate's file (.cer) as well.",
    )


def _key(data: bytes, password: str, source: str) -> rsa.RSAPrivateKey:
    _, _, _, encrypted, salt_bytes, _ = _HEADER.unpack_from(data)
    salt, blob = data[_HEADER.size :][:salt_bytes], data[_HEADER.size + salt_bytes + _BLOB_HEADER_BYTES :]
    if encrypted and not password:
        raise InvalidInput(
            f"The private key in {source} is protected by a password, and none was given.", hint="Give its password."
        )
    for opened in _opened(blob, salt, password) if encrypted else [blob]:
        if opened.startswith(_PRIVATE_RSA):
            return _rsa(opened, source)
    if not encrypted:
        raise _damaged(source)
    raise InvalidInput(
        f"The private key in {source} cannot be opened: the password is wrong, or the key is damaged.",
        hint="Give the password it was saved with; upper and lower case count.",
    )


def _opened(blob: bytes, salt: bytes, password: str) -> list[bytes]:
    """Try every encoding of the password, and both strengths of the key."""
    digests = [
        hashlib.sha1(salt + password.encode(encoding, errors="replace"), usedforsecurity=False).digest()
        for encoding in _ENCODINGS
    ]
    keys = [digest[:_KEY_BYTES] for digest in digests]
    keys += [digest[:_WEAK_BYTES].ljust(_KEY_BYTES, b"\0") for digest in digests]
    return [Cipher(ARC4(key), None).decryptor().update(blob) for key in keys]


def _rsa(blob: bytes, source: str) -> rsa.RSAPrivateKey:
    """Read the numbers: the modulus, the primes, what is derived from them, the private exponent."""
    try:
        _, bits, exponent = struct.unpack_from("<4sII", blob)
        whole, half = (bits + 7) // 8, (bits + 15) // 16
        numbers, at = [], 12
        for size in (whole, half, half, half, half, half, whole):
            numbers.append(int.from_bytes(blob[at : at + size], "little"))
            at += size
        n, p, q, dmp1, dmq1, iqmp, d = numbers
        public = rsa.RSAPublicNumbers(exponent, n)
        return rsa.RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, public).private_key()
    except (ValueError, struct.error):
        raise _damaged(source) from None


def _damaged(source: str) -> InvalidInput:
    return InvalidInput(f"The private key in {source} is damaged or cut short.", hint="Save it again.")
