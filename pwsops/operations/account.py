"""One's own sign-in: password, second factor, sessions. And everybody's sessions, for administrators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pwsops.errors import Denied, NotFound, Refused
from pwsops.operations.access import Context
from pwsops.operations.entry_first import with_entry
from pwsops.operations.people_records import AccountView, SecondFactorOffer, SessionView
from pwsops.operations.rights import needs, on_everything
from pwsops.rules.rights import Right
from pwsops.signin import second_factor
from pwsops.signin.authentication import PASSWORD, Authentication, Entry
from pwsops.signin.roles import Roles
from pwsops.signin.sessions import Session
from pwsops.signin.throttle import Attempt
from pwsops.signin.users import User


class Account:
    """What people do with their own sign-in. `stay` is everywhere the id of the session that they ask in."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.ACCOUNT, "see their own account")
    def view(self, stay: str) -> AccountView:
        """Return what somebody has, and their sessions, the newest first."""
        session = self._session(stay)
        user = self._authentication.users.find(session.person.name) if session.person.way == PASSWORD else None
        factor = None if user is None else user.second_factor
        every = self._authentication.sessions.every()
        return AccountView(
            name=session.person.name,
            way=session.person.way,
            password_at=None if user is None else user.changed_at,
            second_factor_at=None if factor is None else factor.added_at,
            second_factor_required=Roles(self._context.core.home).second_factor_required(),
            recovery_codes=0 if factor is None else len(factor.recovery),
            wrong_codes=0 if factor is None else factor.failures,
            sessions=[_view(each, stay) for each in reversed(every) if _same(each, session)],
        )

    @needs(Right.ACCOUNT, "change their own password")
    def change_password(self, stay: str, *, old: str, new: str, code: str, attempt: Attempt) -> Entry:
        """Change one's own password. All sessions end, and the one that is returned begins.

        Parameters
        ----------
        stay
            The session's id.
        old, new
            The password there is, and the one that is to be.
        code
            Of the second factor, where there is one.
        attempt
            Who tries, for what slows failures down.

        Raises
        ------
        Denied
            The old password or the code is wrong.
        InvalidInput
            The new one will not do.
        """
        session, name = self._by_password(stay)
        self._authentication.anew_by_secret(session, old, attempt, code)
        set_password = partial(self._authentication.users.set_password, name, new)
        with_entry(self._context, "change own password", session.whose, set_password)
        return self._authentication.let_in(name)

    @needs(Right.OWN_SIGN_IN, "set up a second factor")
    def offer_second_factor(self, stay: str) -> SecondFactorOffer:
        """Return a secret for an app. It counts once a code of it is given to `add_second_factor`."""
        session, name = self._by_password(stay)
        session.offered = session.offered or second_factor.new_secret()
        return SecondFactorOffer(secret=session.offered, address=second_factor.address(name, session.offered))

    @needs(Right.OWN_SIGN_IN, "set up a second factor")
    def add_second_factor(self, stay: str, code: str) -> tuple[Entry, Sequence[str]]:
        """Take the offered secret for one's second factor; one that was there before goes.

        Returns the session that begins, since all others end, and the recovery codes, which cannot be shown again.
        Raises `InvalidInput` for a code that does not fit, and `Refused` where none was offered.
        """
        session, name = self._by_password(stay)
        if not session.offered:
            raise Refused("The second factor was not added: no secret was shown before.", hint="Begin again.")
        factors, codes = self._authentication.second_factors, list[str]()
        factors.prepare()

        def add(user: User) -> User:
            # Sealed while nobody else can change the file: another key either comes before, or seals it anew.
            factor, codes[:] = factors.made(name, session.offered, code)
            return replace(user, second_factor=factor)

        change = partial(self._authentication.users.change, name, add)
        with_entry(self._context, "add second factor", session.whose, change)
        return self._authentication.let_in(name, proved=session.proved, by="the second factor that was added"), codes

    @needs(Right.OWN_SIGN_IN, "remove their second factor")
    def remove_second_factor(self, stay: str) -> Entry:
        """Do without a second factor from now on. All sessions end, and the one that is returned begins."""
        session, name = self._by_password(stay)
        if Roles(self._context.core.home).second_factor_required():
            raise Refused(
                "The second factor was not removed: here all who have a password need one.",
                hint="Replace it by another where the device is lost.",
            )
        self._change_factor(session, "remove second factor", lambda user: replace(user, second_factor=None))
        return self._authentication.let_in(name, proved=session.proved, by="the second factor that was removed")

    @needs(Right.OWN_SIGN_IN, "make recovery codes")
    def renew_recovery_codes(self, stay: str) -> Sequence[str]:
        """Return new recovery codes; the former ones are good for nothing any more."""
        session, _ = self._by_password(stay)
        codes = second_factor.new_recovery_codes()
        kept = tuple(map(second_factor.digest, codes))

        def renew(user: User) -> User:
            return replace(user, second_factor=user.second_factor and replace(user.second_factor, recovery=kept))

        self._change_factor(session, "make recovery codes", renew)
        return codes

    @needs(Right.OWN_SIGN_IN, "end their own sessions")
    def end_session(self, stay: str, other: str) -> None:
        """End one of one's own sessions, by its id. Raises `NotFound`."""
        session = self._session(stay)
        ended = self._authentication.sessions.known(other)
        if ended is None or not _same(ended, session):
            raise NotFound("This session has ended already.", hint="Load the page again.")
        self._end([ended], "end session")

    @needs(Right.OWN_SIGN_IN, "end their own sessions")
    def end_others(self, stay: str) -> None:
        """End all of one's own sessions but the present one."""
        session = self._session(stay)
        every = self._authentication.sessions.every()
        self._end([each for each in every if _same(each, session) and each is not session], "end other sessions")

    @needs(Right.SESSIONS, "see everybody's sessions", on_everything)
    def everybody(self, stay: str) -> Sequence[SessionView]:
        """Return the sessions of all but who asks, by name."""
        session = self._session(stay)
        others = [each for each in self._authentication.sessions.every() if not _same(each, session)]
        return [_view(each, stay) for each in sorted(others, key=lambda each: each.person.name)]

    @needs(Right.SESSIONS, "end somebody's sessions", on_everything)
    def end_sessions_of(self, name: str) -> None:
        """End all sessions of somebody else. Raises `NotFound` where there are none.

        A user and the system's user may have one name: each has an entry, and who asks stays in.
        """
        mine, every = self._context.principal.subject, self._authentication.sessions.every()
        theirs = [each for each in every if each.person.name == name and each.whose != mine]
        if not theirs:
            raise NotFound(f"{name} has no session any more.", hint="Load the page again.")
        for whose in sorted({each.whose for each in theirs}):
            self._end([each for each in theirs if each.whose == whose], "end sessions")

    @property
    def _authentication(self) -> Authentication:
        found = self._context.core.authentication
        if found is None:
            raise Refused(
                "Nobody is signed in here: this process serves no pages.",
                hint="Do it on the page Account of the dashboard that `pwsops serve` shows.",
            )
        return found

    def _session(self, stay: str) -> Session:
        """Return the session that somebody asks in. Raises `Denied` where it is not theirs, or has ended."""
        session = self._authentication.sessions.known(stay)
        if session is None or session.whose != self._context.principal.subject:
            raise Denied("This session has ended.", hint="Sign in again.")
        return session

    def _by_password(self, stay: str) -> tuple[Session, str]:
        """Return that session, and the name. Raises `Refused` where they have no password here."""
        session = self._session(stay)
        if session.person.way != PASSWORD:
            raise Refused(
                f"{session.person.name} did not come in by a password of pwsops, so none of it can be changed here.",
                hint="People who come by a provider change it there.",
            )
        return session, session.person.name

    def _change_factor(self, session: Session, action: str, work: Callable[[User], User]) -> None:
        name, users = session.person.name, self._authentication.users
        user = users.find(name)
        if user is None or user.second_factor is None:
            raise NotFound(f"{name} has no second factor.", hint="Load the page again.")
        with_entry(self._context, action, session.whose, partial(users.change, name, work))

    def _end(self, sessions: Sequence[Session], action: str) -> None:
        if not sessions:
            return
        name, actor = sessions[0].person.name, self._context.actor
        where = ", ".join(sorted({session.place.address for session in sessions if session.place.address}))
        with self._context.core.catalogue.write() as connection:
            self._context.note(connection, action, sessions[0].whose, f"{len(sessions)}, from {where}" if where else "")
        for session in sessions:
            self._authentication.sessions.end(session, f"{actor} has ended the session of {name}.")


def _same(one: Session, other: Session) -> bool:
    """Whether two sessions are one person's: a name may stand for several that came in otherwise."""
    return one.whose == other.whose


def _view(session: Session, stay: str) -> SessionView:
    return SessionView(
        id=session.id,
        name=session.person.name,
        way=session.person.way,
        began_at=session.began_at,
        active_at=session.active_at,
        address=session.place.address,
        browser=session.place.browser,
        present=session.id == stay,
    )
