"""What homes say of themselves: read back as it was said, refused where it is not as it must be, and merged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pwsops.rules.model import BackupKind, RunStatus, Trigger
from pwsops.rules.stated import merged
from pwsops.rules.statements import StatedHold, StatedItem, StatedRun, Statement, statement_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hold(reason: str = "an audit") -> StatedHold:
    return StatedHold(
        set_id="a", database="one.db", reason=reason, until=NOON + HOUR, actor="ann", added_at=NOON - HOUR
    )


def run(hours: float = 0, status: RunStatus = RunStatus.SUCCEEDED) -> StatedRun:
    at = NOON + hours * HOUR
    item = StatedItem(
        database="one.db", status=status, kind=BackupKind.FULL, reason="", started_at=at, finished_at=at,
        path="/media/a.bak", set_id="a", size_bytes=7, error="", hint="",
    )  # fmt: skip
    return StatedRun(
        due_at=at, status=status, kind=BackupKind.FULL, trigger=Trigger.SCHEDULE, claimed_at=at, started_at=at,
        finished_at=None, summary="", missed_count=0, missed_until=None, size_bytes=7, items=(item,),
    )  # fmt: skip


def statement(**values: Any) -> Statement:
    given: dict[str, Any] = {
        "home_id": "h1", "profile_id": 1, "machine": "box", "saved_at": NOON, "instance": "own", "address": "/vaults",
        "options": {}, "profile": {"name": "p"}, "amended_at": NOON, "secrets": ("a password",), "sets": ("a",),
        "is_cut": False, "holds": (hold(),), "runs": (run(),),
    }  # fmt: skip
    return Statement(**given | values)


def test_it_is_read_back_as_it_was_said() -> None:
    assert statement_of(statement().values()) == statement()


def changed(**values: Any) -> dict[str, Any]:
    return statement().values() | values


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "no object"),
        ({}, "lacks `version`"),
        (changed(version=2), "another version"),
        (changed(home_id=""), "no name"),
        (changed(instance="a\nb"), "no name"),
        (changed(machine=7), "no name"),
        (changed(profile_id=-1), "no possible number"),
        (changed(saved_at="yesterday"), "no instant"),
        (changed(saved_at="0001-01-01T00:00:00+00:00"), "no instant"),
        (changed(address="vaults"), "no plain absolute path"),
        (changed(address="/a/../b"), "no plain absolute path"),
        (changed(options=[]), "no object"),
        (changed(profile={}), "lacks `name`"),
        (changed(secrets="x"), "no list"),
        (changed(sets=["\x00"]), "no name"),
        (changed(sets=["a"] * 50_001), "no list of at most"),
        (changed(is_cut=1), "neither true nor false"),
        (changed(holds=[{"set_id": "a"}]), "lacks"),
        (changed(runs=[run().__dict__ | {"status": "running"}]), "has not ended"),
        (changed(runs=[changed()["runs"][0] | {"kind": "half"}]), "not a valid"),
        (changed(runs=[changed()["runs"][0] | {"summary": "\ud800"}]), "no text"),
        (changed(runs=[changed()["runs"][0] | {"items": [changed()["runs"][0]["items"][0] | {"status": "queued"}]}]),
         "has not ended"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_must_be_is_refused(values: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        statement_of(values)


def test_what_is_not_known_of_an_item_is_left_open() -> None:
    (one,) = statement().runs
    bare = replace(one.items[0], kind=None, size_bytes=None, set_id=None, path=None, started_at=None)
    said = statement(runs=(replace(one, items=(bare,)),))
    assert statement_of(said.values()) == said


def test_of_one_home_and_profile_what_was_said_last_counts_though_it_was_renamed() -> None:
    old = statement(sets=("a",), runs=(run(-3),), holds=(hold("old"),))
    new = statement(
        saved_at=NOON + HOUR, amended_at=NOON + HOUR, profile={"name": "q"}, sets=("b",), runs=(run(-2),), holds=(),
        secrets=(), is_cut=True,
    )  # fmt: skip
    for given in ([old, new], [new, old]):
        (one,) = merged(given)
        assert (one.newest, one.sets, one.secrets, one.is_cut) == (new, {"a", "b"}, ["a password"], True)
        assert [each.reason for each in one.holds] == ["old"]
        assert [each.due_at for each in one.runs] == [NOON - 3 * HOUR, NOON - 2 * HOUR]


def test_of_two_homes_the_profile_that_was_amended_last_counts_and_holds_are_united() -> None:
    mine = statement(amended_at=NOON + HOUR, holds=(hold("mine"),), runs=(run(1), run(3)))
    theirs = statement(home_id="h2", saved_at=NOON + 9 * HOUR, holds=(hold("theirs"), hold("mine")), runs=(run(2),))
    (one,) = merged([theirs, mine])
    assert one.newest == mine
    assert {each.reason for each in one.holds} == {"mine", "theirs"}
    assert [each.due_at for each in one.runs] == [NOON + hours * HOUR for hours in (1, 2, 3)]


def test_of_two_runs_of_one_instant_the_one_that_was_said_last_counts() -> None:
    failed = statement(runs=(run(0, RunStatus.FAILED),))
    corrected = statement(saved_at=NOON + HOUR, runs=(run(0),))
    (one,) = merged([corrected, failed])
    assert [each.status for each in one.runs] == [RunStatus.SUCCEEDED]


def test_other_names_other_instances_and_other_places_are_other_profiles() -> None:
    given = [
        statement(),
        statement(home_id="h2", profile={"name": "q"}),
        statement(home_id="h3", instance="other"),
        statement(home_id="h4", address="/elsewhere"),
    ]
    assert len(merged(given)) == 4
