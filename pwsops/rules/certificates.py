"""What can be said of a certificate without its key: what it may be used for, and until when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

NEAR_EXPIRY = timedelta(days=30)
MIN_BITS = {"RSA": 2048, "DSA": 2048, "EC": 224}
BROKEN_HASHES = ("MD2", "MD4", "MD5", "SHA1")
RSA = "RSA"


class Purpose(StrEnum):
    """What a certificate is kept for."""

    DATABASE = "database"
    MASTER_KEY = "master-key"
    DISCOVERY = "discovery-service"
    PASSWORD_RESET = "password-reset"


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The facts of one certificate.

    Parameters
    ----------
    thumbprint
        SHA-1 of the certificate, 40 hexadecimal digits in upper case, as Windows and SQL Server show it. It is a name,
        not a proof.
    subject, issuer
        As RFC 4514 writes them: ``CN=backups,O=Example``.
    key_type
        ``RSA``, ``EC``, ``DSA``, ``ED25519`` or ``ED448``.
    signature_hash
        ``SHA256`` and the like; empty where the signature has none of its own.
    """

    thumbprint: str
    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    key_type: str
    key_bits: int
    signature_hash: str

    @property
    def key(self) -> str:
        """The key in words: ``RSA 3072``."""
        return f"{self.key_type} {self.key_bits}"


def is_expired(certificate: Certificate, now: datetime) -> bool:
    """Whether its time is over."""
    return now > certificate.not_after


def is_near_expiry(certificate: Certificate, now: datetime) -> bool:
    """Whether its time ends soon or has ended."""
    return now > certificate.not_after - NEAR_EXPIRY


def weaknesses(certificate: Certificate) -> Sequence[str]:
    """Return what is too weak about it, each in a few words after "it"."""
    found = []
    if certificate.key_bits < MIN_BITS.get(certificate.key_type, 0):
        found.append(f"has a weak key ({certificate.key}; at least {MIN_BITS[certificate.key_type]} bits are needed)")
    if certificate.signature_hash in BROKEN_HASHES:
        found.append(f"is signed with {certificate.signature_hash}, which is broken")
    return found


def doubts(certificate: Certificate, now: datetime) -> Sequence[str]:
    """Return why it should no longer encrypt anything, each in a few words after "it"; empty: it may."""
    found = [*weaknesses(certificate)]
    if is_expired(certificate, now):
        found.insert(0, f"expired on {certificate.not_after:%Y-%m-%d}")
    if now < certificate.not_before:
        found.insert(0, f"is not valid before {certificate.not_before:%Y-%m-%d}")
    return found


def why_not_encrypt(certificate: Certificate, now: datetime) -> Sequence[str]:
    """Return why no new profile may encrypt backups with it; empty: one may."""
    if certificate.key_type != RSA:
        return [f"has a key of the kind {certificate.key_type}; backups are encrypted with RSA keys"]
    return doubts(certificate, now)


def file_name(name: str, thumbprint: str) -> str:
    """Return the name of a certificate's own `.pfx`: readable, taken by every file system, and no other's."""
    return f"{file_stem(name, thumbprint)}.pfx"


def file_stem(name: str, thumbprint: str) -> str:
    """Return the same without an ending."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:60]
    return f"{plain or 'certificate'}_{thumbprint}"
