"""The whole product over the stand-in: a home, its operations, and a real driver between them and the server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pwsops.operations import open_operations
from pwsops.operations.records import ItemView, RestoreView, RunView
from pwsops.profile import BackupProfile
from pwsops.rules.model import BackupKind, BackupSet, Message, RunStatus
from tests.standin.drivers import Driver
from tests.standin.events import Event, Login, LoginRefused, Said, Value
from tests.standin.server import ScriptedServer
from tests.standin.server.files import File
from tests.standin.server.messages import TEXTS
from tests.standin.server.session import ScriptedSession
from tests.standin.wire import StandIn

LOGIN, PASSWORD = "pwsops", "Only!4Tests"
ROWS = [(1, "first"), (2, "second")]
PERCENT = 3211


class Product:
    """A home with the instance `srv`, a stand-in behind a real driver, and shorthands for what tests do."""

    def __init__(self, home: Path, overhearing: Overhearing, stand_in: StandIn, driver: Driver) -> None:
        self.home, self.stand_in, self.driver = home, stand_in, driver
        self.overhearing, self.server = overhearing, overhearing.server
        self.server.add_login(LOGIN, password=PASSWORD, roles={"sysadmin"})
        self.ops = open_operations(home, actor="ann")
        self.add_instance("srv")

    def add_instance(self, name: str, *, address: str = "", login: str = LOGIN, **options: object) -> None:
        """Add the stand-in as an instance. Its certificate is one that nobody trusts."""
        # Microsoft's driver tries an address that nobody listens at until the login timeout is over.
        told = {"driver": self.driver.id, "trust_server_certificate": True, "login_timeout_s": 3, **options}
        self.ops.instances.add(
            name,
            engine="sqlserver",
            address=address or self.stand_in.address,
            login=login,
            password=PASSWORD,
            options=told,
        )

    def restore(self, path: str, database: str, position: int = 1, **options: Any) -> None:
        """Restore a set of a file, also where another home took it."""
        self.ops.restores.restore("srv", database, path, position, accept_unrecorded=True, **options)

    def remembered(self) -> set[str]:
        """Return the identities of the sets that the server's own history has."""
        return {str(backup.stored.guid).upper() for backup in self.server.history.backups}

    def throw_everybody_out(self) -> None:
        """End every session, so that the next to come has to log in."""
        for session in self.server.sessions():
            session.kill()

    def assert_word_for_word(self, heard: Sequence[Message]) -> None:
        """Make sure that what was kept of the server's words is just that: unchanged, and in its order."""
        said = iter(self.overhearing.said)
        for message in heard:
            if message.number is not None:
                assert any((one.number, one.text) == (message.number, message.text) for one in said), message
                severity = TEXTS.get(message.number, (None, ""))[0]
                assert message.severity in (None, 10 if severity == 0 else severity)


class Work:
    """A database of its own, a directory of its own, and a profile over them."""

    def __init__(self, product: Product, name: str, *, directory: str = "") -> None:
        self.product, self.name = product, name
        self.server = product.server
        self.database = name
        self.on_server = self.server.add_database(name, rows=ROWS)
        self.directory = directory or f"D:\\Backup\\{name}"
        self.server.files.make_directory(self.directory)
        self.path = ""
        """Of the backup that a test is about."""
        self.moved: File | None = None

    def profile(self, name: str = "", *, certificate_password: str | None = None, **fields: Any) -> None:
        """Make a profile that waits for being started by hand."""
        known = {"instance": "srv", "directory": self.directory, "databases": [self.database], "renew_full": "never"}
        known |= {"every": 1, "unit": "d", "timezone": "UTC", "start": datetime(2099, 1, 1), "incremental": False}
        profile = BackupProfile(name=name or self.name, **(known | fields))
        self.product.ops.profiles.create(profile, certificate_password=certificate_password)

    def edit(self, name: str = "", **changes: Any) -> None:
        """Change the profile."""
        profiles = self.product.ops.profiles
        profile = profiles.get(name or self.name)
        profile.param.update(**changes)
        profiles.save(name or self.name, profile)

    def run(self, kind: BackupKind | None = None, name: str = "") -> RunView:
        """Do a run, and give it with its messages."""
        ops = self.product.ops
        return ops.runs.get(ops.runs.run_here(name or self.name, kind).id)

    def item(self, kind: BackupKind | None = None, name: str = "") -> ItemView:
        """Do a run of one database, and give what came of it."""
        run = self.run(kind, name)
        [item] = run.items
        assert run.status is item.status
        return item

    def succeeds(self, kind: BackupKind | None = None, name: str = "") -> ItemView:
        """Do a run that has to succeed: its set is in its file, whole, and known to the server."""
        item = self.item(kind, name)
        assert item.status is RunStatus.SUCCEEDED, (item.error, item.messages)
        self.assert_whole(item)
        return item

    def assert_whole(self, item: ItemView) -> None:
        """Make sure that what a run points to is there, whole, and in the server's history."""
        found = self.set_of(item)
        self.product.ops.media.verify(found.path, found.position, "srv")
        assert found.set_id in self.product.remembered()

    def set_of(self, item: ItemView) -> BackupSet:
        """Return the set of a run that succeeded, as its file has it."""
        assert item.path is not None
        [found] = [one for one in self.product.ops.media.read(item.path, "srv") if one.set_id == item.set_id]
        return found

    def media(self) -> list[str]:
        """Return the names of the files in the directory."""
        return [name for name, is_directory, _ in self.server.files.listing(self.directory) if not is_directory]

    def restores(self, item: ItemView, rows: Sequence[tuple[int, str]] = ROWS) -> None:
        """Restore what a run took: these rows are in the database then, and people may work in it."""
        self.on_server.write_rows([(1, "changed meanwhile"), (99, "new")])
        found = self.set_of(item)
        self.product.restore(found.path, self.database, found.position)
        self.assert_holds(rows)

    def last_restore(self) -> RestoreView:
        """Return the newest restore of the database, as the history has it."""
        return self.product.ops.restores.list(limit=1, instance="srv", database=self.database)[0]

    def assert_holds(self, rows: Sequence[tuple[int, str]]) -> None:
        assert self.on_server.read_rows() == list(rows)
        assert (self.on_server.state, self.on_server.user_access) == ("ONLINE", "MULTI_USER")


class Overhearing:
    """The server, for the wire: a test gets to know what it says, and when."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.said: list[Said] = []
        """All messages but percentages, in order."""
        self.watch: Callable[[], object] = lambda: None
        """Called before each event of any session."""

    def connect(self, login: Login) -> _Overheard:
        try:
            return _Overheard(self.server.connect(login), self)
        except LoginRefused as refused:
            self.said.extend(refused.said)
            raise


class _Overheard:
    def __init__(self, session: ScriptedSession, overhearing: Overhearing) -> None:
        self._session, self._overhearing = session, overhearing

    def run(self, batch: str, parameters: Mapping[str, Value], cancelled: threading.Event) -> Iterator[Event]:
        with closing(self._session.run(batch, parameters, cancelled)) as events:
            for event in events:
                if isinstance(event, Said) and event.number != PERCENT:
                    self._overhearing.said.append(event)
                self._overhearing.watch()
                yield event

    def close(self) -> None:
        self._session.close()


@contextmanager
def opened(
    root: Path, driver: Driver, *, shape: str = "plain", reset_on_cut: bool = False, **server_options: Any
) -> Iterator[Product]:
    """Start a stand-in, and open a home that has it as an instance."""
    server = ScriptedServer(**server_options)
    overhearing = Overhearing(server)
    with StandIn(overhearing, shape=shape, reset_on_cut=reset_on_cut) as stand_in:
        product = Product(root, overhearing, stand_in, driver)
        try:
            yield product
        finally:
            product.ops.close()
