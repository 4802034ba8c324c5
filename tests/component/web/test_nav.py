from __future__ import annotations

import pytest
from panel.io.location import Location

from pwsops.web.nav import Nav


def test_the_start_page_has_a_bare_address() -> None:
    assert Nav().search() == ""


def test_an_address_names_what_differs_and_reads_back_the_same() -> None:
    nav = Nav()
    nav.go(page="run", run=12, profile="A & B <c>", month="2026-12")
    there = Nav()
    there.read(nav.search())
    assert (there.page, there.run, there.profile, there.month) == ("run", 12, "A & B <c>", "2026-12")


def test_the_former_name_of_a_page_leads_to_it_and_is_written_no_more() -> None:
    nav = Nav()
    nav.read("?page=insert&instance=srv&database=one")
    assert (nav.page, nav.database) == ("restore", "one")
    assert nav.search() == "?page=restore&instance=srv&database=one"


@pytest.mark.parametrize(
    "search",
    [
        "?page=wizardry",
        "?run=-1",
        "?run=<script>",
        "?month=2026-13",
        "?month=0000-01",
        "?opened=9" + "9" * 30,
        "?step=0",
        "?step=two",
        "?x=1",
        "?%",
    ],
)
def test_what_an_address_says_amiss_is_taken_as_unsaid(search: str) -> None:
    nav = Nav()
    nav.go(page="runs", opened=50)
    nav.read(search)
    assert nav.search() == ""


def test_it_follows_the_browser_s_address_and_the_address_follows_it() -> None:
    location = Location(search="?page=runs")
    nav = Nav()
    nav.follow(location)
    assert nav.page == "runs"
    nav.go(page="run", run=3)
    assert location.search == "?page=run&run=3"
    location.search = "?page=runs"
    assert (nav.page, nav.run) == ("runs", 0)


def test_an_address_that_says_the_same_otherwise_is_left_alone() -> None:
    location = Location(search="?page=runs&theme=dark")
    Nav().follow(location)
    assert location.search == "?page=runs&theme=dark"
