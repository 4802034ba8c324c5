import os
import time as system_time
from datetime import UTC, datetime, timedelta

import pytest

from pwsops.cli import words
from pwsops.engines.records import DatabaseState
from pwsops.operations.records import CheckState
from pwsops.rules.model import BackupKind, Health, ProfileState, RunStatus


@pytest.fixture
def in_berlin(monkeypatch):
    """Make Berlin this machine's zone."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    system_time.tzset()
    yield
    monkeypatch.undo()
    os.environ.get("TZ")
    system_time.tzset()


@pytest.mark.parametrize("status", RunStatus)
def test_every_state_of_a_run_has_an_icon_and_its_word(status):
    icon, _, word = words.run_status(status).plain.partition(" ")
    assert len(icon) == 1
    assert word == status.value


def test_colour_means_state():
    colours = {status: str(words.run_status(status).style) for status in RunStatus}
    assert colours[RunStatus.SUCCEEDED] == "green"
    assert colours[RunStatus.FAILED] == "red"
    assert colours[RunStatus.MISSED] == "dark_orange"
    assert colours[RunStatus.RUNNING] == "blue"


def test_red_is_kept_for_what_was_switched_off():
    tripped = words.profile_state(ProfileState.TRIPPED, Health.RED)
    bad_last_run = words.profile_state(ProfileState.ACTIVE, Health.ORANGE)
    assert (tripped.plain, str(tripped.style)) == ("✖ switched off", "red")
    assert (bad_last_run.plain, str(bad_last_run.style)) == ("● active", "dark_orange")


@pytest.mark.parametrize("state", DatabaseState)
def test_every_state_of_a_database_has_its_word(state):
    assert words.database_state(state).plain.endswith(state.value)


def test_a_check_that_is_only_optional_does_not_alarm():
    assert words.check_state(CheckState.OK).plain == "✔ fine"
    assert words.check_state(CheckState.AMISS).plain == "✖ amiss"
    assert words.check_state(CheckState.AMISS, required=False).plain == "○ optional"


def test_a_check_that_was_not_possible_is_neither_fine_nor_amiss():
    assert words.check_state(CheckState.UNKNOWN).plain == "? unknown"


def test_people_read_incremental_for_differential():
    assert words.kind(BackupKind.DIFFERENTIAL) == "incremental"
    assert words.kind(BackupKind.FULL) == "full"
    assert words.kind(None) == words.NOTHING


def test_a_moment_is_short_and_local(in_berlin):
    assert words.moment(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == "2026-07-02 00:30"
    assert words.moment(None) == words.NOTHING


def test_text_from_a_server_cannot_steer_the_terminal():
    assert words.clean("a\x1b[31mred\x07\u202e\udc80\nnext ü") == r"a\x1b[31mred\x07\u202e\udc80" + "\nnext ü"


def test_a_run_that_is_past_is_called_due_while_the_service_is_stopped(in_berlin):
    noon = datetime(2026, 5, 6, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert words.next_run(noon, noon - hour, running=False) == "2026-05-06 14:00"
    assert words.next_run(noon, noon + hour, running=True) == "2026-05-06 14:00"
    assert words.next_run(noon, noon + hour, running=False) == "due since 2026-05-06 14:00: the service is stopped"
    assert words.next_run(None, noon, running=False) == words.NOTHING
