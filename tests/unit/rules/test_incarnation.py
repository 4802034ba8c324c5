"""What shows that a database is not the one that an older backup was taken of."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pwsops.rules.incarnation import Traces, other_incarnation, traces
from tests.clocks import NOON

HOUR = timedelta(hours=1)
OLD = Traces(changes=10, schema=5)


@pytest.mark.parametrize(
    ("now", "born_h", "why"),
    [
        (OLD, None, ""),
        (Traces(changes=11, schema=5), -1, ""),
        (Traces(changes=9, schema=5), -1, "change counter went back from 10 to 9"),
        (Traces(changes=11, schema=4), None, "schema counter went back from 5 to 4"),
        (Traces(changes=99, schema=9), 0.5, "was created anew since, at 2026-03-02 12:30:00 UTC"),
        (None, 0.5, "was created anew"),
        (Traces(changes=99, schema=9), 2, ""),
    ],
)
def test_a_counter_that_went_back_or_a_file_that_is_younger_is_another_incarnation(
    now: Traces | None, born_h: float | None, why: str
) -> None:
    born = None if born_h is None else NOON + born_h * HOUR
    found = other_incarnation(former=OLD, former_at=NOON, now=now, born_at=born, now_at=NOON + HOUR)
    assert (why in found) if why else (found == "")


def test_nothing_is_concluded_from_what_is_not_known() -> None:
    assert other_incarnation(former=None, former_at=NOON, now=OLD, born_at=None, now_at=NOON + HOUR) == ""
    assert traces(b"SQLite format 3\0") is None
