"""What a restore is expected to take, and what is lost by it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pwsops.rules.restore_outlook import Loss, Measured, expected, lost
from tests.unit.rules.sets import NOON

MB = 1_000_000


def test_the_restore_of_the_nearest_size_into_the_same_database_counts() -> None:
    measured = [Measured("db", 100 * MB, 20.0), Measured("db", 10 * MB, 3.0), Measured("other", 50 * MB, 1.0)]
    assert expected(measured, [], database="db", size_bytes=12 * MB).seconds == pytest.approx(3.6)
    assert expected(measured, [], database="db", size_bytes=90 * MB).seconds == 20.0
    assert "100.0 MB into db took 20 s" in expected(measured, [], database="db", size_bytes=90 * MB).because


def test_where_the_database_was_never_restored_another_of_its_instance_counts() -> None:
    found = expected([Measured("other", 50 * MB, 5.0)], [1.0], database="db", size_bytes=100 * MB)
    assert found.seconds == 10.0
    assert "into other" in found.because


def test_what_was_never_restored_is_expected_to_take_as_long_as_its_backups() -> None:
    assert expected([], [4.0, 1.5], database="db", size_bytes=1).seconds == 5.5
    assert expected([], [4.0, None], database="db", size_bytes=1).seconds is None
    assert expected([], [], database="db", size_bytes=1).because == "nothing like it was measured yet"


def test_a_size_of_nothing_divides_by_nothing() -> None:
    assert expected([Measured("db", 0, 2.0)], [], database="db", size_bytes=0).seconds == 2.0


def a_loss(**fields: object) -> Loss:
    given: dict[str, object] = {"database": "db", "exists": True, "at": NOON, "now": NOON + timedelta(hours=3)}
    return Loss(**given | fields)  # type: ignore[arg-type]


def when(instant: datetime) -> str:
    return f"{instant:%H:%M}"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"exists": False}, "Nothing is lost: db does not exist yet."),
        ({"exists": False, "why_no_copy": "db is empty"}, "Nothing is lost: db is empty."),
        ({"copy_to": "/media"}, "A copy of what it holds now is taken first, into /media."),
        ({"why_no_copy": "db cannot be opened"}, "No copy is taken first: db cannot be opened."),
        ({}, "in no backup that pwsops knows"),
        ({"newest_backup_at": NOON + timedelta(hours=2)}, "what was written after 14:00 is in no backup."),
    ],
)
def test_what_is_lost_is_told_in_a_sentence(fields: dict[str, object], told: str) -> None:
    assert told in " ".join(lost(a_loss(**fields), when))


def test_the_work_since_the_moment_is_what_is_replaced() -> None:
    assert a_loss().seconds == 3 * 3600
    assert a_loss(exists=False).seconds == 0
    assert a_loss(now=NOON - timedelta(hours=1)).seconds == 0
    assert lost(a_loss(), when)[0] == "What was written to db after 12:00 is replaced: up to 3 hours of work."
