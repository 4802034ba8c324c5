"""Certificates with their keys out of files: what is in them, or exactly why it cannot be used."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from pwsops.certificates import archive, pvk, rounds
from pwsops.certificates.pair import KNOWN_KEYS, Pair, PrivateKey, public_bytes
from pwsops.errors import InvalidInput

_PEM = re.compile(rb"-----BEGIN (?P<label>[A-Z0-9 ]+)-----.+?-----END (?P=label)-----", re.DOTALL)
SIZE_LIMIT = 4 << 20
WHOLE_HINT = "Export it again, this time with its private key (.pfx), or give the key's file as well (PEM)."


def read(data: bytes, password: str, *, source: str) -> list[Pair]:
    """Return the pairs of a file of any kind, told apart by its content; raises as those for each kind."""
    if len(data) > SIZE_LIMIT:
        raise InvalidInput(f"{source} is larger than any certificate file.", hint="Give a .pfx file, or PEM.")
    if pvk.holds_one(data):
        return [pvk.read(data, password, source=source)]
    return (read_pem if is_pem(data) else read_pfx)(data, password, source=source)


def is_pem(data: bytes) -> bool:
    """Whether a file's content is PEM: text with marked blocks."""
    return b"-----BEGIN " in data


def read_pfx(data: bytes, password: str, *, source: str) -> list[Pair]:
    """Return the pairs of a `.pfx` file (PKCS #12).

    Parameters
    ----------
    source
        What errors call the file.

    Raises
    ------
    InvalidInput
        For a wrong password, another kind of file, and half a pair.
    """
    if not archive.looks_like_one(data):
        raise _not_a_certificate(data, source)
    rounds.check(data, source=source)
    opened = _open(data, password, source)
    if opened.key is None:
        raise _no_key(source)
    if opened.cert is None:
        raise _stranger(source) if opened.additional_certs else _no_certificate(source)
    parts = archive.split(data)
    return [
        _pair(part, source) for part in ([opened] if len(parts) < 2 else [_open(p, password, source) for p in parts])
    ]


def _open(data: bytes, password: str, source: str) -> pkcs12.PKCS12KeyAndCertificates:
    # Without a password a file may have been protected by none or by the empty one; the two differ.
    given: Sequence[bytes | None] = [password.encode()] if password else [b"", None]
    for given_part in given:
        try:
            return pkcs12.load_pkcs12(data, given_part)
        except ValueError:
            continue
    if not password:
        raise InvalidInput(f"{source} is protected by a password, and none was given.", hint="Give its password.")
    raise InvalidInput(
        f"{source} cannot be opened: the password is wrong, or the file is damaged.",
        hint="Give the password it was exported with; upper and lower case count.",
    )


def _pair(opened: pkcs12.PKCS12KeyAndCertificates, source: str) -> Pair:
    if opened.key is None or opened.cert is None:
        raise _stranger(source)
    name = (opened.cert.friendly_name or b"").decode(errors="replace")
    return _checked(opened.cert.certificate, _known(opened.key, source), source, name=name)


def read_pem(data: bytes, password: str, *, source: str) -> list[Pair]:
    """Return the pairs in PEM text: certificates and private keys, in any order, the keys encrypted or not.

    Certificates without a key of their own beside others that have one are taken for their issuers and left out.

    Raises
    ------
    InvalidInput
        For a wrong password, half a pair, and a key that belongs to none of the certificates.
    """
    certificates, keys = [], []
    for block in _PEM.finditer(data):
        if block["label"] in (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"):
            certificates.append(_pem_certificate(block[0], source))
        elif block["label"].endswith(b"PRIVATE KEY"):
            keys.append(_pem_key(block[0], password, source))
    if not certificates and not keys:
        raise _not_a_certificate(data, source)
    if not keys:
        raise _no_key(source)
    if not certificates:
        raise _no_certificate(source)
    by_key = {public_bytes(certificate): certificate for certificate in reversed(certificates)}
    found = [(by_key.get(public_bytes(key)), key) for key in keys]
    pairs = [Pair(certificate=certificate, private_key=key) for certificate, key in found if certificate is not None]
    if len(pairs) < len(keys):
        raise _stranger(source)
    return pairs


def _pem_certificate(block: bytes, source: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(block)
    except ValueError as error:
        raise InvalidInput(f"{source} holds a certificate that is damaged.", hint="Export it again.") from error


def _pem_key(block: bytes, password: str, source: str) -> PrivateKey:
    rounds.check(_der(block), source=source)
    try:
        return _known(load_pem_private_key(block, password.encode() or None), source)
    except TypeError:
        if not password:
            raise InvalidInput(
                f"The private key in {source} is protected by a password, and none was given.",
                hint="Give its password.",
            ) from None
        # It is not protected at all: the password was for another key, or for nothing.
        return _known(load_pem_private_key(block, None), source)
    except ValueError:
        raise InvalidInput(
            f"The private key in {source} cannot be opened: the password is wrong, or the key is damaged.",
            hint="Give the password it was saved with; upper and lower case count.",
        ) from None


def _der(block: bytes) -> bytes:
    """Return what a block of PEM holds; what is no base64 is left out, as those that read it do."""
    lines = block.splitlines()[1:-1]
    with suppress(ValueError):
        return b64decode(b"".join(line for line in lines if b":" not in line))
    return b""


def _known(key: object, source: str) -> PrivateKey:
    if not isinstance(key, KNOWN_KEYS):
        raise InvalidInput(
            f"{source} holds a private key of a kind that is not known.", hint="Use an RSA or an elliptic-curve key."
        )
    return key


def _checked(certificate: x509.Certificate, key: PrivateKey, source: str, *, name: str) -> Pair:
    if public_bytes(certificate) != public_bytes(key):
        raise _stranger(source)
    return Pair(certificate=certificate, private_key=key, name=name)


def _stranger(source: str) -> InvalidInput:
    return InvalidInput(
        f"The private key in {source} does not belong to the certificate.",
        hint="Find the key that the certificate was made with; they were made together.",
    )


def _no_key(source: str) -> InvalidInput:
    return InvalidInput(
        f"{source} is half a pair: it holds a certificate without its private key, which is what a restore needs.",
        hint=WHOLE_HINT,
    )


def _no_certificate(source: str) -> InvalidInput:
    return InvalidInput(
        f"{source} is half a pair: it holds a private key without its certificate.",
        hint="Give the certificate's file as well, or export both into one .pfx.",
    )


def _not_a_certificate(data: bytes, source: str) -> InvalidInput:
    try:
        x509.load_der_x509_certificate(data)
    except ValueError:
        return InvalidInput(
            f"{source} is not a certificate file.", hint="Give a .pfx file, or a certificate and its key as PEM."
        )
    return _no_key(source)
