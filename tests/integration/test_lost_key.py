"""A home whose key was lost or changed: what is encrypted counts as lost until the key, or the certificate, is back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from pwsops.certificates import archive
from pwsops.errors import Conflict, PwsopsError, Refused
from pwsops.key_file import KEY_FILE
from pwsops.operations import Operations, open_operations
from pwsops.operations.records import Check, ItemView
from pwsops.rules.model import BackupKind, RunStatus
from pwsops.rules.protection import LOST, Cause, Protection
from pwsops.secrets import KEY_VARIABLE
from tests.clocks import ManualClock
from tests.pairs import pair

PASSWORD = "pä55 word"
SEALED = "Sealed with the key"


class Site:
    """A home with one encrypted backup by a profile that takes incrementals."""

    def __init__(self, root: Path) -> None:
        self.clock = ManualClock()
        # The worker dates its backups by the machine's clock; an hour ahead, none of them is still to come.
        self.clock.set_wall(datetime.now(UTC) + timedelta(hours=1))
        self.key = root / "home" / KEY_FILE
        vaults, media = root / "vaults", root / "media"
        self.media = media
        for directory in (vaults, media):
            directory.mkdir(parents=True)
        with closing(sqlite3.connect(vaults / "db.sqlite3")) as database, database:
            database.execute("CREATE TABLE t (x)")
        self.ops: Operations = open_operations(root / "home", actor="ann", clock=self.clock)
        self.ops.instances.add("own", engine="sqlite", address=str(vaults))
        self.take_in()
        profile = self.ops.profiles.new()
        profile.name, profile.instance, profile.databases = "p", "own", ["db.sqlite3"]
        profile.directory, profile.encrypt_with, profile.timestamp = str(media), "backups", True
        profile.renew_full = "never"
        self.ops.profiles.create(profile)
        self.run()

    def take_in(self) -> None:
        self.ops.certificates.import_file(archive.pack([pair()], "import"), "import")

    def run(self, status: RunStatus = RunStatus.SUCCEEDED) -> Sequence[ItemView]:
        """Run the profile, which must end like that; what is said of its databases."""
        self.clock.advance(timedelta(seconds=1))
        run = self.ops.runs.run_here("p")
        assert run.status is status
        return self.ops.runs.get(run.id).items

    def check(self, name: str) -> Check:
        return next(check for check in self.ops.doctor() if check.name == name)

    def causes(self) -> set[Cause]:
        """What the verdict says after a look of a backup that is lost; all else depends on service and clock."""
        self.ops.databases.list("own")
        (found,) = self.ops.databases.verdicts()
        causes = {one.cause for one in found.findings} & LOST
        assert bool(causes) == (found.protection is Protection.UNPROTECTED)
        return causes

    def doctor(self) -> Check | None:
        return next((check for check in self.ops.doctor() if check.name == SEALED), None)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return Site(tmp_path)


def lose(site: Site) -> None:
    site.key.unlink()


def change(site: Site) -> None:
    site.key.write_text(Fernet.generate_key().decode())


@pytest.mark.parametrize("harm", [lose, change])
def test_what_nobody_can_open_protects_nobody_until_the_key_is_back(site: Site, harm: object) -> None:
    assert callable(harm)
    kept = site.key.read_text()
    assert (site.causes(), site.doctor()) == (set(), None)
    harm(site)
    assert site.causes() == {Cause.KEY_MISSING}
    found = site.doctor()
    assert found is not None
    assert (found.ok, found.required) == (False, True)
    assert "the private key of the certificate backups" in found.finding
    assert not site.check("Key").ok
    with pytest.raises(Refused):
        site.ops.key.require()
    (certificate,) = site.ops.certificates.attention()
    assert "does not open" in certificate.concerns[0]
    assert site.ops.certificates.for_encryption() == []
    media = {path.name for path in site.media.iterdir()}
    (item,) = site.run(RunStatus.FAILED)
    assert "the home's key" in item.error.lower()
    assert {path.name for path in site.media.iterdir()} == media, "it fails before anything is written"
    assert site.causes() == {Cause.KEY_MISSING}
    site.key.write_text(kept)
    assert (site.causes(), site.doctor()) == (set(), None)
    (item,) = site.run()
    assert item.kind is BackupKind.DIFFERENTIAL
    assert site.ops.key.fault() is None


def test_no_new_key_comes_silently_and_a_certificate_taken_in_anew_opens_its_backups(site: Site) -> None:
    with pytest.raises(Conflict):
        site.take_in()
    lose(site)
    with pytest.raises(Refused, match="is gone"):
        site.take_in()
    with pytest.raises(PwsopsError, match="is gone"):
        site.ops.certificates.create("another")
    assert not site.key.exists()
    change(site)
    with pytest.raises(Refused, match="is not the one"):
        site.take_in()
    site.ops.key.begin_anew()
    site.take_in()
    site.ops.audit.begin_new_key()
    assert (site.causes(), site.doctor()) == (set(), None)
    assert site.ops.audit.list()[1].detail.endswith("its key sealed anew")


def test_all_that_is_sealed_is_asked_about(site: Site) -> None:
    profile = site.ops.profiles.get("p")
    profile.save_certificates = True
    site.ops.profiles.save("p", profile, certificate_password=PASSWORD)
    lose(site)
    site.ops.key.begin_anew()
    assert site.key.exists()
    entry = site.ops.audit.list()[0]
    assert entry.action == "begin with a new key"
    assert "the password for the saved certificates of p" in entry.detail
    with pytest.raises(Refused, match="no need"):
        site.ops.key.begin_anew()
    found = site.doctor()
    assert found is not None
    assert "the password for the saved certificates of p" in found.finding
    site.take_in()
    site.ops.profiles.save("p", site.ops.profiles.get("p"), certificate_password=PASSWORD)
    site.ops.audit.begin_new_key()
    assert site.doctor() is None
