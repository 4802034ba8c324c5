"""Sample vaults: so that a newcomer's first minute has something to back up, look at and restore."""

from __future__ import annotations

import base64
import random
import sqlite3
import uuid
from contextlib import closing
from datetime import datetime, time, timedelta
from pathlib import Path

from pwsops.catalogue import claims, instances, past, profiles, runs
from pwsops.catalogue.instances import InstanceRow
from pwsops.errors import PwsopsError, Refused
from pwsops.operations.access import Context
from pwsops.operations.profiles import Profiles
from pwsops.operations.rights import needs, on_everything
from pwsops.operations.sample_history import Growth, invent
from pwsops.profile import BackupProfile
from pwsops.rules.model import ProfileState, Trigger, Unit
from pwsops.rules.rights import Right

INSTANCE = "samples"
PROFILE = "Sample vaults"
HOURLY = "Sample: hourly, with a weekly full"
NIGHTLY = "Sample: nightly"
_GROWTH = {
    "company-vault.sqlite3": Growth(size_bytes=2.6e9, weekly=0.03),
    "web-shop-vault.sqlite3": Growth(size_bytes=0.9e9, weekly=0.05),
    "family-vault.sqlite3": Growth(size_bytes=0.2e9, weekly=0.004),
}
_BACKUPS = "sample-backups"
_VAULTS = {"company-vault.sqlite3": 400, "family-vault.sqlite3": 60, "web-shop-vault.sqlite3": 150}
_SCHEMA = """
CREATE TABLE users (uuid TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, akey TEXT NOT NULL);
CREATE TABLE folders (uuid TEXT PRIMARY KEY, user_uuid TEXT NOT NULL REFERENCES users, name TEXT NOT NULL);
CREATE TABLE ciphers (
    uuid TEXT PRIMARY KEY, user_uuid TEXT NOT NULL REFERENCES users, folder_uuid TEXT REFERENCES folders,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, name TEXT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX ciphers_by_user ON ciphers (user_uuid);
"""


class Samples:
    """Make the instance `samples`, with vaults in it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.CONNECT, "create the samples", on_everything)
    def create(self, *, with_profile: bool = False) -> list[str]:
        """Make the sample instance and its vaults where they are not there yet; give the vaults' names.

        Parameters
        ----------
        with_profile
            Make a profile as well that backs them up every minute until tomorrow, and queue its first run.
        """
        core = self._context.core
        directory = core.home / "samples"
        try:
            directory.mkdir(exist_ok=True)
            (core.home / _BACKUPS).mkdir(exist_ok=True)
            for seed, (name, ciphers) in enumerate(_VAULTS.items()):
                if not (directory / name).exists():
                    _make_vault(directory / name, ciphers, random.Random(seed))
        except (OSError, sqlite3.Error) as error:
            raise PwsopsError(
                f"The sample vaults cannot be made in {directory}: {error}.",
                hint="Check that its disk has room and that you may write there.",
            ) from None
        self._add_instance(directory)
        if with_profile:
            self._add_profile()
        return sorted(_VAULTS)

    @needs(Right.HOST, "invent a history")
    def history(self, *, weeks: int = 6) -> int:
        """Invent a past of some weeks in a home that has none, and give the number of its runs.

        The profiles are called samples and are inactive, the audit log says that the past is invented, and there is
        no file behind any backup of it. Reports, which read the catalogue, show it; a restore finds nothing.

        Raises
        ------
        Refused
            The home has profiles or a history: what is invented must never stand beside what is true.
        """
        self.create()
        core = self._context.core
        now = core.clock.now().replace(minute=0, second=0, microsecond=0)
        since = now - timedelta(weeks=weeks)
        made = [self._past_profile(HOURLY, since), self._past_profile(NIGHTLY, since)]
        with core.catalogue.write() as connection:
            if profiles.living(connection) or not past.is_empty(connection):
                raise Refused(
                    f"No past was invented: the home {core.home} has profiles or a history of its own.",
                    hint="Give an empty home, with --home or PWSOPS_HOME.",
                )
            number = 1
            for seed, profile in enumerate(made):
                profile_id = profiles.add(connection, profile, state=ProfileState.INACTIVE, now=core.clock.now())
                invented = invent(profile, _GROWTH, since=since, now=now, seed=seed)
                number = past.add(
                    connection,
                    invented,
                    profile_id=profile_id,
                    profile=profile.name,
                    instance=INSTANCE,
                    first_id=number,
                )
            detail = f"{number - 1} runs of the last {weeks} weeks, and no file behind them"
            self._context.note(connection, "invent a sample history", INSTANCE, detail)
        return number - 1

    def _past_profile(self, name: str, since: datetime) -> BackupProfile:
        profile = Profiles(self._context).new()
        hourly = name == HOURLY
        profile.param.update(
            name=name,
            instance=INSTANCE,
            databases=[vault for vault in sorted(_VAULTS) if hourly is not vault.startswith("family")],
            directory=str(self._context.core.home / _BACKUPS),
            every=1,
            unit=(Unit.HOUR if hourly else Unit.DAY).value,
            at=None if hourly else time(2, 30),
            start=since.replace(tzinfo=None),
            timezone="UTC",
            incremental=hourly,
            renew_full="weekly:sun",
            active=False,
        )
        profile.check()
        return profile

    def _add_instance(self, directory: Path) -> None:
        core = self._context.core
        row = InstanceRow(
            name=INSTANCE, engine="sqlite", address=str(directory), options={}, login=None, sealed_password=None
        )
        with core.catalogue.write() as connection:
            if instances.find(connection, INSTANCE) is None:
                instances.add(connection, row, now=core.clock.now())
                self._context.note(connection, "add instance", INSTANCE, f"sample vaults in {directory}")

    def _add_profile(self) -> None:
        core = self._context.core
        profile = self._profile()
        with self._context.read() as connection:
            before = profiles.find(connection, PROFILE)
        if before is not None:
            if before.state is ProfileState.ACTIVE:
                edited = before.profile()
                edited.until = profile.until
                Profiles(self._context).save(PROFILE, edited)
            return
        view = Profiles(self._context).create(profile)
        with core.catalogue.write() as connection:
            row = profiles.get(connection, view.id)
            now = core.clock.now()
            runs.add(
                connection,
                profile_id=row.id,
                profile=row.name,
                due_at=now,
                kind=claims.plan_kind(row, now, None, now=now),
                trigger=Trigger.MANUAL,
                owner=None,
            )

    def _profile(self) -> BackupProfile:
        core = self._context.core
        profile = Profiles(self._context).new()
        profile.name = PROFILE
        profile.instance = INSTANCE
        profile.databases = sorted(_VAULTS)
        profile.directory = str(core.home / _BACKUPS)
        profile.every = 1
        profile.unit = Unit.MINUTE.value
        profile.incremental, profile.renew_full, profile.active = True, "weekly:sun", True
        # A sample must not fill anybody's disk: it ends by itself.
        profile.until = core.clock.now().date() + timedelta(days=1)
        return profile


def _make_vault(path: Path, ciphers: int, chance: random.Random) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as connection:
        connection.executescript(_SCHEMA)
        people = [_uuid(chance) for _ in range(max(2, ciphers // 50))]
        for number, person in enumerate(people):
            row = (person, f"person{number}@example.org", f"Person {number}", _sealed(chance, 64))
            connection.execute("INSERT INTO users VALUES (?, ?, ?, ?)", row)
        folders = [(_uuid(chance), person, _sealed(chance, 32)) for person in people for _ in range(2)]
        connection.executemany("INSERT INTO folders VALUES (?, ?, ?)", folders)
        for number in range(ciphers):
            folder, person, _ = chance.choice(folders)
            day = f"2026-{1 + number % 12:02}-{1 + number % 28:02}T08:00:00Z"
            cipher = (_uuid(chance), person, folder, day, day, _sealed(chance, 48), _sealed(chance, 400))
            connection.execute("INSERT INTO ciphers VALUES (?, ?, ?, ?, ?, ?, ?)", cipher)
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
    unfinished.rename(path)


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _sealed(chance: random.Random, size: int) -> str:
    """Return what a vault's encrypted field looks like: a type, an IV, ciphertext and a MAC, in base64."""
    parts = (base64.b64encode(chance.randbytes(length)).decode() for length in (16, size, 32))
    return "2." + "|".join(parts)
