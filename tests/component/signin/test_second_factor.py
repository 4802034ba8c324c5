"""A second factor: whose code counts, when, how often, and what it costs to guess one."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyotp
import pytest

from pwsops.errors import Denied, InvalidInput, PwsopsError, Refused
from pwsops.signin import half, second_factor
from pwsops.signin.authentication import Authentication, TooManyTries
from pwsops.signin.half import Half
from pwsops.signin.second_factor import MOST_FAILURES, RECOVERY_CODES, STEP_S
from pwsops.signin.users import FILE, Users
from tests.clocks import ManualClock
from tests.component.signin.conftest import GOOD, OTHER, Listed, attempt
from tests.fake_sealer import FakeSealer

Recorded = list[tuple[str, ...]]
BEGUN = ("service", "sign-in begun", "user:ada", "by password from 192.0.2.7")


class App:
    """An app with ada's secret."""

    def __init__(self, clock: ManualClock) -> None:
        self.secret = second_factor.new_secret()
        self._clock = clock

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(self._clock.now(), counter_offset=steps)

    def wrong(self) -> str:
        right = {self.code(steps) for steps in range(-2, 3)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in right)


@pytest.fixture
def app(clock: ManualClock) -> App:
    return App(clock)


@pytest.fixture
def codes(signin: Authentication, app: App, clock: ManualClock) -> list[str]:
    """Ada has a second factor, since a while ago; these are her recovery codes."""
    factor, codes = signin.second_factors.made("ada", app.secret, app.code())
    signin.users.change("ada", lambda user: replace(user, second_factor=factor))
    clock.advance(minutes=10)
    return codes


def halfway(signin: Authentication, **options: Any) -> str:
    found = signin.by_password(GOOD, attempt(**options))
    assert isinstance(found, Half)
    return found.sealed


def enter(signin: Authentication, code: str, **options: Any) -> Any:
    return signin.by_code(halfway(signin, **options), code, attempt(**options))


def test_the_password_alone_lets_nobody_in_who_has_a_second_factor(
    signin: Authentication, codes: list[str], app: App, recorded: Recorded
) -> None:
    sealed = halfway(signin)
    assert signin.sessions.every() == []
    entry = signin.by_code(sealed, f" {app.code()[:3]} {app.code()[3:]} ", attempt(name="eve"))
    assert entry.session.principal().name == "ada"
    assert recorded == [BEGUN, ("user:ada", "sign in", "user:ada", "by password and code")]


def test_a_sign_in_that_stops_at_the_code_leaves_an_entry(
    signin: Authentication, codes: list[str], recorded: Recorded
) -> None:
    halfway(signin)
    assert recorded == [BEGUN]


def test_a_code_counts_once_and_no_older_one_after_it(
    signin: Authentication, codes: list[str], app: App, clock: ManualClock, recorded: Recorded
) -> None:
    used = app.code()
    enter(signin, used)
    for code in (used, app.code(-1)):
        with pytest.raises(Denied, match="was used before"):
            enter(signin, code)
    clock.advance(seconds=STEP_S)
    with pytest.raises(Denied, match="was used before"):
        enter(signin, used)
    enter(signin, app.code())
    [first, *_] = [one for one in recorded if one[1] == "sign-in failed"]
    assert first == ("service", "sign-in failed", "user:ada", "from 192.0.2.7, code that was used before")


def test_the_code_that_proved_the_app_does_not_sign_in_as_well(
    signin: Authentication, app: App, clock: ManualClock
) -> None:
    factor, _ = signin.second_factors.made("ada", app.secret, app.code())
    signin.users.change("ada", lambda user: replace(user, second_factor=factor))
    with pytest.raises(Denied, match="was used before"):
        enter(signin, app.code())


def test_of_many_who_give_one_code_at_once_one_is_let_in(signin: Authentication, codes: list[str], app: App) -> None:
    sealed, code = halfway(signin), app.code()

    def tried(_: int) -> bool:
        try:
            signin.by_code(sealed, code, attempt())
        except Denied:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(tried, range(4))) == 1


@pytest.mark.parametrize(("steps", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_the_app_s_clock_may_be_off_by_a_step(
    signin: Authentication, codes: list[str], app: App, steps: int, counts: bool
) -> None:
    if counts:
        enter(signin, app.code(steps))
        return
    with pytest.raises(Denied, match="is wrong"):
        enter(signin, app.code(steps))


def test_a_recovery_code_counts_once_however_it_is_typed_and_its_use_is_recorded(
    signin: Authentication, codes: list[str], recorded: Recorded
) -> None:
    assert len(set(codes)) == RECOVERY_CODES
    enter(signin, codes[0].lower().replace("-", " "))
    assert recorded == [
        BEGUN,
        ("user:ada", "use recovery code", "user:ada", "from 192.0.2.7"),
        ("user:ada", "sign in", "user:ada", "by password and recovery code"),
    ]
    with pytest.raises(Denied, match="is wrong"):
        enter(signin, codes[0])
    enter(signin, codes[1])
    found = signin.users.find("ada")
    assert found is not None
    assert found.second_factor is not None
    assert len(found.second_factor.recovery) == RECOVERY_CODES - 2


def test_neither_secret_nor_codes_stand_in_the_file(
    signin: Authentication, codes: list[str], app: App, tmp_path: Path
) -> None:
    text = (tmp_path / FILE).read_text()
    assert app.secret not in text + repr(signin.users.list())
    for code in codes:
        assert code not in text
        assert code.replace("-", "") not in text
    assert {len(one) for one in json.loads(text)["users"][0]["second_factor"]["recovery"]} == {64}


def test_a_recovery_code_is_too_long_to_be_guessed(codes: list[str]) -> None:
    assert all(len(code.replace("-", "")) * 5 >= 112 for code in codes)


def test_guessing_codes_is_slowed_down_and_a_right_password_takes_nothing_back(
    signin: Authentication, codes: list[str], app: App
) -> None:
    for _ in range(4):
        with pytest.raises(Denied):
            enter(signin, app.wrong())
    with pytest.raises(TooManyTries):
        enter(signin, app.wrong())
    with pytest.raises(TooManyTries):
        enter(signin, app.code())


def test_after_many_wrong_codes_no_code_counts_but_a_recovery_code_does(
    signin: Authentication, codes: list[str], app: App, clock: ManualClock
) -> None:
    """However slowly they are guessed: NIST SP 800-63B, 5.2.2."""
    for _ in range(MOST_FAILURES):
        clock.advance(hours=2)
        with pytest.raises(Denied, match="is wrong"):
            enter(signin, app.wrong())
    clock.advance(hours=2)
    with pytest.raises(Denied, match="too many were wrong"):
        enter(signin, app.code())
    enter(signin, codes[0])
    clock.advance(seconds=STEP_S)
    enter(signin, app.code())


def test_half_a_sign_in_is_good_for_five_minutes_and_for_that_password_alone(
    signin: Authentication, codes: list[str], app: App, clock: ManualClock
) -> None:
    sealed = halfway(signin)
    for forged in ("", "x", sealed[:-2]):
        with pytest.raises(Denied, match="too long ago"):
            signin.by_code(forged, app.code(), attempt())
    signin.users.set_password("ada", OTHER)
    with pytest.raises(Denied, match="too long ago"):
        signin.by_code(sealed, app.code(), attempt())
    signin.users.set_password("ada", GOOD)
    sealed = halfway(signin)
    clock.advance(seconds=half.LASTS_S + 1)
    with pytest.raises(Denied, match="too long ago"):
        signin.by_code(sealed, app.code(), attempt())
    signin.users.remove("ada")
    with pytest.raises(Denied, match="too long ago"):
        signin.half_of(sealed)


def test_a_new_password_leaves_the_second_factor(signin: Authentication, codes: list[str]) -> None:
    signin.users.set_password("ada", OTHER)
    assert isinstance(signin.by_password(OTHER, attempt()), Half)


def test_a_second_factor_that_comes_or_goes_ends_sessions(
    signin: Authentication, app: App, clock: ManualClock, codes: list[str]
) -> None:
    session = enter(signin, app.code()).session
    clock.advance(seconds=STEP_S)
    factor, _ = signin.second_factors.made("ada", app.secret, app.code())
    signin.users.change("ada", lambda user: replace(user, second_factor=factor))
    with pytest.raises(Denied, match="second factor"):
        session.touch()
    clock.advance(seconds=STEP_S)
    session = enter(signin, app.code()).session
    signin.users.change("ada", lambda user: replace(user, second_factor=None))
    with pytest.raises(Denied, match="second factor"):
        session.touch()


def test_signing_in_anew_wants_the_code_as_well(
    signin: Authentication, codes: list[str], app: App, clock: ManualClock, recorded: Recorded
) -> None:
    session = enter(signin, app.code()).session
    clock.advance(minutes=6)
    for code in ("", app.wrong()):
        with pytest.raises(Denied, match="code is wrong"):
            signin.anew_by_secret(session, GOOD, attempt(), code)
    assert session.principal().anew_until < clock.now()  # type: ignore[operator]
    signin.anew_by_secret(session, GOOD, attempt(), app.code())
    assert session.principal().anew_until > clock.now()  # type: ignore[operator]
    with pytest.raises(Denied, match="password is wrong"):
        signin.anew_by_secret(session, OTHER, attempt(), app.code(1))


def test_without_the_home_s_key_no_code_is_judged_and_recovery_codes_are(
    signin: Authentication, codes: list[str], app: App, sealer: FakeSealer
) -> None:
    sealer.lost = True
    with pytest.raises(Refused):
        enter(signin, app.code())
    enter(signin, codes[0])
    with pytest.raises(Refused):
        signin.second_factors.prepare()


def test_a_secret_is_nobody_else_s(signin: Authentication, codes: list[str], app: App) -> None:
    """Whoever may write the file gets no further by giving ada their own second factor."""
    signin.users.add("eve", GOOD)
    theirs = signin.users.find("ada")
    assert theirs is not None
    signin.users.change("eve", lambda user: replace(user, second_factor=theirs.second_factor))
    with pytest.raises(Exception) as refused:  # noqa: PT011 - the vault makes it an error of ours
        enter(signin, app.code(), name="eve")
    assert type(refused.value).__name__ == "WrongUse"


def test_a_code_that_does_not_fit_adds_nothing(signin: Authentication, app: App) -> None:
    for code in (app.wrong(), "", app.code(2)):
        with pytest.raises(InvalidInput):
            signin.second_factors.made("ada", app.secret, code)


def test_one_that_is_removed_between_password_and_code_lets_nobody_in(
    signin: Authentication, codes: list[str], app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = halfway(signin)
    monkeypatch.setattr(signin, "half_of", lambda _: "ada")
    signin.users.change("ada", lambda user: replace(user, second_factor=None))
    with pytest.raises(Denied, match="too long ago"):
        signin.by_code(sealed, app.code(), attempt())


def test_where_one_is_required_who_has_none_may_only_set_it_up(signin: Authentication, listed: Listed) -> None:
    free = signin.by_password(GOOD, attempt()).session  # type: ignore[union-attr]
    assert not free.enrols
    listed.required = True
    with pytest.raises(Denied):
        free.touch()
    session = signin.by_password(GOOD, attempt()).session  # type: ignore[union-attr]
    assert session.enrols
    assert session.principal().enrols


def test_who_has_one_or_comes_another_way_is_not_asked_to_set_one_up(
    signin: Authentication, listed: Listed, codes: list[str], app: App
) -> None:
    listed.required = True
    assert not enter(signin, app.code()).session.enrols
    assert not signin.by_link(signin.links.make(), attempt()).session.enrols


def test_a_file_of_a_version_before_has_no_second_factors(users_file: Path, clock: ManualClock) -> None:
    content = json.loads(users_file.read_text())
    del content["users"][0]["second_factor"]
    users_file.write_text(json.dumps(content))
    assert [user.second_factor for user in Users(users_file.parent, clock=clock).list()] == [None]


@pytest.fixture
def users_file(signin: Authentication, tmp_path: Path) -> Path:
    return tmp_path / FILE


@pytest.mark.parametrize(
    "change",
    [{"secret": 1}, {"last_step": "1"}, {"recovery": [1]}, {"added_at": "2026-01-01"}, {"more": 1}, {"added_at": "x"}],
)
def test_a_second_factor_that_cannot_be_read_lets_nobody_in(
    users_file: Path, clock: ManualClock, codes: list[str], change: dict[str, Any]
) -> None:
    content = json.loads(users_file.read_text())
    content["users"][0]["second_factor"] |= change
    users_file.write_text(json.dumps(content))
    with pytest.raises(PwsopsError, match="damaged"):
        Users(users_file.parent, clock=clock).verified("ada", GOOD)


def test_the_address_for_the_app_names_us_and_the_person(app: App) -> None:
    read = pyotp.parse_uri(second_factor.address("ada@x", app.secret))
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.name, read.issuer, read.interval, read.digits) == (
        app.secret, "ada@x", second_factor.ISSUER, STEP_S, 6,
    )  # fmt: skip
