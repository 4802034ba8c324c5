from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import threading
import traceback
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pwsops import sealing
from pwsops.engines.records import Instance
from pwsops.errors import EngineError, InvalidInput, PwsopsError, Refused
from pwsops.key_file import KEY_FILE
from pwsops.secrets import KEY_VARIABLE, KeyRecord, Vault
from tests.homes import Home

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def _no_key_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


BOUND = ("password of a login", "fake", "there", "sa")
OTHER = ("password of a login", "fake", "elsewhere", "sa")


@dataclass
class Remembered:
    """What a catalogue would remember of the key."""

    check: str | None = None
    in_use: bool = False
    asked: Callable[[], None] = lambda: None

    def read(self) -> KeyRecord:
        self.asked()
        return KeyRecord(home_id="h1", check=self.check, in_use=self.in_use)

    def keep_check(self, check: str) -> None:
        self.check = self.check or check


@pytest.fixture
def records() -> Remembered:
    return Remembered()


@pytest.fixture
def vault(tmp_path: Path, records: Remembered) -> Vault:
    made = Vault(tmp_path, records)
    made.prepare()
    return made


def test_what_is_sealed_can_be_opened_by_another_process_of_the_home(
    tmp_path: Path, vault: Vault, records: Remembered
) -> None:
    sealed = vault.seal(PASSWORD, BOUND)
    assert PASSWORD not in sealed
    assert sealed.isascii()
    assert Vault(tmp_path, records).open(sealed, BOUND) == PASSWORD


def test_a_text_opens_for_nothing_else_than_it_was_sealed_for(tmp_path: Path, vault: Vault) -> None:
    sealed = vault.seal(PASSWORD, BOUND)
    with pytest.raises(InvalidInput, match="given for another address"):
        vault.open(sealed, OTHER)
    assert (vault.opens(sealed, BOUND), vault.opens(sealed, OTHER)) == (True, False)
    # Parts of a use cannot be moved from one to the next, and neither can the whole to another home.
    assert not vault.opens(vault.seal(PASSWORD, ("a", "bc")), ("ab", "c"))
    neighbour = Vault(tmp_path, Remembered())
    neighbour._home_id = "h2"
    assert not neighbour.opens(sealed, BOUND)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_changed_text_opens(vault: Vault, data: st.DataObject) -> None:
    block = bytearray(urlsafe_b64decode(vault.seal(PASSWORD, BOUND).removeprefix("2.")))
    block[data.draw(st.integers(0, len(block) - 1))] ^= data.draw(st.integers(1, 255))
    forged = "2." + urlsafe_b64encode(bytes(block)).decode()
    assert not vault.opens(forged, BOUND)
    assert not vault.fits(forged)


def test_who_edits_the_use_in_the_text_gains_nothing(vault: Vault) -> None:
    block = urlsafe_b64decode(vault.seal(PASSWORD, BOUND).removeprefix("2."))
    moved = "2." + urlsafe_b64encode(sealing.digest_of("h1", OTHER) + block[32:]).decode()
    assert not vault.opens(moved, OTHER)


@pytest.mark.parametrize("text", ["2.", "2.x", "2.####", "", "none"])
def test_what_is_no_sealed_text_opens_nothing(vault: Vault, text: str) -> None:
    assert not vault.opens(text, BOUND)
    assert not vault.fits(text)


def test_what_a_version_before_sealed_opens_until_all_is_bound(
    tmp_path: Path, vault: Vault, records: Remembered
) -> None:
    old = Fernet((tmp_path / KEY_FILE).read_text().strip()).encrypt(PASSWORD.encode()).decode()
    assert not vault.opens(old, BOUND), "a check value says that all was bound"
    records.check = None
    assert vault.open(old, BOUND) == PASSWORD
    bound = vault.bind(old, BOUND)
    assert (vault.open(bound, BOUND), vault.opens(bound, OTHER)) == (PASSWORD, False)
    assert vault.open(vault.bind(bound, OTHER), BOUND) == PASSWORD, "what is bound stays bound to that"


def test_the_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path, records: Remembered) -> None:
    vault = Vault(tmp_path, records)
    assert not (tmp_path / KEY_FILE).exists()
    vault.prepare()
    first = (tmp_path / KEY_FILE).read_text()
    Vault(tmp_path, records).prepare()
    assert (tmp_path / KEY_FILE).read_text() == first
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_those_who_make_the_key_at_once_share_one(tmp_path: Path, records: Remembered) -> None:
    together = threading.Barrier(8, timeout=60)

    def seal(number: int) -> str:
        vault = Vault(tmp_path, records)
        together.wait()
        vault.prepare()
        return vault.seal(str(number), BOUND)

    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(seal, range(8)))
    assert [Vault(tmp_path, records).open(each, BOUND) for each in sealed] == [str(number) for number in range(8)]
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_first_key_that_another_makes_in_the_meantime_is_not_said_to_be_gone(
    tmp_path: Path, records: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_yet(_: Vault) -> NoReturn:
        monkeypatch.undo()
        Vault(tmp_path, Remembered()).prepare()
        raise Refused("There is no key.", hint="")

    monkeypatch.setattr(Vault, "_keys", not_yet)
    assert Vault(tmp_path, records).fault() is None
    assert Vault(tmp_path, records).fault() is None


def test_a_key_is_replaced_by_putting_the_new_one_first(
    tmp_path: Path, records: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    monkeypatch.setenv(KEY_VARIABLE, old)
    vault = Vault(tmp_path, records)
    vault.prepare()
    before = vault.seal(PASSWORD, BOUND)
    monkeypatch.setenv(KEY_VARIABLE, f"{new}, {old}")
    assert vault.fault() is None
    assert vault.open(before, BOUND) == PASSWORD
    after = vault.seal(PASSWORD, BOUND)
    monkeypatch.setenv(KEY_VARIABLE, new)
    assert vault.open(after, BOUND) == PASSWORD
    with pytest.raises(Refused):
        vault.open(before, BOUND)
    assert not (tmp_path / KEY_FILE).exists()


def test_a_wrong_key_says_what_to_restore_and_tells_nothing(
    tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = vault.seal(PASSWORD, BOUND)
    monkeypatch.setenv(KEY_VARIABLE, Fernet.generate_key().decode())
    with pytest.raises(Refused, match="cannot be decrypted") as caught:
        vault.open(sealed, BOUND)
    assert str(tmp_path / KEY_FILE) in caught.value.hint
    assert sealed not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(Refused, match=f"{KEY_VARIABLE}.*is not the one"):
        vault.prepare()


def test_a_key_that_came_went_or_changed_is_noticed_by_who_has_used_it(tmp_path: Path, vault: Vault) -> None:
    key = tmp_path / KEY_FILE
    sealed = vault.seal(PASSWORD, BOUND)
    kept = key.read_text()
    assert vault.opens(sealed, BOUND)
    key.unlink()
    assert not vault.opens(sealed, BOUND)
    with pytest.raises(Refused, match="is gone") as caught:
        vault.open(sealed, BOUND)
    assert KEY_VARIABLE in caught.value.hint
    with pytest.raises(Refused, match="is gone"):
        vault.prepare()
    assert not key.exists(), "no new key is made by what cannot be opened with it"
    key.write_text(Fernet.generate_key().decode())
    assert not vault.opens(sealed, BOUND)
    assert "is not the one" in str(vault.fault())
    key.write_text("none")
    assert not vault.opens(sealed, BOUND)
    assert "not valid" in str(vault.fault())
    key.write_text(kept)
    assert vault.fault() is None
    assert vault.open(sealed, BOUND) == PASSWORD


def test_what_a_key_opens_is_tried_once(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = vault.seal(PASSWORD, BOUND)
    uses = (BOUND, OTHER)
    found = [vault.opens(sealed, each) for each in uses]
    monkeypatch.setattr(Vault, "open", None)
    assert [vault.opens(sealed, each) for each in uses] == found == [True, False]


@pytest.mark.parametrize("of", ["check", "in_use"])
def test_no_new_key_is_made_where_one_was_ever_in_use(
    tmp_path: Path, vault: Vault, records: Remembered, of: str
) -> None:
    records.check, records.in_use = (records.check, False) if of == "check" else (None, True)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(Refused, match="is gone") as caught:
        vault.prepare()
    assert "pwsops key begin-anew" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_opens_nothing_of_what_was_sealed_before_is_none(vault: Vault, records: Remembered) -> None:
    records.check, records.in_use = None, True
    assert "opens nothing" in str(vault.fault())


def test_a_key_that_another_process_has_just_made_is_used(tmp_path: Path, records: Remembered) -> None:
    theirs = Vault(tmp_path, Remembered())

    def made_by_another() -> None:
        records.asked = lambda: None
        theirs.prepare()

    records.asked = made_by_another
    ours = Vault(tmp_path, records)
    ours.prepare()
    assert theirs.open(ours.seal(PASSWORD, BOUND), BOUND) == PASSWORD


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the command of the hint needs openssl")
def test_the_hint_makes_a_key(vault: Vault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(KEY_VARIABLE, (tmp_path / KEY_FILE).read_text().strip())
    with pytest.raises(Refused) as caught:
        vault.add_key()
    command = caught.value.hint.partition("(a new one: ")[2].partition("); restart")[0]
    made = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setenv(KEY_VARIABLE, made)
    assert vault.keys_at_hand == 1


@pytest.mark.parametrize("key", ["too-short", "käse", "=" * 44, ","])
def test_a_key_that_is_none_is_told_without_showing_it(
    tmp_path: Path, records: Remembered, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(PwsopsError, match="not valid") as caught:
        Vault(tmp_path, records).prepare()
    told = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert PASSWORD not in told


def test_a_key_that_cannot_be_read_or_made_is_told(tmp_path: Path, records: Remembered) -> None:
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(PwsopsError, match=KEY_FILE) as caught:
        Vault(tmp_path, records).prepare()
    assert KEY_VARIABLE in caught.value.hint
    with pytest.raises(PwsopsError, match=KEY_FILE):
        Vault(tmp_path / "gone", records).prepare()


def test_a_key_that_cannot_be_replaced_stays(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (tmp_path / KEY_FILE).read_text()

    def full(*_given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PwsopsError, match="No space"):
        vault.add_key()
    assert (tmp_path / KEY_FILE).read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


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
    assert "can be encrypted or decrypted" in run.items[0].error
    assert KEY_FILE in run.items[0].error
