"""Sizes, durations, times and counts: one form of each, whichever face of the product shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwsops.cli import words as on_terminals
from pwsops.reports import words as in_reports
from pwsops.rules import formatting
from pwsops.rules.model import BackupKind
from pwsops.web.ui import formatting as on_pages


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(None, "–"), (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1_500, "1.5 kB"), (1_500_000, "1.5 MB")],
)
def test_a_size_is_decimal_with_one_figure_behind_the_point(size_bytes: int | None, text: str) -> None:
    assert formatting.size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"), (0.04, "0.0 s"), (0.42, "0.4 s"), (9.94, "9.9 s"), (9.96, "10 s"), (12.3, "12 s"), (59.4, "59 s"),
        (59.6, "1 min"), (60, "1 min"), (185, "3 min 5 s"), (3_600, "1 h"), (3_601, "1 h"), (7_800, "2 h 10 min"),
        (86_400, "1 d"), (90_061, "1 d 1 h"), (86_430, "1 d"), (200_000, "2 d 7 h"),
    ],
)  # fmt: skip
def test_a_duration_has_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert formatting.duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e9))
def test_a_duration_never_shows_a_full_unit_as_part_of_a_larger_one(seconds: float) -> None:
    shown = dict(reversed(part.split()) for part in _pairs(formatting.duration(seconds)))
    assert all(float(shown.get(unit, 0)) < limit for unit, limit in (("s", 60), ("min", 60), ("h", 24)))
    assert 1 <= len(shown) <= 2


def _pairs(text: str) -> list[str]:
    parts = text.split()
    return [" ".join(parts[at : at + 2]) for at in range(0, len(parts), 2)]


def test_pages_terminals_and_reports_share_one_formatter() -> None:
    for name in ("size", "duration", "kind"):
        assert {getattr(face, name) for face in (on_pages, on_terminals, in_reports)} == {getattr(formatting, name)}


def test_a_kind_is_incremental_for_people_whatever_it_comes_as() -> None:
    found = [formatting.kind(one) for one in (BackupKind.FULL, BackupKind.DIFFERENTIAL, "full", "differential", None)]
    assert found == ["full", "incremental", "full", "incremental", "–"]


def test_a_moment_is_written_in_the_zone_asked_for() -> None:
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert formatting.moment(at, ZoneInfo("Europe/Berlin")) == "2026-07-02 00:30"
    assert formatting.day(at, ZoneInfo("Europe/Berlin")) == "2026-07-02"
    assert formatting.moment(None, UTC) == "–"


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (1.0, "100%"), (0.99999, "99.99%"), (0.0, "0%")])
def test_a_share_is_rounded_down(value: float | None, text: str) -> None:
    assert formatting.share(value) == text


def test_a_count_has_its_noun() -> None:
    assert [formatting.counted(count, "run") for count in (0, 1, 1_234)] == ["0 runs", "1 run", "1,234 runs"]
