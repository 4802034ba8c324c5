"""Rotation of the home's key: at whatever step it is cut off, all that is stored can be opened."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from pwsops import key_file
from pwsops.catalogue import Catalogue, Connection, sealed
from pwsops.errors import Denied, PwsopsError, Refused
from pwsops.key_file import KEY_FILE
from pwsops.operations import Operations, Role, key_binding, open_operations
from pwsops.operations import key as key_module
from pwsops.rules.audit import AuditState
from pwsops.secrets import KEY_VARIABLE, Vault
from pwsops.signin import users
from tests.clocks import joined
from tests.component.operations.test_certificates import take_in
from tests.homes import Home
from tests.people import acting_as

SECRET = "c0rrect horse"


class Killed(BaseException):
    """The process was killed here."""


@pytest.fixture
def kept(home: Home) -> Home:
    """A home with something sealed of each kind."""
    take_in(home, "one")
    home.server.encryption = home.server.login = True
    home.ops.instances.add("sql", engine="fake", address="db1", login="ops", password=SECRET)
    home.ops.profiles.create(home.profile(instance="sql", login="backup"), password="theirs")
    return home


def is_all_open(ops: Operations) -> bool:
    """Whether all opens, as another process would find it."""
    fresh = open_operations(ops.home, actor="ann", clock=ops._core.clock)
    try:
        assert fresh.key.fault() is None
        assert fresh._core.instance("sql").password == SECRET
        with fresh._core.catalogue.read() as connection:
            return all(fresh._core.vault.opens(one.text, one.bound) for one in sealed.every(connection))
    finally:
        fresh.close()


def key_text(home: Home) -> str:
    return (home.path / KEY_FILE).read_text().strip()


def test_a_rotation_seals_everything_with_a_new_key_and_drops_the_old_one(kept: Home) -> None:
    old = key_text(kept)
    assert kept.ops.key.rotate() == 4
    assert kept.ops.audit.verify().state is AuditState.WHOLE
    assert old not in key_text(kept)
    assert "," not in key_text(kept)
    assert stat.S_IMODE((kept.path / KEY_FILE).stat().st_mode) == 0o600
    assert is_all_open(kept.ops)
    assert kept.ops.key.check() == 4
    assert [entry.action for entry in kept.ops.audit.list(limit=2)] == ["drop old key", "rotate key"]
    (kept.path / KEY_FILE).write_text(old)
    assert "is not the one" in str(kept.ops.key.fault())
    assert not kept.core.vault.opens(*_instance(kept))


def _instance(home: Home) -> tuple[str, tuple[str, ...]]:
    row = home.core.instance_row("sql")
    return row.sealed_password or "", row.login_bound(row.login)


STEPS = {
    "before the new key is there": (Vault, "add_key"),
    "while the key file is written": (os, "fsync"),
    "before the key file gets its name": (Path, "replace"),
    "before anything is sealed anew": (key_module, "reseal_all"),
    "while it is sealed anew": (key_binding.home_key, "put_check"),
    "before the old key is dropped": (Vault, "drop_keys"),
    "before the new key is proven": (Vault, "first_alone"),
}


@pytest.mark.parametrize("step", STEPS)
def test_who_is_killed_on_the_way_leaves_everything_to_be_opened(
    kept: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_given: object, **_named: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*STEPS[step], killed)
        with pytest.raises(Killed):
            kept.ops.key.rotate()
    assert is_all_open(kept.ops)
    kept.ops.key.rotate()
    assert "," not in key_text(kept)
    assert is_all_open(kept.ops)


@pytest.mark.parametrize("number", range(1, 4))
def test_who_is_killed_at_any_replacing_of_the_file_leaves_a_whole_one(
    kept: Home, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    count = 0
    real = os.fsync

    def killed(descriptor: int) -> None:
        nonlocal count
        count += 1
        real(descriptor)
        if count == number:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(key_file.os, "fsync", killed)
        with pytest.raises(Killed):
            kept.ops.key.rotate()
    assert is_all_open(kept.ops)


def test_a_check_ends_a_rotation_that_was_cut_off_before_its_last_step(
    kept: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Vault, "drop_keys", lambda self: None)
        kept.ops.key.rotate()
    assert "," in key_text(kept)
    kept.ops.key.check()
    assert "," not in key_text(kept)
    assert is_all_open(kept.ops)


def test_another_process_goes_on_with_the_new_key(kept: Home) -> None:
    other = open_operations(kept.path, actor="bob", clock=kept.clock)
    try:
        other.instances.edit("sql", password="n3w")
        kept.ops.key.rotate()
        assert other._core.instance("sql").password == "n3w"
        other.instances.edit("sql", password="n3wer")
        assert kept.core.instance("sql").password == "n3wer"
    finally:
        other.close()


def test_what_is_sealed_is_sealed_in_the_transaction_that_keeps_it(kept: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation, which takes the write lock, then comes before it or seals it anew; it loses nothing."""
    sealing_for_good: list[bool] = []
    writing: list[bool] = []
    real_seal, real_write = Vault.seal, type(kept.core.catalogue).write

    @contextmanager
    def write(catalogue: Catalogue) -> Iterator[Connection]:
        with real_write(catalogue) as connection:
            writing.append(True)
            try:
                yield connection
            finally:
                writing.pop()

    def seal(vault: Vault, text: str, bound: tuple[str, ...]) -> str:
        sealing_for_good.append(bool(writing))
        return real_seal(vault, text, bound)

    monkeypatch.setattr(Catalogue, "write", write)
    monkeypatch.setattr(Vault, "seal", seal)
    kept.ops.instances.edit("sql", password="n3w")
    kept.ops.instances.add("other", engine="fake", address="db2", login="ops", password=SECRET)
    take_in(kept, "two")
    assert sealing_for_good == [True] * 3
    kept.ops.profiles.save("p", kept.ops.profiles.get("p"), password="n3w")
    assert sealing_for_good[3:] == [False, True], "the first is for what is asked of the server, and is not kept"


def test_what_does_not_open_stops_a_rotation_and_is_named(kept: Home) -> None:
    with kept.core.catalogue.write() as connection:
        (one,) = [one for one in sealed.every(connection) if one.what == "the password of the profile p"]
        sealed.put(connection, one, "2." + one.text[2:][::-1])
    before = key_text(kept)
    for act in (kept.ops.key.rotate, kept.ops.key.check):
        with pytest.raises(Refused, match="the password of the profile p"):
            act()
    assert key_text(kept) == before


def test_what_belonged_to_a_deleted_profile_stops_nothing_and_is_forgotten(kept: Home) -> None:
    kept.ops.profiles.delete("p")
    with kept.core.catalogue.write() as connection:
        (one,) = [one for one in sealed.everything(connection) if not one.current]
        sealed.put(connection, one, "2." + one.text[2:][::-1])
    assert kept.ops.key.rotate() == 3
    with kept.core.catalogue.read() as connection:
        assert [one for one in sealed.everything(connection) if not one.current] == []


def test_a_key_of_the_environment_is_replaced_by_giving_both(kept: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = key_text(kept), Fernet.generate_key().decode()
    (kept.path / KEY_FILE).unlink()
    monkeypatch.setenv(KEY_VARIABLE, old)
    with pytest.raises(Refused, match=KEY_VARIABLE) as caught:
        kept.ops.key.rotate()
    assert "openssl rand" in caught.value.hint
    monkeypatch.setenv(KEY_VARIABLE, f"{new},{old}")
    assert kept.ops.key.rotate() == 4
    kept.ops.key.check()
    monkeypatch.setenv(KEY_VARIABLE, new)
    assert is_all_open(kept.ops)
    assert not (kept.path / KEY_FILE).exists()


def test_a_lost_key_is_red_everywhere_also_where_nothing_is_sealed_any_more(home: Home) -> None:
    home.server.login = True
    home.ops.instances.add("sql", engine="fake", address="db1", login="ops", password=SECRET)
    home.ops.instances.remove("sql")
    (home.path / KEY_FILE).unlink()
    fault = home.ops.key.fault()
    assert fault is not None
    with pytest.raises(PwsopsError, match="is gone"):
        home.ops.instances.add("sql", engine="fake", address="db1", login="ops", password=SECRET)
    with pytest.raises(PwsopsError, match="is gone"):
        home.ops.key.rotate()
    assert not (home.path / KEY_FILE).exists()
    home.ops.key.begin_anew()
    assert home.ops.key.fault() is None
    assert home.ops.audit.list(limit=1)[0].action == "begin with a new key"
    home.ops.instances.add("sql", engine="fake", address="db1", login="ops", password=SECRET)


def test_a_home_that_keeps_no_password_has_a_key_for_its_log(home: Home) -> None:
    assert home.ops.key.fault() is None
    assert home.ops.key.rotate() == 1


def test_a_log_whose_key_is_lost_goes_on_under_a_new_one(home: Home) -> None:
    home.ops.settings.set("every", "1")
    (home.path / KEY_FILE).unlink()
    ops = open_operations(home.path, actor="ann", clock=home.clock)
    try:
        ops.key.begin_anew()
        found = ops.audit.verify()
        assert found.state is AuditState.UNKNOWN
        before = ops.audit.list(limit=1)[0].id
        ops.settings.set("every", "2")
        with ops._core.catalogue.read() as connection:
            facts, _known = ops._core.catalogue.notary.every(connection)
        assert [one.opens for one in facts] == [False, True]
        assert facts[-1].first_entry <= before
        assert ops.key.rotate() == 1
    finally:
        ops.close()


def test_a_key_of_another_home_is_found_out(kept: Home, tmp_path: Path) -> None:
    shutil.copy(kept.path / KEY_FILE, tmp_path / "kept")
    (kept.path / KEY_FILE).write_text(Fernet.generate_key().decode())
    assert "is not the one" in str(kept.ops.key.fault())
    shutil.copy(tmp_path / "kept", kept.path / KEY_FILE)
    assert kept.ops.key.fault() is None


def test_only_a_user_of_the_machine_replaces_the_key(kept: Home) -> None:
    with pytest.raises(Denied):
        acting_as(kept.ops, Role.ADMINISTRATOR).key.rotate()


def test_a_rotation_holds_the_catalogue_from_nobody_while_it_waits_for_the_file_of_people(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who changes that file holds it, and then writes an entry: whoever holds the two the other way round is stuck."""
    waits, acquire = threading.Event(), users.FileLock.acquire

    def noted(lock: users.FileLock, *given: Any, **more: Any) -> Any:
        if threading.current_thread() is rotation:
            waits.set()
        return acquire(lock, *given, **more)

    monkeypatch.setattr(users.FileLock, "acquire", noted)
    rotation = threading.Thread(target=home.ops.key.rotate, daemon=True)
    with users.Users(home.path, clock=home.clock).held():
        rotation.start()
        assert waits.wait(60)
        home.ops.settings.change({"every": "3"})
    joined(rotation)
    assert home.ops.audit.list(limit=2)[1].action == "rotate key"
