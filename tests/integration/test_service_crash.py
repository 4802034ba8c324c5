"""What is killed in the middle of a backup: the history tells the truth, and nothing torn is ever offered."""

import os
import signal
import subprocess
import sys

import pytest

from pwsops.catalogue import profiles
from pwsops.errors import MediaError
from pwsops.rules.model import BackupKind, Health, RunStatus
from tests.clocks import wait_until
from tests.integration.command_line import PATIENCE_S, environment
from tests.integration.service_home import kill, kill_workers, service_home, workers


@pytest.fixture
def home(tmp_path):
    with service_home(tmp_path) as one:
        yield one


def test_a_service_killed_in_a_backup_leaves_nothing_and_the_next_one_tells(home):
    home.profile(databases=[home.slow_vault()])
    with home.leading() as service:
        run_id = home.begin_slow()
        working = workers(service.pid)
        kill(service)
    assert working
    wait_until(lambda: not home.hidden(), f"the workers {working} to tidy up")
    assert home.media() == []
    assert home.ops.runs.get(run_id).status is RunStatus.RUNNING, "nobody can have written its end"

    with home.leading():
        check_interrupted(home, run_id)
        check_next_run(home)


def test_what_a_whole_machine_going_down_leaves_is_cleared_away_and_never_offered(home):
    home.profile(databases=[home.slow_vault()])
    with home.leading() as service:
        run_id = home.begin_slow()
        # Held still, it cannot tidy up behind its worker: both are gone at once, as when the power fails.
        service.send_signal(signal.SIGSTOP)
        kill_workers(service.pid)
        kill(service)
    [torn] = home.hidden()
    assert home.media() == []
    with pytest.raises(MediaError):
        home.ops.media.read(str(torn))

    with home.leading():
        check_interrupted(home, run_id)
        check_next_run(home)


def check_interrupted(home, run_id):
    run = home.ended()[0]
    assert run.id == run_id
    [item] = run.items
    assert (run.status, item.status, item.path) == (RunStatus.FAILED, RunStatus.FAILED, None)
    assert "interrupted" in run.summary
    assert "interrupted" in item.error
    assert "Start it again" in item.hint
    assert (home.hidden(), home.media()) == ([], [])
    view = home.ops.profiles.view("p")
    assert (view.failures_in_a_row, view.health, view.running) == (1, Health.ORANGE, None)
    assert [one.exposure_s for one in home.ops.databases.list("own") if one.name == "slow.sqlite3"] == [None]


def check_next_run(home):
    home.line.done("run", "p")
    [_, run] = home.runs()
    assert (run.status, run.kind) == (RunStatus.SUCCEEDED, BackupKind.FULL)
    assert [str(path) for path in home.media()] == [run.items[0].path]
    assert home.ops.media.verify(run.items[0].path).checked_bytes > 0
    assert home.ops.profiles.view("p").failures_in_a_row == 0


# A service like any other, but that it dies when the engine has finished a file and before anything is remembered.
DIES_BEFORE_THE_COMMIT = """
import os, signal, sys, threading
from pathlib import Path
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.operations import open_operations

back_up = SqliteEngine.backup

def backup(*given, **more):
    back_up(*given, **more)
    os.kill(os.getpid(), signal.SIGKILL)

SqliteEngine.backup = backup
open_operations(Path(sys.argv[1])).service.run(threading.Event())
"""


def test_a_backup_that_was_finished_before_the_kill_counts_as_succeeded(home):
    home.profile()
    command = [sys.executable, "-c", DIES_BEFORE_THE_COMMIT, str(home.path)]
    with subprocess.Popen(command, env=environment()) as service:
        try:
            home.wait_for_leader(service)
            run_id = home.ops.runs.start("p").id
            assert service.wait(PATIENCE_S) == -signal.SIGKILL
        finally:
            service.kill()
    [finished] = home.media()
    assert home.ops.runs.get(run_id).status is RunStatus.RUNNING

    with home.leading():
        [run] = home.ended()
        [item] = run.items
        [found] = home.ops.media.read(str(finished))
        assert (run.id, run.status) == (run_id, RunStatus.SUCCEEDED)
        assert (item.path, item.set_id, item.size_bytes) == (str(finished), found.set_id, finished.stat().st_size)
        assert "interrupted" in item.reason
        assert home.ops.profiles.view("p").health is Health.GREEN

        home.line.done("run", "p")
        [_, following] = home.runs()
        assert following.items[0].kind is BackupKind.DIFFERENTIAL, "the full that was found is one to rest on"
        assert home.ops.media.read(following.items[0].path)[0].base_id == found.set_id


# The command line, of which a service waits a twentieth as long for the first three times that it tries again.
IS_IMPATIENT = """
from pwsops.cli import main
from pwsops.runs import attempts

first, second, third, *others = attempts.WAITS_S
attempts.WAITS_S = (first / 20, second / 20, third / 20, *others)
main()
"""


def test_a_worker_that_is_killed_is_tried_again_and_then_fails_its_item_alone(home):
    # So short a limit that the third wait is the last one it allows.
    home.profile(databases=[home.slow_vault(), "db.sqlite3"], time_limit_h=0.015)
    with home.leading("-c", IS_IMPATIENT) as service:
        run_id = home.begin_slow()

        def first_ended():
            ended = home.ops.runs.get(run_id).items[0].status.ended
            if not ended and home.hidden():
                kill_workers(service.pid)
            return ended

        wait_until(first_ended, "the first database to be given up", limit_s=PATIENCE_S)
        [run] = home.ended()
        killed, spared = run.items
        assert (run.status, killed.status, spared.status) == (RunStatus.FAILED, RunStatus.FAILED, RunStatus.SUCCEEDED)
        assert "slow.sqlite3" in killed.error
        assert "ended by signal 9" in killed.error
        assert "killed it" in killed.hint
        attempts = [message.text for message in killed.messages]
        assert [text.startswith(f"Attempt {number} of 6") for number, text in enumerate(attempts[:2], 1)] == [True] * 2
        assert [str(path) for path in home.media()] == [spared.path]
        assert home.hidden() == []
        assert service.poll() is None, "the service outlives its workers"


def test_sigterm_cancels_what_runs_and_leaves_what_waits_to_the_next_service(home):
    home.line.done("settings", "set", "parallel_runs", "1")
    slow = home.profile(databases=[home.slow_vault()])
    home.profile("waits")
    with home.catalogue.write() as connection:
        profiles.set_state(connection, slow.id, failures_in_a_row=3, database_failures={"slow.sqlite3": 3})
    with home.leading() as service:
        run_id = home.begin_slow()
        waiting = home.ops.runs.start("waits").id
        service.terminate()
        assert service.wait(PATIENCE_S) == 0
    run = home.ops.runs.get(run_id)
    assert (run.status, run.items[0].status) == (RunStatus.CANCELLED, RunStatus.CANCELLED)
    assert run.finished_at is not None
    assert (home.hidden(), home.media()) == ([], [])
    with home.catalogue.read() as connection:
        row = profiles.get(connection, slow.id)
    assert (row.failures_in_a_row, row.database_failures) == (3, {"slow.sqlite3": 3})
    assert home.leader() is None
    assert os.listdir(home.path / "processes") == [f"{home.ops._core.liveness.token}.lock"]
    assert home.ops.runs.get(waiting).status is RunStatus.QUEUED

    with home.leading():
        [taken] = home.ended("waits")
        assert (taken.id, taken.status) == (waiting, RunStatus.SUCCEEDED)
