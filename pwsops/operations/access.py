"""Who acts, what they may do, and the note that it was done: the one place for the three."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from pwsops.catalogue import Catalogue, Connection, audit, refused_logins, sealed
from pwsops.catalogue.audit_keys import Notary
from pwsops.catalogue.instances import InstanceRow
from pwsops.catalogue.profiles import ProfileRow
from pwsops.clock import Clock
from pwsops.engines.base import Credentials, Engine, Instance
from pwsops.engines.registry import open_engine
from pwsops.errors import Denied, InvalidInput, LoginRefused, PwsopsError
from pwsops.escrow import Escrow
from pwsops.heads import Heads
from pwsops.operations.events import Events
from pwsops.operations.logins import check_login
from pwsops.operations.looking import Looker
from pwsops.operations.lookup import find_instance
from pwsops.operations.restore_work import RestoreWork
from pwsops.owed_access import OwedAccess
from pwsops.presence import Presence
from pwsops.runner import Runner
from pwsops.secrets import Vault
from pwsops.service import Service


class Role(StrEnum):
    """What somebody may do: look; start runs too; or everything."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_RANK = {role: rank for rank, role in enumerate(Role)}


class Core:
    """What the operations of one process share: one catalogue, one runner, one part in the scheduling."""

    def __init__(self, home: Path, *, clock: Clock) -> None:
        self.home = home
        self.clock = clock
        self.catalogue = Catalogue(home)
        try:
            self._begin(home, clock)
        except BaseException:
            self.catalogue.close()
            raise

    def _begin(self, home: Path, clock: Clock) -> None:
        self.vault = Vault(home, self._has_sealed)
        self.catalogue.notary = Notary(self.vault, Heads(home))
        self.events = Events(self.catalogue, clock)
        self._seal_former_log()
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

    def _has_sealed(self) -> bool:
        with self.catalogue.read() as connection:
            return sealed.is_any(connection)

    def _seal_former_log(self) -> None:
        """Give entries from before the log had a key the first keyed one on top, right after the migration."""
        with self.catalogue.read() as connection:
            is_former = audit.is_former(connection)
        if is_former:
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
        """Give an instance as it is kept; raises `NotFound`."""
        with self.catalogue.read() as connection:
            return find_instance(connection, name)

    def instance(self, name: str, credentials: Credentials | None = None, *, actor: str | None = None) -> Instance:
        """Give an instance with its password open, or with another login's; raises `NotFound`.

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
            **vars(credentials or self._credentials(row.login, row.sealed_password)),
        )

    def engine(self, name: str, credentials: Credentials | None = None, *, actor: str | None = None) -> Engine:
        """Give the engine that serves an instance, as the instance's own login unless another is given.

        Raises `NotFound`, `InvalidInput` for credentials that the engine cannot take, and `LoginRefused` where the
        server refused the instance's own before. Those that somebody gives just now are tried.
        """
        if credentials is None:
            self._refuse_known(name, self.instance_row(name).login)
        return self.unchecked_engine(name, credentials, actor=actor)

    def unchecked_engine(
        self, name: str, credentials: Credentials | None = None, *, actor: str | None = None
    ) -> Engine:
        """Give the engine as `engine` does, also where the server refused the login before: for a new try, by hand."""
        engine = open_engine(self.instance(name, credentials, actor=actor))
        if credentials is not None:
            check_login(f"A use of {name!r}", credentials.login, credentials.password, able=engine.capabilities)
        return engine

    def engine_of(self, profile: ProfileRow) -> Engine:
        """Give the engine that serves a profile, as the profile's login where it has one."""
        return self.engine_for(profile.fields["instance"], profile.fields["login"], profile.sealed_password)

    def engine_for(self, instance: str, login: str, sealed_password: str | None) -> Engine:
        """Give the engine that serves an instance, as a login with a sealed password; empty: the instance's own.

        Raises `LoginRefused` where the server refused that login before.
        """
        if not login:
            return self.engine(instance)
        self._refuse_known(instance, login)
        return self.engine(instance, self._credentials(login, sealed_password))

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

    def _credentials(self, login: str | None, sealed: str | None) -> Credentials:
        return Credentials(login=login, password=None if sealed is None else self.vault.open(sealed))


@dataclass(frozen=True, kw_only=True)
class Context:
    """One person (or the service) at the door."""

    core: Core
    actor: str
    role: Role

    def allow(self, needed: Role, action: str) -> None:
        """Raise `Denied` unless the role at hand is `needed` or more."""
        if _RANK[self.role] < _RANK[needed]:
            denied = Denied(
                f"{self.actor} may not {action}: that needs the role {needed.value}, theirs is {self.role.value}.",
                hint="Ask an administrator to do it, or to give you that role.",
            )
            self.core.events.denied(self.actor, action, denied)
            raise denied

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
