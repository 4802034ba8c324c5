"""Whom a file is encrypted for, as a worker is told: what it needs of a certificate, without the means to read one.

Reading a certificate takes a library that takes longer to import than a small backup takes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """A certificate's names and its public RSA key; the modulus in hexadecimal."""

    thumbprint: str
    subject: str
    modulus: str
    exponent: int


def recipient_of(certificate: bytes) -> Recipient:
    """Return what a worker needs of a certificate (X.509, DER); `ValueError` for one without an RSA key."""
    # Here and not above, since a worker imports this module.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa

    known = x509.load_der_x509_certificate(certificate)
    public = known.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise ValueError("it has no RSA key")
    numbers = public.public_numbers()
    return Recipient(
        thumbprint=known.fingerprint(hashes.SHA1()).hex().upper(),
        subject=known.subject.rfc4514_string(),
        modulus=f"{numbers.n:x}",
        exponent=numbers.e,
    )
