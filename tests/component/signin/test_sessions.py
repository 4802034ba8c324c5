from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pwsops.errors import Denied, Refused
from pwsops.rules.rights import Right, Role, Way
from pwsops.signin import private_file, sessions
from pwsops.signin.authentication import WRONG, Authentication, Entry, TooManyTries
from pwsops.signin.public_errors import NotKnown
from pwsops.signin.sessions import Grant
from tests.clocks import ManualClock
from tests.component.signin.conftest import GOOD, OTHER, Listed, attempt

Recorded = list[tuple[str, ...]]


@pytest.fixture
def ada(signin: Authentication) -> Entry:
    return signin.by_password(GOOD, attempt())


def gone(signin: Authentication, entry: Entry) -> bool:
    """Whether a session lets nobody do anything, by its cookie or by an open page."""
    for ask in (entry.session.touch, entry.session.principal):
        with pytest.raises((Denied, NotKnown)):
            ask()
    return signin.session(entry.id) is None


def test_who_signs_in_is_who_access_toml_says(signin: Authentication, ada: Entry, recorded: Recorded) -> None:
    principal = ada.session.principal()
    assert (principal.name, principal.role, principal.way) == ("ada", Role.OPERATOR, Way.SIGNED_IN)
    assert principal.instances is None
    assert principal.system_user == "service"
    assert signin.session(ada.id) is ada.session
    assert recorded == [("user:ada", "sign in", "user:ada", "by password")]


def test_only_the_browser_knows_the_id(signin: Authentication, ada: Entry) -> None:
    other = signin.by_password(GOOD, attempt())
    assert other.id != ada.id
    assert len(ada.id) == 43
    kept = repr(vars(signin.sessions)) + repr(vars(ada.session)) + ada.session.id + ada.session.csrf
    assert ada.id not in kept
    for forged in ("", ada.session.id, ada.id[:-1], ada.id + "A", "A" * 43, "\udcff" * 43):
        assert signin.session(forged) is None


def test_a_wrong_password_and_an_unknown_name_are_told_alike(signin: Authentication, recorded: Recorded) -> None:
    said = []
    for name, password in (("ada", OTHER), ("eve", GOOD), (GOOD, "")):
        with pytest.raises(Denied) as denied:
            signin.by_password(password, attempt(name))
        said.append((denied.value.message, denied.value.hint))
    assert said == [(WRONG, "Try again.")] * 3
    assert [(actor, action, subject) for actor, action, subject, _ in recorded] == [
        ("service", "sign-in failed", "user:ada"),
        ("service", "sign-in failed", "(unknown name)"),
        ("service", "sign-in failed", "(unknown name)"),
    ]
    assert GOOD not in repr(recorded)
    assert OTHER not in repr(recorded)


def test_who_is_not_listed_is_refused_even_with_the_right_password(
    signin: Authentication, listed: Listed, recorded: Recorded
) -> None:
    del listed.grants["ada"]
    with pytest.raises(Denied, match="no role"):
        signin.by_password(GOOD, attempt())
    assert [one[1] for one in recorded] == ["sign-in denied"]


def test_signing_out_ends_open_pages_at_once(signin: Authentication, ada: Entry, recorded: Recorded) -> None:
    closed: list[str] = []
    ada.session.on_end(lambda: closed.append("first"))
    ada.session.on_end(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    ada.session.on_end(lambda: closed.append("second"))
    signin.sign_out(ada.session)
    assert closed == ["first", "second"]
    signin.sign_out(ada.session)
    ada.session.on_end(lambda: closed.append("late"))
    assert closed == ["first", "second", "late"]
    assert gone(signin, ada)
    assert [one[1] for one in recorded] == ["sign in", "sign out"]


CHANGES: dict[str, Callable[[Authentication, Listed], None]] = {
    "removed": lambda signin, listed: signin.users.remove("ada"),
    "removed and added again": lambda signin, listed: (signin.users.remove("ada"), signin.users.add("ada", GOOD))[0],
    "a new password": lambda signin, listed: signin.users.set_password("ada", OTHER),
    "the same password, set again": lambda signin, listed: signin.users.set_password("ada", GOOD),
    "a greater role": lambda signin, listed: listed.grants.update(ada=Grant(role=Role.ADMINISTRATOR)),
    "a lesser role": lambda signin, listed: listed.grants.update(ada=Grant(role=Role.VIEWER)),
    "other instances": lambda signin, listed: listed.grants.update(
        ada=Grant(role=Role.OPERATOR, instances=frozenset({"a"}))
    ),
    "no role": lambda signin, listed: listed.grants.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_session_rests_on_ends_it_when_it_changes(
    signin: Authentication, listed: Listed, ada: Entry, change: str
) -> None:
    closed: list[str] = []
    ada.session.on_end(lambda: closed.append("page"))
    CHANGES[change](signin, listed)
    signin.sessions.sweep()
    assert closed == ["page"]
    assert gone(signin, ada)


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_done_before_the_sweep_either(
    signin: Authentication, listed: Listed, ada: Entry, change: str
) -> None:
    CHANGES[change](signin, listed)
    assert gone(signin, ada)


def test_a_session_ends_without_use_and_messages_of_a_page_are_none(
    signin: Authentication, ada: Entry, clock: ManualClock
) -> None:
    clock.advance(sessions.IDLE - timedelta(seconds=1))
    ada.session.touch()
    ada.session.active()
    clock.advance(sessions.IDLE - timedelta(seconds=1))
    ada.session.touch()
    clock.advance(seconds=1)
    assert gone(signin, ada)


def test_a_session_ends_after_twelve_hours_of_use(signin: Authentication, ada: Entry, clock: ManualClock) -> None:
    for _ in range(12 * 4 - 1):
        clock.advance(minutes=15)
        ada.session.touch()
        ada.session.active()
    clock.advance(minutes=15)
    assert gone(signin, ada)


def test_a_clock_that_is_set_back_prolongs_nothing(signin: Authentication, ada: Entry, clock: ManualClock) -> None:
    start = clock.now()
    clock.advance(minutes=6)
    clock.set_wall(start)
    assert ada.session.principal().must_sign_in_anew(Right.RESTORE, clock.now())
    clock.advance(minutes=24)
    clock.set_wall(start)
    assert gone(signin, ada)


def test_a_machine_that_slept_counts_its_sleep(signin: Authentication, ada: Entry, clock: ManualClock) -> None:
    clock.set_wall(clock.now() + sessions.IDLE)
    assert gone(signin, ada)


def test_what_cannot_be_known_lets_nothing_be_done_and_ends_nothing(
    signin: Authentication, listed: Listed, ada: Entry
) -> None:
    listed.broken = Refused("access.toml cannot be read.", hint="Mend it.")
    signin.sessions.sweep()
    assert gone(signin, ada)
    # It is not said that it has ended, nor where the file is.
    for ask in (ada.session.touch, lambda: signin.who(ada.id)):
        with pytest.raises(NotKnown) as unknown:
            ask()
        assert "access.toml cannot be read" not in unknown.value.message + unknown.value.hint
    with pytest.raises(Refused):
        signin.by_password(GOOD, attempt())
    listed.broken = None
    assert signin.session(ada.id) is ada.session
    assert ada.session.principal().name == "ada"


def test_the_oldest_of_too_many_sessions_ends(signin: Authentication, ada: Entry) -> None:
    entries = [signin.by_password(GOOD, attempt()) for _ in range(sessions.A_PERSON)]
    assert gone(signin, ada)
    assert all(signin.session(entry.id) for entry in entries)


def test_acts_signed_in_anew_have_five_minutes(signin: Authentication, ada: Entry, clock: ManualClock) -> None:
    def must() -> bool:
        return ada.session.principal().must_sign_in_anew(Right.RESTORE, clock.now())

    assert not must()
    clock.advance(sessions.ANEW)
    assert must()
    with pytest.raises(Denied):
        signin.anew_by_secret(ada.session, OTHER, attempt())
    assert must()
    # Whatever name the form may claim, it is the session's password that counts.
    signin.anew_by_secret(ada.session, GOOD, attempt("eve"))
    assert not must()


def test_giving_the_password_anew_helps_no_session_that_has_ended(signin: Authentication, ada: Entry) -> None:
    signin.sign_out(ada.session)
    with pytest.raises(Denied):
        signin.anew_by_secret(ada.session, GOOD, attempt())


def test_what_cannot_be_recorded_does_not_begin(signin: Authentication, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*words: str) -> None:
        raise Refused("The disk is full.", hint="Make room.")

    monkeypatch.setattr(signin, "_record", lambda *words: fails() if words[1] == "sign in" else None)
    with pytest.raises(Refused):
        signin.by_password(GOOD, attempt())
    assert signin.sessions._known == {}


def test_somebody_at_the_machine_comes_in_by_a_link_once(signin: Authentication, recorded: Recorded) -> None:
    token = signin.links.make()
    entry = signin.by_link(token, attempt("", "127.0.0.1"))
    principal = entry.session.principal()
    assert (principal.name, principal.role, principal.way) == ("service", Role.ADMINISTRATOR, Way.SIGNED_IN)
    assert not principal.has(Right.HOST)
    with pytest.raises(Denied, match="used before"):
        signin.by_link(token, attempt("", "127.0.0.1"))
    assert [one[1:3] for one in recorded] == [("sign in", "link:service"), ("sign-in failed", "one-time link")]


def test_a_session_by_a_link_is_signed_in_anew_by_another(signin: Authentication, clock: ManualClock) -> None:
    session = signin.by_link(signin.links.make(), attempt("", "127.0.0.1")).session
    clock.advance(sessions.ANEW)
    assert session.principal().must_sign_in_anew(Right.RESTORE, clock.now())
    with pytest.raises(Denied):
        signin.anew_by_secret(session, GOOD, attempt())
    signin.anew_by_secret(session, f" {signin.links.make()}\n", attempt())
    assert not session.principal().must_sign_in_anew(Right.RESTORE, clock.now())


def test_many_failures_are_slowed_down_and_the_password_is_not_even_tried(
    signin: Authentication, clock: ManualClock, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(signin.users, "verified", lambda name, password: tried.append(password))
    for _ in range(4):
        with pytest.raises(Denied):
            signin.by_password(OTHER, attempt())
    with pytest.raises(TooManyTries) as refused:
        signin.by_password(GOOD, attempt())
    assert tried == [OTHER] * 4
    assert str(refused.value.wait_s) in refused.value.hint
    clock.advance(seconds=refused.value.wait_s)
    with pytest.raises(Denied):
        signin.by_password(GOOD, attempt())


def test_whether_others_than_the_host_can_sign_in_at_all(signin: Authentication, listed: Listed) -> None:
    assert signin.ways_for_others()
    grant = listed.grants.pop("ada")
    assert not signin.ways_for_others()
    listed.grants["ada"] = grant
    signin.users.remove("ada")
    assert not signin.ways_for_others()
    # Somebody has a password, and somebody else a role.
    signin.users.add("eve", GOOD)
    assert not signin.ways_for_others()


def test_a_provider_is_a_way_for_those_alone_whom_it_names(
    signin: Authentication, listed: Listed, tmp_path: Path
) -> None:
    content = (
        '[corp]\nissuer = "https://a.example"\nclient_id = "a"\nclient_secret = "b"\nredirect_uri = "https://b.example"'
    )
    private_file.write(tmp_path / "oidc.toml", content.encode())
    grant = listed.grants.pop("ada")
    for subject, found in (("corp", False), ("other:ada", False), ("corporate:ada", False), ("corp:ada", True)):
        listed.grants = {subject: grant}
        assert signin.ways_for_others() is found, subject


def test_a_user_may_be_listed_with_the_way_and_then_nobody_else_is_meant(
    signin: Authentication, listed: Listed, ada: Entry
) -> None:
    listed.grants = {"user:ada": Grant(role=Role.AUDITOR)}
    assert signin.by_password(GOOD, attempt()).session.principal().role is Role.AUDITOR
    listed.grants = {"token:ada": Grant(role=Role.AUDITOR), "link:ada": Grant(role=Role.AUDITOR)}
    with pytest.raises(Denied):
        signin.by_password(GOOD, attempt())
