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
    under_password: bool = False
    """Its key is protected by a password of its own, so that the server cannot open it by itself."""
    key_backed_up_at: datetime | None = None

    @property
    def usable(self) -> bool:
        """Whether the server can use the key by itself."""
        return self.has_private_key and not self.under_password

    @property
    def protection(self) -> tuple[str, str]:
        """How the key is protected, as the views say it."""
        if not self.has_private_key:
            return "NA", "NO_PRIVATE_KEY"
        return ("PW", "ENCRYPTED_BY_PASSWORD") if self.under_password else ("MK", "ENCRYPTED_BY_MASTER_KEY")


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
    """Return a thumbprint as messages quote it."""
    return "0x" + thumbprint.hex().upper()
