"""Two processes on one home: one schedules, the other stands by, and no occurrence is lost or taken twice."""

import signal
from collections import Counter

import pytest

from pwsops.errors import Conflict
from pwsops.rules.model import RunStatus, Trigger
from tests.clocks import wait_until
from tests.integration.command_line import PATIENCE_S, wait_for_line
from tests.integration.service_home import held_still, kill, service_home, soon


@pytest.fixture
def home(tmp_path):
    with service_home(tmp_path) as one:
        yield one


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_one_schedules_and_the_other_takes_over_however_the_first_ends(home, ending):
    home.profile()
    with home.leading() as first, home.line.service() as second:
        wait_for_line(second, f"runs in process {first.pid}")
        assert home.leader() == first.pid
        first.send_signal(ending)
        assert first.wait(PATIENCE_S) == (0 if ending == signal.SIGTERM else -ending)
        home.wait_for_leader(second)
        due = soon()
        home.make_due(p=due)
        [run] = home.ended()
        assert (run.due_at, run.trigger, run.status) == (due, Trigger.SCHEDULE, RunStatus.SUCCEEDED)


def test_what_is_due_all_at_once_is_claimed_once_though_the_leader_dies_over_it(home):
    names = [f"p{number:02}" for number in range(12)]
    for name in names:
        home.profile(name)
    with home.leading() as first, home.line.service() as second:
        wait_for_line(second, f"runs in process {first.pid}")
        due = soon()
        home.make_due(**dict.fromkeys(names, due))
        wait_until(lambda: len(home.media()) >= 2, "the first runs to end", limit_s=PATIENCE_S)
        kill(first)
        home.wait_for_leader(second)
        runs = [run for name in names for run in home.ended(name)]
        assert Counter(run.profile for run in runs) == dict.fromkeys(names, 1)
        assert {(run.due_at, run.trigger) for run in runs} == {(due, Trigger.SCHEDULE)}
        broken = [run for run in runs if run.status is not RunStatus.SUCCEEDED]
        assert len(broken) <= 2, "no more than went on at once"
        assert all(run.status is RunStatus.FAILED and "interrupted" in run.summary for run in broken)
        good = [run.items[0].path for run in runs if run not in broken]
        assert [str(path) for path in home.media()] == sorted(good), "each success has its file, each file its success"
        assert home.hidden() == []


def test_a_run_that_a_killed_leader_never_began_is_carried_out_by_the_next(home):
    home.line.done("settings", "set", "parallel_runs", "1")
    home.profile("slow", databases=[home.slow_vault()])
    home.profile("waits")
    with home.leading() as first, home.line.service() as second:
        wait_for_line(second, f"runs in process {first.pid}")
        home.begin_slow("slow")
        with held_still(first.pid):
            waiting = home.ops.runs.start("waits").id
            assert home.ops.runs.get(waiting).status is RunStatus.QUEUED
            kill(first)
        [taken] = home.ended("waits")
        assert (taken.id, taken.status, taken.trigger) == (waiting, RunStatus.SUCCEEDED, Trigger.MANUAL)
        assert [run.status for run in home.runs("slow")] == [RunStatus.FAILED]
        assert home.leader() == second.pid


def test_a_command_runs_a_profile_itself_beside_the_service_but_not_twice_at_once(home):
    home.profile("slow", databases=[home.slow_vault()])
    home.profile("other")
    with home.leading() as service:
        run_id = home.begin_slow("slow")
        with held_still(service.pid):
            told = home.line.refused("run", "slow", "--here")
            assert f"under way already (run {run_id}, running)" in told
            assert "cancel it" in told
            with pytest.raises(Conflict, match=r"under way already"):
                home.ops.runs.start("slow")
            assert "succeeded" in home.line.done("run", "other", "--here")
            assert home.ops.runs.get(run_id).status is RunStatus.RUNNING
        assert [run.status for run in home.ended("slow")] == [RunStatus.SUCCEEDED]
    assert [run.status for run in home.runs("other")] == [RunStatus.SUCCEEDED]
