"""What the operations of a process have once: the composition root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from pwsops.catalogue import Catalogue, audit, instances, refused_logins
from pwsops.catalogue.audit_keys import Notary
from pwsops.catalogue.home_key import StoredKeyRecords
from pwsops.catalogue.instances import InstanceRow
from pwsops.catalogue.profiles import ProfileRow
from pwsops.clock import Clock
from pwsops.engines.off_limits import NOTHING, OffLimits, of_home
from pwsops.engines.protocol import Engine
from pwsops.engines.records import Credentials, Instance
from pwsops.engines.registry import embedded_engine, is_embedded, open_engine
from pwsops.errors import InvalidInput, LoginRefused, PwsopsError
from pwsops.heads import Heads
from pwsops.operations.events import Events
from pwsops.operations.key_binding import bind_old
from pwsops.operations.logins import check_login
from pwsops.operations.looking import Looker
from pwsops.operations.lookup import find_instance
from pwsops.runs.after_run import AfterRun
from pwsops.runs.certificates import RunCertificates
from pwsops.runs.driller import Driller
from pwsops.runs.going_prunes import GoingPrunes
from pwsops.runs.liveness import Liveness
from pwsops.runs.owed import Owed
from pwsops.runs.owed_access import OwedAccess
from pwsops.runs.owed_scratches import OwedScratches
from pwsops.runs.pruning import Pruner
from pwsops.runs.restorer import Restorer
from pwsops.runs.runner import Runner
from pwsops.runs.safety_copies import SafetyCopies
from pwsops.runs.scheduler import Service
from pwsops.runs.statements import Statements
from pwsops.secrets import Vault
from pwsops.signin.authentication import Authentication


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
        self.liveness = Liveness(home)
        self.certificates = RunCertificates(self.catalogue, self.vault)
        self.prunes = GoingPrunes(self.liveness)
        self.restorer = Restorer(self.catalogue, clock=clock, liveness=self.liveness, is_pruning=self.prunes.goes_on)
        self.driller = Driller(self.catalogue, clock=clock, liveness=self.liveness, is_pruning=self.prunes.goes_on)
        owed = self._owed(clock)
        self.pruner = self._pruner(clock)
        statements = Statements(self.catalogue, self.certificates, clock)
        self.runner = Runner(
            self.catalogue,
            clock=clock,
            liveness=self.liveness,
            open_engine=self.engine_of,
            certificates=self.certificates,
            owed=owed,
            after_run=AfterRun(self.catalogue, clock, self.pruner, statements),
        )
        self.safety_copies = SafetyCopies(
            self.catalogue, clock=clock, certificates=self.certificates, liveness=self.liveness
        )
        self.restorer.reconcile()
        with suppress(PwsopsError):  # whoever looks next tries again
            self.scratches.drop_files()
        self.looker = Looker(self)
        self.service: Service | None = None
        self.authentication: Authentication | None = None
        """What judges who comes to the pages of this process, and has their sessions; None: it has no pages."""

    def _pruner(self, clock: Clock) -> Pruner:
        return Pruner(
            self.catalogue,
            clock=clock,
            opens=self.vault.opens,
            open_engine=self.engine_of,
            going=self.prunes,
            reconcile_restores=self.restorer.reconcile,
        )

    def _owed(self, clock: Clock) -> Owed:
        self.scratches = OwedScratches(
            self.catalogue,
            clock=clock,
            liveness=self.liveness,
            driller=self.driller,
            open_engine=self._engine_of_scratches,
        )
        access = OwedAccess(self.catalogue, clock=clock, liveness=self.liveness, open_instance=self.engine)
        return Owed(access=access, scratches=self.scratches)

    def _begin_log(self) -> None:
        """Begin the log of a new home with a key; one from before there were keys goes on with a first keyed entry.

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
        key = self.certificates.private_key(thumbprint)
        if key is not None and actor is not None:
            # A restore does not fail because its entry could not be written.
            with suppress(PwsopsError):
                self.events.record_repeated(actor, "use private key", thumbprint, "to decrypt a backup")
        return key

    def close(self) -> None:
        """Stop this process's part in the scheduling, its restores and drills, and let go of every file."""
        self.prunes.stop()
        if self.service is not None:
            self.service.detach()
        self.restorer.close()
        self.driller.close()
        self.events.close()
        self.liveness.close()
        self.catalogue.close()

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
            # A server on its own reaches no file of this machine as us; looking costs some for each of many servers.
            off_limits=self.off_limits(name) if is_embedded(row.engine) else NOTHING,
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

    def _engine_of_scratches(self, name: str | None) -> Engine:
        return embedded_engine(off_limits=of_home(self.home, ())) if name is None else self.engine(name)

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
