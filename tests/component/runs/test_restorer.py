"""Restores that go on by themselves: seen by everybody, cancelled by anybody, and settled when their process died."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from pwsops.catalogue import restores as rows
from pwsops.catalogue.restore_outcomes import INTERRUPTED
from pwsops.engines.requests import Progress
from pwsops.errors import (
    Cancelled,
    Conflict,
    EndUnknown,
    EngineError,
    PwsopsError,
    Refused,
)
from pwsops.rules.model import BackupKind, Message, RunStatus
from pwsops.runs.liveness import Liveness
from tests.clocks import NOON, wait_until
from tests.homes import Home
from tests.restores import FILE, STEPS, actions, ended, held, lay, left_running, other_process


def test_a_restore_goes_on_by_itself_and_says_how_it_ended(home: Home) -> None:
    home.server.told = [Message(text="Two pages more.", at=NOON, number=3014, severity=0)]
    lay(home)
    begun = home.ops.restores.begin("srv", "one", FILE)
    assert (begun.instance, begun.database, begun.path, begun.position) == ("srv", "one", FILE, 1)
    view = ended(home, begun.id)
    assert view.status is RunStatus.SUCCEEDED
    assert (view.set_id, view.kind, view.data_at, view.actor) == (FILE, BackupKind.FULL, NOON, "ann")
    assert (view.restored_bytes, view.error, view.hint, view.progress) == (10, "", "", None)
    assert view.messages == tuple(home.server.told)
    assert actions(home) == [("ann", "restore begins"), ("ann", "restore succeeded")]


@pytest.mark.parametrize("refused", [0, 1])
def test_a_restore_that_gets_no_thread_has_failed_and_is_in_nobodys_way(
    home: Home, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    lay(home)
    start, begun = threading.Thread.start, []

    def scarce(thread: threading.Thread) -> None:
        begun.append(thread)
        if len(begun) > refused:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", scarce)
        with pytest.raises(PwsopsError, match="could not begin") as caught:
            home.ops.restores.begin("srv", "one", FILE)
    assert "Nothing was written" in caught.value.hint
    [view] = home.ops.restores.list()
    assert (view.status, view.error, home.server.restored) == (RunStatus.FAILED, caught.value.message, [])
    for thread in begun[:refused]:
        thread.join(20)
        assert not thread.is_alive()
    assert ended(home, home.ops.restores.begin("srv", "one", FILE).id).status is RunStatus.SUCCEEDED


def test_it_says_when_it_started_and_how_long_it_took(home: Home) -> None:
    lay(home)
    with held(home):
        view = home.ops.restores.begin("srv", "one", FILE)
        assert (view.started_at, view.finished_at, view.duration_s) == (home.clock.now(), None, None)
        home.clock.advance(timedelta(seconds=7))
    assert ended(home, view.id).duration_s == 7


def test_a_failure_stays_with_its_next_step_also_after_a_restart(home: Home) -> None:
    lay(home)
    home.server.restore_error = EngineError("The database stayed locked.", hint="Stop the program.")
    view = ended(home, home.ops.restores.begin("srv", "one", FILE).id)
    assert (view.status, view.error, view.hint) == (
        RunStatus.FAILED,
        "The database stayed locked.",
        "Stop the program.",
    )
    assert not view.interrupted
    with other_process(home) as other:
        assert other.restores.list() == [view]


def test_of_a_restore_whose_end_nobody_knows_nothing_is_claimed(home: Home) -> None:
    lay(home)
    home.server.restore_error = EndUnknown("It was about to finish.", hint="Look.")
    view = ended(home, home.ops.restores.begin("srv", "one", FILE).id)
    assert (view.status, view.error, view.interrupted) == (RunStatus.FAILED, "It was about to finish.", True)


def test_what_the_server_said_of_a_failure_stays_with_it(home: Home) -> None:
    lay(home)
    said = (Message(text="Exclusive access could not be obtained.", at=NOON, number=3101, severity=16, is_error=True),)
    home.server.restore_error = EngineError("It is in use.", hint="Wait.", number=3101, messages=said)
    assert ended(home, home.ops.restores.begin("srv", "one", FILE).id).messages == said


def test_an_error_that_nobody_foresaw_is_logged_and_said(home: Home) -> None:
    lay(home)
    home.server.restore_error = RuntimeError("odd")
    with capture_logs() as logs:
        view = ended(home, home.ops.restores.begin("srv", "one", FILE).id)
    assert "not foreseen: RuntimeError: odd" in view.error
    assert "log" in view.hint
    assert logs
    with pytest.raises(PwsopsError, match="not foreseen: RuntimeError: odd"), capture_logs():
        home.ops.restores.restore("srv", "one", FILE)


def test_another_process_sees_it_live_and_can_cancel_it(home: Home) -> None:
    lay(home)
    home.server.progress = STEPS
    with held(home), other_process(home) as other:
        number = home.ops.restores.begin("srv", "one", FILE).id
        wait_until(lambda: other.restores.get(number).progress is not None, "progress")
        assert other.restores.get(number).progress == STEPS[0]
        before = home.ops.changes.version()
        other.restores.cancel(number)
        view = ended(home, number)
        assert home.ops.changes.version() != before
    assert (view.status, view.progress) == (RunStatus.CANCELLED, None)
    assert view.error
    assert home.server.restored == []
    assert ("eve", "cancel restore") in actions(home)
    assert actions(home)[-1] == ("ann", "restore cancelled")
    with pytest.raises(Refused, match="ended already"):
        home.ops.restores.cancel(number)


def test_progress_is_written_at_most_twice_a_second(home: Home) -> None:
    lay(home)
    home.server.progress = STEPS
    with held(home):
        number = home.ops.restores.begin("srv", "one", FILE).id
        assert home.server.started.wait(20)
        assert home.ops.restores.get(number).progress == STEPS[0]


def test_progress_that_cannot_be_written_does_not_end_a_restore(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PwsopsError("Locked.", hint="Wait.")

    monkeypatch.setattr(rows, "progressed", fail)
    lay(home)
    home.server.progress = STEPS
    assert ended(home, home.ops.restores.begin("srv", "one", FILE).id).status is RunStatus.SUCCEEDED


def test_only_one_restore_of_a_database_goes_on_at_a_time(home: Home) -> None:
    lay(home)
    with held(home):
        first = home.ops.restores.begin("srv", "one", FILE)
        with (
            pytest.raises(Conflict, match=f"restore {first.id}, by ann, from {FILE}") as refused,
            other_process(home) as other,
        ):
            other.restores.begin("srv", "one", FILE)
        assert "cancel" in refused.value.hint
        second = home.ops.restores.begin("srv", "two", FILE)
    assert ended(home, first.id).status is ended(home, second.id).status is RunStatus.SUCCEEDED
    assert ended(home, home.ops.restores.begin("srv", "one", FILE).id).id not in (first.id, second.id)


def test_what_a_dead_process_left_running_is_settled_by_whoever_looks(home: Home) -> None:
    number = left_running(home, owner="0" * 32)
    (view,) = home.ops.restores.list()
    assert (view.id, view.status, view.error, view.interrupted) == (number, RunStatus.FAILED, INTERRUPTED, True)
    assert view.finished_at == home.clock.now()
    assert actions(home) == [("backup service", "restore failed")]
    home.ops.restores.list()
    assert len(actions(home)) == 1


def test_it_is_settled_when_a_home_is_opened_and_before_the_next_begins(home: Home) -> None:
    number = left_running(home, owner="0" * 32)
    with other_process(home):
        assert actions(home) == [("backup service", "restore failed")]
    left_running(home, owner="1" * 32)
    assert ended(home, home.ops.restores.begin("srv", "one", FILE).id).status is RunStatus.SUCCEEDED
    assert home.ops.restores.get(number).status is RunStatus.FAILED


def test_what_this_process_could_not_write_down_is_settled_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PwsopsError("Locked.", hint="Wait.")

    lay(home)
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(rows, "end", fail)
        home.ops.restores.restore("srv", "one", FILE)
        # Settling fails the same way, and nobody who looks is bothered by that.
        assert [view.status for view in home.ops.restores.list()] == [RunStatus.RUNNING]
    assert logs
    assert [view.interrupted for view in home.ops.restores.list()] == [True]


def test_an_end_that_cannot_be_written_at_first_is_written_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(home)
    write, left = rows.end, [2]

    def locked(*given: object, **more: object) -> bool:
        left[0] -= 1
        if left[0] >= 0:
            raise PwsopsError("The catalogue is locked.", hint="Wait.", transient=True)
        return write(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(rows, "end", locked)
    assert home.ops.restores.restore("srv", "one", FILE).restored_bytes == 10
    (view,) = home.ops.restores.list()
    assert view.status is RunStatus.SUCCEEDED


def test_a_restore_that_is_done_is_no_failure_where_that_cannot_be_written(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise PwsopsError("The catalogue's disk is full.", hint="Make room.")

    lay(home)
    with monkeypatch.context() as patched:
        patched.setattr(rows, "end", full)
        result = home.ops.restores.restore("srv", "one", FILE)
    assert "could not be written into the history (The catalogue's disk is full." in result.messages[-1].text
    (view,) = home.ops.restores.list()
    assert view.error.startswith("How the restore ended is not known")


def test_what_a_living_process_does_is_left_alone(home: Home) -> None:
    living = Liveness(home.path)
    try:
        left_running(home, owner=living.token)
        assert [view.status for view in home.ops.restores.list()] == [RunStatus.RUNNING]
    finally:
        living.close()
    assert [view.status for view in home.ops.restores.list()] == [RunStatus.FAILED]


def test_two_who_settle_at_once_write_one_end(home: Home) -> None:
    number = left_running(home, owner="0" * 32)
    with home.core.catalogue.read() as connection:
        (row,) = rows.every_open(connection)
    home.core.restorer._reconcile(row)
    home.core.restorer._reconcile(row)
    assert len(actions(home)) == 1
    assert home.ops.restores.get(number).interrupted


def test_waiting_tells_every_step_and_gives_the_result(home: Home) -> None:
    lay(home)
    home.server.progress = STEPS
    seen: list[Progress] = []
    result = home.ops.restores.restore("srv", "one", FILE, on_progress=seen.append)
    assert seen == list(STEPS)
    assert result.restored_bytes == 10
    assert [view.status for view in home.ops.restores.list()] == [RunStatus.SUCCEEDED]
    home.ops.restores.restore("srv", "one", FILE)


def test_whoever_interrupts_the_waiting_cancels_and_the_row_says_so(home: Home) -> None:
    lay(home)
    home.server.progress = STEPS

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with held(home), pytest.raises(KeyboardInterrupt):
        home.ops.restores.restore("srv", "one", FILE, on_progress=interrupt)
    assert [view.status for view in home.ops.restores.list()] == [RunStatus.CANCELLED]
    assert home.server.restored == []


def test_a_waiting_restore_that_somebody_cancels_raises_as_much(home: Home) -> None:
    lay(home)

    def cancel() -> None:
        home.server.started.wait(20)
        home.ops.restores.cancel(home.ops.restores.list()[0].id)

    with held(home), pytest.raises(Cancelled):
        threading.Thread(target=cancel, daemon=True).start()
        home.ops.restores.restore("srv", "one", FILE)


def test_closing_stops_what_goes_on_and_says_so(home: Home) -> None:
    lay(home)
    with held(home), other_process(home) as other:
        number = other.restores.begin("srv", "one", FILE).id
        assert home.server.started.wait(20)
        other.close()
        assert home.ops.restores.get(number).status is RunStatus.CANCELLED


def test_a_begin_that_cannot_be_written_leaves_no_work_behind(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PwsopsError("Locked.", hint="Wait.")

    lay(home)
    with monkeypatch.context() as broken:
        broken.setattr("pwsops.catalogue.restore_outcomes.audit.append", fail)
        with pytest.raises(PwsopsError, match="Locked"):
            home.ops.restores.begin("srv", "one", FILE)
    assert home.core.restorer._jobs == {}
    assert home.ops.restores.list() == []
