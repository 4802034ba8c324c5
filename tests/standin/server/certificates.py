"""Certificates of the server, and what they look like in files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass
class Certificate:
    """A certificate in `master`."""

    name: str
    subject: str
    thumbprint: bytes
    starts_at: datetime
    expires_at: datetime
    certificate_id: int
    has_private_key: bool = True
    key_backed_up_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CertificateFile:
    """The public half, in a file."""

    subject: str
    thumbprint: bytes
    starts_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class KeyFileContent:
    """The private half, in a file, under a password."""

    thumbprint: bytes
    password: str


def quoted(thumbprint: bytes) -> str:
    """Give a thumbprint as messages quote it."""
    return "0x" + thumbprint.hex().upper()
