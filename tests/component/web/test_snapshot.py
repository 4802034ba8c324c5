from __future__ import annotations

from datetime import timedelta

import pytest

from pwsops.errors import EngineError
from pwsops.rules.model import Health, RunStatus
from pwsops.web.live import process
from pwsops.web.live.snapshot import Store
from tests.clocks import wait_until
from tests.component.web.conftest import FakeOperations, FixedClock, make_profile, make_run


def test_a_snapshot_has_the_last_run_of_a_profile_in_trouble_with_its_items(ops: FakeOperations, store: Store) -> None:
    failed = make_run(3, RunStatus.FAILED)
    ops.run_views.append(failed)
    ops.profile_views.append(make_profile("Other", id=2, health=Health.ORANGE, last_run=failed))
    assert store.snapshot().broken == {3: failed}


def test_databases_are_not_asked_for_again_until_a_run_has_ended_or_a_minute_is_over(
    ops: FakeOperations, store: Store
) -> None:
    for _ in range(3):
        store.snapshot()
    assert ops.asked_databases == 1
    ops.profile_views = [make_profile(last_run=make_run(2))]
    store.snapshot()
    assert ops.asked_databases == 2
    assert isinstance(store.clock, FixedClock)
    store.clock.at += timedelta(minutes=1)
    store.snapshot()
    assert ops.asked_databases == 3


def test_an_instance_that_does_not_answer_is_a_trouble_and_hides_nothing_else(
    ops: FakeOperations, store: Store
) -> None:
    ops.database_error = EngineError("The server is away.", hint="Look at its cable.")
    snapshot = store.snapshot()
    assert [(problem.message, problem.hint) for problem in snapshot.problems.values()] == [
        ("The server is away.", "Look at its cable.")
    ]
    assert snapshot.profiles


def test_the_version_differs_when_anything_shown_may(ops: FakeOperations, store: Store) -> None:
    versions = [store.watcher.version()]
    ops.version += 1
    versions.append(store.watcher.version())
    ops.running = False
    versions.append(store.watcher.version())
    assert isinstance(store.clock, FixedClock)
    store.clock.at += timedelta(minutes=1)
    versions.append(store.watcher.version())
    assert len({repr(version) for version in versions}) == 4
    assert store.watcher.version() == versions[-1]


def test_whoever_comes_where_pages_are_served_is_shown_what_was_read_until_something_changes(
    ops: FakeOperations,
) -> None:
    served = Store(ops, FixedClock(), waits=False)
    first = served.snapshot()
    wait_until(lambda: served.watcher.version()[-1] == 1)  # type: ignore[index]  # the databases have answered
    second = served.snapshot()
    assert second.number > first.number
    assert served.snapshot() is second
    ops.profile_views = []
    assert served.snapshot() is second
    ops.version += 1
    assert served.snapshot().profiles == []


def test_the_zone_shown_is_the_settings_or_the_machine_s(
    ops: FakeOperations, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops.timezone = "Asia/Tokyo"
    assert store.snapshot().zone_name == "Asia/Tokyo"
    ops.timezone = ""
    monkeypatch.setattr("pwsops.operations.periods.get_localzone_name", lambda: "Etc/UTC")
    assert store.snapshot().zone_name == "UTC"


def test_a_process_has_one_store_and_one_scheduler_however_often_it_is_asked(ops: FakeOperations) -> None:
    try:
        assert process.store(ops) is process.store()  # type: ignore[arg-type]
        assert ops.attached == 1
    finally:
        process.forget()


def test_without_operations_given_the_store_opens_the_home_that_the_environment_names(
    ops: FakeOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    def open_operations(**options: object) -> FakeOperations:
        opened.append(options)
        return ops

    monkeypatch.setattr("pwsops.operations.open_operations", open_operations)
    monkeypatch.setattr("atexit.register", lambda *_: None)
    try:
        process.store()
        assert opened == [{"actor": "dashboard"}]
    finally:
        process.forget(ops)  # type: ignore[arg-type]
    assert ops.done == [("close",)]
