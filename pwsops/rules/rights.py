"""Who may do what: roles, the rights that each has, and whether somebody has the one that an operation needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Right(StrEnum):
    """What an operation needs; each public operation declares one."""

    LOOK = "look"
    """Overview, history and calendar."""
    EXPORT = "export"
    """Taking history and reports away as a file."""
    EVIDENCE = "evidence"
    """Evidence reports and the audit log."""
    CONTENTS = "contents"
    """Names of tables and their numbers of rows."""
    RUN = "run"
    """Starting and cancelling runs, holding backups."""
    VERIFY = "verify"
    """Proving that a backup can be read."""
    STOP = "stop"
    """Stopping the service, deactivating a profile."""
    MEDIA = "media"
    """Browsing and reading backup files in configured directories."""
    RESTORE = "restore"
    """Planning and doing a restore, also under another login."""
    CONFIGURE = "configure"
    """Profiles, settings and certificates; removing backups."""
    CONNECT = "connect"
    """Address, login and protection of an instance."""
    EXPORT_KEY = "export key"
    """Taking a private key away."""
    ACCOUNT = "account"
    """One's own sessions, and another password by the present one."""
    OWN_SIGN_IN = "own sign-in"
    """One's own second factor, and ending one's own sessions."""
    SESSIONS = "sessions"
    """Everybody's sessions: seeing and ending them."""
    HOST = "host"
    """What only a user of the machine may do: roles, keys, drivers, paths of reports, attaching the scheduler."""


class Role(StrEnum):
    """What a person may do, for all instances or some."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    RESTORER = "restorer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Way(StrEnum):
    """How somebody came in."""

    HOST = "host"
    """As a user of the system: the command line, a notebook, the service itself."""
    SIGNED_IN = "signed in"
    """Through the pages."""
    TOKEN = "token"
    """As a machine."""


USER = "user"
"""What precedes the name of a person who signed in by a password, where it is written down.

A person who came by a one-time link has `link` there, a provider's people its name, a machine `token`, and a user of
the system nothing."""
OWN_WAYS = frozenset({USER, Way.TOKEN.value, "link", "password", "host", "system"})
"""What no provider may be called: its people would look like somebody else."""


def with_way(way: str, name: str) -> str:
    """Return a name with the way that its owner came in before it, once: `token:ada` is not `user:ada`."""
    return name if name.startswith(f"{way}:") else f"{way}:{name}"


OWN = frozenset({Right.ACCOUNT, Right.OWN_SIGN_IN})
"""What is a person's own: no machine has it, and it is all that somebody has who must set up a second factor first."""
_LOOKING = frozenset({Right.LOOK, Right.EXPORT}) | OWN
_OPERATING = _LOOKING | {Right.CONTENTS, Right.RUN, Right.VERIFY, Right.MEDIA}
GRANTS: Mapping[Role, frozenset[Right]] = {
    Role.VIEWER: _LOOKING,
    Role.OPERATOR: _OPERATING,
    Role.RESTORER: _OPERATING | {Right.RESTORE},
    Role.AUDITOR: _LOOKING | {Right.EVIDENCE, Right.VERIFY},
    Role.ADMINISTRATOR: frozenset(Right) - {Right.HOST},
}
"""The rights of each role; `HOST` is nobody's who comes in through the pages or by a token."""

ANEW = frozenset({Right.RESTORE, Right.CONNECT, Right.EXPORT_KEY, Right.OWN_SIGN_IN})
"""Rights that are used only shortly after the password was given (once more): no machine's token has them."""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Somebody who asks for something, as of now.

    Parameters
    ----------
    name
        As they are called on pages and in messages.
    role, way
        What they may do, and how they came in. Who came in as a user of the system may do everything.
    instances
        The names of those they may see and use; None: all.
    anew_until
        Until when what they do counts as done after signing in anew; None: it does not.
    system_user
        The operating system's name of the user whose process acts for them; recorded beside `subject`.
    via
        Of somebody who signed in: what precedes their name in `subject`.
    enrols
        Whether they must set up their second factor before anything else.
    """

    name: str
    role: Role = Role.ADMINISTRATOR
    way: Way = Way.HOST
    instances: frozenset[str] | None = None
    anew_until: datetime | None = None
    system_user: str = ""
    via: str = USER
    enrols: bool = False

    @property
    def subject(self) -> str:
        """Return under what their acts are recorded: no two of a person, a machine and a system's user share one."""
        if self.way is Way.HOST:
            return self.name
        return with_way(Way.TOKEN.value if self.way is Way.TOKEN else self.via, self.name)

    def has(self, right: Right) -> bool:
        """Whether the role at hand has a right, not regarding when the person signed in."""
        return self.way is Way.HOST or (right in GRANTS[self.role] and not self._is_kept_from(right))

    def _is_kept_from(self, right: Right) -> bool:
        if self.enrols and right not in OWN:
            return True
        return self.way is Way.TOKEN and right in ANEW | OWN

    def sees(self, instance: str) -> bool:
        """Whether an instance is among theirs."""
        return self.instances is None or instance in self.instances

    @property
    def sees_addresses(self) -> bool:
        """Whether they are told where instances are: those who restore or configure something are."""
        return self.has(Right.CONFIGURE) or self.has(Right.RESTORE)

    @property
    def sees_home(self) -> bool:
        """Whether they are told where the home is: those of all instances who restore, configure or read the log."""
        return self.instances is None and (self.sees_addresses or self.has(Right.EVIDENCE))

    def must_sign_in_anew(self, right: Right, now: datetime) -> bool:
        """Whether a right that they have needs the password (once more) before it is used."""
        if self.way is not Way.SIGNED_IN or right not in ANEW:
            return False
        return self.anew_until is None or now >= self.anew_until
