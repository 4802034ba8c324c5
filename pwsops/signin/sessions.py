"""Sessions of people who signed in. They live on the server; the browser holds a random id, the server its digest."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from pwsops.clock import Clock
from pwsops.errors import Denied
from pwsops.rules.rights import USER, Principal, Role, Way, with_way
from pwsops.signin.ending import Ending
from pwsops.signin.public_errors import NotKnown

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
ANEW = timedelta(minutes=5)
NOW = timedelta(0)
A_PERSON = 20
"""Sessions of one person at most; one more ends the oldest."""
_ID_LENGTH = 43


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What somebody may do: `role`, on `instances`; None: all."""

    role: Role
    instances: frozenset[str] | None = None

    @property
    def description(self) -> str:
        """Return it in words, one way for each: entries of the audit log are compared by it."""
        return f"{self.role.value}, {'all instances' if self.instances is None else json.dumps(sorted(self.instances))}"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a session rests on. It ends as soon as that is different, or gone.

    Parameters
    ----------
    proof
        Another one with each new password, or other way to prove who one is.
    grant
        What they may do.
    enrols
        Whether they may do nothing yet but set up their second factor.
    """

    proof: Hashable
    grant: Grant
    enrols: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a session is used from: the `address` of the peer, and what the browser calls itself."""

    address: str = ""
    browser: str = ""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who has proved who they are.

    Parameters
    ----------
    name
        As they are called.
    way
        How they did, for the page that asks for it anew: "password", "link", or the name of a provider.
    standing
        Returns what their sessions rest on now; None: nothing any more. Raises `Refused` where that cannot be known.
    via
        What precedes their name in `subject`.
    system_user
        Whose process it is.
    """

    name: str
    way: str
    standing: Callable[[], Standing | None]
    via: str = USER
    system_user: str = ""

    @property
    def subject(self) -> str:
        """Return under what their acts are recorded: the user of a password is not the system's of the same name."""
        return with_way(self.via, self.name)


class Session(Ending):
    """One stay of one person, in one browser. `Sessions.open` makes it."""

    def __init__(
        self, sessions: Sessions, key: str, person: Person, standing: Standing, *, proved: timedelta | None
    ) -> None:
        super().__init__()
        self.id = key
        self.person = person
        self.place = Place()
        self.csrf = secrets.token_urlsafe(32)
        self.offered = ""
        """The secret of a second factor that was shown and is not confirmed yet."""
        self._sessions = sessions
        self._standing = standing
        self._began = self._active = sessions.instant()
        self._anew = None if proved is None else sessions.instant(ago=proved)

    @property
    def whose(self) -> str:
        """What all sessions of one person have in common."""
        return self.person.subject

    def principal(self) -> Principal:
        """Return who it is, as of now. Raises `Denied` once it has ended, `NotKnown` where that cannot be known."""
        self.touch()
        return Principal(
            name=self.person.name,
            role=self._standing.grant.role,
            way=Way.SIGNED_IN,
            instances=self._standing.grant.instances,
            anew_until=self._anew_until(),
            system_user=self.person.system_user,
            via=self.person.via,
            enrols=self.enrols,
        )

    @property
    def enrols(self) -> bool:
        """Whether its person may do nothing yet but set up their second factor."""
        return self._standing.enrols

    @property
    def began_at(self) -> datetime:
        """When it began; aware."""
        return self._began[0]

    @property
    def active_at(self) -> datetime:
        """When its person last did something; aware."""
        return self._active[0]

    def touch(self) -> None:
        """Raise as `principal` does. A message alone is no sign of a person: pages send some by themselves."""
        self._sessions.check(self)
        if self._ended:
            raise Denied(f"{self._ended} Nothing was done.", hint="Sign in again.")

    def active(self) -> None:
        """Put the idle limit off: the person did something."""
        self._active = self._sessions.instant()

    def renew(self, ago: timedelta = NOW) -> None:
        """Note that the person has proved once more who they are, so long ago."""
        self._anew = self._sessions.instant(ago=ago)
        self.active()

    @property
    def proved(self) -> timedelta | None:
        """How long ago its person has proved who they are; None: nobody knows."""
        return None if self._anew is None else self._sessions.since(self._anew)

    def why_it_ends(self) -> str:
        """Return why it must end now; empty where it need not. Raises `Refused` where that cannot be known."""
        if self._sessions.since(self._active) >= IDLE:
            return f"The session of {self.person.name} ended after {_minutes(IDLE)} without use."
        if self._sessions.since(self._began) >= LONGEST:
            return f"The session of {self.person.name} ended after {LONGEST // timedelta(hours=1)} hours."
        if self.person.standing() != self._standing:
            return f"The session of {self.person.name} ended: the password, the second factor or the role has changed."
        return ""

    def _anew_until(self) -> datetime | None:
        return None if self.proved is None else self._sessions.now() + ANEW - self.proved


class Sessions:
    """All sessions of this process.

    Parameters
    ----------
    clock
        The time. Limits go by whichever of its two faces has moved more: one stands still while a machine sleeps, the
        other may be set back.
    on_end
        Called with each session that ended.
    """

    def __init__(self, *, clock: Clock, on_end: Callable[[Session], None] = lambda session: None) -> None:
        self._clock = clock
        self._on_end = on_end
        self._known: dict[str, Session] = {}
        self._lock = threading.Lock()

    def open(self, person: Person, *, proved: timedelta | None) -> tuple[str, Session]:
        """Begin a session; returns its id, which only the browser is to know, and the session.

        Parameters
        ----------
        person
            Whose it is.
        proved
            How long ago they proved who they are; None: nobody knows, or too long ago.

        Raises
        ------
        Denied
            They have no standing here.
        """
        standing = person.standing()
        if standing is None:
            raise Denied(
                f"{person.name} may not come in: no role is given to them.",
                hint="Ask an administrator of the machine to give you one in access.toml.",
            )
        text = secrets.token_urlsafe(32)
        session = Session(self, _digest(text), person, standing, proved=proved)
        with self._lock:
            theirs = [session for session in self._known.values() if session.whose == person.subject]
            self._known[session.id] = session
        for surplus in theirs[: max(0, len(theirs) + 1 - A_PERSON)]:
            self.end(surplus, f"The session of {person.name} ended: there were more than {A_PERSON}.")
        return text, session

    def find(self, text: str) -> Session | None:
        """Return the session of an id, as long as it lasts. Raises `NotKnown` where that cannot be known."""
        if len(text) != _ID_LENGTH:
            return None
        return self.known(_digest(text))

    def known(self, key: str) -> Session | None:
        """Return the session that is called so among ourselves (`Session.id`). Raises as `find` does."""
        session = self._known.get(key)
        if session is not None:
            self.check(session)
        return None if session is None or session.ended else session

    def check(self, session: Session) -> None:
        """End a session that must end. Raises `NotKnown` where that cannot be known: nothing is done in its name."""
        try:
            self._look(session)
        except Exception as error:
            raise NotKnown from error

    def sweep(self) -> None:
        """End all that must end, also those whose pages say nothing."""
        for session in list(self._known.values()):
            # What cannot be known now ends nothing, and lets nothing be done: `check`.
            with suppress(Exception):
                self._look(session)

    def end(self, session: Session, reason: str) -> None:
        """End a session."""
        with self._lock:
            gone = self._known.pop(session.id, None)
        session.end(reason)
        if gone is not None:
            self._on_end(session)

    def now(self) -> datetime:
        """Return the present instant."""
        return self._clock.now()

    def every(self) -> list[Session]:
        """Return all that last, the oldest first."""
        self.sweep()
        return [session for session in self._known.copy().values() if not session.ended]

    def instant(self, ago: timedelta = NOW) -> tuple[datetime, float]:
        """Return the present instant, or one so long ago, by both faces of the clock."""
        return self._clock.now() - ago, self._clock.monotonic() - ago.total_seconds()

    def since(self, instant: tuple[datetime, float]) -> timedelta:
        """Return how much time has passed."""
        wall, steady_s = instant
        return max(self._clock.now() - wall, timedelta(seconds=self._clock.monotonic() - steady_s))

    def _look(self, session: Session) -> None:
        reason = session.why_it_ends() if not session.ended else ""
        if reason:
            self.end(session, reason)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _minutes(span: timedelta) -> str:
    return f"{span // timedelta(minutes=1)} minutes"
