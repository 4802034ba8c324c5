"""People and machines as the operations hand them to pages and command line. Frozen; instants are aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pwsops.rules.rights import Role


@dataclass(frozen=True, kw_only=True)
class RoleView:
    """What somebody may do, by `access.toml`. `instances`: None is all."""

    subject: str
    role: Role
    instances: frozenset[str] | None


@dataclass(frozen=True, kw_only=True)
class UserView:
    """Somebody who signs in by a password, which was set at `changed_at`; a second factor is there since, or None."""

    name: str
    changed_at: datetime
    second_factor_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class SessionView:
    """Somebody's session on the pages.

    Parameters
    ----------
    id
        What it is called among ourselves; of no use to a browser.
    name, way
        Whose it is, and how they came in: "password", "link", or a provider's name.
    began_at, active_at
        Since when, and when they last did something; aware.
    address, browser
        Of the peer; what the browser calls itself, which it may have made up.
    present
        Whether it is the one that asks.
    """

    id: str
    name: str
    way: str
    began_at: datetime
    active_at: datetime
    address: str
    browser: str
    present: bool


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """What somebody has who is signed in.

    Parameters
    ----------
    name, way
        As in `SessionView`.
    password_at, second_factor_at
        Since when they have that; None: they have none here.
    second_factor_required
        Whether all who have a password need one.
    recovery_codes
        How many were not used yet.
    wrong_codes
        How many wrong codes were given since the last right one.
    sessions
        Their own, the newest first.
    """

    name: str
    way: str
    password_at: datetime | None
    second_factor_at: datetime | None
    second_factor_required: bool
    recovery_codes: int
    wrong_codes: int
    sessions: Sequence[SessionView]


@dataclass(frozen=True, kw_only=True)
class SecondFactorOffer:
    """A secret for an app: as people type it, and as the address that it reads from a picture."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class TokenView:
    """A machine's token: what it may do, on which instances (None: all), and until when."""

    name: str
    role: Role
    instances: tuple[str, ...] | None
    created_at: datetime
    ends_at: datetime
    ended: bool
