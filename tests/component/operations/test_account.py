"""One's own sign-in through the one door: what it takes, what ends, and what the audit log says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pyotp
import pytest

from pwsops import key_file
from pwsops.errors import Denied, InvalidInput, NotFound, Refused, SignInAnew
from pwsops.key_file import KEY_FILE
from pwsops.operations.account import Account
from pwsops.signin import private_file
from pwsops.signin.authentication import Authentication, Entry
from pwsops.signin.half import Half
from pwsops.signin.second_factor import RECOVERY_CODES
from pwsops.signin.sessions import Place, Session
from pwsops.signin.throttle import Attempt
from tests.homes import Home

PASSWORD, OTHER = "walrus teapot oblong", "quartz lantern misty"
ROLES = '[[person]]\nsubject = "ada"\nrole = "viewer"\n[[person]]\nsubject = "bob"\nrole = "administrator"\n'
STEP = timedelta(seconds=30)


@dataclass
class Stay:
    """Somebody who is signed in."""

    home: Home
    session: Session

    @property
    def id(self) -> str:
        return self.session.id

    @property
    def account(self) -> Account:
        return self.home.ops.acting_as(self.session.principal).account


@pytest.fixture
def authentication(home: Home) -> Authentication:
    for name in ("ada", "bob"):
        home.ops.people.add_user(name, PASSWORD)
    roles(home, ROLES)
    return home.ops.people.authentication()


@pytest.fixture
def come(home: Home, authentication: Authentication) -> Callable[..., Stay]:
    def come(name: str = "ada", password: str = PASSWORD) -> Stay:
        entry = authentication.by_password(password, tried(name))
        assert isinstance(entry, Entry)
        entry.session.place = Place(address="192.0.2.7", browser="Firefox/1")
        return Stay(home, entry.session)

    return come


def tried(name: str = "ada") -> Attempt:
    return Attempt(name=name, peer="192.0.2.7")


def roles(home: Home, text: str) -> None:
    private_file.write(home.path / "access.toml", text.encode())


def told(home: Home) -> list[tuple[str, str, str]]:
    return [(one.actor, one.action, one.subject) for one in reversed(home.ops.audit.list())]


def enrolled(home: Home, ada: Stay) -> tuple[Stay, pyotp.TOTP, list[str]]:
    app = pyotp.TOTP(ada.account.offer_second_factor(ada.id).secret)
    entry, codes = ada.account.add_second_factor(ada.id, app.at(home.clock.now()))
    home.clock.advance(STEP)
    return Stay(home, entry.session), app, list(codes)


def ended(stay: Stay) -> bool:
    try:
        stay.session.touch()
    except Denied:
        return True
    return False


def test_a_second_factor_is_added_by_a_code_and_is_asked_from_then_on(
    home: Home, authentication: Authentication, come: Callable[..., Stay]
) -> None:
    other, ada = come(), come()
    first = ada.account.offer_second_factor(ada.id)
    assert ada.account.offer_second_factor(ada.id) == first
    with pytest.raises(InvalidInput, match="does not fit"):
        ada.account.add_second_factor(ada.id, "nothing")
    assert ada.account.view(ada.id).second_factor_at is None
    ada, app, codes = enrolled(home, ada)
    assert ended(other)
    assert len(codes) == RECOVERY_CODES
    view = ada.account.view(ada.id)
    assert (view.second_factor_at, view.recovery_codes, len(view.sessions)) == (home.clock.now() - STEP, 8, 1)
    assert isinstance(authentication.by_password(PASSWORD, tried()), Half)
    assert ("user:ada", "add second factor", "user:ada") in told(home)
    assert app.secret not in repr(home.ops.audit.list())
    assert home.ops.people.users()[0].second_factor_at == view.second_factor_at


def test_what_was_not_offered_is_not_taken(home: Home, come: Callable[..., Stay]) -> None:
    ada = come()
    with pytest.raises(Refused, match="no secret was shown"):
        ada.account.add_second_factor(ada.id, "123456")
    app = pyotp.TOTP(ada.account.offer_second_factor(ada.id).secret)
    bob = come("bob")
    with pytest.raises(Denied):
        bob.account.add_second_factor(ada.id, app.at(home.clock.now()))


def test_it_wants_the_password_of_the_last_five_minutes_and_gives_no_more_of_them(
    home: Home, come: Callable[..., Stay]
) -> None:
    ada = come()
    home.clock.advance(minutes=4)
    ada, _, _ = enrolled(home, ada)
    home.clock.advance(minutes=1)
    for act in (
        lambda: ada.account.offer_second_factor(ada.id),
        lambda: ada.account.remove_second_factor(ada.id),
        lambda: ada.account.renew_recovery_codes(ada.id),
        lambda: ada.account.end_others(ada.id),
        lambda: ada.account.end_session(ada.id, ada.id),
    ):
        with pytest.raises(SignInAnew):
            act()


def test_it_is_removed_and_ends_the_other_sessions(
    home: Home, authentication: Authentication, come: Callable[..., Stay]
) -> None:
    ada, app, _ = enrolled(home, come())
    half = authentication.by_password(PASSWORD, tried())
    assert isinstance(half, Half)
    other = Stay(home, authentication.by_code(half.sealed, app.at(home.clock.now()), tried()).session)
    entry = ada.account.remove_second_factor(ada.id)
    assert ended(other)
    assert not ended(Stay(home, entry.session))
    assert isinstance(authentication.by_password(PASSWORD, tried()), Entry)
    ada = Stay(home, entry.session)
    for act in (ada.account.remove_second_factor, ada.account.renew_recovery_codes):
        with pytest.raises(NotFound):
            act(ada.id)
    assert ("user:ada", "remove second factor", "user:ada") in told(home)


def test_where_it_is_required_it_is_replaced_and_not_removed(home: Home, come: Callable[..., Stay]) -> None:
    roles(home, "require_second_factor = true\n" + ROLES)
    ada = come()
    assert ada.session.enrols
    with pytest.raises(Denied, match="second factor is required here"):
        home.ops.acting_as(ada.session.principal).profiles.list()
    ada, _, _ = enrolled(home, ada)
    home.ops.acting_as(ada.session.principal).profiles.list()
    with pytest.raises(Refused, match="need one"):
        ada.account.remove_second_factor(ada.id)
    former = ada
    ada, _, _ = enrolled(home, ada)
    assert ended(former)
    assert ada.account.view(ada.id).second_factor_required


def test_new_recovery_codes_take_the_place_of_the_former_ones(
    home: Home, authentication: Authentication, come: Callable[..., Stay]
) -> None:
    ada, _, former = enrolled(home, come())
    codes = ada.account.renew_recovery_codes(ada.id)
    assert not ended(ada)
    half = authentication.by_password(PASSWORD, tried())
    assert isinstance(half, Half)
    with pytest.raises(Denied):
        authentication.by_code(half.sealed, former[0], tried())
    assert ada.account.view(ada.id).wrong_codes == 1
    authentication.by_code(half.sealed, codes[0], tried())
    assert ada.account.view(ada.id).recovery_codes == RECOVERY_CODES - 1
    assert [action for _, action, _ in told(home) if "code" in action or "failed" in action] == [
        "make recovery codes", "sign-in failed", "use recovery code",
    ]  # fmt: skip


def test_an_act_that_cannot_be_recorded_is_not_done(
    home: Home, come: Callable[..., Stay], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = come()
    app = pyotp.TOTP(ada.account.offer_second_factor(ada.id).secret)
    monkeypatch.setattr("pwsops.catalogue.audit.append", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ada.account.add_second_factor(ada.id, app.at(home.clock.now()))
    assert ada.account.view(ada.id).second_factor_at is None


def test_a_password_is_changed_by_the_present_one_and_ends_all_sessions(
    home: Home, authentication: Authentication, come: Callable[..., Stay]
) -> None:
    ada = come()
    home.clock.advance(minutes=20)  # it is asked for here, whenever it was given before
    other = come()
    with pytest.raises(Denied, match="password is wrong"):
        ada.account.change_password(ada.id, old=OTHER, new=OTHER, code="", attempt=tried())
    with pytest.raises(InvalidInput, match="too short"):
        ada.account.change_password(ada.id, old=PASSWORD, new="short", code="", attempt=tried())
    assert not ended(ada)
    entry = ada.account.change_password(ada.id, old=PASSWORD, new=OTHER, code="", attempt=tried())
    assert (ended(ada), ended(other)) == (True, True)
    assert entry.session.principal().name == "ada"
    come(password=OTHER)
    assert ("user:ada", "change own password", "user:ada") in told(home)
    assert not [one for one in (PASSWORD, OTHER) if one in repr(home.ops.audit.list())]


def test_with_a_second_factor_a_new_password_wants_a_code_too(home: Home, come: Callable[..., Stay]) -> None:
    ada, app, _ = enrolled(home, come())
    with pytest.raises(Denied, match="code is wrong"):
        ada.account.change_password(ada.id, old=PASSWORD, new=OTHER, code="", attempt=tried())
    code = app.at(home.clock.now())
    entry = ada.account.change_password(ada.id, old=PASSWORD, new=OTHER, code=code, attempt=tried())
    ada = Stay(home, entry.session)
    assert ada.account.view(ada.id).second_factor_at is not None


def test_people_see_their_own_sessions_and_end_them(
    home: Home, come: Callable[..., Stay], authentication: Authentication
) -> None:
    first, bob = come(), come("bob")
    home.clock.advance(minutes=1)
    ada, third = come(), come()
    view = ada.account.view(ada.id)
    assert [(one.id, one.present) for one in view.sessions] == [
        (third.id, False), (ada.id, True), (first.id, False),
    ]  # fmt: skip
    assert (view.sessions[2].address, view.sessions[2].browser) == ("192.0.2.7", "Firefox/1")
    assert view.sessions[2].began_at == view.sessions[1].began_at - timedelta(minutes=1)
    ada.account.end_session(ada.id, first.id)
    assert [ended(one) for one in (first, ada, third, bob)] == [True, False, False, False]
    ada.account.end_others(ada.id)
    assert [ended(one) for one in (ada, third, bob)] == [False, True, False]
    ada.account.end_others(ada.id)
    assert [one for one in told(home) if one[1].startswith("end")] == [
        ("user:ada", "end session", "user:ada"), ("user:ada", "end other sessions", "user:ada"),
    ]  # fmt: skip
    for other in (bob.id, first.id, "nonsense"):
        with pytest.raises(NotFound):
            ada.account.end_session(ada.id, other)
    for stay in (bob.id, "nonsense"):
        with pytest.raises(Denied):
            ada.account.view(stay)


def test_an_administrator_of_all_ends_the_sessions_of_somebody(home: Home, come: Callable[..., Stay]) -> None:
    ada, also, bob = come(), come(), come("bob")
    with pytest.raises(Denied):
        ada.account.everybody(ada.id)
    with pytest.raises(Denied):
        ada.account.end_sessions_of("bob")
    assert {one.id for one in bob.account.everybody(bob.id)} == {ada.id, also.id}
    bob.account.end_sessions_of("ada")
    assert [ended(one) for one in (ada, also, bob)] == [True, True, False]
    assert ("user:bob", "end sessions", "user:ada") in told(home)
    with pytest.raises(NotFound):
        bob.account.end_sessions_of("ada")
    roles(home, ROLES + 'instances = ["srv"]\n')
    bob = come("bob")
    with pytest.raises(Denied, match="concerns all instances"):
        bob.account.end_sessions_of("bob")


def test_who_came_by_a_link_has_no_password_to_change_even_under_the_name_of_a_user(
    home: Home, authentication: Authentication
) -> None:
    """The system's user and somebody with a password may have one name."""
    entry = authentication.by_link(authentication.links.make(), tried(""))
    authentication.users.add(entry.session.person.name, PASSWORD)  # as one that is there from before
    stay = Stay(home, entry.session)
    view = stay.account.view(stay.id)
    assert (view.password_at, view.second_factor_at, view.recovery_codes) == (None, None, 0)
    with pytest.raises(Refused, match="did not come in by a password"):
        stay.account.offer_second_factor(stay.id)
    with pytest.raises(Refused, match="did not come in by a password"):
        stay.account.change_password(stay.id, old=PASSWORD, new=OTHER, code="", attempt=tried(""))


def test_namesakes_who_came_in_by_other_ways_have_no_session_in_common(
    home: Home, authentication: Authentication, come: Callable[..., Stay]
) -> None:
    link = Stay(home, authentication.by_link(authentication.links.make(), tried("")).session)
    name = link.session.person.name
    authentication.users.add(name, PASSWORD)  # as one that is there from before
    roles(home, f'[[person]]\nsubject = "user:{name}"\nrole = "administrator"\n')
    user = come(name)
    for one, other in ((link, user), (user, link)):
        with pytest.raises(Denied, match="has ended"):
            one.account.view(other.id)
    link.account.end_sessions_of(name)
    assert [ended(one) for one in (link, user)] == [False, True]
    assert (f"link:{name}", "end sessions", f"user:{name}") in told(home)


def test_a_process_without_pages_has_no_sessions(home: Home) -> None:
    with pytest.raises(Refused, match="serves no pages"):
        home.ops.account.view("any")


def test_at_the_machine_a_second_factor_is_taken_away(home: Home, come: Callable[..., Stay]) -> None:
    ada, _, _ = enrolled(home, come())
    home.ops.people.remove_second_factor("ada")
    assert ended(ada)
    come()
    for name in ("ada", "eve"):
        with pytest.raises(NotFound):
            home.ops.people.remove_second_factor(name)
    assert (home.ops.principal.name, "remove second factor", "user:ada") in told(home)


def test_another_key_takes_over_the_secrets_and_one_that_does_not_open_them_is_named(
    home: Home, authentication: Authentication, come: Callable[..., Stay]
) -> None:
    ada, app, _ = enrolled(home, come())
    former = (home.path / KEY_FILE).read_text()
    number = home.ops.key.check()
    assert home.ops.key.rotate() == number
    half = authentication.by_password(PASSWORD, tried())
    assert isinstance(half, Half)
    assert (home.path / KEY_FILE).read_text() != former
    authentication.by_code(half.sealed, app.at(home.clock.now()), tried())
    key_file.replace(home.path / KEY_FILE, former)
    found = {check.name: check.finding for check in home.ops.doctor()}
    assert "the second factor of ada" in found["Sealed with the key"]
    with pytest.raises(Refused, match="is not the one"):
        ada.account.offer_second_factor(ada.id)
        ada.account.add_second_factor(ada.id, "123456")


def test_a_damaged_file_of_people_is_a_finding(home: Home) -> None:
    private_file.write(home.path / "users.json", b"nonsense")
    found = {check.name: check for check in home.ops.doctor()}
    assert not found["People"].ok
