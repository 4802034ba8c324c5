"""Restore points: what can be had, found by moment and by run, as the files are now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pwsops.cli import words
from pwsops.errors import EngineError, InvalidInput, LoginRefused, NotFound
from pwsops.operations import json_shapes, points
from pwsops.operations.points import PointView
from pwsops.rules.model import BackupKind
from tests.clocks import NOON
from tests.homes import Home


def taken(home: Home, *kinds: BackupKind) -> list[PointView]:
    """Take such backups, an hour apart, and return their points, the oldest first."""
    home.add(renew_full="never")
    for kind in kinds:
        home.run(kind=kind)
        home.clock.advance(hours=1)
    return list(home.ops.points.list("srv", "one"))[::-1]


FULL, DIFF = BackupKind.FULL, BackupKind.DIFFERENTIAL


def test_points_are_listed_newest_first_with_their_chains(home: Home) -> None:
    first, second, third = taken(home, FULL, DIFF, FULL)
    assert [one.run for one in (first, second, third)] == [1, 2, 3]
    assert [each.path for each in second.chain] == [first.path, second.path]
    assert (second.present, second.restorable, second.why) == (True, True, "")
    assert first.proven_at is not None
    assert first.at < second.at < third.at


def test_what_is_lost_stays_in_the_list_and_says_why(home: Home) -> None:
    first, _, third = taken(home, FULL, DIFF, FULL)
    del home.server.media[first.path]
    newest, incremental, full = home.ops.points.list("srv", "one")
    assert (newest.set_id, newest.restorable) == (third.set_id, True)
    assert (incremental.restorable, incremental.present) == (False, False)
    assert "base missing" in incremental.why
    assert (full.restorable, full.present) == (False, False)
    assert f"{first.path} does not exist" in full.why
    assert [one.path for one in home.ops.restores.sources("srv", "one")] == [newest.path, incremental.path]


def test_where_nobody_can_look_points_are_told_and_neither_there_nor_lost(home: Home) -> None:
    taken(home, FULL)
    home.server.databases_error = EngineError("srv does not answer.", hint="Start it.")
    home.server.unlistable.add("/media")
    (point,) = home.ops.points.list("srv", "one")
    assert (point.present, point.restorable) == (None, None)
    assert "the test hides it" in point.why


def test_a_login_that_is_refused_is_not_tried_again(home: Home) -> None:
    taken(home, FULL)
    home.server.databases_error = LoginRefused("The login is refused.", hint="Give another.")
    with pytest.raises(LoginRefused):
        home.ops.points.list("srv", "one")


def test_a_record_that_cannot_be_read_is_a_point_that_cannot_be_restored(home: Home) -> None:
    taken(home, FULL)
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET details = '[]'")
    (point,) = home.ops.points.list("srv", "one")
    assert (point.restorable, point.chain, point.set) == (False, (), None)
    assert "record not readable" in point.why
    assert home.ops.restores.sources("srv", "one") == []


def test_the_point_for_a_moment_says_how_much_before_it_lies(home: Home) -> None:
    first, second = taken(home, FULL, DIFF)
    choice = home.ops.points.at("srv", "one", second.at + timedelta(minutes=10))
    assert (choice.point.set_id, choice.before_s, choice.passed) == (second.set_id, 600.0, ())
    assert home.ops.points.at("srv", "one", second.at - timedelta(microseconds=1)).point.set_id == first.set_id


def test_a_moment_is_read_by_the_profiles_clock_or_by_the_one_that_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "local_zone", lambda: "Asia/Tokyo")
    assert home.ops.points.zone("srv", "one") == "Asia/Tokyo"
    home.add(timezone="Europe/Berlin")
    assert home.ops.points.zone("srv", "one") == "Europe/Berlin"
    home.run()
    home.clock.advance(hours=1)
    choice = home.ops.points.at("srv", "one", "13:30")
    assert (choice.zone, choice.moment) == ("Europe/Berlin", datetime(2026, 3, 2, 12, 30, tzinfo=UTC))
    choice = home.ops.points.at("srv", "one", "21:45", zone="Asia/Tokyo")
    assert choice.moment == datetime(2026, 3, 2, 12, 45, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="no time zone"):
        home.ops.points.at("srv", "one", "21:45", zone="Mars")


def test_an_active_profiles_clock_goes_before_that_of_one_that_is_switched_off(home: Home) -> None:
    home.add(name="a", timezone="Asia/Tokyo")
    home.ops.profiles.deactivate("a")
    home.add(name="b", timezone="Europe/Berlin", directory="/media/b")
    assert home.ops.points.zone("srv", "one") == "Europe/Berlin"


def test_a_moment_that_is_still_to_come_is_refused(home: Home) -> None:
    taken(home, FULL)
    with pytest.raises(InvalidInput, match="still to come"):
        home.ops.points.at("srv", "one", home.clock.now() + timedelta(seconds=2))


def test_a_point_that_was_just_taken_is_found_by_the_second_that_it_is_shown_with(home: Home) -> None:
    home.clock.advance(milliseconds=200)
    home.add()
    home.run()
    (point,) = home.ops.points.list("srv", "one")
    shown = point.at.replace(microsecond=0) + timedelta(seconds=1)
    assert shown > home.clock.now()
    assert home.ops.points.at("srv", "one", shown).point.set_id == point.set_id


def test_a_moment_before_every_backup_says_which_is_the_oldest(home: Home) -> None:
    (first,) = taken(home, FULL)
    with pytest.raises(NotFound, match=r"No backup brings one back to .*The oldest that can is of") as refused:
        home.ops.points.at("srv", "one", NOON - timedelta(days=1))
    assert f"is of {first.at:%Y-%m-%d %H:%M:%S}." in refused.value.message
    with pytest.raises(NotFound, match="No backup brings two back"):
        home.ops.points.at("srv", "two", NOON - timedelta(days=1))


def test_newer_points_that_cannot_be_restored_are_named_beside_the_one_that_is_taken(home: Home) -> None:
    first, second = taken(home, FULL, FULL)
    del home.server.media[second.path]
    choice = home.ops.points.at("srv", "one", home.clock.now())
    assert choice.point.set_id == first.set_id
    assert [one.set_id for one in choice.passed] == [second.set_id]
    del home.server.media[first.path]
    with pytest.raises(NotFound, match="only such that cannot be restored"):
        home.ops.points.at("srv", "one", home.clock.now())


def test_a_run_is_a_point_of_the_databases_that_it_took(home: Home) -> None:
    first, _ = taken(home, FULL, DIFF)
    assert home.ops.points.of_run("srv", "one", 1).set_id == first.set_id
    with pytest.raises(NotFound, match="run 9 has no backup of one"):
        home.ops.points.of_run("srv", "one", 9)


def test_a_point_as_json_has_the_paths_of_its_chain(home: Home) -> None:
    first, second = taken(home, FULL, DIFF)
    record = json_shapes.restore_point(second)
    assert record["chain"] == [first.path, second.path]
    assert (record["kind"], record["run"], record["restorable"], record["present"]) == ("differential", 2, True, True)
    assert record["at"] == json_shapes.iso(second.at)


def test_a_database_is_found_by_its_short_name(home: Home) -> None:
    home.server.sizes["vault.db"] = 1
    home.add(databases=["vault.db"])
    home.run()
    assert [one.run for one in home.ops.points.list("srv", "vault")] == [1]


def test_a_short_name_has_the_clock_of_its_whole_one(home: Home) -> None:
    home.server.sizes["vault.db"] = 1
    home.add(databases=["vault.db"], timezone="Europe/Berlin")
    home.run()
    assert [home.ops.points.zone("srv", name) for name in ("vault", "VAULT.db", "vault.db")] == ["Europe/Berlin"] * 3
    assert home.ops.points.at("srv", "vault", home.clock.now()).zone == "Europe/Berlin"
    home.server.databases_error = EngineError("srv does not answer.", hint="Start it.")
    assert home.ops.points.zone("srv", "vault.db") == "Europe/Berlin"


def test_the_oldest_moment_that_is_named_can_be_had_by_that_name(home: Home) -> None:
    home.clock.advance(milliseconds=200)
    home.add(timezone="Europe/Berlin")
    home.run()
    with pytest.raises(NotFound) as refused:
        home.ops.points.at("srv", "one", NOON - timedelta(days=1))
    named = refused.value.message.partition("The oldest that can is of ")[2].rstrip(".")
    (point,) = home.ops.points.list("srv", "one")
    home.clock.advance(hours=1)
    assert home.ops.points.at("srv", "one", named).point.set_id == point.set_id
    assert "2026-03-01 13:00:00 (Europe/Berlin)" in refused.value.message


def test_a_point_a_little_after_the_moment_is_named_beside_the_one_that_is_taken(home: Home) -> None:
    first, second = taken(home, FULL, FULL)
    choice = home.ops.points.at("srv", "one", second.at.replace(second=0))
    assert (choice.point.set_id, choice.after) == (first.set_id, second.at)
    assert home.ops.points.at("srv", "one", second.at - timedelta(minutes=1)).after is None


def test_a_safety_copy_is_listed_as_what_it_is_and_is_no_moment(home: Home) -> None:
    (first,) = taken(home, FULL)
    home.ops.restores.restore("srv", "one", first.path, safety_copy=True)
    copy, full = home.ops.points.list("srv", "one")
    assert [words.kind_of(one) for one in (copy, full)] == ["safety copy", "full"]
    assert [json_shapes.restore_point(one)["safety_copy"] for one in (copy, full)] == [True, False]
    assert home.ops.points.at("srv", "one", home.clock.now()).point.set_id == first.set_id
    del home.server.media[first.path]
    with pytest.raises(NotFound, match="cannot be restored") as refused:
        home.ops.points.at("srv", "one", home.clock.now())
    assert "The oldest that can" not in refused.value.message
