"""Who may sign in to the pages: users with a password, machines' tokens, one-time links.

The entry of the audit log comes before what it tells of: nobody exists of whom it does not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from pwsops.errors import Conflict, NotFound, PwsopsError
from pwsops.operations.access import Context
from pwsops.operations.entry_first import with_entry
from pwsops.operations.people_records import TokenView, UserView
from pwsops.operations.rights import needs
from pwsops.operations.roles import noted
from pwsops.rules.rights import USER, Right, Role, Way, with_way
from pwsops.signin.authentication import Authentication
from pwsops.signin.sessions import Grant
from pwsops.signin.start_token import Links
from pwsops.signin.tokens import Token, Tokens
from pwsops.signin.users import User, Users

T = TypeVar("T")


class People:
    """Add, list and remove them. What they may do stands in `access.toml`; a token's role goes with the token."""

    def __init__(self, context: Context) -> None:
        self._context = context
        home, clock = context.core.home, context.core.clock
        self._users = Users(home, clock=clock)
        self._tokens = Tokens(home, clock=clock)
        self._links = Links(home, clock=clock)

    @needs(Right.HOST, "see who may sign in")
    def users(self) -> list[UserView]:
        """Return everybody who signs in by a password, by name."""
        return [_user(user) for user in self._users.list()]

    @needs(Right.HOST, "add a user")
    def add_user(self, name: str, password: str) -> None:
        """Add somebody. Raises `InvalidInput` for a name or password that will not do, `Conflict` for a taken name."""
        self._refuse_namesake(name, "token", [token.name for token in self._tokens.list()])
        self._noted("add user", with_way(USER, name), partial(self._users.add, name, password))

    @needs(Right.HOST, "set somebody's password")
    def set_password(self, name: str, password: str) -> None:
        """Set somebody's password, which ends their sessions at once. Raises `NotFound` and `InvalidInput`."""
        self._noted("set password", with_way(USER, name), partial(self._users.set_password, name, password))

    @needs(Right.HOST, "remove a user")
    def remove_user(self, name: str) -> None:
        """Remove somebody, which ends their sessions at once. Raises `NotFound`."""
        self._noted("remove user", with_way(USER, name), partial(self._users.remove, name))

    @needs(Right.HOST, "remove a second factor")
    def remove_second_factor(self, name: str) -> None:
        """Take away the second factor of somebody, which ends their sessions. Raises `NotFound` where there is none."""
        user = self._users.find(name)
        if user is not None and user.second_factor is None:
            raise NotFound(f"{name} has no second factor.", hint="`pwsops user list` shows who has one.")
        change = partial(self._users.change, name, lambda user: replace(user, second_factor=None))
        self._noted("remove second factor", with_way(USER, name), change)

    @needs(Right.HOST, "see the tokens of machines")
    def tokens(self) -> list[TokenView]:
        """Return the tokens of machines, by name."""
        now = self._context.core.clock.now()
        return [_view(token, ended=token.ends_at <= now) for token in self._tokens.list()]

    @needs(Right.HOST, "create a token")
    def create_token(self, name: str, *, role: Role, instances: Iterable[str] | None, lasts: timedelta) -> str:
        """Make a token for a machine and return it; it is shown this once. Raises `InvalidInput` and `Conflict`."""
        scope = None if instances is None else sorted(set(instances))
        self._refuse_namesake(name, "user", [user.name for user in self._users.list()])
        grant = Grant(role=role, instances=None if scope is None else frozenset(scope)).description
        create = partial(self._tokens.create, name, role=role, instances=scope, lasts=lasts)
        return self._noted("create token", _token(name), create, grant)

    @needs(Right.HOST, "revoke a token")
    def revoke_token(self, name: str) -> None:
        """Take a token back, at once. Raises `NotFound`."""
        self._noted("revoke token", _token(name), partial(self._tokens.revoke, name))

    @needs(Right.HOST, "make a sign-in link")
    def signin_link(self) -> str:
        """Return an address that signs in once, as this user, at the dashboard that runs. Raises `Refused`."""
        url = self._links.running()
        self._note("make sign-in link", url)
        return self._links.address(url)

    @needs(Right.HOST, "let people in")
    def authentication(self, *, later: Callable[[Callable[[], None]], object] = lambda work: work()) -> Authentication:
        """Return what judges who comes to the pages of this process from now on.

        Parameters
        ----------
        later
            Has something done soon, elsewhere.
        """
        core = self._context.core
        user = self._context.principal.system_user or self._context.actor
        roles = noted(core)
        with suppress(PwsopsError):  # what is wrong with the file is told whenever somebody is looked up in it
            roles.everybody()
        core.authentication = Authentication(
            core.home,
            clock=core.clock,
            roles=roles,
            record=self._record,
            sealer=core.vault,
            system_user=user,
            later=later,
        )
        return core.authentication

    def _refuse_namesake(self, name: str, kind: str, names: Iterable[str]) -> None:
        """Raise `Conflict` for a name of somebody of another kind: a reader would take one for the other."""
        user = self._context.principal.system_user or self._context.actor
        same = f"a {kind}" if name.casefold() in {used.casefold() for used in names} else ""
        same = same or ("the system's user that pwsops runs as" if name.casefold() == user.casefold() else "")
        if same:
            raise Conflict(
                f"Nobody can be called {name!r}: that is the name of {same}.",
                hint="Take another name, so that everybody who reads the audit log knows who it was.",
            )

    def _noted(self, action: str, subject: str, change: Callable[..., T], detail: str = "") -> T:
        return with_entry(self._context, action, subject, change, detail)

    def _note(self, action: str, subject: str, detail: str = "") -> None:
        with self._context.core.catalogue.write() as connection:
            self._context.note(connection, action, subject, detail)

    def _record(self, actor: str, action: str, subject: str, detail: str) -> None:
        # Strangers fail as often as they like: the same again is counted, and written once a minute.
        self._context.core.events.record(actor, action, subject, detail)


def _token(name: str) -> str:
    return with_way(Way.TOKEN.value, name)


def _user(user: User) -> UserView:
    factor = user.second_factor
    return UserView(
        name=user.name, changed_at=user.changed_at, second_factor_at=None if factor is None else factor.added_at
    )


def _view(token: Token, *, ended: bool) -> TokenView:
    instances = None if token.instances is None else tuple(sorted(token.instances))
    return TokenView(
        name=token.name,
        role=token.role,
        instances=instances,
        created_at=token.created_at,
        ends_at=token.ends_at,
        ended=ended,
    )
