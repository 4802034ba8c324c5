"""Who may come into a database: what a restore changed is given back, whatever happens."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from pwsops.catalogue import access, restores
from pwsops.engines.requests import AccessChange, RestoreRequest
from pwsops.errors import Cancelled, EndUnknown, EngineError, NotFound, PwsopsError, Refused
from pwsops.rules.model import RunStatus
from pwsops.rules.protection import Cause
from tests.clocks import NOON
from tests.fake_engine import FakeEngine
from tests.homes import Home

AWAY = EngineError("the server is away", hint="Start it.", transient=True)
LOCKED = EngineError("somebody holds a lock", hint="It is tried again by itself.", transient=True)


@pytest.fixture
def backed_up(home: Home) -> str:
    """A backup of `one`, into which users may come as some of them are chosen."""
    home.add()
    home.run()
    home.server.modes["one"] = "RESTRICTED_USER"
    (path,) = home.server.media
    return path


def owed(home: Home) -> list[tuple[str, str, str]]:
    return [(one.database, one.former_mode, one.changed_to) for one in home.ops.databases.owed_access()]


def restore(home: Home, path: str) -> None:
    home.ops.restores.restore("srv", "one", path)


def serve(home: Home, after: timedelta) -> None:
    """What the service does in passing, after a while."""
    home.clock.advance(after)
    home.core.runner.reconcile_now()


def test_a_mode_is_written_down_before_it_is_changed_and_given_back_after(
    home: Home, backed_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    changed = access.changed
    monkeypatch.setattr(access, "changed", lambda *a, **k: (seen.append(home.server.modes["one"]), changed(*a, **k)))
    restore(home, backed_up)
    assert seen == ["RESTRICTED_USER"]
    assert home.server.modes["one"] == "RESTRICTED_USER"
    assert owed(home) == []


def test_nothing_is_changed_that_could_not_be_written_down(
    home: Home, backed_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise PwsopsError("The catalogue is locked.", hint="Wait.")

    monkeypatch.setattr(access, "changed", locked)
    with pytest.raises(PwsopsError, match="locked"):
        restore(home, backed_up)
    assert home.server.modes["one"] == "RESTRICTED_USER"


def left_closed(home: Home, path: str) -> None:
    """A restore that ends without having given the mode back."""
    home.server.give_back_error = AWAY
    restore(home, path)
    assert home.server.modes["one"] == "SINGLE_USER"


def test_what_a_restore_could_not_give_back_the_service_gives_back_as_soon_as_it_can(
    home: Home, backed_up: str
) -> None:
    left_closed(home, backed_up)
    assert owed(home) == [("one", "RESTRICTED_USER", "SINGLE_USER")]
    (view,) = [one for one in home.ops.databases.list("srv") if one.name == "one"]
    (finding,) = [each for each in view.verdict.findings if each.cause is Cause.ACCESS_OWED]
    assert "it is SINGLE_USER and was RESTRICTED_USER (restore 1)" in finding.detail
    assert view.verdict.urgent
    check = next(check for check in home.ops.doctor() if check.name == "Access to srv/one")
    assert not check.ok
    home.server.give_back_error = None
    serve(home, timedelta(seconds=5))
    assert home.server.modes["one"] == "RESTRICTED_USER"
    assert owed(home) == []
    assert home.ops.audit.list()[0].action == "give back access"


def test_tries_become_more_seldom_and_do_not_end(home: Home, backed_up: str) -> None:
    left_closed(home, backed_up)
    for _ in range(48):
        serve(home, timedelta(hours=1))
    assert len(home.server.asked_to_give_back) == 48
    (one,) = home.ops.databases.owed_access("srv")
    assert (one.tries, one.last_error) == (48, AWAY.message)
    serve(home, timedelta(minutes=59))
    assert len(home.server.asked_to_give_back) == 48
    finding = next(check for check in home.ops.doctor() if check.name == "Access to srv/one")
    assert AWAY.message in finding.finding


def test_a_clock_that_was_ahead_when_it_could_not_be_given_back_puts_nothing_off(home: Home, backed_up: str) -> None:
    left_closed(home, backed_up)
    now = home.clock.now()
    home.clock.set_wall(now + timedelta(days=365))
    serve(home, timedelta(minutes=1))
    home.clock.set_wall(now)
    home.server.give_back_error = None
    serve(home, timedelta(minutes=1))
    assert home.server.modes["one"] == "RESTRICTED_USER"


def test_after_a_crash_it_is_given_back_and_not_before(home: Home, backed_up: str) -> None:
    with home.core.catalogue.write() as connection:
        source = home.server.media[backed_up][0]
        values = {"instance": "srv", "database": "one", "actor": "ann", "now": home.clock.now()}
        restore_id = restores.add(connection, source, owner=home.core.liveness.token, **values)
        change = AccessChange(database="one", former_mode="RESTRICTED_USER", changed_to="SINGLE_USER")
        access.changed(connection, "srv", change, place="fake nowhere", restore_id=restore_id, now=home.clock.now())
    home.server.modes["one"] = "SINGLE_USER"
    serve(home, timedelta(minutes=1))
    assert home.server.asked_to_give_back == [], "the restore goes on, as far as anybody knows"
    home.core.restorer.reconcile()
    serve(home, timedelta(minutes=1))
    assert home.server.modes["one"] == "RESTRICTED_USER"


def test_what_is_owed_belongs_to_the_server_that_the_restore_began_on(
    home: Home, backed_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = FakeEngine._alone

    def moved(engine: FakeEngine, request: RestoreRequest) -> AbstractContextManager[None]:
        # Somebody gives the instance another address while the media are proven.
        home.ops.instances.edit("srv", address="elsewhere")
        return alone(engine, request)

    monkeypatch.setattr(FakeEngine, "_alone", moved)
    left_closed(home, backed_up)
    (one,) = home.ops.databases.owed_access()
    assert one.place == "fake nowhere"
    home.server.give_back_error = None
    serve(home, timedelta(minutes=1))
    assert home.server.asked_to_give_back == [], "no instance is on that server now"
    home.ops.instances.edit("srv", address="nowhere")
    serve(home, timedelta(hours=1))
    assert home.server.modes["one"] == "RESTRICTED_USER"


def test_the_next_restore_is_told_what_the_one_before_owes(home: Home, backed_up: str) -> None:
    left_closed(home, backed_up)
    home.server.give_back_error = None
    restore(home, backed_up)
    assert home.server.modes["one"] == "RESTRICTED_USER"
    assert owed(home) == []


def test_a_second_restore_that_cannot_give_back_either_keeps_what_was_owed_first(home: Home, backed_up: str) -> None:
    left_closed(home, backed_up)
    restore(home, backed_up)
    assert owed(home) == [("one", "RESTRICTED_USER", "SINGLE_USER")]


def test_nothing_is_owed_of_a_database_that_is_gone(home: Home, backed_up: str) -> None:
    left_closed(home, backed_up)
    home.server.give_back_error = NotFound("There is no database one.", hint="Create it.")
    serve(home, timedelta(minutes=1))
    assert owed(home) == []
    assert "nothing is owed any more" in home.ops.audit.list()[0].detail


def test_an_instance_whose_database_is_not_yet_open_again_is_not_removed_or_moved_without_a_word(
    home: Home, backed_up: str
) -> None:
    left_closed(home, backed_up)
    home.ops.profiles.delete("p")
    told = r"a restore closed a database of it.*one is SINGLE_USER and was RESTRICTED_USER"
    with pytest.raises(Refused, match=told):
        home.ops.instances.remove("srv")
    with pytest.raises(Refused, match=told):
        home.ops.instances.edit("srv", address="elsewhere")
    home.ops.instances.remove("srv", owing=True)
    assert "one is SINGLE_USER" in home.ops.audit.list()[0].detail


def test_what_is_owed_outlives_its_instance_and_is_given_back_where_it_was_changed(home: Home, backed_up: str) -> None:
    left_closed(home, backed_up)
    address = home.core.instance_row("srv").address
    home.ops.profiles.delete("p")
    home.ops.instances.remove("srv", owing=True)
    home.server.give_back_error = None
    serve(home, timedelta(hours=1))
    assert home.server.modes["one"] == "SINGLE_USER", "nobody can be asked"
    (one,) = home.ops.databases.owed_access()
    assert "No instance is where srv was when one was closed" in one.last_error
    assert any(check.name == "Access to srv/one" and not check.ok for check in home.ops.doctor())
    home.ops.instances.add("other", engine="fake", address=address)
    serve(home, timedelta(hours=1))
    assert home.server.modes["one"] == "RESTRICTED_USER"
    assert owed(home) == []


def test_another_server_is_never_told_to_change_a_database_of_that_name(home: Home, backed_up: str) -> None:
    left_closed(home, backed_up)
    home.ops.instances.edit("srv", address="another server", owing=True)
    home.server.give_back_error = None
    home.server.asked_to_give_back.clear()
    serve(home, timedelta(hours=1))
    assert (home.server.asked_to_give_back, len(owed(home))) == ([], 1)
    home.ops.databases.list("srv")
    assert Cause.ACCESS_OWED not in [
        finding.cause for verdict in home.ops.databases.verdicts() for finding in verdict.findings
    ], "it is another database"
    # A restore there owes its own, beside the first.
    home.run()
    home.server.give_back_error = AWAY
    home.server.modes["one"] = "MULTI_USER"
    path = max(home.server.media)
    restore(home, path)
    assert sorted(owed(home)) == [("one", "MULTI_USER", "SINGLE_USER"), ("one", "RESTRICTED_USER", "SINGLE_USER")]


@pytest.mark.parametrize("column", ["former_mode", "database", "instance", "place"])
def test_a_row_of_what_is_owed_that_cannot_be_read_is_shown_and_keeps_nobody(
    home: Home, backed_up: str, column: str
) -> None:
    left_closed(home, backed_up)
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql(f"UPDATE changed_access SET {column} = CAST(X'E9' AS TEXT)")
    home.server.give_back_error = None
    serve(home, timedelta(hours=1))
    (one,) = home.ops.databases.owed_access()
    assert f"`{column}` cannot be read" in one.broken
    assert f"`{column}` cannot be read" in one.last_error
    assert any(check.name.startswith("Access to") and not check.ok for check in home.ops.doctor())


def test_what_is_owed_is_given_back_though_when_cannot_be_read(home: Home, backed_up: str) -> None:
    left_closed(home, backed_up)
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE changed_access SET at = 'noon', next_try_at = 'noon', tries = 'often'")
    home.server.give_back_error = None
    serve(home, timedelta(minutes=1))
    assert owed(home) == []


def test_what_goes_wrong_with_one_keeps_no_other(home: Home, backed_up: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left_closed(home, backed_up)
    home.server.give_back_error = ZeroDivisionError("oops")
    serve(home, timedelta(minutes=1))
    assert owed(home) == [("one", "RESTRICTED_USER", "SINGLE_USER")]


def test_a_restore_is_tried_again_over_minutes_and_says_so(home: Home, backed_up: str) -> None:
    home.server.fail("one", LOCKED, times=2)
    began = home.clock.now()
    restore(home, backed_up)
    (view,) = home.ops.restores.list()
    assert view.status is RunStatus.SUCCEEDED
    assert [message.text[:40] for message in view.messages] == [
        "Attempt 1 of 6 failed and is tried again",
        "Attempt 2 of 6 failed and is tried again",
    ]
    assert home.clock.now() - began == timedelta(seconds=6)


@pytest.mark.parametrize(
    "error", [EngineError("broken", hint="Mend it."), EndUnknown("it may be done", hint="Look.", transient=True)]
)
def test_what_lasts_or_may_have_been_done_is_not_tried_again(home: Home, backed_up: str, error: PwsopsError) -> None:
    home.server.fail("one", error)
    with pytest.raises(type(error)):
        restore(home, backed_up)
    assert home.ops.restores.list()[0].messages == ()


def test_a_restore_that_waits_can_be_cancelled(home: Home, backed_up: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_engine: FakeEngine, request: RestoreRequest, *_: object) -> None:
        (job,) = home.core.restorer._jobs.values()
        job.cancel.set()
        raise LOCKED

    monkeypatch.setattr(FakeEngine, "restore", busy)
    with pytest.raises(Cancelled, match="before its next attempt"):
        restore(home, backed_up)
    assert home.clock.now() == NOON + timedelta(seconds=1)
