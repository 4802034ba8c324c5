"""The list of profiles with many of them: what failed first, sorted, searched, and not all at once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from pwsops.rules.model import Health
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.pages.overview import rows
from pwsops.web.pages.overview.page import Overview
from tests.component.web.conftest import NOW, FakeOperations, make_profile, make_run

ORDERS = ("", "name", "-name", "last", "-last", "next", "-next")


def profiles() -> list[object]:
    hours = {"b": 3, "a": 1, "c": 2}
    return [
        make_profile(
            name,
            id=nth,
            next_due_at=NOW + timedelta(hours=at),
            last_run=make_run(nth, started_at=NOW - timedelta(hours=at)),
            health=Health.ORANGE if name == "c" else Health.GREEN,
        )
        for nth, (name, at) in enumerate(hours.items(), 1)
    ]


@pytest.fixture
def page(ops: FakeOperations, store: Store) -> Overview:
    ops.profile_views = [*profiles(), make_profile("d", id=4, next_due_at=None, last_run=None)]  # type: ignore[list-item]
    ops.run_views = [make_run(number) for number in (1, 2, 3)]
    page = Overview(Session(store, None))
    page._session.on_change = page.refresh
    return page


def names(page: Overview) -> str:
    return "".join(re.findall(r'class="link name" data-action="select" data-key="([^"]+)"', page._profiles.html))


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", "cabd"),
        ("name", "abcd"),
        ("-name", "dcba"),
        ("last", "dbca"),
        ("-last", "acbd"),
        ("next", "acbd"),
        ("-next", "dbca"),
        ("<script>", "cabd"),
        ("--name", "cabd"),
    ],
)
def test_what_failed_stands_first_unless_another_order_is_asked_for(page: Overview, sort: str, order: str) -> None:
    page._profiles.take({"action": "sort", "key": sort})
    assert names(page) == order
    assert "<script" not in page._profiles.html


def test_a_column_s_button_turns_its_order_and_says_which_it_is(page: Overview) -> None:
    name = rows.columns("")[0]
    assert (name.key, name.sorted) == ("name", "")
    assert [(one.key, one.sorted) for one in (rows.columns("name")[0], rows.columns("-name")[0])] == [
        ("-name", "ascending"),
        ("name", "descending"),
    ]
    assert rows.columns("next")[1].key == "", "back to what failed first"
    assert 'aria-sort="descending"><button type="button" class="sort" data-action="sort" data-key=""' in (
        page._profiles.html
    )


def test_the_address_keeps_order_and_search_while_one_is_selected(page: Overview) -> None:
    page._profiles.take({"action": "sort", "key": "-name"})
    page._profiles.take({"field": "search", "key": "", "value": "vaults"})
    page._profiles.take({"action": "select", "key": "b"})
    page._calendar.calendar._head.take({"action": "month", "key": "2027-01"})
    assert page._session.nav.search() == "?profile=b&month=2027-01&q=vaults&sort=-name"
    assert names(page) == "dcba"


def test_a_calendar_in_another_zone_than_the_pages_says_so(page: Overview) -> None:
    other = "The times here are in Europe/Berlin, those of the other pages in UTC."
    assert other not in page._calendar.calendar._words.html
    page._session.act("select", "b")
    assert other in page._calendar.calendar._words.html


def test_of_many_the_first_are_shown_and_the_selected_one_and_more_on_demand(ops: FakeOperations, store: Store) -> None:
    ops.profile_views = [make_profile(f"p{number:03}", id=number) for number in range(500)]
    page = Overview(Session(store, None))
    page._session.on_change = page.refresh
    assert page._profiles.html.count("data-double") == rows.SHOWN
    assert "50 of 500 are shown." in page._profiles.html
    page._session.act("select", "p499")
    assert page._profiles.html.count("data-double") == rows.SHOWN + 1
    page._profiles.take({"action": "more-profiles", "key": ""})
    assert page._profiles.html.count("data-double") == 2 * rows.SHOWN + 1
    page._profiles.take({"field": "search", "key": "", "value": "p42"})
    assert page._profiles.html.count("data-double") == 10
    assert "10 profiles found" in page._profiles.html
