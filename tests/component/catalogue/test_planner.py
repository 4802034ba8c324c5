"""What is shown of the runs to come is what the service claims, run by run, whatever happened before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pwsops.catalogue import claims, profiles, runs
from pwsops.errors import EngineError
from pwsops.rules.model import BackupKind, RunStatus
from tests.clocks import NOON
from tests.homes import Home, opened_home

FULL, DIFFERENTIAL = BackupKind.FULL, BackupKind.DIFFERENTIAL
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe")
STEPS = ("nothing", "full by hand", "incremental by hand", "failure", "new directory", "other hours", "file gone",
         "clock ahead for a run", "edit nothing")  # fmt: skip


@contextmanager
def a_home() -> Iterator[Home]:
    with (
        tempfile.TemporaryDirectory() as directory,
        pytest.MonkeyPatch.context() as monkeypatch,
        opened_home(Path(directory) / "home", monkeypatch) as home,
    ):
        yield home


def claimed_next(home: Home) -> tuple[datetime, BackupKind]:
    """Step the clock to the next run of the profile, and let the service's own code claim and carry it out."""
    with home.core.catalogue.read() as connection:
        due = profiles.living(connection)[0].next_due_at
    assert due is not None
    home.clock.advance(due - home.clock.now())
    owner = home.core.liveness.token
    with home.core.catalogue.write() as connection:
        found = claims.claim(connection, now=home.clock.now(), owner=owner)
        waiting = claims.take_queued(connection, owner=owner)
    with home.core.catalogue.write() as connection:
        claims.advance(connection, found, now=home.clock.now())
    for run_id in waiting:
        home.core.runner.execute(run_id)
    with home.core.catalogue.read() as connection:
        run = runs.get(connection, waiting[-1])
    assert run is not None
    return run["due_at"], BackupKind(run["kind"])


def happen(home: Home, step: str) -> None:
    home.clock.advance(timedelta(minutes=7))
    profile = home.ops.profiles.get("p")
    if step in ("full by hand", "incremental by hand"):
        home.run(kind=FULL if step.startswith("full") else DIFFERENTIAL)
    elif step == "failure":
        home.server.fail("one", EngineError("It fails.", hint="Mend it."))
        claimed_next(home)
    elif step == "file gone":
        home.server.media.clear()
        home.ops.databases.list("srv")
    elif step == "clock ahead for a run":
        right = home.clock.now()
        home.clock.set_wall(right + timedelta(days=400))
        home.run(kind=FULL)
        home.clock.set_wall(right)
        with home.core.catalogue.write() as connection:
            claims.refresh(connection, now=right)
    elif step != "nothing":
        if step == "new directory":
            profile.directory += "/sub"
        elif step == "other hours":
            profile.every = profile.every % 5 + 1
        home.ops.profiles.save("p", profile)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    zone=st.sampled_from(ZONES),
    every=st.integers(1, 9),
    renew=st.sampled_from(["never", "weekly:mon", "weekly:wed", "monthly:3"]),
    steps=st.lists(st.sampled_from(STEPS), max_size=4),
    ahead=st.integers(1, 6),
)
def test_a_preview_says_what_the_service_claims(
    zone: str, every: int, renew: str, steps: list[str], ahead: int
) -> None:
    with a_home() as home:
        home.add(timezone=zone, every=every, renew_full=renew, timestamp=True)
        for step in steps:
            happen(home, step)
        foreseen = home.ops.profiles.preview("p", count=ahead)
        view = home.ops.profiles.view("p")
        assert (view.next_due_at, view.next_kind) == (foreseen[0].due_at, foreseen[0].kind)
        edited = home.ops.profiles.get("p")
        assert home.ops.profiles.preview(edited, edits="p", count=ahead) == foreseen
        assert [claimed_next(home) for _ in foreseen] == [(one.due_at, one.kind) for one in foreseen]


def kinds(home: Home, count: int = 2) -> list[BackupKind]:
    return [one.kind for one in home.ops.profiles.preview("p", count=count)]


def test_after_a_full_by_hand_every_face_says_incremental(home: Home) -> None:
    """The renewal of midnight waits for its full, which somebody takes by hand: the next run needs no other."""
    home.add(renew_full="weekly:mon", every=23)
    assert kinds(home) == [FULL, DIFFERENTIAL]
    home.run(kind=FULL)
    assert kinds(home) == [DIFFERENTIAL, DIFFERENTIAL]
    assert home.ops.profiles.view("p").next_kind is DIFFERENTIAL
    later = home.ops.profiles.view("p").next_due_at
    assert home.ops.profiles.preview("p", start=later, count=1)[0].kind is DIFFERENTIAL


def test_where_the_full_is_gone_the_next_run_is_planned_as_the_full_that_it_takes(home: Home) -> None:
    home.add(timestamp=True)
    home.run()
    home.server.media.clear()
    assert kinds(home) == [DIFFERENTIAL, DIFFERENTIAL], "nobody has looked yet"
    home.ops.databases.list("srv")
    assert kinds(home) == [FULL, DIFFERENTIAL]
    assert claimed_next(home)[1] is FULL
    assert home.ops.runs.list(limit=1)[0].status is RunStatus.SUCCEEDED
    assert kinds(home) == [DIFFERENTIAL, DIFFERENTIAL]


def test_a_directory_that_is_away_for_a_look_costs_no_full(home: Home) -> None:
    home.add(timestamp=True)
    home.run()
    home.server.unlistable.add("/media")
    home.ops.databases.list("srv")
    assert kinds(home) == [DIFFERENTIAL, DIFFERENTIAL]


def test_nothing_is_built_on_a_full_that_failed_its_verification(home: Home) -> None:
    home.add(timestamp=True)
    home.run()
    home.server.damaged.update(home.server.media)
    home.ops.databases.list("srv")
    home.server.damaged.clear()
    home.run(kind=DIFFERENTIAL)
    item = home.ops.runs.list(limit=1)[0].items[0]
    assert (item.kind, item.reason.endswith("is gone or damaged")) == (FULL, True)


def test_a_last_full_of_the_future_is_not_known_to_be_one(home: Home) -> None:
    home.clock.set_wall(NOON + timedelta(days=365))
    home.add(timestamp=True, start=datetime(2026, 1, 1))
    home.run()
    home.clock.set_wall(NOON)
    with home.core.catalogue.write() as connection:
        claims.refresh(connection, now=NOON)
    assert kinds(home) == [FULL, DIFFERENTIAL]
    assert home.ops.profiles.view("p").next_kind is FULL


def test_another_tool_s_full_as_the_base_is_planned_for(home: Home) -> None:
    home.server.shared_base = True
    home.add(timestamp=True, databases=["one", "two"])
    home.run()
    home.server.foreign_bases = {"one"}
    home.ops.databases.list("srv")
    assert kinds(home) == [DIFFERENTIAL, DIFFERENTIAL], "one of two databases takes a full instead"
    home.server.foreign_bases = {"one", "two"}
    home.ops.databases.list("srv")
    assert kinds(home) == [FULL, DIFFERENTIAL]
