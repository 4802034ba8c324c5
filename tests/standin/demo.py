"""A server with something on it, for people and for tests of the pages."""

from __future__ import annotations

from collections.abc import Iterator

from tests.standin.server import ScriptedServer
from tests.standin.server.others import take_full

LOGIN = "pwsops"
DATABASES = {"vault": 400, "orders": 2_000, "staff": 120}
CERTIFICATE = "backup_keeper"
# Enough for all that is done to databases; what is missing is the deletion of files.
LEAST_GRANTS = {"VIEW SERVER STATE", "VIEW ANY DEFINITION"}


def build(*, flavour: str = "windows", password: str, least: bool = False) -> ScriptedServer:
    """Make three databases, a directory for backups, a certificate and a login.

    Parameters
    ----------
    flavour
        ``windows`` or ``posix``.
    password
        Of the login `pwsops`.
    least
        Whether it has no more rights than backups and restores need; otherwise it is an administrator.
    """
    server = ScriptedServer(flavour=flavour)
    for name, count in DATABASES.items():
        model = "SIMPLE" if name == "staff" else "FULL"
        server.add_database(name, rows=_rows(name, count), recovery_model=model)
    server.files.make_directory(directory(server))
    server.make_certificate(CERTIFICATE)
    take_full(server, "orders", server.files.paths.join(server.folder("Backup"), "nightly_orders.bak"))
    roles = {"dbcreator"} if least else {"sysadmin"}
    databases = {"msdb": {"db_datareader"}, **{name: {"db_backupoperator"} for name in DATABASES}} if least else {}
    server.add_login(LOGIN, password=password, roles=roles, grants=set(LEAST_GRANTS), databases=databases)
    return server


def directory(server: ScriptedServer) -> str:
    """Return the directory that is meant for backups."""
    return "D:\\Backup" if server.files.flavour == "windows" else "/backup"


def _rows(name: str, count: int) -> Iterator[tuple[int, str]]:
    return ((number, f"{name} {number:05}: " + "entry " * (number % 30)) for number in range(1, count + 1))
