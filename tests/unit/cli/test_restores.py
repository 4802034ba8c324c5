"""`pwsops restore`: what it says of the point that it takes, and which goals it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pwsops.engines import registry
from tests.homes import Home
from tests.unit.cli.test_credentials import command, done

WHERE = ("--instance", "srv", "--database", "one")


@pytest.fixture
def taken(home: Home) -> Home:
    home.add()
    home.run()
    home.clock.advance(hours=1)
    home.run()
    home.clock.advance(hours=1)
    return home


def test_an_instance_of_another_engine_is_refused(taken: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ENGINES", {**registry.ENGINES, "other": taken.server.open})
    taken.ops.instances.add("far", engine="other", address="far")
    refused = command(taken, "restore", *WHERE, "--run", "1", "--to-instance", "far", "--yes")
    assert refused.exit_code == 1
    assert "they are of two engines (fake, other)" in str(refused.exception)


def test_a_point_that_is_passed_over_is_named_with_the_reason(taken: Home) -> None:
    newest = taken.ops.points.list("srv", "one")[0]
    del taken.server.media[newest.path]
    told = command(taken, "restore", *WHERE, "--at", "2026-03-02 13:59:30", "--yes").output
    assert f"Passed over, because it cannot be restored: 2026-03-02 13:00:02, {newest.path}: files gone" in told
    assert "For 2026-03-02 13:59:30 in UTC: the full of 2026-03-02 12:00:01, 1 h 59 min before it." in told


def test_a_plan_tells_of_a_backup_that_nobody_recorded_and_of_one_in_a_shared_file(taken: Home) -> None:
    newest = taken.ops.points.list("srv", "one")[0]
    (one,) = taken.server.media[newest.path]
    with taken.core.catalogue.write() as connection:
        connection.exec_driver_sql("DELETE FROM backup_sets")
    shared = replace(one, path="/media/shared.bak", position=2, set_id="second")
    taken.server.media[shared.path] = [shared]
    words = ("restore", *WHERE, "--file", "/media/shared.bak", "--set", "2", "--plan")
    refused = command(taken, *words)
    assert "Nobody recorded the backup in /media/" in refused.exception.hint  # type: ignore[union-attr]
    told = refused.output
    assert done(taken, *words, "--accept-unrecorded")
    assert "It is restored with --accept-unrecorded alone." in told
    assert "Time expected: not known (nothing like it was measured yet)." in told
    assert "/media/shared.bak, set 2" in told


def test_a_plan_for_a_new_name_loses_nothing(taken: Home) -> None:
    told = done(taken, "restore", *WHERE, "--run", "1", "--into", "fresh", "--plan")
    assert "goes into fresh, which is made." in told
    assert "Nothing is lost: fresh does not exist yet." in told


def test_points_and_restore_tell_moments_by_one_clock_whatever_the_database_is_called(home: Home) -> None:
    home.server.sizes["vault.db"] = 1
    home.add(databases=["vault.db"], timezone="Asia/Tokyo")
    home.run()
    home.clock.advance(hours=1)
    where = ("--instance", "srv", "--database", "vault")
    listed = done(home, "points", *where)
    assert "Moment (Asia/Tokyo)" in listed
    assert "2026-03-02 21:00:01" in listed
    assert "2026-03-02 21:00 " in listed, "when it was proven, by the same clock"
    for words in (("--at", "2026-03-02 21:00:01"), ("--run", "1", "--into", "new.db")):
        assert "as of 2026-03-02 21:00:01 (Asia/Tokyo)" in done(home, "restore", *where, *words, "--plan")
    told = command(home, "restore", *where, "--at", "2026-03-02 21:00:01", "--yes").output
    assert "For 2026-03-02 21:00:01 in Asia/Tokyo: the full of 2026-03-02 21:00:01" in told
    assert "full of vault.db, 2026-03-02 21:00:01 (Asia/Tokyo): /media/" in told


def test_two_points_of_one_second_are_told_apart(taken: Home) -> None:
    taken.clock.advance(milliseconds=300)
    taken.run()
    newest, *_ = taken.ops.points.list("srv", "one")
    taken.clock.set_wall(taken.clock.now() - timedelta(milliseconds=700))
    taken.run()
    listed = done(taken, "points", *WHERE)
    assert "14:00:03.3" in listed
    assert "14:00:03.6" in listed
    told = command(taken, "restore", *WHERE, "--at", "2026-03-02 14:00:03.3", "--yes").output
    assert "the incremental of 2026-03-02 14:00:03.3," in told
    assert "There is another of 2026-03-02 14:00:03.6, a little later" in told
    assert taken.ops.restores.list()[0].set_id == newest.set_id
