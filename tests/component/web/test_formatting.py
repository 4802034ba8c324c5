from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pwsops.engines.requests import Progress
from pwsops.rules.model import Health, Message, ProfileState, RunStatus, Trigger
from pwsops.web.ui import formatting
from tests.component.web.conftest import NOW, make_item, make_profile, make_run

UTC = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=5), "11:59:55"),
        (timedelta(minutes=5), "11:55"),
        (timedelta(minutes=-1), "12:01"),
        (timedelta(hours=-13), "tomorrow 01:00"),
        (timedelta(hours=13), "yesterday 23:00"),
        (timedelta(days=5), "Thu 19 Nov 12:00"),
        (timedelta(days=400), "20 Oct 2025 12:00"),
    ],
)
def test_a_moment_is_said_as_briefly_as_its_distance_allows(ago: timedelta, said: str) -> None:
    assert formatting.short_time(NOW - ago, NOW, UTC) == said


def test_a_moment_is_said_in_the_zone_asked_for() -> None:
    assert formatting.short_time(NOW - timedelta(hours=1), NOW, ZoneInfo("Asia/Kathmandu")) == "16:45"
    assert formatting.full_time(NOW, ZoneInfo("Asia/Kathmandu")) == "Tuesday 24 November 2026, 17:45:00 (UTC+0545)"


def test_no_moment_is_a_dash_without_a_hover() -> None:
    assert formatting.short_time(None, NOW, UTC) == "–"
    assert formatting.full_time(None, UTC) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "1 minute"), (61, "2 minutes"), (3600, "60 minutes"), (3601, "2 hours"), (2 * 86400, "48 hours"),
     (2 * 86400 + 1, "3 days")],
)  # fmt: skip
def test_an_age_is_never_said_too_young(seconds: float, said: str) -> None:
    assert formatting.age(seconds) == said


def test_few_names_are_listed_and_many_counted() -> None:
    assert formatting.listed(["a", "b"]) == "a, b"
    assert formatting.listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"


def test_every_state_and_trigger_has_a_word() -> None:
    assert all(formatting.run_mark(status).word for status in RunStatus)
    assert all(formatting.trigger(trigger) for trigger in Trigger)


@pytest.mark.parametrize(
    ("fields", "tone", "word"),
    [
        ({"health": Health.GREEN}, "ok", "succeeded"),
        ({"health": Health.NEW}, "plain", "not run yet"),
        ({"health": Health.NEW, "state": ProfileState.INACTIVE}, "plain", "inactive"),
        ({"health": Health.RED, "state": ProfileState.TRIPPED}, "red", "switched off"),
        ({"health": Health.ORANGE, "last_run": make_run(status=RunStatus.MISSED)}, "orange", "last run missed"),
        ({"health": Health.ORANGE}, "orange", "last run failed"),
        ({"health": Health.RED, "running": make_run(status=RunStatus.RUNNING)}, "running", "running"),
    ],
)
def test_a_profile_shows_its_worst_and_what_runs(fields: dict[str, object], tone: str, word: str) -> None:
    mark = formatting.profile_mark(make_profile(**fields))
    assert (mark.tone, mark.word) == (tone, word)


def test_a_row_keeps_its_colour_while_it_runs() -> None:
    assert (
        formatting.row_tone(make_profile(health=Health.ORANGE, running=make_run(status=RunStatus.RUNNING))) == "orange"
    )
    assert formatting.row_tone(make_profile()) == ""


def test_a_run_has_written_what_its_items_have() -> None:
    items = [
        make_item(RunStatus.SUCCEEDED, size_bytes=1500),
        make_item(),
        make_item(RunStatus.SUCCEEDED, size_bytes=500),
    ]
    assert formatting.run_size(make_run(items=items)) == 2000
    assert formatting.run_size(make_run()) is None


def test_progress_is_a_percentage_where_the_whole_is_known() -> None:
    def at(done: int, total: int) -> int | None:
        return formatting.percent(make_run(progress=Progress(phase="writing", done_bytes=done, total_bytes=total)))

    assert (at(1, 2), at(3, 2), at(1, 0)) == (50, 100, None)
    assert formatting.percent(make_run()) is None


def test_a_message_that_the_error_says_already_is_not_said_twice() -> None:
    once = Message(text="The disk is full.", at=NOW, is_error=True)
    numbered = Message(text="The disk is full.", at=NOW, is_error=True, number=112)
    assert make_item(error="The disk is full.", messages=[once]).further_messages == ()
    assert make_item(error="The disk is full.", messages=[numbered]).further_messages == [numbered]
    assert make_item(error="It failed.", messages=[once]).further_messages == [once]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3.0, "less than a minute ago"),
        (59.9, "less than a minute ago"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (2 * 86400 - 1, "47 hours ago"),
        (2 * 86400, "2 days ago"),
    ],
)
def test_how_long_ago_something_was_is_still_true_a_minute_later(seconds: float, said: str) -> None:
    assert formatting.ago(seconds) == said


def test_a_day_has_the_form_that_times_have() -> None:
    at = datetime(2025, 11, 30, 23, 30, tzinfo=UTC)
    assert formatting.short_day(at, ZoneInfo("Europe/Berlin")) == "1 Dec 2025"
    assert formatting.short_time(at, at + timedelta(days=90), ZoneInfo("Europe/Berlin")) == "1 Dec 2025 00:30"
