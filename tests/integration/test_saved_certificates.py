"""Certificates saved with the backups: from just these files, and a password, everything comes back elsewhere."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from pwsops.certificates import archive
from pwsops.errors import CertificateNeeded, InvalidInput
from pwsops.operations import Operations, open_operations
from pwsops.rules.model import RunStatus
from pwsops.rules.naming import alternatives
from tests.clocks import NOON, ManualClock
from tests.pairs import openssl, pair

PASSWORD = "pä55 word"
THUMBPRINT = pair().facts().thumbprint
SAVED = f"backups_{THUMBPRINT}.pfx"


class Site:
    """A home, a database of its own, and a profile that encrypts and saves its certificate."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = ManualClock()
        self.vaults, self.media = root / "vaults", root / "media"
        for directory in (self.vaults, self.media):
            directory.mkdir(parents=True)
        self.ops: Operations = open_operations(root / "home", actor="ann", clock=self.clock)
        self.ops.instances.add("own", engine="sqlite", address=str(self.vaults))

    def profile(self, *, encrypt: bool = True, save: bool = True) -> None:
        self.ops.certificates.import_file(archive.pack([pair()], "import"), "import")
        with closing(sqlite3.connect(self.vaults / "db.sqlite3")) as database, database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE t (x)")
            database.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(100)])
        profile = self.ops.profiles.new()
        profile.name, profile.instance, profile.databases = "p", "own", ["db.sqlite3"]
        profile.directory, profile.active = str(self.media), False
        profile.encrypt_with, profile.save_certificates = "backups" if encrypt else "", save
        self.ops.profiles.create(profile, certificate_password=PASSWORD if save else None)

    def run(self) -> list[str]:
        """Run the profile, which must succeed, and give what was said on the way."""
        self.clock.advance(timedelta(seconds=1))
        run = self.ops.runs.run_here("p")
        assert run.status is RunStatus.SUCCEEDED
        said = [message.text for message in self.ops.runs.get(run.id).items[0].messages]
        return [text for text in said if " was read with SQLite " not in text]

    def cut_short(self) -> None:
        self.saved.write_bytes(self.saved.read_bytes()[:-9])

    def other_password(self) -> None:
        self.ops.profiles.save("p", self.ops.profiles.get("p"), certificate_password="other")

    @property
    def saved(self) -> Path:
        return self.media / SAVED

    def newest(self) -> Path:
        return max(self.media.glob("*.bak"), key=lambda path: path.stat().st_mtime_ns)

    def rows(self) -> list[int]:
        return read_rows(self.vaults / "db.sqlite3")


def read_rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        return [number for (number,) in database.execute("SELECT x FROM t ORDER BY x")]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "here")
    yield made
    made.ops.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Site]:
    """Another home, with an empty certificate store and no database."""
    made = Site(tmp_path / "there")
    yield made
    made.ops.close()


def test_a_run_saves_its_certificate_once_and_again_when_that_is_needed(site: Site) -> None:
    site.profile()
    assert site.run() == []
    content = openssl("pkcs12", "-in", site.saved, "-passin", f"pass:{PASSWORD}", "-nodes")
    assert b"BEGIN PRIVATE KEY" in content
    assert stat.S_IMODE(site.saved.stat().st_mode) == 0o600
    assert site.ops.certificates.get("backups").saved_at == NOON + timedelta(seconds=1)
    assert site.ops.certificates.attention() == []

    first = site.saved.read_bytes()
    site.run()
    assert site.saved.read_bytes() == first, "it serves still"
    site.saved.unlink()
    assert site.run() == []
    assert site.saved.read_bytes() != first


def test_a_saved_certificate_that_does_not_serve_stays_and_another_is_saved_beside_it(site: Site) -> None:
    site.profile()
    site.run()
    names = [SAVED, SAVED.replace(".pfx", "~2.pfx"), SAVED.replace(".pfx", "~3.pfx")]
    kept = {}
    for number, change in enumerate((site.cut_short, site.other_password), 1):
        change()
        kept[names[number - 1]] = (site.media / names[number - 1]).read_bytes()
        [told] = site.run()
        assert told.startswith(f"{site.saved} stays as it is: it does not open with this profile's password")
        assert told.endswith(f"The certificate was saved as {site.media / names[number]}.")
        assert site.run() == [], "it serves still"
    assert {name: (site.media / name).read_bytes() for name in kept} == kept
    openssl("pkcs12", "-in", site.media / names[2], "-passin", "pass:other", "-nodes", "-noout")
    assert sorted(path.name for path in site.media.glob("*.pfx")) == sorted(names)


def test_from_just_these_files_a_restore_elsewhere_works(site: Site, elsewhere: Site) -> None:
    site.profile()
    site.run()
    with closing(sqlite3.connect(site.vaults / "db.sqlite3")) as database, database:
        database.execute("DELETE FROM t WHERE x >= 50")
    site.run()
    incremental = str(site.newest())

    with pytest.raises(CertificateNeeded, match=f"CN=backups .thumbprint {THUMBPRINT}") as caught:
        elsewhere.ops.restores.restore("own", "db.sqlite3", incremental, create=True, accept_unrecorded=True)
    assert "pwsops certificate import" in caught.value.hint
    assert list(elsewhere.vaults.iterdir()) == []
    elsewhere.ops.certificates.import_file(site.saved.read_bytes(), PASSWORD)
    elsewhere.ops.restores.restore("own", "db.sqlite3", incremental, create=True, accept_unrecorded=True)
    assert elsewhere.rows() == list(range(50))


def test_from_just_these_files_the_script_restores_without_any_home(site: Site, tmp_path: Path) -> None:
    site.profile()
    site.run()
    command = [sys.executable, site.media / "recover.py", site.newest(), tmp_path / "new.db"]
    without = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert without.returncode == 1
    assert f"CN=backups (thumbprint {THUMBPRINT})" in without.stderr
    command[2:2] = ["--pfx", site.saved]
    subprocess.run(command, input=f"{PASSWORD}\n", capture_output=True, text=True, check=True)
    assert read_rows(tmp_path / "new.db") == list(range(100))


def test_a_certificate_that_cannot_be_saved_does_not_fail_the_backup_and_is_pointed_out(site: Site) -> None:
    site.profile()
    site.run()
    others = [site.media / name for name in alternatives(SAVED)]
    for path in others:
        path.write_bytes(b"somebody else's")
    [told] = site.run()
    assert "The certificate backups was not saved with the backup" in told
    assert str(site.saved) in told
    [concern] = site.ops.certificates.attention()
    assert "neither saved" in concern.concerns[0]
    others[0].unlink()
    assert site.run() == []
    assert site.ops.certificates.attention() == []


def test_without_being_asked_nothing_is_saved(site: Site) -> None:
    site.profile(save=False)
    site.run()
    assert not site.saved.exists()
    assert site.ops.certificates.get("backups").saved_at is None


def test_saving_wants_a_certificate_and_a_password(site: Site) -> None:
    with pytest.raises(InvalidInput, match="no certificate that could be saved"):
        site.profile(encrypt=False)
    profile = site.ops.profiles.new()
    profile.name, profile.instance, profile.databases = "q", "own", ["db.sqlite3"]
    profile.directory, profile.encrypt_with, profile.save_certificates = str(site.media), "backups", True
    with pytest.raises(InvalidInput, match="no password to protect them with"):
        site.ops.profiles.create(profile)


def test_the_password_is_kept_through_edits_until_saving_is_switched_off(site: Site) -> None:
    site.profile()
    profile = site.ops.profiles.get("p")
    profile.time_limit_h = 2.0
    site.ops.profiles.save("p", profile)
    site.run()
    assert site.saved.exists()
    profile.save_certificates = False
    site.ops.profiles.save("p", profile)
    profile.save_certificates = True
    with pytest.raises(InvalidInput, match="no password to protect them with"):
        site.ops.profiles.save("p", profile)


def test_its_password_is_nowhere_to_be_found(site: Site) -> None:
    site.profile()
    site.run()
    site.other_password()
    assert [entry.detail for entry in site.ops.audit.list() if entry.action == "edit profile"] == [
        "password of saved certificates"
    ]
    shown = repr([site.ops.profiles.list(), site.ops.profiles.get("p"), site.ops.audit.list()])
    assert PASSWORD not in shown
    site.ops.close()
    for path in site.root.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path
