"""Making a self-signed certificate, for an administrator who has nobody to ask for one."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from pwsops.certificates.pair import Pair
from pwsops.errors import InvalidInput

MIN_BITS = 3072
MAX_BITS = 8192
MAX_YEARS = 50
NAME_LIMIT = 64
"""X.509's own limit for a common name."""
_DAYS_A_YEAR = 365.25
_CLOCK_SKEW = timedelta(hours=1)
"""A machine whose clock is behind must not find it "not valid yet"."""


def create(name: str, *, years: int, now: datetime, bits: int = MIN_BITS) -> Pair:
    """Make an RSA key and a certificate for it, signed with SHA-256.

    Parameters
    ----------
    name
        Its common name.
    years
        How long it is valid from `now` on.

    Raises
    ------
    InvalidInput
        For a name, a validity or a size that cannot be.
    """
    _require(bool(name.strip()) and len(name) <= NAME_LIMIT, f"a name has 1 to {NAME_LIMIT} characters", name)
    _require(1 <= years <= MAX_YEARS, f"it can be valid for 1 to {MAX_YEARS} years, not {years}", name)
    _require(MIN_BITS <= bits <= MAX_BITS, f"its key can have {MIN_BITS} to {MAX_BITS} bits, not {bits}", name)
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=round(years * _DAYS_A_YEAR)))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_encipherment(), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate=certificate, private_key=key, name=name)


def _key_encipherment() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _require(holds: bool, rule: str, name: str) -> None:
    if not holds:
        raise InvalidInput(f"The certificate {name!r} cannot be made: {rule}.", hint="Give another value.")
