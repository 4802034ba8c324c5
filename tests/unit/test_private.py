"""A home is its owner's alone, however it came to be open to others."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from pwsops import private
from pwsops.errors import PwsopsError, Refused
from pwsops.operations import open_operations
from pwsops.presence import holders
from tests.homes import Home

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a file away")


def modes(home: Path) -> dict[str, int]:
    parts = [home, *home.rglob("*")]
    return {str(path.relative_to(home)): stat.S_IMODE(path.stat().st_mode) for path in parts}


def test_all_that_a_home_is_made_of_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ops = open_operations(tmp_path / "new" / "home")
        ops.service.attach()
        ops.service.start()
        found = modes(ops.home)
        ops.service.stop()
        ops.close()
    finally:
        os.umask(before)
    assert {"catalogue.sqlite3", "catalogue.sqlite3-wal", "scheduler.lock", "logs/pwsops.log"} <= found.keys()
    assert {name for name, mode in found.items() if mode & 0o077} == set()


def test_an_open_home_is_mended_at_the_next_start_and_that_is_said(home: Home) -> None:
    home.core.vault.prepare()
    opened = [home.path / name for name in (".", "catalogue.sqlite3", "secret.key", "logs", "logs/pwsops.log")]
    for path in opened:
        path.chmod(0o777)
    (check,) = [check for check in home.ops.doctor() if check.name == "Privacy"]
    assert (check.ok, f"chmod 600 {home.path / 'secret.key'}" in check.next_step) == (False, True)
    ops = open_operations(home.path)
    try:
        # What SQLite made beside the catalogue meanwhile has the catalogue's mode.
        told = {f"{path} could be used by others (mode 777); now it is private." for path in opened}
        assert told <= set(ops.mended)
    finally:
        ops.close()
    assert {name for name, mode in modes(home.path).items() if mode & 0o077} == set()
    assert private.mend(home.path) == []
    (check,) = [check for check in home.ops.doctor() if check.name == "Privacy"]
    assert check.ok


def test_what_lets_people_in_is_mended_too(home: Home) -> None:
    home.ops.people.add_user("ada", "walrus teapot oblong")
    home.ops.people.authentication().links.make()
    home.ops.people.authentication().throttle.mark("ada")
    for path in home.path.rglob("*"):
        path.chmod(0o777)
    private.mend(home.path)
    assert {name for name, mode in modes(home.path).items() if mode & 0o077} == set()


@as_root
@pytest.mark.parametrize("name", [".", "secret.key", "catalogue.sqlite3"])
def test_what_another_user_owns_is_refused(home: Home, name: str) -> None:
    home.core.vault.prepare()
    os.chown(home.path / name, NOBODY, NOBODY)
    with pytest.raises(Refused, match="belongs to nobody"):
        open_operations(home.path)
    (check,) = [check for check in home.ops.doctor() if check.name == "Privacy"]
    assert "belongs to nobody" in check.finding


@pytest.mark.parametrize("mode", [0o1777, 0o755])
def test_a_shared_directory_is_closed_to_nobody(tmp_path: Path, mode: int) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "theirs").touch()
    shared.chmod(mode)
    with pytest.raises(Refused, match="is not made a home"):
        open_operations(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == mode


def test_a_link_is_told_and_not_followed(home: Home, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch()
    key.chmod(0o644)
    (home.path / "secret.key").unlink()
    (home.path / "secret.key").symlink_to(key)
    assert private.mend(home.path) == []
    assert stat.S_IMODE(key.stat().st_mode) == 0o644
    assert [one.path.name for one in private.findings(home.path)] == ["secret.key"]


def test_what_cannot_be_mended_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_given: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    home.path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", refused)
    with pytest.raises(Refused, match="cannot be changed: Operation not permitted"):
        private.mend(home.path)


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PwsopsError, match="cannot be made"):
        private.make_home(tmp_path / "file" / "home")
    private.make_file(tmp_path / "none" / "file")


def test_a_stranger_who_holds_the_lock_is_named(home: Home) -> None:
    lock = home.path / "scheduler.lock"
    lock.touch(mode=0o600)
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert [one.pid for one in holders(lock)] == [os.getpid()]
        (check,) = [check for check in home.ops.doctor() if check.name == "Lock of the scheduling"]
        assert f"process {os.getpid()} of {private.user_name(os.geteuid())}" in check.finding
    assert holders(lock) == holders(home.path / "gone") == []


def test_an_unknown_user_has_a_number() -> None:
    assert private.user_name(4_000_000_000) == "user 4000000000"
