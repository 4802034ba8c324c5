from __future__ import annotations

import shutil
import stat
import subprocess
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from pwsops.engines.base import Instance
from pwsops.errors import EngineError, PwsopsError, Refused
from pwsops.secrets import KEY_FILE, KEY_VARIABLE, Vault
from tests.homes import Home

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def _no_key_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def test_what_is_sealed_can_be_opened_by_another_process_of_the_home(tmp_path: Path) -> None:
    sealed = Vault(tmp_path).seal(PASSWORD)
    assert PASSWORD not in sealed
    assert sealed.isascii()
    assert Vault(tmp_path).open(sealed) == PASSWORD


def test_the_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert not (tmp_path / KEY_FILE).exists()
    vault.seal("a")
    first = (tmp_path / KEY_FILE).read_text()
    Vault(tmp_path).seal("b")
    assert (tmp_path / KEY_FILE).read_text() == first
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_those_who_make_the_key_at_once_share_one(tmp_path: Path) -> None:
    together = threading.Barrier(8, timeout=60)

    def seal(number: int) -> str:
        together.wait()
        return Vault(tmp_path).seal(str(number))

    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(seal, range(8)))
    assert [Vault(tmp_path).open(each) for each in sealed] == [str(number) for number in range(8)]
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_is_replaced_by_putting_the_new_one_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    monkeypatch.setenv(KEY_VARIABLE, old)
    before = Vault(tmp_path).seal(PASSWORD)
    monkeypatch.setenv(KEY_VARIABLE, f"{new}, {old}")
    assert Vault(tmp_path).open(before) == PASSWORD
    after = Vault(tmp_path).seal(PASSWORD)
    monkeypatch.setenv(KEY_VARIABLE, new)
    assert Vault(tmp_path).open(after) == PASSWORD
    with pytest.raises(Refused):
        Vault(tmp_path).open(before)
    assert not (tmp_path / KEY_FILE).exists()


def test_a_wrong_key_says_what_to_restore_and_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = Vault(tmp_path).seal(PASSWORD)
    monkeypatch.setenv(KEY_VARIABLE, Fernet.generate_key().decode())
    with pytest.raises(Refused, match="cannot be decrypted") as caught:
        Vault(tmp_path).open(sealed)
    assert str(tmp_path / KEY_FILE) in caught.value.hint
    assert sealed not in "".join(traceback.format_exception(caught.value))


def test_a_key_that_came_went_or_changed_is_noticed_by_who_has_used_it(tmp_path: Path) -> None:
    vault, key = Vault(tmp_path), tmp_path / KEY_FILE
    sealed = vault.seal(PASSWORD)
    kept = key.read_text()
    assert vault.opens(sealed)
    key.unlink()
    assert not vault.opens(sealed)
    with pytest.raises(Refused, match="is gone") as caught:
        vault.open(sealed)
    assert KEY_VARIABLE in caught.value.hint
    assert not key.exists(), "no new key is made by what cannot be opened with it"
    key.write_text(Fernet.generate_key().decode())
    assert not vault.opens(sealed)
    key.write_text("none")
    assert not vault.opens(sealed)
    key.write_text(kept)
    assert vault.opens(sealed)
    assert vault.open(sealed) == PASSWORD


def test_what_a_key_opens_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault(tmp_path)
    sealed = vault.seal(PASSWORD)
    foreign = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    found = [vault.opens(each) for each in (sealed, foreign)]
    monkeypatch.setattr(Vault, "open", None)
    assert [vault.opens(each) for each in (sealed, foreign)] == found == [True, False]


def test_no_new_key_is_made_while_something_is_kept_under_the_former(tmp_path: Path) -> None:
    vault = Vault(tmp_path, in_use=lambda: True)
    with pytest.raises(Refused, match="is gone") as caught:
        vault.seal(PASSWORD)
    assert "openssl rand" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_another_process_has_just_made_is_used(tmp_path: Path) -> None:
    def sealed_by_another() -> bool:
        return bool(Vault(tmp_path).seal("theirs"))

    sealed = Vault(tmp_path, in_use=sealed_by_another).seal(PASSWORD)
    assert Vault(tmp_path).open(sealed) == PASSWORD


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the command of the hint needs openssl")
def test_the_hint_makes_a_key_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "a home"
    home.mkdir()
    vault = Vault(home, in_use=lambda: True)
    with pytest.raises(Refused) as caught:
        vault.seal("x")
    command = caught.value.hint.partition("make a new one: ")[2].partition("; then")[0]
    subprocess.run(["sh", "-c", command], check=True)
    assert stat.S_IMODE((home / KEY_FILE).stat().st_mode) == 0o600
    assert vault.opens(vault.seal(PASSWORD))


@pytest.mark.parametrize("key", ["too-short", "käse", "=" * 44, ","])
def test_a_key_that_is_none_is_told_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(PwsopsError, match="not valid") as caught:
        Vault(tmp_path).seal(PASSWORD)
    told = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert PASSWORD not in told


def test_a_key_that_cannot_be_read_or_made_is_told(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(PwsopsError, match=KEY_FILE) as caught:
        Vault(tmp_path).seal("a")
    assert KEY_VARIABLE in caught.value.hint
    with pytest.raises(PwsopsError, match=KEY_FILE):
        Vault(tmp_path / "gone").seal("a")


def test_a_password_is_nowhere_to_be_found(home: Home) -> None:
    home.server.login = True
    home.ops.instances.add("secret", engine="fake", address="there", login="sa", password=PASSWORD)
    assert home.core.instance("secret").password == PASSWORD
    home.server.fail("one", EngineError("login failed", hint="Look."))
    home.add(instance="secret")
    home.run()
    shown = [*home.ops.instances.list(), *home.ops.audit.list(), *home.ops.runs.list(), home.core.instance("secret")]
    assert PASSWORD not in repr(shown)
    assert all(instance.password is None for instance in home.ops.instances.list())
    home.ops.close()
    for path in home.path.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


def test_a_password_is_not_in_the_errors_about_its_instance(home: Home) -> None:
    home.server.unreachable = EngineError("srv does not answer", hint="Look.")
    for engine in ("fake", "no-such-engine"):
        with pytest.raises(PwsopsError) as caught:
            home.ops.instances.add("x", engine=engine, address="there", login="sa", password=PASSWORD)
        assert PASSWORD not in "".join(traceback.format_exception(caught.value)) + caught.value.hint


def test_an_instance_that_is_shown_hides_its_password() -> None:
    assert PASSWORD not in repr(Instance(name="a", engine="fake", address="b", password=PASSWORD))


def test_a_lost_key_does_not_stop_the_history_from_being_read(home: Home) -> None:
    home.server.login = True
    home.ops.instances.add("secret", engine="fake", address="there", login="sa", password=PASSWORD)
    home.add(instance="secret")
    (home.path / KEY_FILE).unlink()
    home.run()
    (run,) = home.ops.runs.list()
    assert "cannot be decrypted" in run.items[0].error
    assert KEY_FILE in run.items[0].hint
