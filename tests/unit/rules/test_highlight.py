"""One answer to which rows stand out, for every face that draws a history."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pwsops.cli import words
from pwsops.reports import excel
from pwsops.rules.highlight import INKS, Tone, highlight, statuses, tone_of
from pwsops.rules.model import RunStatus
from pwsops.web.ui import formatting, theme

RED = {RunStatus.FAILED}
ORANGE = {RunStatus.MISSED, RunStatus.SKIPPED}


@pytest.mark.parametrize("status", RunStatus)
def test_errors_are_red_warnings_orange_and_all_else_is_plain(status: RunStatus) -> None:
    tone = Tone.ERROR if status in RED else Tone.WARNING if status in ORANGE else Tone.NONE
    # A row of a frame has the text of its state.
    assert highlight(SimpleNamespace(status=status)) is highlight(SimpleNamespace(status=status.value)) is tone


def test_what_is_no_state_does_not_stand_out() -> None:
    assert tone_of("nan") is tone_of("") is Tone.NONE


@pytest.mark.parametrize("status", sorted([*RED, *ORANGE]))
def test_pages_terminals_and_workbooks_take_the_same_tone(status: RunStatus) -> None:
    tone = tone_of(status)
    assert formatting.run_mark(status).tone == tone
    assert formatting.row_class(SimpleNamespace(status=status)) == f"is-{tone}"
    assert str(words.run_status(status).style) == {"red": "red", "orange": "dark_orange"}[tone]
    assert [look["font_color"] for named, look in excel._TONES if status in named] == [INKS[tone].text]


def test_a_light_page_has_the_colours_of_paper() -> None:
    assert (theme.LIGHT.red, theme.LIGHT.red_soft) == INKS[Tone.ERROR]
    assert (theme.LIGHT.orange, theme.LIGHT.orange_soft) == INKS[Tone.WARNING]
    assert statuses(Tone.WARNING) == [RunStatus.MISSED, RunStatus.SKIPPED]
