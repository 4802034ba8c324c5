"""Restore: from the choice of a backup to the end of its restore, over real operations and a server that obeys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from pwsops.engines.records import DatabaseState, TableRows
from pwsops.engines.requests import Progress
from pwsops.errors import EngineError, MediaError
from pwsops.operations import Role
from pwsops.rules.model import BackupKind, BackupSet, Message, RunStatus
from pwsops.runs.liveness import Liveness
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.pages.history import restores
from pwsops.web.pages.restore import texts
from pwsops.web.pages.restore.page import Restore
from pwsops.web.ui.markup import Markup, render
from tests.clocks import NOON, joined, wait_until
from tests.component.web.conftest import hold, hold_answers
from tests.homes import Home
from tests.people import acting_as

HOSTILE = "<script>alert(1)</script>"
ONE = {"page": "restore", "instance": "srv", "database": "one"}


class Browser:
    """One page of one visitor."""

    def __init__(self, home: Home, **where: object) -> None:
        self.home = home
        self.session = Session(Store(home.ops, clock=home.clock), None)
        self.session.nav.go(**(where or ONE))
        self.page = Restore(self.session)
        self.session.on_change = self.page.refresh

    @property
    def html(self) -> str:
        return "\n".join(piece.html for piece in self.pieces)

    @property
    def pieces(self) -> list[Markup]:
        return [piece for piece in self.page._column.select(Markup) if piece.visible]

    def go(self, **where: object) -> str:
        self.session.nav.go(**{**ONE, **where})
        return self.html

    def click(self, action: str, key: str = "") -> str:
        self.pieces[-1].take({"action": action, "key": key})
        return self.html

    def type(self, field: str, value: str) -> str:
        self.pieces[-1].take({"field": field, "key": "", "value": value})
        return self.html

    def look_again(self) -> str:
        """What a change in the catalogue brings about."""
        self.session._take(self.session.store.snapshot())
        return self.html

    def restore(self, path: str, name: str = "one") -> str:
        self.go(file=path)
        self.type("confirmed", name)
        return self.click("restore-now")

    def until(self, text: str) -> str:
        wait_until(lambda: text in self.look_again(), f"{text!r} on the page")
        return self.html


@pytest.fixture
def media(home: Home) -> list[str]:
    """A full and two incrementals of database one, an hour apart; the oldest first."""
    home.add(incremental=True)
    for _ in range(3):
        home.run()
        home.clock.advance(timedelta(hours=1))
    return [str(run.items[0].path) for run in reversed(home.ops.runs.list())]


@pytest.fixture
def browser(home: Home, media: list[str]) -> Browser:
    return Browser(home)


@pytest.fixture
def held(home: Home) -> Iterator[None]:
    release = home.server.hold()
    yield
    release.set()


def lay(home: Home, path: str, database: str = "one", position: int = 1, *, recorded: bool = True) -> BackupSet:
    laid = BackupSet(
        set_id=f"{path}#{position}", database=database, kind=BackupKind.FULL, path=path, position=position,
        finished_at=NOON, size_bytes=10,
    )  # fmt: skip
    home.server.put(laid)
    return home.record(laid) if recorded else laid


def test_a_backup_that_nobody_recorded_is_restored_once_somebody_answers_for_it(
    home: Home, browser: Browser, media: list[str]
) -> None:
    forged = home.server.put(replace(home.server.media[media[0]][0], set_id="forged", path="/far/forged.bak"))
    assert "Nobody recorded" not in browser.go(file=media[0])
    browser.go(file=forged.path)
    assert "Nobody recorded the backup in /far/forged.bak" in browser.until("3. Confirm")
    browser.type("confirmed", "one")
    assert "Say first that you know" in browser.click("restore-now")
    assert home.ops.restores.list() == []
    browser.pieces[-1].take({"field": "accepted", "key": "", "value": True})
    browser.click("restore-now")
    wait_until(lambda: bool(home.ops.restores.list()), "the restore")
    assert "accept unrecorded backup" in {entry.action for entry in home.ops.audit.list()}


def test_it_shows_what_is_there_now_and_the_known_backups_newest_first(browser: Browser, media: list[str]) -> None:
    shown = browser.html
    assert "Restore into one" in shown
    assert "100 rows" in shown
    newest, middle, oldest = (shown.index(f">{path}<") for path in reversed(media))
    assert newest < middle < oldest
    assert "1 hour ago" in shown
    assert "restore-now" not in shown


def test_the_plan_says_what_is_read_and_what_is_lost(browser: Browser, media: list[str]) -> None:
    shown = browser.go(file=media[1], position=1)
    plan = shown[shown.index("See what will happen") :]
    assert plan.index(media[0]) < plan.index(media[1])
    assert re.search("up to [23] hours of work", plan)
    assert "There is a newer backup (14:00" in plan
    assert "in the last 60 minutes is in no backup" in plan
    assert "There is a newer backup" not in browser.go(file=media[2])


def focus(browser: Browser) -> list[str]:
    return list(browser.session.attention.focus.get("selectors", []))


def again(browser: Browser) -> str:
    browser.page._source.piece.take({"action": "look-again", "key": ""})
    return browser.html


def test_a_chosen_point_folds_to_one_line_and_the_plan_is_what_comes_next(browser: Browser, media: list[str]) -> None:
    source = browser.page._source.piece
    points = re.findall(r'data-pick="choose" data-key="([^"]+)"', browser.html)
    assert len(points) == 3
    assert source.html.count(" checked aria") == 1
    assert source.html.index(" checked aria") < source.html.index("point-2"), "the newest is pointed at"
    source.take({"field": "point", "key": "", "value": unescape(points[1])})
    assert "restore-now" not in browser.html, "going along the rail chooses nothing"
    source.take({"action": "continue", "key": ""})
    assert browser.session.nav.file == media[1]
    assert "Choose the moment" not in browser.html
    assert source.html.count(media[1]) == 1
    assert "restore-now" in browser.html
    assert focus(browser) == ["#plan-title"]
    source.take({"action": "change-point", "key": ""})
    assert "restore-now" not in browser.html
    assert focus(browser) == [".rail input:checked", "#source-title"]
    source.take({"action": "choose", "key": "?page=settings"})
    assert browser.session.nav.page == "restore", "only what is on the rail is chosen"
    source.take({"action": "choose", "key": unescape(points[1])})
    assert "restore-now" in browser.html, "the same again"


def test_each_point_says_what_it_stands_on(browser: Browser, media: list[str], home: Home) -> None:
    assert browser.html.count("on the full of 12:00") == 2
    assert browser.html.count("structure checked") == 1
    assert "structure not checked" not in browser.html
    lay(home, "/far/unchecked.bak")
    assert "structure not checked" in again(browser)
    laid = replace(home.server.media[media[1]][0], set_id="lost", base_id="nowhere", path="/far/lost.bak")
    home.server.put(laid)
    home.record(laid)
    assert "its full is not in this list" in again(browser)


def test_what_a_restore_replaced_is_named_so_and_not_pointed_at(browser: Browser, media: list[str], home: Home) -> None:
    home.ops.restores.restore("srv", "one", media[0], safety_copy=True)
    shown = again(browser)
    assert shown.count("safety copy") == 1
    assert "what a restore replaced, good or not" in shown
    points = re.findall(r'data-pick="choose" data-key="([^"]+)"', shown)
    copy = next(number for number, point in enumerate(points) if "SAFETY" in point)
    source = browser.page._source.piece
    source.take({"action": "continue", "key": ""})
    assert browser.session.nav.file == media[2]
    source.take({"action": "change-point", "key": ""})
    source.take({"action": "choose", "key": unescape(points[copy])})
    assert "SAFETY" in (browser.session.nav.file or ""), "whoever chooses it has it"
    assert "safety copy" in browser.html


def test_the_end_of_a_restore_has_the_focus_and_is_announced_once(browser: Browser, media: list[str]) -> None:
    browser.restore(media[2])
    assert focus(browser) == ["#outcome-title"]
    browser.until("Restored")
    number = browser.session.attention.announced["number"]
    assert "one was restored in" in browser.session.attention.announced["text"]
    browser.look_again()
    assert browser.session.attention.announced["number"] == number
    browser.click("restore-again")
    assert focus(browser) == ["#source-title"]


def test_a_restore_that_ended_before_somebody_came_takes_no_focus(
    browser: Browser, media: list[str], home: Home
) -> None:
    browser.restore(media[2])
    browser.until("Restored")
    other = Browser(home, **ONE, opened=home.ops.restores.list()[0].id)
    assert "Restored" in other.html
    assert focus(other) == []


def test_what_is_there_can_be_backed_up_first(browser: Browser, media: list[str], home: Home) -> None:
    shown = browser.go(file=media[0])
    assert "The backup service is stopped" in shown[shown.index("Back up first with p") :]
    browser.session.snapshot = replace(
        browser.session.snapshot, service=replace(browser.session.snapshot.service, running=True)
    )
    browser.session.changed()
    assert "Takes a full of what one holds now" in browser.html
    started: list[tuple[object, ...]] = []
    browser.session._actions["start-full"] = started.append  # type: ignore[assignment]
    browser.click("start-full", "p")
    assert started == ["p"]
    assert "Back up first" not in browser.go(database="three", file=media[0]), "no profile covers it"


def test_a_backup_taken_while_the_plan_is_read_changes_what_is_lost(
    browser: Browser, media: list[str], home: Home
) -> None:
    assert "There is a newer backup" not in browser.go(file=media[2])
    home.clock.advance(timedelta(minutes=30))
    home.run()
    assert "There is a newer backup (15:30" in browser.look_again()
    assert "in the last minute is in no backup" in browser.html


def test_only_the_typed_name_lets_it_restore(browser: Browser, media: list[str], home: Home) -> None:
    browser.go(file=media[2])
    assert "Type one first." in browser.html
    for typed in ("", "On", "two"):
        browser.type("confirmed", typed)
        browser.click("restore-now")
        assert home.ops.restores.list() == []
    assert "Type one first." not in browser.type("confirmed", "one")
    browser.click("restore-now")
    shown = browser.until("Restored")
    assert "one was restored in" in shown
    assert [one.set_id for one in home.server.restored[0].sets][-1] == home.server.media[media[2]][0].set_id
    assert browser.session.nav.opened == home.ops.restores.list()[0].id


def test_a_name_typed_for_one_backup_does_not_confirm_another(browser: Browser, media: list[str], home: Home) -> None:
    browser.go(file=media[2])
    browser.type("confirmed", "one")
    browser.go(file=media[0])
    browser.click("restore-now")
    assert "Type one first." in browser.html
    assert home.ops.restores.list() == []


def test_a_backup_that_was_overwritten_since_is_not_restored(browser: Browser, media: list[str], home: Home) -> None:
    browser.go(file=media[0])
    browser.type("confirmed", "one")
    home.server.media[media[0]] = [lay(home, "/elsewhere")]
    assert "was overwritten since it was chosen" in browser.click("restore-now")
    assert home.server.restored == []


def test_what_a_restore_needs_and_nobody_finds_is_said_instead_of_a_plan(
    browser: Browser, media: list[str], home: Home
) -> None:
    del home.server.media[media[0]]
    shown = browser.go(file=media[2])
    assert "was not found" in shown
    assert "put it beside" in shown
    assert "restore-now" not in shown
    browser.type("confirmed", "one")
    browser.click("restore-now")
    assert home.ops.restores.list() == []


def test_every_browser_sees_it_live_and_any_can_cancel(
    browser: Browser, media: list[str], home: Home, held: None
) -> None:
    other = Browser(home)
    home.server.progress = [Progress(phase="checking", done_bytes=1, total_bytes=4)]
    browser.restore(media[2])
    for each in (browser, other):
        shown = each.until('aria-valuenow="25"')
        assert "The restore goes on" in shown
        assert "Checking, 25" in shown
        assert "restore-now" not in shown
    number = home.ops.restores.list()[0].id
    other.click("cancel-restore", "99")
    assert not home.ops.restores.get(number).cancel_requested
    other.click("cancel-restore-now", str(number))
    assert not home.ops.restores.get(number).cancel_requested, "nobody was asked"
    assert "Cancel the restore of one?" in other.click("cancel-restore", str(number))
    assert "Cancel the restore of one?" not in other.click("keep-restoring")
    other.click("cancel-restore", str(number))
    other.click("cancel-restore-now", str(number))
    for each in (browser, other):
        assert "It changed nothing: it left one as it was." in each.until("The restore was cancelled")
    assert home.server.restored == []
    assert "Choose the moment" in other.click("restore-again")


def test_where_a_broken_off_restore_leaves_nothing_usable_that_is_said_before_and_after(
    browser: Browser, media: list[str], home: Home, held: None
) -> None:
    home.server.atomic_restore = False
    shown = browser.go(file=media[2])
    assert "lets nobody in until a backup is restored into it" in shown
    assert "never a mix" not in shown
    browser.restore(media[2])
    shown = browser.until("The restore goes on")
    assert "Once it is written, it lets nobody in" in shown
    assert "It changed nothing" not in shown
    browser.click("cancel-restore", str(home.ops.restores.list()[0].id))
    browser.click("cancel-restore-now", str(home.ops.restores.list()[0].id))
    shown = browser.until("The restore was cancelled")
    assert "Start it again any time." in shown
    assert "It changed nothing" not in shown


def test_of_an_instance_that_is_gone_nothing_is_claimed(home: Home) -> None:
    assert not texts.is_atomic(home.ops, "gone")


def test_the_end_of_a_restore_says_what_is_there_now(browser: Browser, media: list[str], home: Home) -> None:
    home.server.told = [Message(text="Two pages more.", at=NOON)]
    browser.restore(media[2])
    home.server.sizes["one"] = 55
    shown = browser.until("Restored")
    assert "Two pages more." in shown
    assert "Restore another backup" in shown
    rows = re.search(r'data-label="before">(.*?)</td><td class="num" data-label="now">(.*?)</td>', shown)
    assert rows is not None
    assert rows[1] == "100"
    assert rows[2] in ("100", "55"), "looked at before the change, or after it"
    assert "What it holds now" not in shown, "the same twice"
    other = Browser(home, **ONE, opened=home.ops.restores.list()[0].id)
    assert "55 rows" in other.html
    assert "Restored" in other.html


def test_a_failed_restore_says_why_and_what_to_do(browser: Browser, media: list[str], home: Home) -> None:
    home.server.restore_error = EngineError(f"It stayed locked {HOSTILE}.", hint="Stop the program.")
    browser.restore(media[2])
    shown = browser.until("The restore failed")
    assert "It stayed locked &lt;script" in shown
    assert "Stop the program." in shown
    assert "It changed nothing: it left one as it was." in shown


def test_an_interrupted_restore_claims_nothing_it_cannot_know(browser: Browser, media: list[str], home: Home) -> None:
    gone = Liveness(home.path)
    token = gone.token
    gone.close()
    from pwsops.catalogue import restores as rows

    with home.core.catalogue.write() as connection:
        source = home.server.media[media[0]][0]
        number = rows.add(
            connection, source, instance="srv", database="one", actor="bob", owner=token, now=home.clock.now()
        )
    shown = browser.go(opened=number)
    assert "holds now was not looked at" in shown
    assert "It changed nothing" not in shown


def test_a_database_that_is_gone_is_created_by_its_restore(browser: Browser, media: list[str], home: Home) -> None:
    del home.server.sizes["one"]
    browser.session.nav.go(**{**ONE, "database": "two"})
    shown = browser.go()
    assert "srv has no database one now." in shown
    assert "Choose the moment" in shown
    shown = browser.go(file=media[2])
    assert "there is no database one now. It is created." in shown
    assert home.server.created == []
    browser.type("confirmed", "one")
    browser.click("restore-now")
    browser.until("Restored")
    assert home.server.created == ["one"]


def test_one_that_could_not_be_restored_is_not_created(browser: Browser, media: list[str], home: Home) -> None:
    del home.server.sizes["one"]
    home.server.restore_error = MediaError("It is damaged.", hint="Choose another.")
    browser.session.nav.go(**{**ONE, "database": "two"})
    browser.go(file=media[2])
    browser.type("confirmed", "one")
    browser.click("restore-now")
    shown = browser.until("It created nothing: srv has no database one now.")
    assert "It is damaged." in shown
    assert home.server.created == []
    assert "as it was" not in shown
    assert "What it holds now" not in shown


def begin_slowly(browser: Browser, path: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Press Restore, and give what lets the restore begin."""
    browser.go(file=path)
    browser.type("confirmed", "one")
    with monkeypatch.context() as waits:
        waiting = hold(browser.session, waits)
        browser.click("restore-now")
    return waiting[0]


@pytest.mark.parametrize("elsewhere", [{"page": "runs"}, {**ONE, "database": "two"}])
def test_a_restore_that_is_refused_late_is_said_above_whatever_is_shown(
    browser: Browser,
    media: list[str],
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: dict[str, object],
) -> None:
    begun = begin_slowly(browser, media[0], monkeypatch)
    home.server.media[media[0]] = [lay(home, "/elsewhere")]
    browser.session.nav.go(**elsewhere)
    begun()
    assert browser.session.notice is not None
    assert "was overwritten since it was chosen" in browser.session.notice.message
    assert "was overwritten" not in browser.html


@pytest.mark.parametrize("elsewhere", [{"page": "runs"}, {**ONE, "database": "two"}])
def test_a_restore_that_begins_late_unfolds_nothing_elsewhere(
    browser: Browser, media: list[str], home: Home, monkeypatch: pytest.MonkeyPatch, elsewhere: dict[str, object]
) -> None:
    begun = begin_slowly(browser, media[0], monkeypatch)
    browser.session.nav.go(**elsewhere)
    begun()
    assert len(home.ops.restores.list()) == 1
    assert browser.session.nav.opened == 0
    assert browser.session.notice is None


def test_one_that_cannot_be_opened_is_said_to_be_kept(browser: Browser, media: list[str], home: Home) -> None:
    home.server.states["one"] = DatabaseState.UNREADABLE
    browser.session.nav.go(**{**ONE, "database": "two"})
    shown = browser.go(file=media[2])
    assert "It cannot be opened" in shown
    assert "one.damaged-" in shown
    assert "What was written in the last" not in shown
    del home.server.states["one"]
    browser.type("confirmed", "one")
    browser.click("restore-now")
    browser.until("Restored")
    assert home.server.restored[-1].keeps_beside, "as it was said, whatever it is by now"


def test_an_empty_one_loses_nothing(browser: Browser, media: list[str], home: Home) -> None:
    home.server.states["two"] = DatabaseState.EMPTY
    shown = browser.go(database="two", file=media[2])
    assert "so nothing is lost" in shown
    assert "This is a backup of <strong>one</strong>" in shown


def test_one_that_was_never_backed_up_is_said_to_be_in_no_backup(browser: Browser, home: Home) -> None:
    lay(home, "/media/three.bak", "three", recorded=False)
    shown = browser.go(database="three", view="file", file="/media/three.bak")
    assert "is in no backup that pwsops knows" in shown


def test_one_whose_record_cannot_be_read_is_not_said_to_be_in_no_backup(browser: Browser, home: Home) -> None:
    home.add(name="of three", databases=["three"], directory="/three")
    home.run("of three")
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET details = '[]' WHERE database = 'three'")
    lay(home, "/media/three.bak", "three")
    shown = browser.go(database="three", view="file", file="/media/three.bak")
    assert "is not known: the record of one cannot be read" in shown
    assert "in no backup" not in shown


def test_a_file_shows_its_sets_and_one_of_them_is_chosen(browser: Browser, home: Home) -> None:
    for position in (1, 2):
        lay(home, "/far/many.bak", position=position)
    shown = browser.go(view="file", file="/far/many.bak")
    assert shown.count('type="radio"') == 2
    assert "See what will happen" not in shown
    assert "position=2" in shown
    assert "See what will happen" in browser.go(view="file", file="/far/many.bak", position=2)
    assert "See what will happen" not in browser.go(view="file", file="/far/many.bak", position=3)
    lay(home, "/far/single.bak")
    assert "See what will happen" in browser.go(view="file", file="/far/single.bak")


def test_the_server_s_directories_are_browsed_from_the_profile_s_on(browser: Browser, media: list[str]) -> None:
    shown = browser.go(view="file")
    assert 'value="/media"' in shown
    assert all(path.rpartition("/")[2] in shown for path in media)
    assert "file=%2Fmedia%2Fsub" in shown
    assert "file=%2F&amp;view=file" in shown


def test_a_typed_path_is_opened_and_opened_again(browser: Browser, home: Home) -> None:
    browser.go(view="file")
    browser.type("path", " /far/new.bak ")
    browser.click("open-path")
    assert browser.session.nav.file == "/far/new.bak"
    home.server.unlistable |= {"/far/new.bak", "/far"}
    assert "/far/new.bak cannot be read." in browser.click("open-path")
    lay(home, "/far/new.bak")
    assert "See what will happen" in browser.click("open-path")


def test_more_backups_are_shown_on_demand(browser: Browser, home: Home) -> None:
    for _ in range(30):
        home.run()
    browser.look_again()
    assert browser.go().count('type="radio"') == 25
    assert "8 older backups" in browser.html
    assert browser.click("more-sources").count('type="radio"') == 33


def pointed(browser: Browser) -> list[str]:
    return [point for point in re.findall("<input[^>]*>", browser.html) if " checked" in point]


def test_what_is_continued_with_is_always_on_the_list(browser: Browser, home: Home, media: list[str]) -> None:
    for _ in range(30):
        home.run()
    browser.look_again()
    oldest, newest = media[0], str(home.ops.runs.list()[0].items[0].path)
    browser.go(file=oldest, position=1)
    browser.page._source.piece.take({"action": "change-point", "key": ""})
    assert browser.html.count('type="radio"') == 33, "the chosen one is the last of them"
    assert len(pointed(browser)) == 1
    browser.page._source.piece.take({"action": "continue", "key": ""})
    assert browser.session.nav.file == oldest
    other = Browser(home)
    assert (other.html.count('type="radio"'), len(pointed(other))) == (25, 1)
    other.click("continue")
    assert other.session.nav.file == newest


def test_what_is_pointed_at_stays_on_the_list_when_newer_backups_come(browser: Browser, home: Home) -> None:
    for _ in range(22):
        home.run()
    browser.look_again()
    points = re.findall(r'data-pick="choose" data-key="([^"]+)"', browser.go())
    assert len(points) == 25
    browser.type("point", unescape(points[-1]))
    for _ in range(3):
        home.run()
    assert points[-1] in browser.look_again()
    assert len(pointed(browser)) == 1
    browser.click("continue")
    assert browser.session.nav.search() == unescape(points[-1])


def test_without_any_known_backup_the_file_is_pointed_to(home: Home) -> None:
    browser = Browser(home)
    assert "No backup of one that pwsops knows is still there" in browser.html
    assert 'value="/"' in browser.go(view="file")


@pytest.mark.parametrize(
    "where",
    [
        {"page": "restore"},
        {**ONE, "instance": HOSTILE},
        {**ONE, "database": HOSTILE},
        {**ONE, "file": HOSTILE, "position": 10**14},
        {**ONE, "view": HOSTILE, "file": "../../etc/passwd"},
        {**ONE, "view": "file", "file": HOSTILE, "position": 7},
        {**ONE, "view": "file", "file": "\x00"},
        {**ONE, "opened": 10**14},
    ],
)
def test_a_hostile_address_only_ever_gives_a_message(browser: Browser, home: Home, where: dict[str, object]) -> None:
    before = home.ops.audit.list()
    browser.session.nav.go(**where)
    assert browser.html
    assert "<script" not in browser.html
    browser.click("restore-now")
    browser.click("cancel-restore", "x")
    assert home.ops.restores.list() == []
    assert home.ops.audit.list() == before


def test_a_restore_of_another_database_is_not_shown_here(browser: Browser, media: list[str], home: Home) -> None:
    browser.restore(media[2])
    browser.until("Restored")
    number = home.ops.restores.list()[0].id
    assert "Restored" not in browser.go(database="two", opened=number)


def test_who_may_not_restore_is_told(home: Home, media: list[str]) -> None:
    browser = Browser(home)
    browser.session.ops = acting_as(home.ops, Role.OPERATOR, "bob")
    browser.go(file=media[2])
    browser.type("confirmed", "one")
    assert "Your role is operator" in browser.click("restore-now")
    assert home.ops.restores.list() == []


def test_a_backup_under_way_is_said(browser: Browser, home: Home, held: None) -> None:
    import threading

    thread = threading.Thread(target=home.ops.runs.run_here, args=("p",), daemon=True)
    thread.start()
    assert home.server.started.wait(20)
    assert "The profile p is backing it up at this moment" in browser.look_again()
    home.ops.runs.cancel(home.ops.runs.list(limit=1)[0].id)
    joined(thread)


def test_an_instance_that_cannot_be_asked_is_a_message(browser: Browser, home: Home) -> None:
    home.server.databases_error = EngineError("The directory cannot be listed.", hint="Mount it.")
    browser.session.nav.go(**{**ONE, "database": "two"})
    assert "The directory cannot be listed." in browser.html
    assert "Mount it." in browser.html


def test_a_database_that_cannot_be_looked_into_can_still_be_restored(
    browser: Browser, media: list[str], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise EngineError("It stayed locked.", hint="Wait.")

    monkeypatch.setattr(home.ops.databases, "contents", locked)
    browser.session.nav.go(**{**ONE, "database": "two"})
    shown = browser.go(file=media[2])
    assert "It stayed locked." in shown
    assert "restore-now" in shown


def test_an_old_answer_does_not_show_on_another_place(
    browser: Browser, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.server.states["two"] = DatabaseState.EMPTY
    with monkeypatch.context() as waits:
        answers = hold_answers(browser.session, waits)
        browser.go(database="two")
        browser.go(database="one")
    for answer in reversed(answers):
        answer()
    assert "it is empty" not in browser.look_again()


def test_of_two_questions_about_one_place_the_later_answer_counts(
    browser: Browser, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as waits:
        answers = hold_answers(browser.session, waits)
        browser.go(database="two")
        browser.go(database="one")
        home.server.states["two"] = DatabaseState.EMPTY
        browser.go(database="two")
    for answer in reversed(answers):
        answer()
    assert "it is empty" in browser.look_again()


def test_what_could_not_be_asked_is_asked_again_by_a_click_and_not_by_itself(
    browser: Browser, media: list[str], home: Home
) -> None:
    away = EngineError("The server is away.", hint="Look at its cable.")
    browser.go(database="two")
    home.server.databases_error = away
    browser.go()
    home.server.databases_error = None
    assert "The server is away." in browser.look_again()
    browser.page._head.take({"action": "look-again", "key": ""})
    assert "100 rows" in browser.html


@pytest.mark.parametrize(("piece", "operation"), [("_plan", "plan"), ("_source", "sources")])
def test_each_part_that_could_not_be_asked_offers_to_try_again(
    browser: Browser, media: list[str], home: Home, monkeypatch: pytest.MonkeyPatch, piece: str, operation: str
) -> None:
    def away(*_: object, **__: object) -> None:
        raise EngineError("The server is away.", hint="Look at its cable.")

    browser.go(database="two")
    with monkeypatch.context() as broken:
        broken.setattr(home.ops.restores, operation, away)
        browser.go(file=media[2])
    part = getattr(browser.page, piece)
    part = part if isinstance(part, Markup) else part.piece
    assert "The server is away." in part.html
    assert "Try again" in part.html
    part.take({"action": "look-again", "key": ""})
    assert "The server is away." not in browser.html
    assert "restore-now" in browser.html


def test_elsewhere_the_page_asks_nothing(browser: Browser, home: Home) -> None:
    before = browser.html
    browser.session.nav.go()
    home.server.sizes.clear()
    browser.look_again()
    assert browser.html == before


def test_many_tables_are_named_by_size_and_the_rest_is_counted() -> None:
    from pwsops.engines.records import DatabaseContents

    tables = [TableRows(f"t{number}", number) for number in range(20)] + [TableRows("endless", None)]
    shown = texts.contents(DatabaseContents(tables=tables))
    assert shown["tables"][0].name == "t19"
    assert shown["more"] == "and 9 more tables"


def test_the_history_lists_restores_with_how_they_ended(browser: Browser, media: list[str], home: Home) -> None:
    def listed() -> str:
        return render("history/restores.html", **restores.values(browser.session))

    assert "Nothing was restored yet" in listed()
    browser.restore(media[2])
    browser.until("Restored")
    home.server.restore_error = EngineError(f"Locked {HOSTILE}.", hint="Stop it.")
    browser.click("restore-again")
    browser.restore(media[0])
    browser.until("The restore failed")
    shown = listed().partition("<tbody>")[2]  # above it, the states are those to choose from
    assert shown.index("failed") < shown.index("succeeded")
    assert "Locked &lt;script" in shown
    assert "Stop it." in shown
    assert media[0] in shown
    assert "opened=2" in shown


def test_the_history_shows_how_far_one_is(browser: Browser, media: list[str], home: Home, held: None) -> None:
    home.server.progress = [Progress(phase="restoring", done_bytes=1, total_bytes=2)]
    browser.restore(media[2])
    browser.until('aria-valuenow="50"')
    assert 'aria-valuenow="50"' in render("history/restores.html", **restores.values(browser.session))
    home.ops.restores.cancel(1)
    wait_until(lambda: home.ops.restores.get(1).status is RunStatus.CANCELLED)


# Login data


@pytest.fixture
def _knows_logins(home: Home) -> None:
    home.server.login = True


def give_login(page: Browser, login: str = "dba", password: str = "pa55 word") -> str:
    who = page.page._who.piece
    who.take({"action": "give-login", "key": ""})
    who.take({"field": "login", "key": "", "value": login})
    who.take({"field": "password", "key": "", "value": password})
    who.take({"action": "use-login", "key": ""})
    return page.html


def test_an_engine_without_logins_asks_for_none(home: Home, media: list[str]) -> None:
    assert "Give another login" not in Browser(home).html


@pytest.mark.usefixtures("_knows_logins")
def test_the_service_user_restores_unless_somebody_else_is_named(home: Home, media: list[str]) -> None:
    page = Browser(home)
    assert "the restore is done as the service user" in page.html
    assert 'data-field="password"' not in page.html
    home.server.opened_as.clear()
    page.restore(media[0])
    page.until("was restored in")
    assert {login for login, _ in home.server.opened_as} == {None}


@pytest.mark.usefixtures("_knows_logins")
def test_a_login_reads_the_files_plans_and_restores_this_once(home: Home, media: list[str]) -> None:
    page = Browser(home)
    home.server.opened_as.clear()
    assert "the restore is done as <strong>dba</strong>, this once" in give_login(page)
    page.go(view="file", file="/media")
    page.go(file=media[0])
    page.restore(media[0])
    page.until("was restored in")
    assert home.server.opened_as.count(("dba", "pa55 word")) >= 4
    assert page.page._who.credentials is None
    page.click("restore-again")
    assert "the restore is done as the service user" in page.html


@pytest.mark.usefixtures("_knows_logins")
def test_no_page_ever_holds_the_password(home: Home, media: list[str]) -> None:
    page, seen = Browser(home), []
    refresh = page.session.on_change
    page.session.on_change = lambda: (refresh(), seen.append(page.html))[0]
    give_login(page)
    page.restore(media[0])
    page.until("was restored in")
    assert len(seen) > 5
    assert not any("pa55" in html for html in seen)
    assert "pa55" not in page.session.nav.search()
    assert "pa55" not in repr(home.ops.restores.list()) + repr(home.ops.audit.list())


@pytest.mark.usefixtures("_knows_logins")
def test_half_of_the_login_data_is_said_beside_its_field_and_not_used(home: Home, media: list[str]) -> None:
    page = Browser(home)
    assert "Give the password of this login." in give_login(page, password="")
    assert "Say who is to restore." in give_login(Browser(home), login=" ")
    assert page.page._who.credentials is None


@pytest.mark.usefixtures("_knows_logins")
def test_login_data_are_dropped_by_a_click_and_by_going_elsewhere(home: Home, media: list[str]) -> None:
    page = Browser(home)
    give_login(page)
    page.page._who.piece.take({"action": "drop-login", "key": ""})
    assert "the restore is done as the service user" in page.html
    give_login(page)
    page.go(database="two")
    page.go()
    assert page.page._who.credentials is None


def test_files_are_looked_for_where_the_server_puts_backups_unless_a_profile_says_otherwise(home: Home) -> None:
    home.server.backup_directory = "/var/backups"
    page = Browser(home, **{**ONE, "view": "file"})
    assert 'value="/var/backups"' in page.html
