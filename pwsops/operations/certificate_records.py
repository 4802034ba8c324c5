"""Certificates as the operations hand them to pages, command line and notebooks. Frozen; instants are aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pwsops.rules import certificates as rules
from pwsops.rules.certificates import Certificate, Purpose


@dataclass(frozen=True, kw_only=True)
class CertificateView:
    """One certificate: in the store, or (then `facts` is None and it has no name) needed and not there."""

    name: str
    thumbprint: str
    subject: str
    needed_by: str
    """The profiles and backups that need it, in words; empty: nothing does."""
    instance: str = ""
    """The server that keeps it, or that should; empty: our store does."""
    purpose: Purpose | None = None
    facts: Certificate | None = None
    doubts: Sequence[str] = ()
    """Why it should not encrypt anything any more, each in a few words after "it"."""
    near_expiry: bool = False
    may_encrypt: bool = False
    """Whether a profile can be made to encrypt with it."""
    added_at: datetime | None = None
    saved_at: datetime | None = None
    exported_at: datetime | None = None

    @property
    def file_name(self) -> str:
        """How its own `.pfx` is called: by its name, as far as every file system takes it, and its thumbprint."""
        return rules.file_name(self.name, self.thumbprint)

    @property
    def held(self) -> bool:
        """Whether it is in the store, with its key."""
        return self.facts is not None

    @property
    def not_before(self) -> datetime | None:
        """From when on it is valid, where that is known."""
        return None if self.facts is None else self.facts.not_before

    @property
    def not_after(self) -> datetime | None:
        """When it expires, where that is known."""
        return None if self.facts is None else self.facts.not_after

    @property
    def escrowed(self) -> bool:
        """Whether it lies, with its key, anywhere but where it is used."""
        return self.saved_at is not None or self.exported_at is not None

    @property
    def concerns(self) -> Sequence[str]:
        """What somebody should see to, where it is needed; each in a few words after "it"."""
        if self.facts is None:
            where = (
                f"neither on {self.instance}, as last seen, nor in the store" if self.instance else "not in the store"
            )
            return [f"is {where}: what is encrypted for it cannot be restored"]
        found = [*self.doubts]
        if self.near_expiry and not any(one.startswith("expired") for one in found):
            found.append(f"expires on {self.facts.not_after:%Y-%m-%d}")
        if not self.escrowed:
            found.append("is neither saved with a backup nor exported: if this home is lost, so are the backups")
        return found


@dataclass(frozen=True, kw_only=True)
class ServerCertificateView(CertificateView):
    """One certificate that a server keeps, as it was when somebody last looked."""

    begins_at: datetime
    expires_at: datetime
    has_private_key: bool
    encrypts_backups: bool
    """Whether a profile encrypts with it. Its expiry ends that; for encrypted databases it means nothing."""
    in_store: bool
    """Whether our store has it as well, with its key."""
    files: Sequence[str] = ()
    """Where runs saved it: the certificate, then its key, of each copy that is still there; the newest first."""
    seen_at: datetime

    @property
    def not_before(self) -> datetime:
        """From when on it is valid."""
        return self.begins_at

    @property
    def not_after(self) -> datetime:
        """When it expires."""
        return self.expires_at

    @property
    def escrowed(self) -> bool:
        """Whether it lies, with its key, anywhere but on that server."""
        return self.in_store or self.saved_at is not None

    @property
    def concerns(self) -> Sequence[str]:
        """What somebody should see to, where it is needed; each in a few words after "it"."""
        found = []
        if not self.has_private_key:
            found.append(f"has no private key on {self.instance}: nothing can be encrypted or restored with it there")
        if self.encrypts_backups and self.doubts:
            found.append(f"{self.doubts[0]}: no backup can be encrypted with it any more")
        elif self.encrypts_backups and self.near_expiry:
            found.append(f"expires on {self.expires_at:%Y-%m-%d}: from then on no backup can be encrypted with it")
        if not self.escrowed:
            found.append(f"is not known to be saved anywhere: if {self.instance} is lost, so are its backups")
        return found
