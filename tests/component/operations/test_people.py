"""Who may sign in, through the one door: what is kept, what is shown, and what the audit log says of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pwsops.errors import Conflict, Denied, InvalidInput, NotFound, PwsopsError, Refused
from pwsops.operations import Role, open_operations
from pwsops.signin import private_file, throttle
from pwsops.signin.authentication import DOOR_REFUSED, Authentication, TooManyTries
from pwsops.signin.throttle import Attempt
from tests.clocks import NOON
from tests.homes import Home

PASSWORD = "walrus teapot oblong"


def entries(home: Home) -> list[tuple[str, str, str]]:
    return [(one.actor, one.action, one.subject) for one in reversed(home.ops.audit.list())]


def test_users_come_and_go_and_each_act_is_recorded(home: Home) -> None:
    people = home.ops.people
    people.add_user("ada", PASSWORD)
    people.set_password("ada", "quartz lantern misty")
    assert [(one.name, one.changed_at) for one in people.users()] == [("ada", NOON)]
    people.remove_user("ada")
    assert people.users() == []
    actor = home.ops.principal.name
    assert entries(home)[-3:] == [(actor, action, "user:ada") for action in ("add user", "set password", "remove user")]
    with pytest.raises(NotFound):
        people.remove_user("ada")
    assert len(entries(home)) == 4
    assert PASSWORD not in repr(home.ops.audit.list())


def test_tokens_come_and_go_and_each_act_is_recorded(home: Home) -> None:
    people = home.ops.people
    text = people.create_token("monitor", role=Role.VIEWER, instances=["b", "a", "b"], lasts=timedelta(days=1))
    people.create_token("all", role=Role.AUDITOR, instances=None, lasts=timedelta(days=3))
    with pytest.raises(Conflict):
        people.create_token("all", role=Role.AUDITOR, instances=None, lasts=timedelta(days=3))
    home.clock.advance(days=2)
    assert [(one.name, one.instances, one.ended) for one in people.tokens()] == [
        ("all", None, False),
        ("monitor", ("a", "b"), True),
    ]
    people.revoke_token("monitor")
    assert [one.name for one in people.tokens()] == ["all"]
    told = home.ops.audit.list()
    assert [(one.action, one.subject, one.detail) for one in reversed(told)][1:] == [
        ("create token", "token:monitor", 'viewer, ["a", "b"]'),
        ("create token", "token:all", "auditor, all instances"),
        ("revoke token", "token:monitor", ""),
    ]
    assert text not in repr(told)


def test_a_link_leads_to_the_dashboard_that_runs(home: Home) -> None:
    authentication = home.ops.people.authentication()
    with pytest.raises(Refused, match="No dashboard runs"):
        home.ops.people.signin_link()
    with authentication.links.serving("http://127.0.0.1:5006/"):
        address = home.ops.people.signin_link()
    assert address.startswith("http://127.0.0.1:5006/signin?token=")
    token = address.rpartition("=")[2]
    entry = authentication.by_link(token, Attempt(name="", peer="127.0.0.1"))
    assert entry.session.principal().name == home.ops.principal.system_user
    told = home.ops.audit.list()
    assert [one.action for one in told][:2] == ["sign in", "make sign-in link"]
    assert token not in repr(told)


def test_sign_ins_failures_and_ends_are_recorded(home: Home) -> None:
    later: list[object] = []
    authentication: Authentication = home.ops.people.authentication(later=later.append)
    home.ops.people.add_user("ada", PASSWORD)
    private_file.write(home.ops.home / "access.toml", b'[[person]]\nsubject = "ada"\nrole = "viewer"\n')
    with pytest.raises(Denied):
        authentication.by_password("wrong", Attempt(name="ada", peer="192.0.2.7"))
    entry = authentication.by_password(PASSWORD, Attempt(name="ada", peer="192.0.2.7"))
    home.ops.people.remove_user("ada")
    authentication.sessions.sweep()
    assert entry.session.ended
    (work,) = later
    work()  # type: ignore[operator]
    user = home.ops.principal.system_user
    assert entries(home)[2:] == [
        (user, "sign-in failed", "user:ada"),
        ("backup service", "role given", "user:ada"),
        ("user:ada", "sign in", "user:ada"),
        (home.ops.principal.name, "remove user", "user:ada"),
        ("user:ada", "sign out", "user:ada"),
    ]


def test_guesses_that_have_to_wait_are_recorded_and_a_flood_is_counted(home: Home) -> None:
    authentication = home.ops.people.authentication()
    home.ops.people.add_user("ada", PASSWORD)
    before = len(entries(home))
    for _ in range(30):
        with pytest.raises((Denied, Refused)):
            authentication.by_password("wrong", Attempt(name="ada", peer="192.0.2.7"))
    assert [(one[1], one[2]) for one in entries(home)[before:]] == [
        ("sign-in failed", "user:ada"),
        ("sign-in refused", "user:ada"),
    ]
    home.clock.advance(minutes=2)
    told = home.ops.audit.list()
    assert sorted(one.detail.partition(" more")[0] for one in told[:2]) == ["25", "3"]


def test_what_a_provider_did_not_say_is_recorded(home: Home) -> None:
    authentication = home.ops.people.authentication()
    for forged in ("", "gAAAA", "\xff"):
        with pytest.raises(Denied, match="was not begun in this browser"):
            authentication.identity(forged, state="s", code="c", peer="192.0.2.7")
    newest = home.ops.audit.list(limit=1)[0]
    assert (newest.action, newest.subject) == ("sign-in failed", "by a provider")
    assert "192.0.2.7" in newest.detail


def locked(*_: object, **__: object) -> None:
    raise PwsopsError("The catalogue is held.", hint="Try again.")


CHANGES = {
    "a user": lambda people: people.add_user("eve", PASSWORD),
    "a password": lambda people: people.set_password("ada", "quartz lantern misty"),
    "a removal": lambda people: people.remove_user("ada"),
    "a token": lambda people: people.create_token("ghost", role=Role.ADMINISTRATOR, instances=None, lasts=DAY),
    "a revocation": lambda people: people.revoke_token("monitor"),
}
DAY = timedelta(days=1)


def lists(home: Home) -> object:
    return home.ops.people._users.list(), home.ops.people._tokens.list()


@pytest.mark.parametrize("what", CHANGES)
def test_nobody_comes_goes_or_changes_without_an_entry(home: Home, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    people = home.ops.people
    people.add_user("ada", PASSWORD)
    people.create_token("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    before, entries_before = lists(home), entries(home)
    with monkeypatch.context() as held, pytest.raises(PwsopsError, match="held"):
        held.setattr("pwsops.catalogue.audit.append", locked)
        CHANGES[what](people)
    assert (lists(home), entries(home)) == (before, entries_before)

    def full(*_: object) -> None:
        raise Refused("The disk is full.", hint="Make room.")

    monkeypatch.setattr(private_file, "write", full)
    with pytest.raises(Refused, match="full"):
        CHANGES[what](people)
    assert lists(home) == before
    done, failed = home.ops.audit.list()[1::-1]
    assert (failed.action, failed.subject, failed.detail) == (
        f"{done.action} failed",
        done.subject,
        "The disk is full.",
    )


def test_a_person_a_token_and_the_user_of_the_machine_have_no_name_in_common(home: Home) -> None:
    people, host = home.ops.people, home.ops.principal.system_user
    people.add_user("ada", PASSWORD)
    people.create_token("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    before = lists(home)
    for name in ("Ada", "ada", host, host.upper()):
        with pytest.raises(Conflict, match="is the name of"):
            people.create_token(name, role=Role.VIEWER, instances=None, lasts=DAY)
    for name in ("Monitor", host):
        with pytest.raises(Conflict, match="is the name of"):
            people.add_user(name, PASSWORD)
    assert lists(home) == before


@pytest.mark.parametrize("name", ["token:ada", "user:ada", "Backup Service"])
def test_nobody_at_the_machine_acts_under_a_name_that_is_somebody_else_s(home: Home, name: str) -> None:
    with pytest.raises(InvalidInput, match="Nobody at the machine can act as"):
        open_operations(home.path, actor=name)


def test_a_user_and_a_link_of_one_name_are_two_people(home: Home) -> None:
    host = home.ops.principal.system_user
    authentication = home.ops.people.authentication()
    authentication.users.add(host, PASSWORD)  # as one that is there from before
    private_file.write(home.path / "access.toml", f'[[person]]\nsubject = "{host}"\nrole = "viewer"\n'.encode())
    with authentication.links.serving("http://127.0.0.1:5006/"):
        token = home.ops.people.signin_link().rpartition("=")[2]
    attempt = Attempt(name=host, peer="127.0.0.1")
    user, link = authentication.by_password(PASSWORD, attempt), authentication.by_link(token, attempt)
    assert (user.session.whose, link.session.whose) == (f"user:{host}", f"link:{host}")
    for each in (user, link):
        assert each.session.principal().subject == each.session.whose
    assert [one.actor for one in home.ops.audit.list(limit=2)] == [f"link:{host}", f"user:{host}"]


def test_what_comes_back_from_a_provider_is_slowed_down(home: Home) -> None:
    """Each has us ask the provider, whoever sends it."""
    authentication, asked = home.ops.people.authentication(), 0
    for _ in range(100):
        try:
            authentication.identity("", state="s", code="c", peer="192.0.2.7")
        except TooManyTries:
            continue
        except Denied:
            asked += 1
    assert asked == throttle._FREE["pair"]
    with pytest.raises(Denied):
        authentication.identity("", state="s", code="c", peer="198.51.100.7")


def test_machines_and_what_the_door_refused_reach_the_audit_log(home: Home) -> None:
    authentication = home.ops.people.authentication()
    text = home.ops.people.create_token("monitor", role=Role.VIEWER, instances=None, lasts=timedelta(days=1))
    before = len(entries(home))
    for _ in range(200):
        authentication.machine("pwsops_" + "x" * 43, "192.0.2.7")
        authentication.strangers.note(DOOR_REFUSED, "another Host", "192.0.2.7")
        authentication.machine(text, "192.0.2.9")
    user = home.ops.principal.system_user
    refused = [(user, "token refused", "machine token"), (user, "request refused", "another Host")]
    assert entries(home)[before:] == [*refused, ("token:monitor", "sign in", "token:monitor")]
    home.clock.advance(minutes=2)
    authentication.sweep()
    assert entries(home)[before + 3 :] == refused
