"""The look of notebooks: what a table, a card and a line say."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from pwsops.web import notebook as nb

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


def test_a_table_escapes_what_it_shows_and_says_what_is_missing() -> None:
    frame = pd.DataFrame({"name": [HOSTILE, "b"], "at": [NOON, None], "count": [1234, 5]})
    frame["count"] = frame["count"].astype("Int64")
    drawn = nb.table(frame, {"name": "Name", "at": "When", "count": "Times"}, says={"at": nb.moment}).object
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn
    assert "2026-03-01 12:00" in drawn
    assert "–" in drawn
    assert '<td class="num">1,234</td>' in drawn


def test_a_row_stands_out_where_it_is_said_to_and_an_empty_table_says_so() -> None:
    frame = pd.DataFrame({"name": ["a", "b"]})
    drawn = nb.table(frame, {"name": "Name"}, bad=lambda row: row["name"] == "b").object
    assert '<tr class=""><td>a' in drawn
    assert '<tr class="bad"><td>b' in drawn
    assert "Nothing at all." in nb.table(frame[:0], {"name": "Name"}, empty="Nothing at all.").object


def test_cards_show_numbers_and_which_are_bad() -> None:
    drawn = nb.cards(("98%", "succeeded", True), (HOSTILE, "runs")).object
    assert '<div class="bad"><strong>98%</strong>succeeded</div>' in drawn
    assert "<script" not in drawn


def test_a_line_is_broken_where_nothing_could_be_restored() -> None:
    rows = pd.DataFrame(
        {"since": [NOON, NOON], "until": [NOON, NOON], "least_s": [math.nan, 0.0], "most_s": [math.nan, 7200.0]}
    )
    at, hours = nb.sawtooth(rows)
    assert len(at) == len(hours) == 6
    assert hours[3:5] == [0, 2]
    assert all(math.isnan(hours[number]) for number in (0, 1, 2, 5))


def test_a_parameter_without_an_offset_is_utc_and_without_text_is_not_there() -> None:
    assert nb.instant("2026-03-01T12:00") == NOON
    assert nb.instant("2026-03-01T13:00+01:00") == NOON
    assert nb.instant("") is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [(nb.share(0.98765), "98.7%"), (nb.share(0.9999), "99.9%"), (nb.share(1), "100%"), (nb.size(1e9), "1.0 GB"),
     (nb.duration(7200.0), "2 h")],
)  # fmt: skip
def test_values_read_so(said: str, expected: str) -> None:
    assert said == expected


def test_a_picture_has_a_hover_and_a_legend_that_hides_nothing() -> None:
    drawn = nb.picture("Title", hover={"At": "@at{%F}"})
    drawn.line([1, 2], [1, 2], legend_label="one")
    assert nb.legend_above(drawn) is drawn
    assert drawn.above[-1] is drawn.legend[0]
    assert drawn.legend[0].click_policy == "hide"


def test_only_samples_are_said_to_be_samples() -> None:
    sample, own = (SimpleNamespace(home=Path("/h", name)) for name in ("sample-home", "mine"))
    assert "/h/sample-home" in nb.say_sample(sample).object  # type: ignore[arg-type]
    assert nb.say_sample(own) is None  # type: ignore[arg-type]
