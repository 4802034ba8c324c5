"""Certificates of a server into files of the server, and out of them. Passwords never show in what is said."""

from __future__ import annotations

from pwsops.engines.certificates import CertificateFiles, ServerCertificate
from pwsops.engines.sqlserver import certificate_tsql, certificates, directory, queries
from pwsops.engines.sqlserver.errors import ErrorContext
from pwsops.engines.sqlserver.link import Link, NotAsked
from pwsops.errors import Conflict, EngineError, PwsopsError

NOT_ALLOWED = 15151
"""Or not there: but what was just seen is there."""
NO_RIGHT = 15247
TAKEN = 15232


def save(link: Link, name: str, files: CertificateFiles, password: str) -> None:
    """Write a certificate and its private key into files; the server never writes over any.

    Raises
    ------
    EngineError
        Where the right is missing, with the statement that gives it; and whatever else the server says.
    """
    context = link.context(f"Saving the certificate {name}", path=files.certificate)
    try:
        link.run(context, certificate_tsql.save(name, files, password), secrets=[password])
    except PwsopsError as error:
        if error.number != NOT_ALLOWED:
            raise
        raise _denied(link, context, error, f"save the certificate {name}", name) from error
    missing = [path for path in (files.certificate, files.key) if directory.exists(link, path) is False]
    if missing:
        raise EngineError(
            f"{context.operation} on {context.server}: the server reported no error, but {' and '.join(missing)} is "
            "not there.",
            hint="Look into the directory on the server, and into its error log.",
        )


def take(
    link: Link, name: str, files: CertificateFiles, password: str, *, master_key_password: str | None
) -> ServerCertificate:
    """Make a certificate from such files, and where that is wanted the master key before it.

    Raises
    ------
    Conflict
        Where the server has the name or the certificate already.
    EngineError
        For a wrong password, files that the server cannot read, no master key, a missing right.
    """
    context = link.context(f"Importing the certificate {name}", path=files.certificate)
    if master_key_password is not None:
        _make_master_key(link, master_key_password)
    known = {each.name.lower(): each for each in certificates.listed(link)}
    if name.lower() in known:
        raise context.failed(
            f"there is a certificate of that name already, with the thumbprint {known[name.lower()].thumbprint}.",
            kind=Conflict,
            hint="If that is the one, there is nothing left to do; otherwise import this one under another name.",
        )
    try:
        link.run(context, certificate_tsql.take(name, files, password), secrets=[password])
    except PwsopsError as error:
        if error.number == NO_RIGHT:
            raise _denied(link, context, error, "make certificates in master", None) from error
        raise
    found = certificates.find(link, name)
    if found is None:
        raise EngineError(
            f"{context.operation} on {context.server}: the server reported no error, but the certificate is not to be "
            "seen in master.",
            hint="Check the login's rights with `pwsops instance probe`: VIEW ANY DEFINITION shows it.",
        )
    return found


def _make_master_key(link: Link, password: str) -> None:
    context = link.context("Making the master key of master")
    link.run(context, certificate_tsql.create_master_key(password), secrets=[password])


def _denied(link: Link, context: ErrorContext, error: PwsopsError, what: str, name: str | None) -> PwsopsError:
    login = link.server().login
    rows = link.attempt(context, queries.MASTER_KEY)
    known = not isinstance(rows, NotAsked)
    has_user = not isinstance(rows, NotAsked) and any(row.user_name != "guest" for row in rows)
    beware = "" if known else " (leave CREATE USER out where the login has a user in master: that could not be asked)"
    if name is None:
        grant = certificate_tsql.let_take(login, has_user=has_user)
    else:
        grant = certificate_tsql.let_save(name, login, has_user=has_user)
    return context.failed(
        f"the login {login} may not {what}.",
        hint=f"Give it the right: {grant}{beware}",
        number=error.number,
        severity=error.severity,
        messages=error.messages,
    )
