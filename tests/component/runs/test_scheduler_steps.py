"""The scheduler thread's single step, taken by the test itself, over an alarm that rings when the test says so."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from filelock import FileLock

from pwsops.catalogue import claims, profiles, runs, service_state
from pwsops.engines.requests import BackupRequest
from pwsops.errors import PwsopsError
from pwsops.operations import Operations, open_operations
from pwsops.rules.model import BackupKind, RunStatus, Trigger
from pwsops.runs import scheduler as service_module
from pwsops.runs.scheduler import Service, is_running
from tests.clocks import NOON, wait_until
from tests.homes import HOUR, Home

ONE = NOON + HOUR
"""When an hourly profile that is made at noon is due first."""


class Alarm:
    """Stands for APScheduler: keeps the one job, and rings when the test says so."""

    def __init__(self, **_options: Any) -> None:
        self.due: datetime | None = None
        self.job: Callable[[], None] | None = None
        self.awake = False

    def start(self) -> None:
        self.awake = True

    def shutdown(self, wait: bool) -> None:
        assert not wait
        self.awake = False

    def add_job(self, job: Callable[[], None], _how: str, *, run_date: datetime, **_options: Any) -> None:
        self.job, self.due = job, run_date

    def get_job(self, _name: str) -> Callable[[], None] | None:
        return self.job

    def remove_job(self, _name: str) -> None:
        self.job = self.due = None

    def ring(self) -> None:
        assert self.job is not None
        self.job()


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "BackgroundScheduler", Alarm)
    monkeypatch.setattr(service_module, "WATCH_EVERY_S", 0.005)


def make(ops: Operations, parallel_runs: int = 2) -> Service:
    core = ops._core
    return Service(
        core.catalogue, clock=core.clock, liveness=core.liveness, runner=core.runner, parallel_runs=parallel_runs
    )


@pytest.fixture
def service(home: Home) -> Iterator[Service]:
    """A service that is wanted and leads when it is told to; its thread does not run."""
    want(home, True)
    made = make(home.ops)
    yield made
    made.detach()


@pytest.fixture
def other(home: Home) -> Iterator[Operations]:
    """The same home, opened as by another process."""
    opened = open_operations(home.path, actor="bob", clock=home.clock)
    yield opened
    opened.close()


def want(home: Home, wanted: bool) -> None:
    with home.core.catalogue.write() as connection:
        service_state.want(connection, wanted)


def state(home: Home) -> service_state.ServiceRow:
    with home.core.catalogue.read() as connection:
        return service_state.load(connection)


def alarm(service: Service) -> Alarm:
    found = service._scheduler
    assert isinstance(found, Alarm)
    return found


def step(service: Service, *, changed: bool = True, jumped: bool = False) -> None:
    service._lead_or_stand_by(changed=changed, jumped=jumped)


def statuses(home: Home) -> list[tuple[RunStatus, datetime]]:
    """Every run, oldest first."""
    return [(run.status, run.due_at) for run in reversed(home.ops.runs.list(limit=None))]


def all_ended(home: Home) -> bool:
    return all(run.status.ended for run in home.ops.runs.list(limit=None))


def wait_for_runs(home: Home, service: Service) -> None:
    wait_until(lambda: not service._handed and all_ended(home), "the runs to end")


def test_the_first_one_leads_and_says_so(home: Home, service: Service) -> None:
    step(service)
    assert service.leads
    assert is_running(home.path)
    assert (state(home).pid, state(home).since) == (os.getpid(), NOON)


def test_the_alarm_is_set_to_what_is_due_first(home: Home, service: Service) -> None:
    home.add()
    home.add(name="q", every=2)
    step(service)
    assert alarm(service).due == ONE


def test_what_did_not_change_is_not_looked_at(home: Home, service: Service) -> None:
    step(service)
    home.add()
    step(service, changed=False)
    assert alarm(service).due is None


def test_an_alarm_runs_what_is_due_and_sets_the_next(home: Home, service: Service) -> None:
    home.add()
    step(service)
    home.clock.advance(HOUR)
    alarm(service).ring()
    wait_for_runs(home, service)
    assert statuses(home) == [(RunStatus.SUCCEEDED, ONE)]
    assert alarm(service).due == ONE + HOUR


def test_an_alarm_that_fails_is_tried_again_in_a_second(
    home: Home, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add()
    step(service)
    home.clock.advance(HOUR)

    def full_disk(*_: object, **__: object) -> None:
        raise PwsopsError("no room", hint="make some")

    with monkeypatch.context() as broken:
        broken.setattr(claims, "claim", full_disk)
        alarm(service).ring()
    assert statuses(home) == []
    assert alarm(service).due == ONE + timedelta(seconds=1)
    alarm(service).ring()
    wait_for_runs(home, service)
    assert statuses(home) == [(RunStatus.SUCCEEDED, ONE)]


def test_a_clock_set_forwards_makes_up_once_for_what_lies_between(home: Home, service: Service) -> None:
    home.add()
    step(service)
    home.clock.set_wall(NOON + 5 * HOUR + timedelta(minutes=30))
    step(service, changed=False, jumped=True)
    wait_for_runs(home, service)
    runs = home.ops.runs.list()
    assert sorted((run.status, run.missed_count) for run in runs) == [(RunStatus.MISSED, 5), (RunStatus.SUCCEEDED, 0)]
    assert {run.trigger for run in runs} == {Trigger.SCHEDULE, Trigger.CATCH_UP}
    assert alarm(service).due == NOON + 6 * HOUR


def test_runs_that_another_process_left_are_taken(home: Home, service: Service, other: Operations) -> None:
    home.add()
    home.clock.advance(HOUR)
    with other._core.catalogue.write() as connection:
        claims.claim(connection, now=home.clock.now(), owner=other._core.liveness.token)
    other._core.liveness.close()
    step(service)
    wait_for_runs(home, service)
    assert statuses(home) == [(RunStatus.SUCCEEDED, ONE)]


def test_a_run_is_handed_over_once(home: Home, service: Service) -> None:
    home.add(active=False)
    held = home.server.hold()
    step(service)
    home.ops.runs.start("p")
    step(service)
    assert home.server.started.wait(10)
    step(service)
    held.set()
    wait_for_runs(home, service)
    assert len(home.server.requests) == 1


def test_a_run_goes_on_when_the_service_is_stopped_and_can_still_be_cancelled(
    home: Home, service: Service, other: Operations
) -> None:
    home.add(active=False)
    home.server.hold()
    step(service)
    run = home.ops.runs.start("p")
    step(service)
    assert home.server.started.wait(10)
    want(home, False)
    step(service)
    assert not service.leads
    assert not service.at_rest
    other.runs.cancel(run.id)
    step(service)
    wait_for_runs(home, service)
    assert home.ops.runs.get(run.id).status is RunStatus.CANCELLED
    assert service.at_rest


def test_time_that_passes_is_not_a_clock_that_was_set(
    home: Home, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def note(*, changed: bool, jumped: bool) -> None:
        del changed
        seen.append(jumped)
        # Moved by the thread itself: never between its two looks at the clock.
        if len(seen) < 3:
            home.clock.advance(HOUR)
        elif len(seen) == 3:
            home.clock.set_wall(NOON)

    monkeypatch.setattr(service, "_lead_or_stand_by", note)
    service.attach()
    wait_until(lambda: len(seen) >= 5, "five steps")
    assert seen[:5] == [False, False, False, True, False]


def steps_of(service: Service) -> threading.Semaphore:
    """Count the steps that the thread takes from now on."""
    taken, inner = threading.Semaphore(0), service._lead_or_stand_by

    def counted(*, changed: bool, jumped: bool) -> None:
        inner(changed=changed, jumped=jumped)
        taken.release()

    service._lead_or_stand_by = counted
    return taken


def test_the_thread_settles_what_the_dead_left_every_few_seconds(
    home: Home, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.attach()
    looked = threading.Event()
    monkeypatch.setattr(home.core.runner, "put_back", looked.set)
    steps = steps_of(service)
    for _ in range(3):
        assert steps.acquire(timeout=10)
    assert not looked.is_set()
    home.clock.advance(timedelta(seconds=service_module.SETTLE_EVERY_S + 1))
    assert looked.wait(10)


def test_an_alarm_that_was_lost_costs_a_moment_and_no_occurrence(home: Home, service: Service) -> None:
    home.add()
    service.attach()
    settled(service)
    assert service._alarm_at == ONE
    home.clock.advance(HOUR)
    wait_until(lambda: statuses(home) == [(RunStatus.SUCCEEDED, ONE)], "the run, though nothing rang")
    wait_until(lambda: service._alarm_at == ONE + HOUR, "the next alarm")


def settled(service: Service) -> None:
    """Wait until the thread has seen all that changed so far, and finds nothing new."""
    quiet, inner = threading.Event(), service._lead_or_stand_by

    def watched(*, changed: bool, jumped: bool) -> None:
        inner(changed=changed, jumped=jumped)
        if not changed:
            quiet.set()

    service._lead_or_stand_by = watched
    assert quiet.wait(10)


def died_running(home: Home, other: Operations, name: str = "p") -> int:
    """Let another process die in the middle of a run of a profile."""
    token = other._core.liveness.token
    with home.core.catalogue.write() as connection:
        row = profiles.find(connection, name)
        assert row is not None
        run_id = runs.add(
            connection,
            profile_id=row.id,
            profile=name,
            due_at=NOON,
            kind=BackupKind.FULL,
            trigger=Trigger.MANUAL,
            owner=token,
        )
        runs.start(connection, run_id, owner=token, databases=["one"], now=NOON)
    other._core.liveness.close()
    return run_id


def test_a_server_that_does_not_answer_keeps_nobody_from_leading(
    home: Home, service: Service, other: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "RECONCILE_FIRST_S", 0.0)
    answers = threading.Event()
    home.server.before_finding = lambda: answers.wait(20)
    home.add()
    home.add(name="q")
    died = died_running(home, other)
    step(service)
    assert service.leads
    assert home.ops.runs.get(died).status is RunStatus.RUNNING
    home.clock.advance(HOUR)
    alarm(service).ring()
    wait_until(lambda: home.ops.runs.list("q")[0].status is RunStatus.SUCCEEDED, "the run of the other profile")
    assert home.ops.runs.list("p")[0].status is RunStatus.SKIPPED, "its run before is not known to have ended"
    service._reconcile_orphans()
    answers.set()
    wait_until(lambda: home.ops.runs.get(died).status is RunStatus.FAILED, "the run to be settled")
    assert [database for database, _ in home.server.asked_for] == ["one"], "two were at it"


def test_whoever_begins_to_lead_has_settled_what_takes_no_time(home: Home, service: Service, other: Operations) -> None:
    home.add()
    died = died_running(home, other)
    step(service)
    assert home.ops.runs.get(died).status is RunStatus.FAILED


def test_runs_that_cannot_be_settled_are_tried_again(
    home: Home, service: Service, other: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add()
    died = died_running(home, other)
    with monkeypatch.context() as broken:
        broken.setattr(home.core.runner, "reconcile", lambda stop: 1 / 0)
        step(service)
    assert service.leads
    assert home.ops.runs.get(died).status is RunStatus.RUNNING
    service._reconcile_orphans(wait_s=20)
    assert home.ops.runs.get(died).status is RunStatus.FAILED


def start_two(home: Home, service: Service) -> tuple[int, int]:
    """Begin one run, and let another wait for its place in the pool."""
    home.add(active=False)
    home.add(name="q", active=False, directory="/elsewhere")
    step(service)
    first = home.ops.runs.start("p").id
    step(service)
    assert home.server.started.wait(10)
    second = home.ops.runs.start("q").id
    step(service)
    assert second in service._handed
    return first, second


def test_what_waits_when_the_service_is_stopped_is_done_when_it_is_started_again(home: Home) -> None:
    want(home, True)
    service, released = make(home.ops, parallel_runs=1), home.server.hold()
    first, second = start_two(home, service)
    want(home, False)
    step(service)
    released.set()
    wait_until(lambda: service.at_rest, "what has begun to end")
    assert home.ops.runs.get(first).status is RunStatus.SUCCEEDED
    assert home.ops.runs.get(second).status is RunStatus.QUEUED
    want(home, True)
    step(service)
    wait_for_runs(home, service)
    assert home.ops.runs.get(second).status is RunStatus.SUCCEEDED
    service.detach()


def test_another_process_leads_and_takes_what_waits_while_the_last_run_of_one_that_ends_goes_on(
    home: Home, other: Operations
) -> None:
    want(home, True)
    service, standby, released = make(home.ops, parallel_runs=1), make(other), threading.Event()

    def held(request: BackupRequest) -> None:
        home.server.started.set()
        if request.directory == "/media":
            assert released.wait(20)

    home.server.before_backup = held
    first, second = start_two(home, service)
    ending = threading.Thread(target=service.detach, daemon=True)
    ending.start()
    wait_until(lambda: not is_running(home.path), "the lock to be let go")
    step(standby)
    assert standby.leads
    wait_until(lambda: home.ops.runs.get(second).status is RunStatus.SUCCEEDED, "the run that waited")
    assert home.ops.runs.get(first).status is RunStatus.RUNNING, "its process lives"
    released.set()
    ending.join(20)
    assert home.ops.runs.get(first).status is RunStatus.CANCELLED
    assert standby.leads
    standby.detach()


def test_a_run_that_is_about_to_begin_when_the_process_ends_is_cancelled(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    want(home, True)
    service, execute = make(home.ops), home.core.runner.execute
    picked_up = threading.Event()

    def late(run_id: int, cancel: threading.Event, **options: bool) -> RunStatus:
        picked_up.set()
        assert cancel.wait(20)
        return execute(run_id, cancel, **options)

    monkeypatch.setattr(home.core.runner, "execute", late)
    home.add(active=False)
    step(service)
    run = home.ops.runs.start("p")
    step(service)
    assert picked_up.wait(10)
    service.detach()
    assert (home.ops.runs.get(run.id).status, home.server.requests) == (RunStatus.CANCELLED, [])


def owner(home: Home, run_id: int) -> str | None:
    with home.core.catalogue.read() as connection:
        row = runs.get(connection, run_id)
    assert row is not None
    found: str | None = row["owner"]
    return found


@dataclass(kw_only=True)
class FailingStart:
    """A start that cannot be written, the first time; it fails when the test says so."""

    picked_up: threading.Event = field(default_factory=threading.Event)
    fails: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def failing_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> FailingStart:
    start, failing = home.core.runner._start, FailingStart()

    def once(run_id: int, cancel: threading.Event) -> Any:
        if not failing.picked_up.is_set():
            failing.picked_up.set()
            assert failing.fails.wait(20)
            raise PwsopsError("The catalogue is locked.", hint="Wait.", transient=True)
        return start(run_id, cancel)

    monkeypatch.setattr(home.core.runner, "_start", once)
    return failing


def test_a_run_whose_start_could_not_be_written_is_begun_without_another_change(
    home: Home, service: Service, failing_start: FailingStart
) -> None:
    home.add(active=False)
    service.attach()
    run = home.ops.runs.start("p")
    assert failing_start.picked_up.wait(10)
    settled(service)
    failing_start.fails.set()
    wait_until(lambda: run.id in service._to_put_back, "the failed start")
    assert home.ops.runs.get(run.id).status is RunStatus.QUEUED
    home.clock.advance(seconds=service_module.TRY_AGAIN_S[0])
    wait_until(lambda: home.ops.runs.get(run.id).status is RunStatus.SUCCEEDED, "the run")


def test_a_start_that_never_can_be_written_is_tried_ever_more_seldom_and_then_fails(
    home: Home, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []

    def locked(*_: object) -> Any:
        tries.append(home.clock.monotonic())
        raise PwsopsError("The catalogue is locked.", hint="Wait.", transient=True)

    monkeypatch.setattr(home.core.runner, "_start", locked)
    home.add(active=False)
    service.attach()
    run = home.ops.runs.start("p")
    for number, wait_s in enumerate(service_module.TRY_AGAIN_S, start=1):
        wait_until(lambda number=number: len(tries) == number and run.id in service._to_put_back, f"try {number}")
        home.clock.advance(seconds=wait_s)
    wait_until(lambda: home.ops.runs.get(run.id).status is RunStatus.FAILED, "the end")
    view = home.ops.runs.get(run.id)
    assert len(tries) == len(service_module.TRY_AGAIN_S) + 1
    assert (view.summary, view.items[0].hint) == ("The catalogue is locked.", "Wait.")


def test_a_run_whose_start_could_not_be_written_is_left_to_whoever_leads_by_then(
    home: Home, service: Service, other: Operations, failing_start: FailingStart
) -> None:
    home.add(active=False)
    service.attach()
    run = home.ops.runs.start("p")
    assert failing_start.picked_up.wait(10)
    want(home, False)
    wait_until(lambda: not service.leads, "the stop")
    with FileLock(home.path / service_module.LOCK_FILE, thread_local=False, timeout=60):
        want(home, True)
        failing_start.fails.set()
        wait_until(lambda: run.id in service._to_put_back, "the failed start")
        home.clock.advance(seconds=service_module.TRY_AGAIN_S[0])
        # Who leads is told by the lock, which here the test itself holds.
        wait_until(lambda: owner(home, run.id) is None, "the run to be put back")
        with other._core.catalogue.write() as connection:
            assert claims.take_queued(connection, owner=other._core.liveness.token) == [run.id]


def test_what_could_not_be_put_back_is_put_back_later(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    want(home, True)
    service, released = make(home.ops, parallel_runs=1), home.server.hold()
    _, second = start_two(home, service)
    want(home, False)

    def locked(*_: object, **__: object) -> None:
        raise PwsopsError("The catalogue is locked.", hint="Wait.", transient=True)

    with monkeypatch.context() as broken:
        broken.setattr(runs, "put_back", locked)
        step(service)
    assert not service.leads
    assert owner(home, second) == home.core.liveness.token
    service._put_back()
    assert home.ops.runs.get(second).status is RunStatus.QUEUED
    assert owner(home, second) is None
    released.set()
    service.detach()


def test_what_a_clock_that_was_put_forward_passed_over_is_not_laid_to_the_service(home: Home, service: Service) -> None:
    home.add()
    step(service)
    home.clock.set_wall(NOON + 5 * HOUR + timedelta(minutes=10))
    step(service, jumped=True)
    wait_for_runs(home, service)
    (missed,) = home.ops.runs.list(status=RunStatus.MISSED)
    assert "5 runs were missed: the clock went forward by 5 hours and 10 minutes at once" in missed.summary
    assert "not running" not in missed.summary


def test_what_a_service_that_was_held_up_passed_over_is_not_laid_to_one_that_did_not_run(
    home: Home, service: Service
) -> None:
    home.add()
    step(service)
    home.clock.advance(5 * HOUR + timedelta(minutes=10))
    step(service)
    wait_for_runs(home, service)
    (missed,) = home.ops.runs.list(status=RunStatus.MISSED)
    assert missed.summary == "5 runs were missed: the backup service could not see to it in time"


def test_what_was_missed_before_the_start_is_laid_to_no_service(home: Home, service: Service) -> None:
    home.add()
    home.clock.advance(5 * HOUR + timedelta(minutes=10))
    step(service)
    wait_for_runs(home, service)
    (missed,) = home.ops.runs.list(status=RunStatus.MISSED)
    assert missed.summary == "5 runs were missed: the backup service was not running"


def test_whoever_leads_looks_at_the_instances_by_itself_and_a_look_that_fails_stops_nothing(home: Home) -> None:
    looks: list[bool] = []

    def look(stop: threading.Event) -> None:
        looks.append(stop.is_set())
        raise RuntimeError("the look failed")

    want(home, True)
    core = home.core
    service = Service(
        core.catalogue, clock=core.clock, liveness=core.liveness, runner=core.runner, parallel_runs=1, look=look
    )
    try:
        service.attach()
        wait_until(lambda: len(looks) == 1, "the first look")
        home.clock.advance(seconds=service_module.LOOK_EVERY_S + 1)
        wait_until(lambda: len(looks) == 2, "the look after it")
        assert service.leads
    finally:
        service.detach()


def test_a_look_that_takes_long_is_not_begun_again_beside_itself(home: Home) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def look(_stop: threading.Event) -> None:
        begun.release()
        assert go_on.wait(60)

    core = home.core
    service = Service(
        core.catalogue, clock=core.clock, liveness=core.liveness, runner=core.runner, parallel_runs=1, look=look
    )
    service._begin_to_look()
    assert begun.acquire(timeout=60)
    service._begin_to_look()
    assert not begun.acquire(blocking=False)
    go_on.set()
    assert service._looking is not None
    service._looking.join(60)
    service.detach()
