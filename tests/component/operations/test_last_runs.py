"""Which run speaks for a profile and its databases: one that was skipped, or came before a database, does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pwsops.catalogue import runs
from pwsops.errors import EngineError
from pwsops.rules.model import BackupKind, RunStatus, Trigger
from pwsops.rules.protection import Cause
from tests.homes import Home


def causes(home: Home, database: str) -> Sequence[Cause]:
    return [each.cause for one in home.ops.databases.verdicts() if one.database == database for each in one.findings]


def skip_during(home: Home, status: RunStatus) -> None:
    """A run that ends so, and one that was claimed while it was going and was skipped for it."""
    profile_id = home.add()
    long, skipped = (
        {"profile_id": profile_id, "profile": "p", "kind": BackupKind.FULL, "trigger": Trigger.SCHEDULE, "owner": None}
        | {"due_at": home.clock.now()}
        for _ in range(2)
    )
    home.clock.advance(hours=1)
    with home.core.catalogue.write() as connection:
        first = runs.add(connection, **long)
        second = runs.add(connection, **(skipped | {"due_at": home.clock.now()}))
        runs.change(connection, second, status=RunStatus.SKIPPED.value, finished_at=home.clock.now())
        runs.change(connection, first, status=status.value, finished_at=home.clock.now(), summary="no room")


def last(home: Home) -> RunStatus:
    (view,) = home.ops.profiles.list()
    assert view.last_run is not None
    return view.last_run.status


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.MISSED])
def test_a_skipped_run_does_not_hide_that_the_one_it_waited_for_failed(home: Home, status: RunStatus) -> None:
    skip_during(home, status)
    assert last(home) is status
    assert {Cause.RUN_FAILED, Cause.RUN_MISSED} & set(causes(home, "one"))


def test_a_skipped_run_is_told_where_nothing_failed(home: Home) -> None:
    skip_during(home, RunStatus.SUCCEEDED)
    assert last(home) is RunStatus.SKIPPED
    assert Cause.RUN_FAILED not in causes(home, "one")


def test_a_run_says_nothing_of_a_database_that_was_added_after_it(home: Home) -> None:
    home.add()
    home.server.fail("one", EngineError("No room.", hint="Make room."))
    home.run()
    profile = home.ops.profiles.get("p")
    profile.databases = ["one", "two"]
    home.ops.profiles.save("p", profile)
    assert Cause.RUN_FAILED in causes(home, "one")
    assert Cause.RUN_FAILED not in causes(home, "two")
    assert Cause.NEVER_BACKED_UP in causes(home, "two")
