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
from pwsops.runs.liveness import holders
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


@pytest.fixture
def key(home: Home, tmp_path: Path) -> Path:
    """A key that lies elsewhere; a link leads to it, by way of another one and of a name that goes up."""
    home.core.vault.prepare()
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "way").mkdir(mode=0o700)
    key = (home.path / "secret.key").rename(tmp_path / "keys" / "key")
    (tmp_path / "way" / "second").symlink_to("../keys/key")
    (home.path / "secret.key").symlink_to(tmp_path / "way" / "second")
    return key


def test_what_a_link_leads_to_is_mended(home: Home, key: Path) -> None:
    assert (list(private.findings(home.path)), private.mend(home.path)) == ([], [])
    key.chmod(0o644)
    assert [one.path.name for one in private.findings(home.path)] == ["secret.key"]
    assert private.mend(home.path) == [
        f"{home.path / 'secret.key'} could be used by others (mode 644); now it is private."
    ]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert home.core.vault.fault() is None


def test_a_home_behind_a_link_is_mended_too(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o755)
    (tmp_path / "real").chmod(0o755)
    (tmp_path / "link").symlink_to("real")
    ops = open_operations(tmp_path / "link")
    ops.close()
    assert ops.mended == [f"{tmp_path / 'link'} could be used by others (mode 755); now it is private."]
    assert modes(tmp_path / "real")["."] == 0o700
    assert list(private.findings(tmp_path / "link")) == []


def test_a_shared_directory_behind_a_link_is_closed_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "theirs").touch()
    (tmp_path / "shared").chmod(0o755)
    (tmp_path / "link").symlink_to("shared")
    with pytest.raises(Refused, match="is not made a home"):
        open_operations(tmp_path / "link")
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o755


@as_root
def test_what_another_user_owns_behind_a_link_is_refused(home: Home, key: Path, tmp_path: Path) -> None:
    os.chown(key, NOBODY, NOBODY)
    with pytest.raises(Refused, match=f"{key} belongs to nobody"):
        private.mend(home.path)
    assert [one.path for one in private.findings(home.path)] == [key]
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", NOBODY, NOBODY)
    with pytest.raises(Refused, match="theirs belongs to nobody"):
        open_operations(tmp_path / "link")


@as_root
@pytest.mark.parametrize("name", ["keys", "way"])
def test_whoever_could_lead_a_link_elsewhere_is_named(home: Home, key: Path, tmp_path: Path, name: str) -> None:
    os.chown(tmp_path / name, NOBODY, NOBODY)
    with pytest.raises(Refused, match=f"{tmp_path / name} belongs to nobody, who may decide where") as refused:
        private.mend(home.path)
    assert "root alone may write" in refused.value.hint
    assert [one.path for one in private.findings(home.path)] == [tmp_path / name]


@pytest.mark.parametrize(
    ("mode", "refused"), [(0o702, True), (0o1777, False), (0o755, False), (0o720, True), (0o1770, False)]
)
@pytest.mark.parametrize("name", ["keys", "way"])
def test_a_directory_on_the_way_that_others_may_write_is_refused(
    home: Home, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: int, refused: bool
) -> None:
    monkeypatch.setattr(private, "_is_own_group", lambda found: False)
    (tmp_path / name).chmod(mode)
    assert [one.path for one in private.findings(home.path)] == ([tmp_path / name] if refused else [])
    if refused:
        with pytest.raises(Refused, match=r"may be written by others \(mode"):
            private.mend(home.path)
    else:
        assert private.mend(home.path) == []


def test_a_group_that_is_its_users_alone_counts_as_the_user(home: Home, key: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").chmod(0o770)
    facts = list((tmp_path / "keys").stat())
    named = os.stat_result([*facts[:4], 0, 0, *facts[6:]])
    nameless = os.stat_result([*facts[:4], 0, 4_000_000_000, *facts[6:]])
    assert [private._writable_by_others(one) for one in (named, nameless)] == [False, True]


def test_links_that_lead_nowhere_or_in_circles_are_no_parts(home: Home) -> None:
    (home.path / "logs" / "nowhere").symlink_to("gone/away")
    (home.path / "logs" / "circle").symlink_to("circle")
    assert private.mend(home.path) == []
    assert list(private.findings(home.path)) == []


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
