"""From one day to another where there is no such time: said beside the field, once, on every page that has one."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from pwsops.web.app import Frame
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.nav import Nav
from pwsops.web.pages import days
from pwsops.web.ui.markup import Markup
from tests.homes import Home

PAGES = [{"page": "runs"}, {"page": "runs", "view": "restores"}, {"page": "audit"}]
ERROR = "This day is after the other."


class Visitor:
    def __init__(self, home: Home) -> None:
        self.session = Session(Store(home.ops, clock=home.clock), None)
        self.frame = Frame(self.session)

    @property
    def pieces(self) -> list[Markup]:
        return list(self.frame.__panel__().select(Markup))

    @property
    def html(self) -> str:
        return "\n".join(piece.html for piece in self.pieces)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", self.html)))

    def type(self, field: str, value: str) -> None:
        piece = next(piece for piece in self.pieces if f'data-field="{field}"' in piece.html)
        piece.take({"field": field, "key": "", "value": value})


@pytest.fixture
def visitor(home: Home) -> Iterator[Visitor]:
    home.add()
    home.run()
    visitor = Visitor(home)
    yield visitor
    visitor.session.close()


@pytest.mark.parametrize("where", PAGES, ids=lambda where: "-".join(where.values()))
def test_a_first_day_after_the_last_is_said_at_its_field_and_nowhere_else(
    visitor: Visitor, where: dict[str, str]
) -> None:
    visitor.session.nav.go(**where, since="2026-03-01", until="2026-03-05")
    assert ERROR not in visitor.text
    visitor.type("since", "2026-03-09")
    field = re.search(r'<input[^>]*data-field="since"[^>]*>', visitor.html)
    assert field is not None
    assert 'value="2026-03-09"' in field.group()
    assert 'aria-invalid="true"' in field.group()
    assert 'value="2026-03-05"' in visitor.html
    assert visitor.text.count(ERROR) == 1
    assert "ends before it begins" not in visitor.text
    assert 'role="alert"' not in visitor.html
    assert visitor.session.notice is None
    for told in ("No run", "No restore", "No entry", "Nothing was restored", "0 runs", "0 restores", "0 entries"):
        assert told not in visitor.text, "whether something fits was not asked"
    visitor.type("until", "2026-03-10")
    assert ERROR not in visitor.text


@pytest.mark.parametrize("where", PAGES, ids=lambda where: "-".join(where.values()))
def test_an_address_of_such_a_period_opens_the_page_and_says_so(visitor: Visitor, where: dict[str, str]) -> None:
    visitor.session.nav.go(**where, since="2026-03-09", until="2026-03-05", after="7")
    assert visitor.text.count(ERROR) == 1
    assert 'role="alert"' not in visitor.html


def test_a_day_that_a_zone_went_over_is_no_period() -> None:
    nav = Nav(since="2011-12-30", until="2011-12-30")
    assert "no such day in Pacific/Apia" in days.error(nav, ZoneInfo("Pacific/Apia"))
    assert days.error(nav, ZoneInfo("UTC")) == ""
