"""A certificate and the private key that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from pwsops.errors import InvalidInput
from pwsops.rules.certificates import Certificate

PrivateKey = (
    rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
KNOWN_KEYS = (
    rsa.RSAPrivateKey,
    dsa.DSAPrivateKey,
    ec.EllipticCurvePrivateKey,
    ed25519.Ed25519PrivateKey,
    ed448.Ed448PrivateKey,
)
_EDWARDS_BITS = {"ED25519": 256, "ED448": 448}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate with its private key, which is kept out of `repr`."""

    certificate: x509.Certificate
    private_key: PrivateKey = field(repr=False)
    name: str = ""
    """The friendly name that its file gave it."""

    def facts(self) -> Certificate:
        """Return what can be said without the key."""
        return facts(self.certificate)

    def certificate_der(self) -> bytes:
        """Return the certificate alone."""
        return self.certificate.public_bytes(Encoding.DER)

    def key_der(self) -> bytes:
        """Return the private key, unprotected, as PKCS #8."""
        return self.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def pair_from_der(certificate: bytes, private_key: bytes, *, name: str) -> Pair:
    """Put together again what `certificate_der` and `key_der` gave.

    Whether an RSA key's numbers are primes was proven where it was read or made. That takes seconds for a large one,
    and people and backups wait here.
    """
    key = load_der_private_key(private_key, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, KNOWN_KEYS)
    return Pair(certificate=x509.load_der_x509_certificate(certificate), private_key=key, name=name)


def facts(certificate: x509.Certificate) -> Certificate:
    """Return what can be said of a certificate."""
    key_type, key_bits = _kind(certificate)
    signature_hash = certificate.signature_hash_algorithm
    return Certificate(
        thumbprint=certificate.fingerprint(hashes.SHA1()).hex().upper(),
        subject=certificate.subject.rfc4514_string() or "(no subject)",
        issuer=certificate.issuer.rfc4514_string() or "(no issuer)",
        serial=f"{certificate.serial_number:X}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_type=key_type,
        key_bits=key_bits,
        signature_hash="" if signature_hash is None else signature_hash.name.upper(),
    )


def facts_of_der(certificate: bytes) -> Certificate:
    """Return what can be said of a certificate in DER."""
    return facts(x509.load_der_x509_certificate(certificate))


def common_name(certificate: x509.Certificate) -> str:
    """Return the common name in a certificate's subject, or its whole subject."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def public_bytes(of: x509.Certificate | PrivateKey) -> bytes:
    """Return the public key that a certificate names or a private key belongs to, for comparing the two."""
    return of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _kind(certificate: x509.Certificate) -> tuple[str, int]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC", key.key_size
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size
    name = type(key).__name__.removesuffix("PublicKey").upper()
    if name not in _EDWARDS_BITS:
        raise InvalidInput(
            f"The certificate {certificate.subject.rfc4514_string()} has a kind of key that is not known: {name}.",
            hint="Use a certificate with an RSA or an elliptic-curve key.",
        )
    return name, _EDWARDS_BITS[name]
