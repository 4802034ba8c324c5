"""The options of a period: what their times mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from pwsops.cli.period_options import aware, check
from pwsops.rules.periods import PeriodName

WALL = datetime(2026, 7, 1, 8)


def test_a_time_without_an_offset_is_in_the_zone_that_was_named_or_in_this_machines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert aware(WALL, "Europe/Berlin") == datetime(2026, 7, 1, 6, tzinfo=UTC)
    here = aware(WALL, None)
    assert here is not None
    assert here.utcoffset() == WALL.astimezone().utcoffset()


def test_a_time_with_an_offset_keeps_it_and_none_is_none() -> None:
    told = WALL.astimezone(UTC) + timedelta(hours=1)
    assert aware(told, "Asia/Tokyo") is told
    assert aware(None, "Asia/Tokyo") is None


def test_a_period_is_given_by_its_name_or_by_its_ends_and_never_by_both() -> None:
    check(PeriodName.TODAY, None, None)
    check(None, WALL, None)
    for ends in ((WALL, None), (None, WALL)):
        with pytest.raises(typer.BadParameter, match="not both"):
            check(PeriodName.TODAY, *ends)
