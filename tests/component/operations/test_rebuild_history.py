"""A lost home of a server: what the server remembers of its backups is recorded, as far as it is there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pwsops.errors import InvalidInput
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.run_mark import run_description, safety_description
from tests.clocks import NOON
from tests.homes import Home


def remember(home: Home, set_id: str, *, description: str = "", hours: float = 0, **values: object) -> BackupSet:
    one = BackupSet(
        set_id=set_id,
        database="one",
        kind=BackupKind.FULL,
        path=f"/media/{set_id}.bak",
        finished_at=NOON - timedelta(days=1) + timedelta(hours=hours),
        description=description or run_description(7, "lost"),
        **values,  # type: ignore[arg-type]
    )
    home.server.outside.append(one)
    return home.server.put(one)


@pytest.fixture
def remembering(home: Home) -> Home:
    home.server.shared_base = True
    return home


def test_what_pwsops_took_and_is_there_is_recorded_in_its_order(remembering: Home) -> None:
    home = remembering
    remember(home, "second", hours=2)
    remember(home, "first")
    remember(home, "copy", description=safety_description(1, "lost"), hours=3)
    remember(home, "foreign", description="somebody else's")
    remember(home, "damaged", details={"is_damaged": True})
    del home.server.media[remember(home, "gone").path]
    found = home.ops.rebuild([], instance="srv")
    assert (found.sets_found, found.sets_new, found.unread, found.conflicts) == (3, 3, [], [])
    assert [one.set_id for one in home.ops.points.list("srv", "one")] == ["copy", "second", "first"]
    assert any("Which profiles" in note for note in found.missing)
    again = home.ops.rebuild([], instance="srv")
    assert (again.sets_new, again.sets_known) == (0, 3)


def test_what_could_not_be_looked_at_is_told_and_not_recorded(remembering: Home) -> None:
    home = remembering
    home.server.unlistable.add("/media")
    one = remember(home, "first")
    found = home.ops.rebuild([], instance="srv")
    assert found.sets_new == 0
    assert [tuple(each) for each in found.unread] == [(one.path, "the test hides it")]


def test_only_the_directories_that_are_named_are_asked_for(remembering: Home) -> None:
    home = remembering
    remember(home, "first")
    assert home.ops.rebuild(["/elsewhere"], instance="srv").sets_found == 0
    assert home.ops.rebuild(["/media"], instance="srv").sets_new == 1


def test_a_server_that_remembers_nothing_says_so(home: Home) -> None:
    with pytest.raises(InvalidInput, match="remembers no backups"):
        home.ops.rebuild([], instance="srv")
