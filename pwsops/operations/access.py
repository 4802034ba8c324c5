"""Who acts, what they may do, and the note that it was done: the one place for the three."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pwsops.catalogue import Catalogue, Connection, audit, instances, refused_logins
from pwsops.catalogue.audit_keys import Notary
from pwsops.catalogue.home_key import StoredKeyRecords
from pwsops.catalogue.instances import InstanceRow
from pwsops.catalogue.profiles import ProfileRow
from pwsops.clock import Clock
from pwsops.engines.base import Credentials, Engine, Instance
from pwsops.engines.off_limits import OffLimits, of_home
from pwsops.engines.registry import open_engine
from pwsops.errors import Denied, InvalidInput, LoginRefused, PwsopsError, SignInAnew
from pwsops.heads import Heads
from pwsops.operations.events import DENIED, Events
from pwsops.operations.key_binding import bind_old
from pwsops.operations.logins import check_login
from pwsops.operations.looking import Looker
from pwsops.operations.lookup import find_instance
from pwsops.operations.restore_work import RestoreWork
from pwsops.rules.rights import GRANTS, Principal, Right, Role, Way
from pwsops.runs.certificates import Escrow
from pwsops.runs.liveness import Presence
from pwsops.runs.owed_access import OwedAccess
from pwsops.runs.runner import Runner
from pwsops.runs.scheduler import Service
from pwsops.secrets import Vault
from pwsops.signin.authentication import Authentication

HIDDEN, HIDDEN_HOME = "(its address)", "(the home)"
Who = Callable[[], Principal]
"""Who asks, as of now. Raises `Denied` once they may ask nothing any more: signed out, removed, another role."""


class Core:
    """What the operations of one process share: one catalogue, one runner, one part in the scheduling."""

    def __init__(self, home: Path, *, clock: Clock, mended: Sequence[str] = ()) -> None:
        self.home = home
        self.mended = mended
        """What of the home others could use when it was opened, a sentence each; now it is private."""
        self.clock = clock
        self.catalogue = Catalogue(home)
        try:
            self._begin(home, clock)
        except BaseException:
            self.catalogue.close()
            raise

    def _begin(self, home: Path, clock: Clock) -> None:
        self.vault = Vault(home, StoredKeyRecords(self.catalogue))
        self.catalogue.notary = Notary(self.vault, Heads(home))
        self.events = Events(self.catalogue, clock)
        bind_old(self.catalogue, self.vault)
        with suppress(PwsopsError):  # what is wrong with the key is told wherever somebody looks, and when it is used
            self.vault.prepare()
        self._begin_log()
        self.presence = Presence(home)
        self.escrow = Escrow(self.catalogue, self.vault)
        owed = OwedAccess(self.catalogue, clock=clock, presence=self.presence, open_instance=self.engine)
        self.runner = Runner(
            self.catalogue,
            clock=clock,
            presence=self.presence,
            open_engine=self.engine_of,
            escrow=self.escrow,
            owed_access=owed,
        )
        self.restoring = RestoreWork(self.catalogue, clock=clock, presence=self.presence)
        self.restoring.settle()
        self.looker = Looker(self)
        self.service: Service | None = None
        self.authentication: Authentication | None = None
        """What judges who comes to the pages of this process, and has their sessions; None: it has no pages."""

    def _begin_log(self) -> None:
        """Return the log of a new home its key, and one from before there were keys the first keyed entry on top.

        Later no key is made for it silently: in a home that is in use, a log without one was tampered with.
        """
        with self.catalogue.read() as connection:
            may_begin = self.catalogue.notary.may_begin(connection)
        if may_begin:
            with self.catalogue.write() as connection:
                audit.begin_keyed(connection, now=self.clock.now())

    def private_key(self, actor: str | None, thumbprint: str) -> bytes | None:
        """Return a private key of the store and write down who used it; None where the store does not have it.

        `actor`: None is the service, whose runs the history tells.
        """
        key = self.escrow.private_key(thumbprint)
        if key is not None and actor is not None:
            # A restore does not fail because its entry could not be written.
            with suppress(PwsopsError):
                self.events.record_repeated(actor, "use private key", thumbprint, "to decrypt a backup")
        return key

    def instance_row(self, name: str) -> InstanceRow:
        """Return an instance as it is kept; raises `NotFound`."""
        with self.catalogue.read() as connection:
            return find_instance(connection, name)

    def instance(self, name: str, credentials: Credentials | None = None, *, actor: str | None = None) -> Instance:
        """Return an instance with its password open, or with another login's; raises `NotFound`.

        `actor`: in whose name private keys are used; None is the service's.
        """
        row = self.instance_row(name)
        if row.broken:
            raise InvalidInput(
                row.broken, hint="Correct it with `pwsops instance edit`, or remove it and add it again."
            )
        return Instance(
            name=row.name,
            engine=row.engine,
            address=row.address,
            options=row.options,
            private_keys=partial(self.private_key, actor),
            off_limits=self.off_limits(name),
            **vars(credentials or self._credentials(row, row.login, row.sealed_password)),
        )

    def off_limits(self, name: str) -> OffLimits:
        """Return what the instance of that name does not reach: the home, and where others keep their databases."""
        with self.catalogue.read() as connection:
            others = instances.directories(connection)
        return of_home(self.home, [path for other, path in others.items() if other != name])

    def engine(self, name: str, credentials: Credentials | None = None, *, actor: str | None = None) -> Engine:
        """Return the engine that serves an instance, as the instance's own login unless another is given.

        Raises `NotFound`, `InvalidInput` for credentials that the engine cannot take, and `LoginRefused` where the
        server refused the instance's own before. Those that somebody gives just now are tried.
        """
        if credentials is None:
            self._refuse_known(name, self.instance_row(name).login)
        return self.unchecked_engine(name, credentials, actor=actor)

    def unchecked_engine(
        self, name: str, credentials: Credentials | None = None, *, actor: str | None = None
    ) -> Engine:
        """Return the engine as `engine` does, also where the server refused the login before: for a try by hand."""
        engine = open_engine(self.instance(name, credentials, actor=actor))
        if credentials is not None:
            check_login(f"A use of {name!r}", credentials.login, credentials.password, able=engine.capabilities)
        return engine

    def engine_of(self, profile: ProfileRow) -> Engine:
        """Return the engine that serves a profile, as the profile's login where it has one."""
        return self.engine_for(profile.fields["instance"], profile.fields["login"], profile.sealed_password)

    def engine_for(self, instance: str, login: str, sealed_password: str | None) -> Engine:
        """Return the engine that serves an instance, as a login with a sealed password; empty: the instance's own.

        Raises `LoginRefused` where the server refused that login before.
        """
        if not login:
            return self.engine(instance)
        self._refuse_known(instance, login)
        return self.engine(instance, self._credentials(self.instance_row(instance), login, sealed_password))

    @contextmanager
    def asking(self, name: str, login: str | None = None) -> Iterator[None]:
        """Remember it where a server refuses the login (None: the instance's own) of what is asked inside."""
        try:
            yield
        except LoginRefused as error:
            login = login or self.instance_row(name).login
            with self.catalogue.write() as connection:
                refused_logins.add(connection, name, login, error, now=self.clock.now())
            raise

    def _refuse_known(self, instance: str, login: str | None) -> None:
        with self.catalogue.read() as connection:
            known = refused_logins.find(connection, instance, login)
        if known is not None:
            raise known.error("Nothing was done")

    def _credentials(self, row: InstanceRow, login: str | None, sealed: str | None) -> Credentials:
        password = None if sealed is None else self.vault.open(sealed, row.login_bound(login))
        return Credentials(login=login, password=password)


_asking: ContextVar[tuple[Context, Principal] | None] = ContextVar("_asking", default=None)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Somebody (or the service) who asks.

    Parameters
    ----------
    core
        What the process shares.
    who
        Is asked at the beginning of each operation.
    """

    core: Core
    who: Who

    @property
    def principal(self) -> Principal:
        """Who asks; within an operation, who they were when it began."""
        asking = _asking.get()
        return asking[1] if asking is not None and asking[0] is self else self.who()

    @property
    def actor(self) -> str:
        """In whose name it is done."""
        return self.principal.subject

    @contextmanager
    def operation(self) -> Iterator[Principal]:
        """Ask who it is, once for all that is done inside: what was begun is noted in the name of who began it."""
        principal = self.principal
        token = _asking.set((self, principal))
        try:
            yield principal
        finally:
            _asking.reset(token)

    def read(self) -> AbstractContextManager[Connection]:
        """Return a connection to the catalogue that sees nothing but what belongs to the instances of who asks.

        All that is shown to them is read through this, and what decides about them too: what they may not see is not
        there. What must be right for everybody (no two profiles write one file) is read from `core.catalogue`.
        """
        return self.core.catalogue.read(self.principal.instances)

    def allow(self, right: Right, action: str, subject: str = "") -> None:
        """Raise unless who asks has a right, and has signed in lately where the right wants that.

        Parameters
        ----------
        right, action
            What is needed, for what; the action in words that follow "may not".
        subject
            What it would be done to, for the audit log.

        Raises
        ------
        Denied
            They have not the right. That is noted.
        SignInAnew
            They have it once they have given their password again.
        """
        principal = self.principal
        if not principal.has(right):
            self.note_denied(action, subject)
            raise _denied(principal, right, action)
        if principal.must_sign_in_anew(right, self.core.clock.now()):
            raise SignInAnew(
                f"{principal.name} may {action} only shortly after signing in.",
                hint="Sign in once more, and do it again.",
            )

    def told(self, text: str) -> str:
        """Return what an error or an instance said, without the paths in it that who asks is not told.

        These are the addresses of instances, and the home.
        """
        principal = self.principal
        if not text or (principal.is_told_addresses and principal.is_told_home):
            return text
        hidden = {} if principal.is_told_home else {str(self.core.home): HIDDEN_HOME}
        if not principal.is_told_addresses:
            with self.core.catalogue.read() as connection:
                rows = instances.every(connection)
            hidden |= {each: HIDDEN for row in rows for each in (row.address, row.place.partition(" ")[2])}
        for path in sorted(hidden, key=len, reverse=True):
            # What holds everything is no address that tells anything.
            text = text.replace(path, hidden[path]) if len(path) > 1 else text
        return text

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Let errors pass without the paths that who asks is not told."""
        try:
            yield
        except PwsopsError as error:
            if (told := self.told_error(error)) is error:
                raise
            raise told from None

    def told_error(self, error: PwsopsError) -> PwsopsError:
        """Return an error as who asks is told it; see `told`."""
        try:
            message, hint = self.told(error.message), self.told(error.hint)
        except PwsopsError:  # the catalogue, or who asks, is what it is about
            return error
        if (message, hint) == (error.message, error.hint):
            return error
        # Others may be told the same one, with all that it says.
        told = copy(error)
        told.message, told.hint, told.args = message, hint, (message,)
        return told

    def allow_everywhere(self, action: str, subject: str = "") -> None:
        """Raise `Denied` unless all instances are theirs: what is done concerns each of them."""
        principal = self.principal
        if principal.instances is not None:
            self.note_denied(action, subject)
            theirs = ", ".join(sorted(principal.instances)) or "none"
            raise Denied(
                f"{principal.name} may not {action}: that concerns all instances, and theirs are some ({theirs}).",
                hint="Ask somebody whose role is for all instances.",
            )

    def engine(self, name: str, credentials: Credentials | None = None) -> Engine:
        """Return the engine of an instance in this person's name; the use of another login is written down first."""
        if credentials is not None:
            login = credentials.login or "the service user"
            self.core.events.record_repeated(self.actor, "use other login", name, f"as {login}")
        return self.core.engine(name, credentials, actor=self.actor)

    def note(self, connection: Connection, action: str, subject: str, detail: str = "") -> None:
        """Write what is being done into the audit log, in the transaction that does it."""
        now = self.core.clock.now()
        audit.append(connection, at=now, actor=self.actor, action=action, subject=subject, detail=detail)

    def note_denied(self, action: str, subject: str) -> None:
        """Write down that somebody was kept from something; `action` follows "may not"."""
        # What cannot be written down is refused all the same; who repeats it does not fill the disk.
        with suppress(PwsopsError):
            self.core.events.record(self.actor, DENIED, subject, f"may not {action}")


def _denied(principal: Principal, right: Right, action: str) -> Denied:
    roles = [role.value for role in Role if right in GRANTS[role]]
    if not roles:
        return Denied(
            f"{principal.name} may not {action}: only a user of the machine that pwsops runs on may do that.",
            hint="Ask somebody who administers that machine to do it on its command line.",
        )
    if principal.enrols:
        return Denied(
            f"{principal.name} may not {action} yet: a second factor is required here, and none is set up.",
            hint="Set it up on the page Account.",
        )
    if right in GRANTS[principal.role] and principal.way is Way.TOKEN:
        return Denied(
            f"{principal.name} may not {action} by a token: that wants a person who has just signed in.",
            hint="Let somebody who may do it sign in to the pages.",
        )
    return Denied(
        f"{principal.name} may not {action}: that needs the role {' or '.join(roles)}, "
        f"theirs is {principal.role.value}.",
        hint="Ask an administrator to do it, or to give you that role.",
    )
