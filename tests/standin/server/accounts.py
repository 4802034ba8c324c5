"""Logins, and what they may do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

GUEST_DATABASES = ("master", "msdb", "tempdb")
SERVER_ROLES = (
    "sysadmin", "serveradmin", "securityadmin", "dbcreator", "diskadmin", "processadmin", "setupadmin", "bulkadmin",
    "public", "##ms_serverstatereader##", "##ms_definitionreader##",
)  # fmt: skip
# What a role of a database gives, as far as backups go.
DATABASE_ROLES = {
    "db_owner": {"BACKUP DATABASE", "BACKUP LOG", "SELECT", "VIEW DEFINITION", "CONTROL", "ALTER", "CONNECT"},
    "db_backupoperator": {"BACKUP DATABASE", "BACKUP LOG", "CONNECT"},
    "db_datareader": {"SELECT", "CONNECT"},
}
PUBLIC_PROCEDURES = ("xp_fileexist", "xp_dirtree", "xp_fixeddrives", "xp_instance_regread")
SERVER_GRANTS = {
    "dbcreator": {"CREATE ANY DATABASE", "ALTER ANY DATABASE"},
    "##ms_serverstatereader##": {"VIEW SERVER STATE"},
    "##ms_definitionreader##": {"VIEW ANY DEFINITION"},
}


def sid_of(login: str) -> bytes:
    """Return the security identifier of a login; that of `sa` is 1."""
    return b"\x01" if login == "sa" else hashlib.sha256(login.encode()).digest()[:16]


@dataclass
class Account:
    """A login. `databases` gives, by database, its roles and permissions there; `grants` are those on the server."""

    name: str
    password: str = field(repr=False)
    roles: set[str] = field(default_factory=set)
    grants: set[str] = field(default_factory=set)
    databases: dict[str, set[str]] = field(default_factory=dict)
    disabled: bool = False
    locked: bool = False
    expired: bool = False
    must_change: bool = False
    sees_databases: bool = True
    """Whether it has VIEW ANY DATABASE, as every login does by way of public until somebody takes it away."""

    @property
    def is_sysadmin(self) -> bool:
        return "sysadmin" in self.roles or "CONTROL SERVER" in self.grants

    def is_in(self, role: str) -> bool:
        role = role.lower()
        return role == "public" or role in self.roles or (role in SERVER_ROLES and "sysadmin" in self.roles)

    def may(self, permission: str) -> bool:
        """Whether the login has a permission on the whole server."""
        if permission.upper() == "VIEW ANY DATABASE" and self.sees_databases:
            return True
        given = self.grants.union(*(SERVER_GRANTS.get(role, set()) for role in self.roles))
        return self.is_sysadmin or permission.upper() in given

    def sees(self, database: str, owner: str) -> bool:
        """Whether the login is shown a database in sys.databases."""
        rights = ("VIEW ANY DATABASE", "ALTER ANY DATABASE", "CREATE ANY DATABASE")
        return database in ("master", "tempdb") or owner == self.name or any(map(self.may, rights))

    def has_user(self, database: str) -> bool:
        """Whether the login has a user of its own in a database."""
        return database.lower() in {one.lower() for one in self.databases}

    def may_enter(self, database: str, owner: str) -> bool:
        """Whether the login has a user in a database, guests included."""
        return self.is_sysadmin or owner == self.name or self.has_user(database) or database.lower() in GUEST_DATABASES

    def may_in(self, permission: str, database: str, owner: str) -> bool:
        """Whether the login has a permission in a database."""
        if self.is_sysadmin or owner == self.name:
            return True
        given: set[str] = set()
        for name, names in self.databases.items():
            if name.lower() == database.lower():
                given.update(*(DATABASE_ROLES.get(one, {one}) for one in names))
        return permission.upper() in {one.upper() for one in given}

    def may_execute(self, procedure: str) -> bool:
        """Whether the login may run an extended procedure of the system."""
        return (
            self.is_sysadmin or procedure.lower() in PUBLIC_PROCEDURES or f"EXECUTE {procedure.lower()}" in self.grants
        )
