"""The list of databases: how each is, what would be lost, and where to go from there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest

from pwsops.catalogue import service_state
from pwsops.engines.records import DatabaseState
from pwsops.errors import EngineError
from pwsops.operations.records import RunView
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.pages.databases.page import Databases
from pwsops.web.pages.starting import STOPPED
from tests.homes import Home

HOSTILE = "<script>alert(1)</script>"


class Browser:
    """One page of one visitor."""

    def __init__(self, home: Home, **where: object) -> None:
        self.session = Session(Store(home.ops, clock=home.clock), None)
        self.session.nav.go(page="databases", **where)
        self.page = Databases(self.session)
        self.session.on_change = self.page.refresh

    @property
    def html(self) -> str:
        return str(self.page._piece.html)

    def row(self, name: str) -> str:
        """The markup of one database's row."""
        start = self.html.index(f">{name}</a>")
        return self.html[start : self.html.index("</tr>", start)]


@pytest.fixture
def backed_up(home: Home) -> Home:
    home.add(incremental=True)
    home.run()
    home.clock.advance(timedelta(hours=3, minutes=1))
    return home


def test_each_database_says_how_it_is_and_what_would_be_lost(backed_up: Home) -> None:
    browser = Browser(backed_up)
    row = browser.row("one")
    assert all(text in row for text in ("online", "100 bytes", ">12:00<", "4 hours", ">p<"))
    assert "page=restore&amp;instance=srv&amp;database=one" in row
    assert "all of it: never backed up" in browser.row("two")
    assert "in none" in browser.row("two")


def test_what_is_broken_stands_first_with_its_reason(backed_up: Home) -> None:
    del backed_up.server.sizes["one"]
    backed_up.server.states |= {"three": DatabaseState.EMPTY, "two": DatabaseState.UNREADABLE}
    browser = Browser(backed_up)
    assert browser.html.index(">one<") < browser.html.index(">two<") < browser.html.index(">three<")
    assert "the instance has it no more" in browser.row("one")
    assert "it is unreadable, says the test" in browser.row("two")
    assert browser.html.count("is-orange") == 2


def test_what_its_keeper_should_know_stands_below_a_database(backed_up: Home) -> None:
    backed_up.server.warnings = {"one": [f"Nobody has backed up its log {HOSTILE}.", "Take a new full."]}
    shown = Browser(backed_up).html
    notes = shown[shown.index("What to know about one") : shown.rindex("</ul>")]
    assert "Nobody has backed up its log &lt;script" in notes
    assert "Take a new full." in notes
    assert "start-full" not in notes
    assert shown.count("What to know about") == 1


def test_a_foreign_base_is_answered_by_one_click(backed_up: Home) -> None:
    backed_up.server.warnings = {"one": ["Somebody else took its last full."], "two": ["Somebody else did."]}
    backed_up.server.foreign_bases = {"one", "two"}
    browser = Browser(backed_up)
    assert browser.html.count(">Take a new full now<") == 1, "no profile names the other"
    button = browser.html.partition(">Take a new full now<")[0].rpartition("<button")[2]
    assert 'data-action="start-full" data-key="p"' in button
    assert 'aria-disabled="true"' in button, "the service is stopped"
    assert STOPPED in button


def test_a_profile_that_is_running_is_not_offered_to_take_the_new_full(backed_up: Home) -> None:
    backed_up.server.warnings = {"one": ["Somebody else took its last full."]}
    backed_up.server.foreign_bases = {"one"}
    browser = Browser(backed_up)
    snapshot = browser.session.snapshot
    [profile] = snapshot.profiles

    def button_while(running: RunView | None) -> str:
        browser.session.snapshot = replace(
            snapshot,
            service=replace(snapshot.service, running=True),
            profiles=[replace(profile, running=running)],
        )
        browser.session.changed()
        return browser.html.partition(">Take a new full now<")[0].rpartition("<button")[2]

    assert "aria-disabled" not in button_while(None)
    refused = button_while(backed_up.ops.runs.list()[0])
    assert 'aria-disabled="true"' in refused
    assert 'title="p is running."' in refused


def test_one_of_several_instances_is_chosen(home: Home) -> None:
    assert 'aria-label="Instances"' not in Browser(home).html
    home.ops.instances.add("other", engine="fake", address="there")
    browser = Browser(home, instance="srv")
    assert 'data-key="?page=databases&amp;instance=other"' in browser.html
    assert "instance=srv&amp;database=one" in browser.html
    browser.session.nav.instance = "other"
    assert "instance=other&amp;database=one" in browser.html
    assert "instance=srv&amp;database=one" not in browser.html


def test_an_instance_in_trouble_shows_its_message_and_next_step(home: Home) -> None:
    home.server.databases_error = EngineError(f"It cannot be listed {HOSTILE}.", hint="Mount it.")
    shown = Browser(home).html
    assert "It cannot be listed &lt;script" in shown
    assert "Mount it." in shown
    assert "Go on" not in shown


def test_an_instance_that_nobody_knows_is_a_message_with_those_there_are(home: Home) -> None:
    shown = Browser(home, instance=HOSTILE).html
    assert "There is no instance &lt;script" in shown
    assert ">srv</a>" in shown
    assert "<script" not in shown


def test_a_newcomer_is_told_what_to_do(home: Home) -> None:
    home.ops.instances.remove("srv")
    shown = Browser(home).html
    assert "Choose a database to restore" in shown
    assert "pwsops instance add" in shown


def test_a_database_that_is_not_listed_can_be_named(home: Home) -> None:
    home.server.sizes.clear()
    browser = Browser(home)
    assert "srv has no database yet" in browser.html
    piece = browser.page._piece
    piece.take({"action": "restore-other", "key": "srv"})
    assert browser.session.nav.page == "databases"
    piece.take({"field": "other", "key": "", "value": " lost "})
    assert 'value=" lost "' in browser.html
    piece.take({"action": "restore-other", "key": "srv"})
    assert (browser.session.nav.page, browser.session.nav.database) == ("restore", "lost")


def test_other_clicks_are_the_session_s(home: Home) -> None:
    browser = Browser(home)
    before = browser.html
    browser.page._piece.take({"action": "go", "key": "?page=restore&instance=srv&database=one"})
    assert browser.session.nav.database == "one"
    assert browser.html == before


def test_newer_backups_that_are_lost_are_noted_though_an_older_one_protects(home: Home) -> None:
    home.add(timestamp=True, incremental=False, every=12)
    home.run()
    home.run()
    newest = max(home.server.media, key=lambda path: home.server.media[path][0].finished_at)
    del home.server.media[newest]
    with home.core.catalogue.write() as connection:
        service_state.want(connection, True)
    with patch("pwsops.operations.databases.is_running", lambda home: True):
        browser = Browser(home)
    assert "protected" in browser.row("one")
    assert f"A newer backup is gone: {newest}, since 12:" in browser.html


def test_what_would_be_lost_is_not_known_where_the_record_of_a_backup_cannot_be_read(backed_up: Home) -> None:
    with backed_up.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET details = '[]'")
    browser = Browser(backed_up)
    assert "not known: what is kept of its backup cannot be read" in browser.row("one")
    assert "backup_sets 1, <code>details</code> cannot be read" in browser.html
