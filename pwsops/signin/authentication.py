"""Who comes in, by which proof; each success and failure is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from pwsops.clock import Clock
from pwsops.errors import Denied, PwsopsError
from pwsops.rules.rights import USER, Role, Way, with_way
from pwsops.signin.half import Half, Halves, expired
from pwsops.signin.machines import Machines, MachineVisit
from pwsops.signin.oidc import Identity, OpenIdConnect, Provider
from pwsops.signin.public_errors import NotKnown, PublicError
from pwsops.signin.second_factor import Outcome, Sealer, SecondFactors
from pwsops.signin.sessions import NOW, Grant, Person, Session, Sessions, Standing
from pwsops.signin.start_token import Links
from pwsops.signin.strangers import Strangers
from pwsops.signin.throttle import Attempt, Throttle
from pwsops.signin.tokens import Token, Tokens
from pwsops.signin.users import User, Users

PASSWORD, LINK = "password", "link"
WRONG = "Name or password is wrong."
SIGN_IN, SIGN_OUT = "sign in", "sign out"
BEGUN = "sign-in begun"
FAILED, DENIED, REFUSED = "sign-in failed", "sign-in denied", "sign-in refused"
TOKEN_REFUSED, DOOR_REFUSED = "token refused", "request refused"
USED_RECOVERY = "use recovery code"
"""Actions in the audit log."""
_NOT_TAKEN = {
    Outcome.WRONG: "The code is wrong.",
    Outcome.USED: "The code was used before.",
    Outcome.BLOCKED: "No codes of the app are taken any more: too many were wrong, one after the other.",
}
_INSTEAD = {
    Outcome.WRONG: "Give the code that the app shows now; a recovery code does as well.",
    Outcome.USED: "Wait for the next one, at most half a minute.",
    Outcome.BLOCKED: "Give a recovery code, and another password to yourself: somebody else seems to know it. At the "
    "machine, `pwsops user second-factor NAME --remove` helps.",
}

Record = Callable[[str, str, str, str], None]
"""Writes into the audit log: actor, action, subject, detail."""


class Roles(Protocol):
    """What `access.toml` says."""

    def of(self, subject: str) -> Grant | None:
        """Return what somebody may do; None: they are not listed. Raises `Refused` where that cannot be known."""

    def everybody(self) -> Mapping[str, Grant]:
        """Return what everybody may do who is listed. Raises `Refused` likewise."""

    def second_factor_required(self) -> bool:
        """Whether all who come in by a password need a second factor. Raises `Refused` likewise."""


class TooManyTries(PublicError):
    """Somebody tries too often; `wait_s` seconds later they may again."""

    def __init__(self, wait_s: float) -> None:
        seconds = max(1, round(wait_s))
        super().__init__(
            "There were too many failures to sign in.",
            hint=f"Wait {seconds} second{'' if seconds == 1 else 's'}, then try again. At the machine, "
            "`pwsops signin-link` always lets you in.",
        )
        self.wait_s = seconds


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Somebody has come in: the id for the browser to keep, and the session."""

    id: str
    session: Session


class Authentication:
    """All ways to come in.

    Parameters
    ----------
    home, clock
        Where the files are; the time.
    roles
        What `access.toml` says.
    record
        Writes into the audit log; it may take its time.
    sealer
        Seals the secrets of second factors.
    system_user
        Whose process this is; one-time links sign in as them.
    later
        Has something done soon: the end of a session is noticed where nothing may take its time.
    """

    def __init__(
        self,
        home: Path,
        *,
        clock: Clock,
        roles: Roles,
        record: Record,
        sealer: Sealer,
        system_user: str,
        later: Callable[[Callable[[], None]], object] = lambda work: work(),
    ) -> None:
        self.users = Users(home, clock=clock)
        self.tokens = Tokens(home, clock=clock)
        self.links = Links(home, clock=clock)
        self.providers = OpenIdConnect(home, clock=clock)
        self.throttle = Throttle(home, clock=clock, exists=lambda name: self.users.stamp(name) is not None)
        self.second_factors = SecondFactors(sealer, clock=clock)
        # Apart from the other: a right password must not take back what wrong codes have cost.
        self._codes = Throttle(home, clock=clock, exists=lambda name: self.users.stamp(name) is not None)
        self._halves = Halves(clock=clock)
        self.sessions = Sessions(clock=clock, on_end=self._ended)
        self.machines = Machines(self.tokens, clock=clock, system_user=system_user, on_first=self._came)
        self.strangers = Strangers(clock=clock, write=self._counted)
        self._roles = roles
        self._record = record
        self._system_user = system_user
        self._later = later

    def by_password(self, password: str, attempt: Attempt) -> Entry | Half:
        """Let somebody in by name and password, or half where they have a second factor.

        Raises `Denied`, `TooManyTries`, and `Refused` where nobody can come in.
        """
        user = self._prove(password, attempt)
        if user.second_factor is None:
            return self.let_in(user.name)
        # Who stops here had the right password: that is told, whether or not a code ever comes.
        self._record(self._system_user, BEGUN, with_way(USER, user.name), f"by password from {attempt.peer}")
        return self._halves.of(user)

    def half_of(self, sealed: str) -> str:
        """Return whose half a sign-in is. Raises `Denied` where it is none, too old, or of a former password."""
        name, proof = self._halves.opened(sealed)
        user = self.users.find(name)
        if user is None or user.proof != proof:
            raise expired()
        return name

    def by_code(self, sealed: str, code: str, attempt: Attempt) -> Entry:
        """Let somebody in who has given their password, by a code. Raises as `by_password`.

        Parameters
        ----------
        sealed
            What the browser kept (`Half.sealed`).
        code
            Of the app, or a recovery code.
        attempt
            Who tries; under the name that `half_of` returns.
        """
        name = self.half_of(sealed)
        how = self._prove_code(replace(attempt, name=name), code)
        return self.let_in(name, by=f"{PASSWORD} and {how}")

    def let_in(self, name: str, *, proved: timedelta | None = NOW, by: str = PASSWORD) -> Entry:
        """Begin a session of somebody who proved all that is wanted, so long ago. Raises `Denied`."""
        return self._open(self._local(name), proved=proved, by=by)

    def by_link(self, token: str, attempt: Attempt) -> Entry:
        """Let somebody in by a one-time link, as the user of this process. Raises as `by_password`."""
        self._take_link(token, attempt)
        return self._open(self._host(), proved=NOW)

    def identity(self, kept: str, *, state: str, code: str, peer: str) -> Identity:
        """Return who came back from a provider. Raises `Denied`, `TooManyTries`, and `Refused` where it is not asked.

        Parameters
        ----------
        kept, state, code
            As `OpenIdConnect.finish` has them.
        peer
            The address that the browser comes from.
        """
        # Each has us ask the provider, whatever the code: also one that does not answer counts as a failure.
        attempt = Attempt(name="", peer=peer)
        self._begin(attempt, "by a provider")
        try:
            found = self.providers.finish(kept, state=state, code=code)
        except Denied as error:
            self._record(self._system_user, FAILED, "by a provider", f"from {peer}: {error.message}")
            raise
        self.throttle.succeeded(attempt)
        return found

    def by_provider(self, identity: Identity) -> Entry:
        """Let somebody in by a provider's word. Raises `Denied`."""
        return self._open(self._guest(identity), proved=identity.proved)

    def anew_by_secret(self, session: Session, secret: str, attempt: Attempt, code: str = "") -> None:
        """Note that somebody has given their password, or another one-time token, once more. Raises as `by_password`.

        A session that began by a link goes on by another: `pwsops signin-link` makes it, at the machine. Who has a
        second factor gives a code as well.
        """
        if session.person.way == LINK:
            self._take_link(secret, attempt)
        else:
            own = Attempt(name=session.person.name, peer=attempt.peer, device=attempt.device)
            if self._prove(secret, own, wrong="The password is wrong.").second_factor is not None:
                self._prove_code(own, code)
        self._renewed(session)

    def anew_by_provider(self, session: Session, identity: Identity) -> None:
        """Note that somebody has proved themselves to their provider once more. Raises `Denied`."""
        if identity.subject != session.person.name or identity.proved is None:
            self._record(session.whose, FAILED, identity.subject, "signing in anew")
            raise Denied(
                f"{identity.provider.label} does not say that {session.person.name} gave the password just now.",
                hint="Sign in there with the same account, by its password.",
            )
        self._renewed(session, identity.proved)

    def who(self, text: str) -> Session | None:
        """Return the session of a browser's id; None where there is none. Raises `NotKnown`."""
        return self.sessions.find(text)

    def session(self, text: str) -> Session | None:
        """Return the session of a browser's id; None where there is none, or it cannot be known."""
        try:
            return self.who(text)
        except NotKnown:
            return None

    def machine(self, text: str, peer: str) -> MachineVisit | None:
        """Return the visit of a machine's token; None where it is not good. Raises `NotKnown` as `who` does."""
        visit = self.machines.find(text)
        if visit is None:
            self.strangers.note(TOKEN_REFUSED, "machine token", peer)
        return visit

    def sweep(self) -> None:
        """End what must end, also where nobody says anything, and write what was counted."""
        self.sessions.sweep()
        self.machines.sweep()
        self.strangers.flush()

    def close(self) -> None:
        """Write what was counted: the process ends."""
        self._later = lambda work: work()
        with suppress(PwsopsError):
            self.strangers.flush(ends=True)

    def sign_out(self, session: Session) -> None:
        """End a session, at its person's wish."""
        self.sessions.end(session, f"{session.person.name} has signed out.")

    def ways_for_others(self) -> bool:
        """Whether somebody is listed who could sign in from elsewhere. Raises `Refused` where that cannot be known."""
        users, providers = {user.name for user in self.users.list()}, self.providers.providers()
        by_provider = tuple(f"{name}:" for name in providers)
        listed = self._roles.everybody()
        return any(subject.removeprefix(f"{USER}:") in users or subject.startswith(by_provider) for subject in listed)

    def _prove(self, password: str, attempt: Attempt, *, wrong: str = WRONG) -> User:
        # What was typed as a name may be a password: only names that exist are recorded.
        known = with_way(USER, attempt.name) if self.users.stamp(attempt.name) is not None else "(unknown name)"
        self._begin(attempt, known)
        user = self.users.verified(attempt.name, password)
        if user is None:
            self._record(self._system_user, FAILED, known, f"from {attempt.peer}")
            raise Denied(wrong, hint="Try again.")
        self.throttle.succeeded(attempt)
        return user

    def _prove_code(self, attempt: Attempt, code: str) -> Outcome:
        """Return what a right code is: of the app, or a recovery code. Raises `Denied` and `TooManyTries`."""
        whose = with_way(USER, attempt.name)
        self._begin(attempt, whose, self._codes)
        outcome = self._judged(attempt.name, code)
        if outcome in _NOT_TAKEN:
            self._record(self._system_user, FAILED, whose, f"from {attempt.peer}, {outcome}")
            raise Denied(_NOT_TAKEN[outcome], hint=_INSTEAD[outcome])
        self._codes.succeeded(attempt)
        if outcome is Outcome.RECOVERY:
            self._record(whose, USED_RECOVERY, whose, f"from {attempt.peer}")
        return outcome

    def _judged(self, name: str, code: str) -> Outcome:
        """Judge a code while nobody else can change the file: of two who give the same, one is let in."""
        found: list[Outcome] = []

        def judge(user: User) -> User:
            if user.second_factor is None:
                raise expired()  # it was removed in between
            outcome, kept = self.second_factors.judged(name, user.second_factor, code)
            found.append(outcome)
            return replace(user, second_factor=kept)

        self.users.change(name, judge)
        return found[0]

    def _take_link(self, token: str, attempt: Attempt) -> None:
        # Of a link that is pasted whole, the token is the end. A good one comes in whatever others failed at: nobody
        # guesses 256 bits, and strangers have one address with whoever is at the machine.
        if self.links.take(token.strip().rpartition("=")[2]):
            return
        self._begin(Attempt(name="", peer=attempt.peer), "one-time link")
        self._record(self._system_user, FAILED, "one-time link", f"from {attempt.peer}")
        raise Denied(
            "This link was used before, has ended, or was never one.",
            hint="`pwsops signin-link`, at the machine, prints another.",
        )

    def _begin(self, attempt: Attempt, subject: str, throttle: Throttle | None = None) -> None:
        wait_s = (throttle or self.throttle).begin(attempt)
        if wait_s > 0:
            self._record(self._system_user, REFUSED, subject, f"from {attempt.peer}, after too many failures")
            raise TooManyTries(wait_s)

    def _open(self, person: Person, *, proved: timedelta | None, by: str = "") -> Entry:
        try:
            text, session = self.sessions.open(person, proved=proved)
        except PwsopsError as error:
            self._record(person.subject, DENIED, person.subject, error.message)
            raise
        try:
            self._record(person.subject, SIGN_IN, person.subject, f"by {by or person.way}")
        except Exception:
            self.sessions.end(session, "It could not be recorded.")
            raise
        return Entry(id=text, session=session)

    def _renewed(self, session: Session, ago: timedelta = NOW) -> None:
        session.touch()
        session.renew(ago)
        self._record(session.whose, SIGN_IN, session.whose, f"anew, by {session.person.way}")

    def _came(self, token: Token) -> None:
        whose = with_way(Way.TOKEN.value, token.name)
        self._later(partial(self._record, whose, SIGN_IN, whose, "by token, for the first time today"))

    def _counted(self, action: str, subject: str, detail: str) -> None:
        self._later(partial(self._record, self._system_user, action, subject, detail))

    def _ended(self, session: Session) -> None:
        whose = session.whose
        self._later(partial(self._record, whose, SIGN_OUT, whose, session.ended))

    def _local(self, name: str) -> Person:
        def standing() -> Standing | None:
            user = self.users.find(name)
            if user is None:
                return None
            enrols = user.second_factor is None and self._roles.second_factor_required()
            # One who is listed with the way alone is this one: a user of a password.
            return self._standing(user.proof, with_way(USER, name), name, enrols=enrols)

        return Person(name=name, way=PASSWORD, standing=standing, system_user=self._system_user)

    def _guest(self, identity: Identity) -> Person:
        provider, subject = identity.provider, identity.subject

        def standing() -> Standing | None:
            return self._standing(_same(self.providers.providers().get(provider.name), provider), subject)

        return Person(
            name=subject, way=provider.name, via=provider.name, standing=standing, system_user=self._system_user
        )

    def _host(self) -> Person:
        standing = Standing(proof=LINK, grant=Grant(role=Role.ADMINISTRATOR))
        return Person(
            name=self._system_user, way=LINK, via=LINK, standing=lambda: standing, system_user=self._system_user
        )

    def _standing(self, proof: object, *subjects: str, enrols: bool = False) -> Standing | None:
        grants = (self._roles.of(subject) for subject in subjects)
        grant = next((each for each in grants if each is not None), None)
        if proof is None or grant is None:
            return None
        return Standing(proof=str(proof), grant=grant, enrols=enrols)


def _same(now: Provider | None, then: Provider) -> str | None:
    return "the same provider" if now == then else None
