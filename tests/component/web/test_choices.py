"""The choices of a notebook: fields for its parameters, and sections that follow them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import panel as pn
import pytest
from structlog.testing import capture_logs

from pwsops.errors import NotFound
from pwsops.web import choices as web
from pwsops.web import notebook as nb
from pwsops.web.cells import MonthChart
from pwsops.web.choices import Choices
from pwsops.web.index import Entry, entries
from pwsops.web.ui.markup import Markup
from pwsops.web.ui.theme import DARK, LIGHT
from tests.homes import Home


@pytest.fixture
def home(home: Home) -> Home:
    home.add()
    return home


@pytest.fixture
def choices(home: Home) -> Choices:
    return Choices(home.ops, {"days": "Days ahead"}, since="", until="", profile="", instance="", days=28, apart=1.5)


def put(choices: Choices, field: str, value: str) -> None:
    choices._piece.take({"field": field, "key": "", "value": value})


def apply(choices: Choices) -> None:
    choices._piece.take({"action": "apply", "key": ""})


def shown(section: Any) -> str:
    return "".join(str(getattr(part, "object", "")) for part in section.__panel__().select(pn.pane.HTML))


def test_each_parameter_is_a_field_with_its_value_and_a_list_where_there_is_one(choices: Choices) -> None:
    html = str(choices._piece.html)
    assert re.findall(r'data-field="(\w+)"', html) == [
        "period", "since", "until", "profile", "instance", "days", "apart",
    ]  # fmt: skip
    assert 'value="28"' in html
    assert 'value="1.5"' in html
    assert '<option value="p">p</option>' in html
    assert '<option value="srv">srv</option>' in html
    assert "Days ahead" in html


def test_what_is_listed_counts_at_once_and_what_is_typed_when_it_is_asked_for(choices: Choices) -> None:
    put(choices, "profile", "p")
    assert (choices.profile, choices.number) == ("p", 1)
    put(choices, "days", "7")
    assert (choices.days, choices.number) == (28, 1)
    apply(choices)
    assert (choices.days, choices.number) == (7, 2)


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("days", "7.5", "Write a whole number."),
        ("apart", "soon", "Write a number."),
        ("since", "yesterday", "Write a day as 2026-03-01"),
    ],
)
def test_what_cannot_be_read_is_said_beside_its_field_and_the_value_before_stays(
    choices: Choices, field: str, typed: str, said: str
) -> None:
    before = getattr(choices, field)
    put(choices, field, typed)
    apply(choices)
    assert getattr(choices, field) == before
    assert said in str(choices._piece.html)
    assert f'value="{typed}"' in str(choices._piece.html)


def test_a_time_of_day_is_one(home: Home) -> None:
    choices = Choices(home.ops, change_at="02:00")
    put(choices, "change_at", "3:99")
    apply(choices)
    assert choices.problems == {"change_at": "Write a time of day as 02:00."}
    put(choices, "change_at", "03:30")
    apply(choices)
    assert choices.change_at == "03:30"


def test_a_period_sets_both_days(choices: Choices, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert web._period("month", now) == ("2026-02-01", "2026-03-01")
    assert web._period("7", now) == ("2026-03-03", "")
    assert web._period("", now) == web._period("made up", now) == ("", "")
    put(choices, "period", "7")
    assert choices.since
    assert choices.until == ""


def test_a_field_that_nobody_asked_for_is_no_choice(choices: Choices) -> None:
    put(choices, "home", "/etc")
    apply(choices)
    with pytest.raises(AttributeError):
        _ = choices.home


def test_databases_and_profiles_to_change_are_listed_and_what_is_gone_stays_chosen(home: Home) -> None:
    choices = Choices(home.ops, database="gone", change="")
    html = str(choices._piece.html)
    assert '<option value="gone" selected>gone</option>' in html
    assert '<option value="one">one</option>' in html
    assert '<option value="p">p</option>' in html


def test_a_section_is_made_anew_when_a_choice_changes_and_shared_work_is_done_once(choices: Choices) -> None:
    worked: list[str] = []

    @choices.once
    def shared() -> str:
        worked.append(choices.profile)
        return f"profile {choices.profile or 'all'}"

    sections = [choices.show(lambda: pn.pane.HTML(shared())) for _ in range(2)]
    assert [shown(one) for one in sections] == ["profile all"] * 2
    put(choices, "profile", "p")
    assert [shown(one) for one in sections] == ["profile p"] * 2
    assert worked == ["", "p"]


def test_a_section_that_fails_says_so_and_comes_back(choices: Choices) -> None:
    def make() -> Any:
        if choices.profile:
            raise NotFound("There is <b>none</b>.", hint="Choose another.")
        return pn.pane.HTML("all is well")

    section = choices.show(make)
    put(choices, "profile", "p")
    (piece,) = section.__panel__().select(Markup)
    assert "There is &lt;b&gt;none&lt;/b&gt;." in piece.html
    put(choices, "profile", "")
    assert shown(section) == "all is well"


def test_what_nobody_foresaw_shows_no_insides(choices: Choices, unforeseen: Exception) -> None:
    def fail() -> None:
        raise unforeseen

    with capture_logs() as logs:
        (piece,) = choices.show(fail).__panel__().select(Markup)
    assert "Working this out failed: RuntimeError." in piece.html
    assert "secret" not in piece.html
    assert [one["doing"] for one in logs] == ["Working this out"]


def test_a_section_of_nothing_is_empty(choices: Choices) -> None:
    assert choices.show(lambda: None)._body.objects == []


def test_a_figure_follows_the_page_around_it(choices: Choices) -> None:
    section = choices.show(lambda: nb.together(nb.picture("Title")))
    grounds = [section.__panel__().select(pn.pane.Bokeh)[0].object.background_fill_color]
    section._around.dark = True
    grounds.append(section.__panel__().select(pn.pane.Bokeh)[0].object.background_fill_color)
    assert grounds == [LIGHT.surface, DARK.surface]


def test_a_cell_that_a_section_made_before_is_closed(home: Home, choices: Choices) -> None:
    made: list[MonthChart] = []

    def make() -> MonthChart:
        made.append(MonthChart(home.ops, profile=choices.profile))
        return made[-1]

    choices.show(make)
    put(choices, "profile", "p")
    assert [one._session._closed for one in made] == [True, False]


def test_the_index_lists_the_dashboard_and_each_notebook_by_its_own_words(tmp_path: Path) -> None:
    source = ["# One\n", "\n", "What it\n", "shows.\n", "\n", "More."]
    (tmp_path / "1-one.ipynb").write_text(json.dumps({"cells": [{"source": source}]}))
    (tmp_path / "2-broken.ipynb").write_text("{")
    (tmp_path / "3-empty.ipynb").write_text('{"cells": []}')
    found = entries(tmp_path)
    assert [one.address for one in found] == ["operations", "1-one"]
    assert found[1] == Entry(address="1-one", title="One", text="What it shows.")
