"""What an engine can do whose server keeps the certificates itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from pwsops.engines.protocol import Engine


@dataclass(frozen=True, kw_only=True)
class ServerCertificate:
    """A certificate that a server keeps.

    Parameters
    ----------
    name
        What it is called there.
    thumbprint
        As everywhere: SHA-1, 40 hexadecimal digits in upper case.
    has_private_key
        Whether the server has its key; without it there is nothing to encrypt with, and nothing to save.
    encrypts
        The databases that are encrypted as a whole for it, as far as the login may see that.
    """

    name: str
    thumbprint: str
    subject: str
    not_before: datetime
    not_after: datetime
    has_private_key: bool
    encrypts: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class CertificateFiles:
    """Where a certificate lies in files of the server: itself, and its private key under a password."""

    certificate: str
    key: str


@runtime_checkable
class KeepsCertificates(Engine, Protocol):
    """An engine whose server keeps the certificates that it encrypts with. Passwords never show in what it raises."""

    def certificates(self) -> list[ServerCertificate]:
        """List them by name."""

    def sees_every_certificate(self) -> bool:
        """Whether the login sees all that there are, so that one that is not listed is not there."""

    def require_encryption(self, name: str) -> ServerCertificate:
        """Return the certificate if backups can be encrypted with it now.

        Raises `EngineError` for each reason why they cannot, with the statement that helps.
        """

    def has_file(self, path: str) -> bool | None:
        """Whether a file is there; None where the server does not tell."""

    def save_certificate(self, name: str, files: CertificateFiles, password: str) -> None:
        """Write a certificate and its private key into files that are not there yet."""

    def take_certificate(
        self, name: str, files: CertificateFiles, password: str, *, master_key_password: str | None = None
    ) -> ServerCertificate:
        """Make a certificate from such files; with a password for it, first the master key that protects its key."""
