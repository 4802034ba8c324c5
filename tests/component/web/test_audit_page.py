"""The page of the audit log over a real home, without a browser."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest

from pwsops.errors import PwsopsError
from pwsops.web.app import Frame
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.nav import AUDIT
from pwsops.web.ui.markup import Markup
from tests.component.catalogue.test_audit import tamper
from tests.component.web.conftest import hold
from tests.homes import Home


class Page:
    def __init__(self, home: Home) -> None:
        self.session = Session(Store(home.ops, clock=home.clock), None)
        self.frame = Frame(self.session)
        self.session.nav.go(page=AUDIT)

    def html(self) -> str:
        return "\n".join(piece.html for piece in self.frame._main.select(Markup))

    def text(self) -> str:
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", self.html())))

    def click(self, action: str, key: str = "") -> None:
        self._piece().take({"action": action, "key": key})

    def type(self, field: str, value: str) -> None:
        self._piece().take({"field": field, "key": "", "value": value})

    def entries(self) -> list[int]:
        return [int(found) for found in re.findall(r'data-label="entry">(\d+)<', self.html())]

    def _piece(self) -> Markup:
        return next(piece for piece in self.frame._main.select(Markup) if 'data-action="verify"' in piece.html)


@pytest.fixture
def page(home: Home) -> Iterator[Page]:
    home.add()
    for number in range(60):
        home.ops.audit.record("test", f"thing {number}", "<script>alert(1)</script>")
    page = Page(home)
    yield page
    page.session.close()


def test_it_shows_the_newest_entries_and_that_the_log_is_whole(page: Page) -> None:
    assert page.entries() == list(range(62, 12, -1))
    assert "62 entries" in page.text()
    assert "Whole Each of its 62 entries is as it was written" in page.text()
    assert "62 heads in" in page.text()
    assert "<script>" not in page.html()


def test_it_turns_to_older_entries_and_back(page: Page) -> None:
    page.click("older", "13")
    assert page.entries() == list(range(12, 0, -1))
    page.click("newest")
    assert page.entries()[0] == 62


def test_it_filters_by_who_what_on_what_and_when(page: Page) -> None:
    page.type("on", "THING 5")
    assert page.entries() == [62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 8]
    page.type("what", "create profile")
    assert "No entry fits." in page.text()
    page.type("on", "")
    assert page.entries() == [2]
    page.type("who", "nobody at all")
    assert page.entries() == []
    page.click("clear")
    page.type("since", "2026-03-02")
    page.type("until", "2026-03-02")
    assert page.entries()[0] == 62
    page.type("until", "2026-03-01")
    page.type("since", "")
    assert page.entries() == []
    page.type("until", "9999-12-31")
    assert page.entries()[0] == 62, "what no day can be is taken as unsaid"
    page.type("until", "tomorrow")
    assert page.entries()[0] == 62


def test_an_action_that_the_log_does_not_know_stays_chosen(page: Page) -> None:
    page.type("what", "never done")
    assert '<option value="never done" selected>' in page.html()


def test_a_damaged_entry_is_red_and_in_words_after_the_next_verification(home: Home, page: Page) -> None:
    tamper(home, "UPDATE audit SET subject = 'else' WHERE id = 60")
    page.click("verify")
    assert "Changed This log is not what was written. Entry 60 cannot have been written so" in page.text()
    assert page.html().count('<tr class="is-red">') == 1
    assert "not as written" in page.text()


def test_what_cannot_be_checked_is_orange(home: Home, page: Page) -> None:
    (home.path / "audit-heads.log").unlink()
    page.click("verify")
    assert "Not checked in part Part of this log could not be checked." in page.text()


def test_the_entries_that_fit_are_exported_and_that_is_an_entry(
    home: Home, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[tuple[str, BinaryIO]] = []
    monkeypatch.setattr(page.session, "hand_over", lambda *file: offered.append(file))
    page.type("on", "thing 59")
    page.click("export")
    ((name, file),) = offered
    lines = file.read().decode().splitlines()
    file.close()
    assert name == "pwsops-audit-2026-03-02.csv"
    assert len(lines) == 2
    assert lines[0].startswith('"entry_id","at","actor","system_user"')
    assert home.ops.audit.list(limit=1)[0].action == "export audit log"


def test_what_fails_is_a_message(home: Home, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise PwsopsError("It is locked.", hint="Try again.")

    for owner, name in ((home.ops.audit, "page"), (home.ops.audit, "verify"), (home.ops.reports, "export_audit")):
        monkeypatch.setattr(owner, name, fail)
    page.click("verify")
    page.type("on", "x")
    page.click("export")
    assert page.text().count("It is locked.") == 3
    page.click("dismiss")
    assert page.session.notice is None


def test_an_export_that_goes_on_is_not_begun_twice(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = hold(page.session, monkeypatch)
    page.click("export")
    page.click("export")
    assert len(waiting) == 1
    assert "writing the export" in page.text()


def test_an_empty_log_says_so(home: Home) -> None:
    tamper(home, "DELETE FROM audit", "DELETE FROM audit_keys", "DELETE FROM instances")
    (home.path / "audit-heads.log").unlink()
    page = Page(home)
    assert "Nothing was written yet." in page.text()
    assert "Nothing has been done yet." in page.text()
    page.session.close()


def test_the_first_page_tells_that_heads_do_not_leave_the_home(home: Home) -> None:
    (home.path / "audit.toml").write_text("heads = '/no/such/directory/heads.log'")
    home.add()
    page = Page(home)
    page.session.nav.go()
    assert "its head does not leave the home: /no/such/directory/heads.log cannot be written" in page.text()
    page.session.close()
