"""The look of the pages."""

from __future__ import annotations

import re

import pytest

from pwsops.web import notebook
from pwsops.web.pages.cells import table
from pwsops.web.ui import theme
from pwsops.web.ui.charts import figures


def _hover() -> str:
    canvas = figures.Canvas((0, 1), (0, 1), 100, lambda x, y: None)
    canvas.tell(canvas.text(canvas.source("words", "words"), "words", "black"))
    return str(canvas.figure.tools[-1].tooltips)


LISTS = {
    "toolkit": lambda: [theme.toolkit_theme()["light"]["typography"]["fontFamily"]],
    "figures": lambda: [figures._FONT],
    "hover": lambda: re.findall(r"font: \S+ (.*?)'", _hover()),
    "notebook": lambda: re.findall(r"font: \S+ (.*?);", notebook._STYLE),
    "table": lambda: re.findall(r"font: \S+ (.*?) !important;", table._LOOK),
}


@pytest.mark.parametrize("where", LISTS)
def test_fonts_begin_with_our_letters_and_end_with_the_generic_ones(where: str) -> None:
    lists = LISTS[where]()
    assert lists
    for fonts in lists:
        assert fonts.startswith(theme.FONT)
        assert fonts.endswith(", sans-serif")
        assert fonts.count("sans-serif") == 1
