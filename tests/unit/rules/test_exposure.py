from __future__ import annotations

from datetime import timedelta

from pwsops.rules.exposure import exposure_s
from tests.unit.rules.sets import NOON, differential, full

HOUR_S = 3600.0
LATER = NOON + timedelta(hours=10)


def test_the_exposure_counts_from_the_start_of_the_newest_backup() -> None:
    newest = full("b", hours=8, started_at=NOON + timedelta(hours=7))
    assert exposure_s([newest, full("a")], LATER) == 3 * HOUR_S


def test_without_a_start_the_end_of_a_backup_counts() -> None:
    assert exposure_s([full("a", hours=8)], LATER) == 2 * HOUR_S


def test_a_differential_counts_only_where_its_full_is_there() -> None:
    assert exposure_s([full("a"), differential("c", "a", hours=9)], LATER) == HOUR_S
    assert exposure_s([full("a"), differential("c", "lost", hours=9)], LATER) == 10 * HOUR_S
    assert exposure_s([full("a"), differential("c", None, hours=9)], LATER) == 10 * HOUR_S


def test_with_nothing_to_restore_there_is_no_number() -> None:
    assert exposure_s([], LATER) is None
    assert exposure_s([differential("c", "lost")], LATER) is None


def test_a_clock_set_back_shows_no_negative_loss() -> None:
    assert exposure_s([full("a", hours=11)], LATER) == 0.0
