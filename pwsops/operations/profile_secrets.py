"""The passwords of a profile: its login's, and the one of the certificates that it saves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pwsops.catalogue.profiles import ProfileRow
from pwsops.errors import InvalidInput
from pwsops.operations.core import Core
from pwsops.operations.logins import check_login
from pwsops.profile import BackupProfile
from pwsops.sealing import Bound
from pwsops.secrets import Vault


@dataclass(frozen=True, kw_only=True)
class Password:
    """A password that a profile has from now on: a new one, or the one it keeps."""

    new: str | None = field(repr=False)
    kept: str | None = field(repr=False)
    """Sealed, as it was when the profile was read."""
    bound: Bound

    def for_checks(self, vault: Vault) -> str | None:
        """Return it sealed, for what is asked of the server before the profile is kept."""
        return self.kept if self.new is None else vault.seal(self.new, self.bound)

    def to_keep(self, vault: Vault, stored: str | None) -> str | None:
        """Return it sealed, in the transaction that keeps it; `stored` is what is there, maybe sealed anew since."""
        if self.new is not None:
            return vault.seal(self.new, self.bound)
        return stored if self.kept is not None else None


def login_password(core: Core, profile: BackupProfile, before: ProfileRow | None, password: str | None) -> Password:
    """Return the password of a profile's own login; raises `InvalidInput` unless it has the one that it needs."""
    instance = core.instance_row(profile.instance)
    bound = instance.login_bound(profile.login)
    kept = before.sealed_password if before is not None and profile.login and password is None else None
    if before is not None and profile.login != before.fields["login"]:
        kept = None
    known = password if kept is None else core.vault.open(kept, bound)
    if profile.login or password is not None:
        able = core.unchecked_engine(profile.instance).capabilities
        check_login(f"The profile {profile.name!r}", profile.login or None, known, able=able)
    if password is not None:
        core.vault.prepare()
    return Password(new=password, kept=kept, bound=bound)


def certificate_password(
    core: Core, profile: BackupProfile, before: ProfileRow | None, password: str | None
) -> Password:
    """Return the password that saved certificates are protected by; none where none are saved.

    Raises
    ------
    InvalidInput
        Where they are to be saved and there is no password, old or new; or the old one was given for another server.
    """
    bound = core.instance_row(profile.instance).certificate_password_bound
    if not profile.save_certificates:
        return Password(new=None, kept=None, bound=bound)
    if password:
        core.vault.prepare()
        return Password(new=password, kept=None, bound=bound)
    kept = None if before is None else before.sealed_certificate_password
    if kept is None:
        raise InvalidInput(
            f"The profile {profile.name!r} is to save its certificates, and has no password to protect them with.",
            hint="Give one, and keep it where a restore elsewhere can find it; it is kept encrypted and shown nowhere.",
        )
    if before is not None and profile.instance != before.fields["instance"]:
        core.vault.open(kept, bound)
    return Password(new=None, kept=kept, bound=bound)


def kept_sealed(login: Password, saved: Password, vault: Vault, row: ProfileRow | None = None) -> dict[str, Any]:
    """Return the columns of both, in the transaction that keeps them; `row` is the profile as it is then."""
    return {
        "sealed_password": login.to_keep(vault, None if row is None else row.sealed_password),
        "sealed_certificate_password": saved.to_keep(vault, None if row is None else row.sealed_certificate_password),
    }
