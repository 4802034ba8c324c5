"""Cancel, time limit, and a process that is killed: the server stops, and the history says what really became of it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pwsops.operations.records import ItemView, RunView
from pwsops.rules.model import RunStatus
from tests.clocks import joined, wait_until
from tests.integration.command_line import PATIENCE_S, CommandLine, environment
from tests.integration.sqlserver.product.home import ROWS, Work
from tests.standin.server.faults import Fault

HOLD_AFTER = 20


def held(work: Work, statement: str = "BACKUP DATABASE", **options: object) -> Fault:
    """Let a statement stand still in the middle until it is stopped."""
    return work.server.faults.on(statement, after_messages=HOLD_AFTER, hold=threading.Event(), **options)


@contextmanager
def running(work: Work, fault: Fault) -> Iterator[list[RunView]]:
    """Do a run in another thread, from the moment in which the fault has it; the answer is there at the end."""
    ended: list[RunView] = []
    worker = threading.Thread(target=lambda: ended.append(work.run()), daemon=True)
    worker.start()
    try:
        assert fault.reached.wait(PATIENCE_S)
        yield ended
    except BaseException:
        # Nobody stops it any more.
        if fault.hold is not None:
            fault.hold.set()
        raise
    finally:
        joined(worker)


def test_a_run_that_is_cancelled_stops_on_the_server_and_leaves_nothing(shaped_work: Work) -> None:
    work = shaped_work
    work.profile()
    runs = work.product.ops.runs
    with running(work, held(work)) as ended:
        assert any(request.command == "BACKUP DATABASE" for request in work.server.requests.values())
        runs.cancel(runs.list(profile=work.name)[0].id)
    [run] = ended
    assert (run.status, run.items[0].status) == (RunStatus.CANCELLED, RunStatus.CANCELLED)
    assert "was cancelled" in run.items[0].error
    assert (work.server.requests, work.media()) == ({}, [])
    assert work.product.ops.profiles.view(work.name).failures_in_a_row == 0
    work.restores(work.succeeds())


def test_what_a_cancelled_run_leaves_where_nobody_may_delete_it_is_named(work: Work) -> None:
    work.profile()
    fault = held(work)
    account = work.server.accounts["pwsops"]
    account.roles, account.grants = {"dbcreator"}, {"VIEW SERVER STATE", "VIEW ANY DEFINITION"}
    account.databases = {work.database: {"db_backupoperator"}, "msdb": {"db_datareader"}}
    try:
        runs = work.product.ops.runs
        with running(work, fault) as ended:
            runs.cancel(runs.list(profile=work.name)[0].id)
        [left] = work.media()
        assert f"{work.directory}\\{left}" in ended[0].items[0].hint
        work.succeeds()
    finally:
        account.roles, account.grants, account.databases = {"sysadmin"}, set(), {}


def test_a_run_that_takes_too_long_is_stopped_and_failed(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.profile(time_limit_h=1)
    core = work.product.ops._core
    real = core.clock.monotonic
    fault = held(work)
    with running(work, fault) as ended:
        monkeypatch.setattr(type(core.clock), "monotonic", lambda clock: real() + 3601)
    [run] = ended
    assert run.status is RunStatus.FAILED
    assert "time limit" in run.items[0].error
    assert (work.server.requests, work.media()) == ({}, [])
    monkeypatch.undo()
    work.succeeds()


def killed(work: Work, fault: Fault) -> None:
    """Do a run in a process of its own, and kill that when the fault has it."""
    line = CommandLine(work.product.home)
    with subprocess.Popen(
        line.arguments("run", work.name, "--here"),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert fault.reached.wait(PATIENCE_S)
        finally:
            process.kill()
    work.server.faults.clear()


def settled(work: Work) -> ItemView:
    """Let what the dead process left be settled, as the next run does first, and give it."""
    work.product.ops._core.runner.reconcile_now()
    runs = work.product.ops.runs
    [run] = runs.list(profile=work.name)
    return runs.get(run.id).items[0]


def test_a_process_that_is_killed_in_a_backup_has_failed_and_the_next_run_is_right(work: Work) -> None:
    work.profile()
    killed(work, held(work))
    wait_until(lambda: not work.server.requests, "the server to let go of what nobody listens to")
    item = settled(work)
    assert item.status is RunStatus.FAILED
    assert "interrupted" in item.error
    work.restores(work.succeeds())


def test_a_process_that_is_killed_after_the_server_finished_has_succeeded(work: Work) -> None:
    work.profile(incremental=True)
    killed(work, held(work, "RESTORE VERIFYONLY"))
    item = settled(work)
    assert item.status is RunStatus.SUCCEEDED
    assert "interrupted" in item.reason
    work.assert_whole(item)
    work.restores(item)


def test_a_process_that_is_killed_while_the_server_goes_on_alone_is_settled_when_that_ends(work: Work) -> None:
    work.profile()
    finish = threading.Event()
    killed(work, work.server.faults.cut(after=30, finishes_when=finish))
    asked = len(work.server.log)

    def let_it_finish() -> None:
        wait_until(lambda: len(work.server.log) > asked + 2, "somebody to ask")
        finish.set()

    helper = threading.Thread(target=let_it_finish, daemon=True)
    helper.start()
    item = settled(work)
    joined(helper)
    assert item.status is RunStatus.SUCCEEDED, item.error
    work.assert_whole(item)


def test_a_restore_that_is_cancelled_says_what_the_database_is_now_and_how_it_comes_back(shaped_work: Work) -> None:
    work = shaped_work
    work.profile()
    item = work.succeeds()
    assert item.path is not None
    restores = work.product.ops.restores
    fault = held(work, "RESTORE DATABASE")
    begun = restores.begin("srv", work.database, item.path)
    assert fault.reached.wait(PATIENCE_S)
    restores.cancel(begun.id)
    wait_until(lambda: restores.get(begun.id).status.ended, "the restore to end")
    ended = restores.get(begun.id)
    assert ended.status is RunStatus.CANCELLED
    assert (work.on_server.state, work.server.requests) == ("RESTORING", {})
    assert "waits for a restore" in ended.hint
    work.product.restore(item.path, work.database)
    work.assert_holds(ROWS)


def test_a_restore_that_is_cancelled_while_it_checks_touches_nothing(shaped_work: Work) -> None:
    work = shaped_work
    work.profile()
    item = work.succeeds()
    assert item.path is not None
    work.on_server.write_rows([(3, "newer")])
    restores = work.product.ops.restores
    fault = held(work, "RESTORE VERIFYONLY")
    begun = restores.begin("srv", work.database, item.path)
    assert fault.reached.wait(PATIENCE_S)
    restores.cancel(begun.id)
    wait_until(lambda: restores.get(begun.id).status.ended, "the restore to end")
    assert restores.get(begun.id).status is RunStatus.CANCELLED
    work.assert_holds([*ROWS, (3, "newer")])
