"""Whom a profile encrypts for: checked when it is saved, and kept by thumbprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pwsops.certificates.pair import facts_of_der
from pwsops.engines.certificates import KeepsCertificates
from pwsops.engines.protocol import SavesCertificates
from pwsops.errors import InvalidInput, PwsopsError
from pwsops.operations.access import Context
from pwsops.operations.core import Core
from pwsops.operations.lookup import find_certificate
from pwsops.profile import BackupProfile
from pwsops.rules.certificates import why_not_encrypt
from pwsops.runs.server_certificates import refresh


def check_encryption(
    context: Context, profile: BackupProfile, before: Mapping[str, Any] | None, *, sealed_password: str | None
) -> str | None:
    """Put the thumbprint of the certificate that a profile names in the place of its name.

    A server that keeps its own is asked whether it can encrypt with it, as the profile's login; the name stays.

    A certificate that the profile had before is left alone: one that expired meanwhile must not stand in the way of
    another change, and its backups go on.

    Returns
    -------
    str | None
        The certificate, where it is one of the store that must still be there when the profile is written.

    Raises
    ------
    InvalidInput
        Where the engine cannot encrypt, or the certificate is expired, weak or of another kind.
    NotFound
        Where the store does not have it, or not for who asks.
    """
    core = context.core
    engine = core.engine_for(profile.instance, profile.login, sealed_password)
    can = engine.capabilities
    _require(not profile.encrypt_with or can.encryption, profile, "its engine cannot encrypt backups")
    if profile.save_certificates:
        keeps = isinstance(engine, KeepsCertificates)  # those of encrypted databases as well
        saves = keeps or isinstance(engine, SavesCertificates)
        _require(saves, profile, "its engine cannot save certificates with the backups")
        has_one = keeps or bool(profile.encrypt_with)
        _require(has_one, profile, "it has no certificate that could be saved with its backups")
    unchanged = before is not None and before["encrypt_with"] == profile.encrypt_with
    if not profile.encrypt_with or unchanged:
        return None
    if can.certificates:
        if isinstance(engine, KeepsCertificates):
            _settle_on_server(core, profile, engine)
        return None
    with context.read() as connection:
        row = find_certificate(connection, profile.encrypt_with)
    reasons = why_not_encrypt(facts_of_der(row.certificate), core.clock.now())
    _require(not reasons, profile, f"the certificate {row.name!r} {' and '.join(reasons)}")
    profile.encrypt_with = row.thumbprint
    return row.thumbprint


def _settle_on_server(core: Core, profile: BackupProfile, engine: KeepsCertificates) -> None:
    """Ask the server; one that cannot be reached just now stands in nobody's way, since each run asks it again."""
    try:
        profile.encrypt_with = engine.require_encryption(profile.encrypt_with).name
        refresh(core.catalogue, profile.instance, engine, now=core.clock.now())
    except PwsopsError as error:
        if not error.transient:
            raise InvalidInput(
                f"The profile {profile.name!r} cannot be saved: {error.message}", hint=error.hint
            ) from error


def _require(holds: bool, profile: BackupProfile, why: str) -> None:
    if not holds:
        raise InvalidInput(
            f"The profile {profile.name!r} cannot be saved: {why}.",
            hint="Choose another certificate (`pwsops certificate list`), or none.",
        )
