"""A login of its own, for a profile or a single restore; and what the server knows besides us."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pwsops.engines.records import Credentials
from pwsops.errors import EngineError, InvalidInput, LoginRefused
from pwsops.rules.model import BackupKind, BackupSet, RunStatus
from tests.clocks import NOON
from tests.fake_engine import FakeEngine
from tests.homes import Home

SECRET = "pa55 wörd"


@pytest.fixture(autouse=True)
def _knows_logins(home: Home) -> None:
    home.server.login = True


def test_a_profile_runs_as_its_own_login(home: Home) -> None:
    home.ops.profiles.create(home.profile(login="backup"), password=SECRET)
    home.server.opened_as.clear()
    assert home.run() is RunStatus.SUCCEEDED
    assert home.server.opened_as == [("backup", SECRET)]


def test_a_profile_without_one_runs_as_the_instances(home: Home) -> None:
    home.ops.instances.add("named", engine="fake", address="there", login="sa", password=SECRET)
    home.add(instance="named")
    home.server.opened_as.clear()
    home.run()
    assert home.server.opened_as == [("sa", SECRET)]


def test_the_password_is_kept_sealed_and_shown_nowhere(home: Home) -> None:
    home.ops.profiles.create(home.profile(login="backup"), password=SECRET)
    shown = [home.ops.profiles.get("p"), home.ops.profiles.view("p"), home.ops.audit.list()]
    assert SECRET not in repr(shown)
    for file in home.path.glob("catalogue*"):
        assert SECRET.encode() not in file.read_bytes()
    assert SECRET not in repr(Credentials(login="backup", password=SECRET))


def test_an_edit_keeps_the_password_unless_a_new_one_is_given(home: Home) -> None:
    home.ops.profiles.create(home.profile(login="backup"), password="old")
    profile = home.ops.profiles.get("p")
    profile.time_limit_h = 2.0
    home.ops.profiles.save("p", profile)
    home.ops.profiles.save("p", profile, password="new")
    assert home.ops.audit.list(limit=1)[0].detail == "password"
    home.server.opened_as.clear()
    home.run()
    assert home.server.opened_as == [("backup", "new")]


@pytest.mark.parametrize("before", ["", "other"])
def test_a_login_that_is_new_needs_its_password(home: Home, before: str) -> None:
    home.ops.profiles.create(home.profile(login=before), password="x" if before else None)
    profile = home.ops.profiles.get("p")
    profile.login = "backup"
    with pytest.raises(InvalidInput, match="has no password"):
        home.ops.profiles.save("p", profile)
    assert home.ops.profiles.get("p").login == before


def test_a_login_that_is_taken_away_takes_its_password_along(home: Home) -> None:
    home.ops.profiles.create(home.profile(login="backup"), password=SECRET)
    profile = home.ops.profiles.get("p")
    profile.login = ""
    home.ops.profiles.save("p", profile)
    profile.login = "backup"
    with pytest.raises(InvalidInput, match="has no password"):
        home.ops.profiles.save("p", profile)


def test_databases_that_know_no_login_take_none(home: Home) -> None:
    home.server.login = False
    with pytest.raises(InvalidInput, match="know none"):
        home.ops.profiles.create(home.profile(login="backup"), password=SECRET)


def test_a_restore_may_have_a_login_of_its_own(home: Home) -> None:
    laid = BackupSet(set_id="a", database="one", kind=BackupKind.FULL, path="/media/a.bak", finished_at=NOON)
    home.record(home.server.put(laid))
    home.server.opened_as.clear()
    home.ops.restores.restore("srv", "one", "/media/a.bak", credentials=Credentials(login="dba", password=SECRET))
    assert set(home.server.opened_as) == {("dba", SECRET)}
    assert SECRET not in repr([home.ops.restores.list(), home.ops.audit.list()])


def test_an_instance_says_what_it_can_do(home: Home) -> None:
    assert home.ops.instances.capabilities("srv").login


def test_what_other_tools_took_is_part_of_what_is_known_unless_it_cannot_be_read(home: Home) -> None:
    home.server.shared_base = True
    theirs = BackupSet(set_id="theirs", database="one", kind=BackupKind.FULL, path="/media/x.bak", finished_at=NOON)
    home.server.outside = [theirs, replace(theirs, set_id="vm", database="two", details={"is_snapshot": True})]
    home.server.put(theirs)
    views = {view.name: view for view in home.ops.databases.list("srv")}
    assert views["one"].last_full_at == NOON
    assert views["two"].last_full_at is None


def test_a_history_that_cannot_be_asked_is_said_of_each_database_and_hides_none(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    home.server.shared_base = True
    monkeypatch.setattr(FakeEngine, "history", refuse)
    error: EngineError = EngineError("Reading it failed: no right.", hint="Give it the right.")
    views = home.ops.databases.list("srv")
    assert [view.name for view in views] == ["one", "three", "two"]
    for view in views:
        assert view.warnings[-1] == (
            "What other tools backed up could not be looked up. Reading it failed: no right. Give it the right."
        )
    error = LoginRefused("no entry", hint="Change the password.")
    with pytest.raises(LoginRefused):
        home.ops.databases.list("srv")


def test_many_instances_are_asked_at_once(home: Home) -> None:
    home.ops.instances.add("other", engine="fake", address="there")
    found = home.ops.databases.poll()
    assert list(found) == ["other", "srv"]
    assert [view.name for view in found["srv"]] == ["one", "three", "two"]
    assert list(home.ops.databases.poll(["srv"])) == ["srv"]
