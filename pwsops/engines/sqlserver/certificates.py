"""The certificates of a server: which there are, and whether backups can be encrypted with one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from pwsops.engines.certificates import ServerCertificate
from pwsops.engines.sqlserver import certificate_tsql, queries, tsql
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.errors import EngineError

SYSTEM_MARK = "##"
"""What the names of the server's own certificates begin and end with."""
NO_KEY = "NO_PRIVATE_KEY"
UNDER_PASSWORD = "ENCRYPTED_BY_PASSWORD"
EDITIONS_WITHOUT = ("Express", "Web")
A_PASSWORD = "a long random text"


def listed(link: Link) -> list[ServerCertificate]:
    """List the certificates in master, by name, but for the server's own."""
    encrypts = _encrypts(link)
    return [_certificate(row, encrypts) for row in _rows(link)]


def sees_every(link: Link) -> bool:
    """Whether the login sees all certificates in master: to others the server shows those alone that they may use."""
    rights = link.query(link.context("Asking for rights"), queries.SERVER_RIGHTS)[0]
    return bool(rights.is_sysadmin or rights.view_any_definition)


def _rows(link: Link) -> list[Any]:
    rows = link.query(link.context("Listing the certificates"), queries.CERTIFICATES)
    return [row for row in rows if not row.name.startswith(SYSTEM_MARK)]


def _encrypts(link: Link) -> Mapping[bytes, list[str]]:
    """Return the databases that each certificate encrypts, by thumbprint; none where the login may never see that."""
    context = link.context("Asking which databases are encrypted")
    found: dict[bytes, list[str]] = {}
    rows = link.attempt(context, queries.ENCRYPTED_DATABASES)
    if isinstance(rows, NotAsked):
        if rows.is_denied:
            return found
        raise rows.error  # what is listed is kept, and decides which certificates are saved
    for row in rows:
        found.setdefault(row.encryptor_thumbprint, []).append(row.name)
    return found


def _certificate(row: Any, encrypts: Mapping[bytes, list[str]]) -> ServerCertificate:
    return ServerCertificate(
        name=row.name,
        thumbprint=row.thumbprint.hex().upper(),
        subject=row.subject or "",
        not_before=row.start_date.replace(tzinfo=UTC),
        not_after=row.expiry_date.replace(tzinfo=UTC),
        has_private_key=row.pvt_key_encryption_type_desc != NO_KEY,
        encrypts=tuple(encrypts.get(row.thumbprint, ())),
    )


def find(link: Link, name: str) -> ServerCertificate | None:
    """Return one by its name, spelled as the server does."""
    found = listed(link)
    exact = next((each for each in found if each.name == name), None)
    return exact or next((each for each in found if each.name.lower() == name.lower()), None)


def require(link: Link, name: str) -> ServerCertificate:
    """Return the certificate if backups can be encrypted with it now.

    Raises
    ------
    EngineError
        For each reason why they cannot, with the statement that helps.
    """
    edition = link.server().edition
    if edition.startswith(EDITIONS_WITHOUT):
        raise _refused(link, name, f"{edition} does not encrypt backups", "Do not encrypt, or use another edition.")
    row = next((each for each in _rows(link) if each.name.lower() == name.lower()), None)
    _require_master_key(link, name, is_there=row is not None)
    if row is None:
        raise _missing(link, name)
    found = _certificate(row, {})
    if not found.has_private_key:
        raise _refused(
            link,
            name,
            "the server has it without its private key",
            "Bring its key from where it was made: save it there into two files, drop it here, then "
            f"`pwsops certificate import-server {link.instance.name} --certificate FILE --key FILE`.",
        )
    if row.pvt_key_encryption_type_desc == UNDER_PASSWORD:
        step = f"Put it under the master key: USE master; {certificate_tsql.let_open(found.name)};"
        raise _refused(link, name, "its private key has a password of its own, so the server cannot use it", step)
    if link.clock.now() > found.not_after:
        raise _expired(link, found)
    return found


def _require_master_key(link: Link, name: str, *, is_there: bool) -> None:
    row = link.query(link.context("Asking for the master key"), queries.MASTER_KEY)[0]
    if row.is_master_key_encrypted_by_server:
        return
    if row.master_key is not None:
        step = f"Let it: USE master; {certificate_tsql.let_open_master_key()};"
        raise _refused(link, name, "the server cannot open the master key of master by itself", step)
    if is_there:
        return  # a certificate under a master key that this login does not see
    make = f"{certificate_tsql.create_master_key(A_PASSWORD)}; {certificate_tsql.create(name, now=link.clock.now())};"
    raise _refused(link, name, "master has no master key, which would protect it", f"Make both: USE master; {make}")


def _missing(link: Link, name: str) -> EngineError:
    if not sees_every(link):
        login = link.server().login
        step = f"Let it: USE master; GRANT VIEW ANY DEFINITION TO {tsql.identifier(login)};"
        return _refused(link, name, f"there is none of that name in master that the login {login} may see", step)
    known = ", ".join(each.name for each in _rows(link))
    others = f" There is {known}." if known else ""
    step = f"Make it: USE master; {certificate_tsql.create(name, now=link.clock.now())};{others}"
    return _refused(link, name, "there is none of that name in master", step)


def _expired(link: Link, found: ServerCertificate) -> EngineError:
    now = link.clock.now()
    new = f"{found.name} {now.year}"
    return _refused(
        link,
        found.name,
        f"it expired on {found.not_after:%Y-%m-%d}; its old backups can still be restored",
        f"Make a new one and choose it in the profile: USE master; {certificate_tsql.create(new, now=now)};",
    )


def _refused(link: Link, name: str, why: str, step: str) -> EngineError:
    return EngineError(
        f"Backups on {link.instance.name} cannot be encrypted with the certificate {name}: {why}.", hint=step
    )
