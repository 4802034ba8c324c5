"""What a statement has around it while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.standin.events import Value
from tests.standin.server.accounts import Account
from tests.standin.server.database import Database
from tests.standin.server.messages import refuse
from tests.standin.server.token_stream import Text, Variable

if TYPE_CHECKING:
    from tests.standin.server.server import ScriptedServer
    from tests.standin.server.session import ScriptedSession

CLOSED = {"OFFLINE": 942, "RESTORING": 927, "SUSPECT": 926, "RECOVERY_PENDING": 945}
"""What is said of a database in a state in which nobody enters it."""


@dataclass
class Context:
    """The server, the session, the variables of the batch, and whether to go on.

    `messages` is how many messages a backup or restore says in all, where a fault wants a number.
    """

    server: ScriptedServer
    session: ScriptedSession
    variables: dict[str, Value]
    stopped: Callable[[], bool]
    messages: int | None = None
    batch: str = ""
    """What the client sent."""

    @property
    def account(self) -> Account:
        return self.session.account

    def variable(self, name: str) -> Value:
        if name.lower() not in self.variables:
            raise refuse(137, name)
        return self.variables[name.lower()]

    def text(self, text: Text) -> str:
        """Return a constant, or what a variable holds."""
        return str(self.variable(text.name)) if isinstance(text, Variable) else text

    def optional(self, text: Text | None) -> str | None:
        return None if text is None else self.text(text)

    def database(self, name: str) -> Database:
        """Return a database; 911 where there is none."""
        found = self.server.databases.get(name)
        if found is None:
            raise refuse(911, name)
        return found

    @property
    def current(self) -> Database:
        """The database that the session is in."""
        return self.database(self.session.database)

    def enter(self, database: Database) -> None:
        """Raise what keeps the session out of a database: its state, or a missing user."""
        if database.state in CLOSED:
            raise refuse(CLOSED[database.state], database.name)
        if not self.account.may_enter(database.name, database.owner):
            raise refuse(916, self.account.name, database.name)

    def sees(self, certificate: str) -> bool:
        """Whether the login sees a certificate, and so can use it in a backup."""
        return (
            self.account.may("VIEW ANY DEFINITION")
            or self.account.may_in(f"VIEW DEFINITION ON CERTIFICATE::{certificate}", "master", "sa")
            or self.controls(certificate)
        )

    def controls(self, certificate: str) -> bool:
        """Whether the login may save and drop a certificate."""
        names = ("CONTROL", f"CONTROL ON CERTIFICATE::{certificate}")
        return any(self.account.may_in(name, "master", "sa") for name in names)

    def query(self, database: Database) -> None:
        """Raise what keeps the session from asking a database, which may take backups all the same."""
        self.enter(database)
        if database.replica_role == "SECONDARY" and not database.readable_secondary:
            raise refuse(976, database.name)
