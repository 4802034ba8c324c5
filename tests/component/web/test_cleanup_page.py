"""The page of clean-up over a real home, without a browser."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pwsops.errors import MediaError
from pwsops.operations import Role
from pwsops.rules.rights import Principal
from pwsops.runs.pruning import PROOF_HOLDS
from pwsops.web import titles
from pwsops.web.app import Frame
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.nav import CLEANUP, OVERVIEW, WIZARD
from pwsops.web.pages.cleanup import found
from pwsops.web.pages.cleanup.timeline import ticks
from pwsops.web.ui.markup import Markup
from tests.homes import HOUR, Home
from tests.people import person

Open = Callable[..., "Shown"]


class Shown:
    """The open page of a profile, and what somebody does on it."""

    def __init__(self, home: Home, who: Principal | None, profile: str) -> None:
        self.session = Session(Store(home.ops, clock=home.clock), None, who=None if who is None else lambda: who)
        self.frame = Frame(self.session)
        self.session.nav.go(page=CLEANUP, profile=profile)

    @property
    def html(self) -> str:
        return html.unescape("\n".join(piece.html for piece in self.frame._main.select(Markup)))

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", self.html)).strip()

    def press(self, action: str, key: str = "") -> None:
        self._piece.take({"action": action, "key": key})

    def type(self, **fields: str) -> None:
        for field, value in fields.items():
            self._piece.take({"field": field, "key": "", "value": value})

    def why_not(self, action: str) -> str:
        """Why a button cannot be pressed; empty where it can."""
        button = re.search(rf'<button[^>]*data-action="{action}"[^>]*>', self._piece.html)
        assert button is not None, action
        refused = re.search(r'aria-disabled="true" title="([^"]*)"', button[0])
        return "" if refused is None else html.unescape(refused[1])

    @property
    def _piece(self) -> Markup:
        piece: Markup = self.frame._page._piece
        return piece


@pytest.fixture
def laden(home: Home) -> Home:
    """Four fulls of `one`, an hour apart; the policy that keeps the last two came after them."""
    home.add(incremental=False)
    for _ in range(4):
        home.clock.advance(HOUR)
        home.run()
    amend(home, keep_last=2)
    return home


def amend(home: Home, **fields: Any) -> None:
    profile = home.ops.profiles.get("p")
    profile.param.update(**fields)
    home.ops.profiles.save("p", profile)


@pytest.fixture
def open_page(home: Home) -> Iterator[Open]:
    opened: list[Shown] = []

    def open_page(who: Principal | None = None, profile: str = "p") -> Shown:
        opened.append(Shown(home, who, profile))
        return opened[-1]

    yield open_page
    for one in opened:
        one.session.close()


def backups(home: Home) -> list[Any]:
    """The backups of `p`, the newest first."""
    return list(home.ops.retention.preview("p").sets)


def test_it_names_what_would_go_and_why_the_rest_stays(laden: Home, open_page: Open) -> None:
    shown = open_page()
    newest, second, *going = backups(laden)
    text = shown.text
    assert "Clean up p" in text
    assert "Keeps the last 2 backups." in text
    assert f"{newest.path} Keep-last 2; it is the newest backup that is proven." in text
    assert f"{second.path} Keep-last 2." in text
    assert text.count("No rule keeps it, and nothing that is kept needs it.") == 2
    assert "2 restore points remain" in text
    assert all(one.path in text for one in going)
    assert text.index(going[0].path) < text.index(newest.path)
    assert "Would go 2 files" in text
    assert "Stays 2 files" in text
    assert titles.of(shown.session.nav).startswith("Clean up p ")


def test_it_removes_only_after_the_question_that_names_what_goes(laden: Home, open_page: Open) -> None:
    shown = open_page()
    before = backups(laden)
    shown.press("prune-now")
    assert backups(laden) == before
    shown.press("prune-ask")
    assert "Remove 2 files of p" in shown.text
    assert shown.html.count(before[3].path) == 3  # in the question, in the row, and as the name of its button
    shown.press("prune-not")
    shown.press("prune-now")
    assert backups(laden) == before
    shown.press("prune-ask")
    shown.press("prune-now")
    assert [one.path for one in backups(laden)] == [one.path for one in before[:2]]
    assert "Removed 2 files" in shown.text
    assert "These are gone" in shown.text
    assert before[3].path in shown.text
    assert shown.why_not("prune-ask") == "Nothing would go now."
    entry = next(one for one in laden.ops.audit.list() if one.action == "prune profile")
    assert (entry.actor, entry.subject) == ("ann", "p")


def test_what_changed_after_the_question_is_asked_about_anew(laden: Home, open_page: Open) -> None:
    shown = open_page()
    shown.press("prune-ask")
    amend(laden, keep_last=1)
    shown.session.changed()
    shown.press("prune-now")
    assert len(backups(laden)) == 4
    assert "Nothing was removed: what would go has changed meanwhile." in shown.text
    assert "Remove 3 files of p" in shown.text
    shown.press("prune-now")
    assert len(backups(laden)) == 1


def test_what_could_not_be_deleted_is_named_with_the_cause(laden: Home, open_page: Open) -> None:
    *_, third, oldest = backups(laden)
    laden.server.undeletable[third.path] = "the disk is read-only"
    shown = open_page()
    shown.press("prune-ask")
    shown.press("prune-now")
    assert "Removed 1 file, 10 bytes; 1 backup retained" in shown.text
    assert re.search(rf"{third.path} is retained: [^.]*the disk is read-only", shown.text)
    assert "These are gone: one : 1 file" in shown.text
    assert oldest.path in shown.text
    assert "To go, and retained for now 1 file" in shown.text


def test_why_nothing_goes_although_the_policy_would_let_it_is_said(laden: Home, open_page: Open) -> None:
    newest = backups(laden)[0]
    del laden.server.media[newest.path]
    laden.ops.databases.list("srv")
    shown = open_page()
    assert f"Nothing is removed: the newest backup that is kept, {newest.path}, " in shown.text
    assert "It cannot be restored." in shown.text
    assert "To go, and retained for now 1 file" in shown.text
    assert shown.why_not("prune-ask") == "Nothing would go now."


def test_what_is_bad_when_it_is_read_again_lets_nothing_go(laden: Home, open_page: Open) -> None:
    shown = open_page()
    shown.press("prune-ask")
    laden.clock.advance(2 * PROOF_HOLDS)
    laden.server.verify_error = MediaError("It is damaged.", hint="Take another one.")
    shown.press("prune-now")
    assert "2 backups retained" in shown.text
    assert "is bad: It is damaged." in shown.text
    assert len(backups(laden)) == 4


def test_without_a_policy_it_says_so_and_leads_to_the_wizard(home: Home, open_page: Open) -> None:
    home.add(incremental=False)
    home.run()
    shown = open_page()
    assert "There is no policy: every backup is kept" in shown.text
    assert "prune-ask" not in shown.html
    shown.press("edit-policy")
    nav = shown.session.nav
    assert (nav.page, nav.profile, nav.step) == (WIZARD, "p", 3)


def test_a_profile_without_backups_and_one_that_is_not_there(home: Home, open_page: Open) -> None:
    home.add(incremental=False, keep_last=1)
    assert "This profile has no backup yet." in open_page().text
    assert "There is no profile 'gone'." in open_page(profile="gone").text
    assert "No profile is chosen." in open_page(profile="").text


def test_a_backup_is_held_and_released(laden: Home, open_page: Open) -> None:
    shown = open_page()
    oldest = backups(laden)[3]
    shown.press("hold", oldest.set_id)
    shown.press("hold-now")
    assert "Say what it is kept for, and who asked for it." in shown.text
    shown.type(reason="audit", until="2020-01-01")
    assert "This day has passed." in shown.text
    shown.type(until="soon")
    assert "Give a day, or leave it empty" in shown.text
    shown.type(until="2999-01-31")
    shown.press("hold-now")
    (hold,) = laden.ops.holds.list()
    assert (hold.set_id, hold.reason, hold.actor) == (oldest.set_id, "audit", "ann")
    assert hold.until is not None
    assert hold.until.isoformat().startswith("2999-0")
    assert f"{oldest.path} is held, with what it stands on." in shown.text
    assert "It is held until" in shown.text
    assert 'class="state tone-running held"' in shown.html
    assert "Held backups" in shown.text
    assert "Would go 1 file" in shown.text
    shown.press("release-now", str(hold.id))
    assert laden.ops.holds.list() == [hold]
    shown.press("release-ask", str(hold.id))
    assert "Release it?" in shown.text
    shown.press("release-not")
    shown.press("release-ask", str(hold.id))
    shown.press("release-now", str(hold.id))
    assert laden.ops.holds.list() == []
    assert "is released: the policy decides about it again." in shown.text
    assert "Would go 2 files" in shown.text


def test_what_could_not_be_deleted_before_is_asked_about_as_well(laden: Home, open_page: Open) -> None:
    first, second = backups(laden)[:1:-1]
    laden.server.undeletable |= dict.fromkeys((first.path, second.path), "it is in use")
    laden.ops.retention.prune("p")
    del laden.server.undeletable[first.path]
    shown = open_page()
    assert "Would go none" in shown.text
    assert shown.why_not("prune-ask") == ""
    shown.press("prune-ask")
    assert "Remove 2 files of p (20 bytes)?" in shown.text
    shown.press("prune-now")
    assert "Removed 1 file, 10 bytes; 1 backup retained" in shown.text
    assert f"{second.path} is retained: it is in use." in shown.text


def test_a_doubt_is_told_and_somebody_may_remove_all_the_same(laden: Home, open_page: Open) -> None:
    laden.clock.advance(90 * 24 * HOUR)
    laden.run()
    shown = open_page()
    assert "is dated 90 days after the one before it" in shown.text
    shown.press("prune-ask")
    shown.press("prune-now")
    assert "Removed 3 files" in shown.text


def test_holds_on_backups_of_another_profile_are_not_this_one_s(laden: Home, open_page: Open) -> None:
    laden.add(name="q", incremental=False, directory="/elsewhere")
    laden.run("q")
    laden.ops.holds.add_set("srv", backups(laden)[0].set_id, reason="audit")
    assert "Held 1 hold" in open_page().text
    other = open_page(profile="q")
    assert "Held none" in other.text
    assert "Held backups" not in other.text


def test_what_ends_when_somebody_looks_at_another_profile_is_not_said_there(
    laden: Home, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    laden.add(name="q", incremental=False, directory="/elsewhere")
    shown = open_page()
    prune = shown.session.ops.retention.prune

    def leave(profile: str, **agreed: Any) -> Any:
        shown.session.nav.go(page=CLEANUP, profile="q")
        return prune(profile, **agreed)

    monkeypatch.setattr(shown.session.ops.retention, "prune", leave)
    shown.press("prune-ask")
    shown.press("prune-now")
    assert len(backups(laden)) == 2
    assert "Clean up q" in shown.text
    assert "Removed" not in shown.text


def test_a_form_is_left_without_holding(laden: Home, open_page: Open) -> None:
    shown = open_page()
    shown.press("hold", backups(laden)[0].set_id)
    shown.type(reason="audit", nonsense="x")
    shown.press("hold-not")
    shown.press("hold-now")
    assert laden.ops.holds.list() == []
    assert "Reason" not in shown.text


def test_a_backup_that_nobody_knows_is_not_held(laden: Home, open_page: Open) -> None:
    shown = open_page()
    shown.press("hold", "made-up")
    shown.type(reason="x" * 501)
    shown.press("hold-now")
    shown.type(reason="audit")
    shown.press("hold-now")
    assert "srv has no backup 'made-up' that could be held." in shown.text


def test_what_somebody_may_not_do_says_why(laden: Home, open_page: Open) -> None:
    laden.ops.holds.add_set("srv", backups(laden)[3].set_id, reason="audit")
    operator = open_page(person(Role.OPERATOR))
    assert operator.why_not("hold") == ""
    for action in ("edit-policy", "prune-ask", "release-ask"):
        assert operator.why_not(action).startswith("Your role is operator")
    assert "Keeps the last 2" in operator.text, "it is in the reasons of each backup as well"
    assert "Keep-last 2" in operator.text
    viewer = open_page(person(Role.VIEWER))
    assert viewer.why_not("hold").startswith("Your role is viewer")
    operator.press("prune-ask")
    operator.press("prune-now")
    assert len(backups(laden)) == 4


def test_many_backups_are_listed_in_parts(laden: Home, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "SHOWN", 2)
    shown = open_page()
    assert "2 more are not listed." in shown.text
    shown.press("more-sets", "one")
    assert "not listed" not in shown.text


def test_the_first_page_leads_to_the_selected_profile(laden: Home, open_page: Open) -> None:
    shown = open_page()
    shown.session.nav.go(page=OVERVIEW, profile="p")
    shown.frame._page._profiles.take({"action": "clean-up", "key": "p"})
    assert (shown.session.nav.page, shown.session.nav.profile) == (CLEANUP, "p")


def test_a_line_of_time_shows_what_remains_and_what_would_go(laden: Home, open_page: Open) -> None:
    assert re.findall(r'<span class="(\w+)" style="left:([\d.]+)%">', open_page().html) == [
        ("going", "0.0"),
        ("going", "33.25"),
        ("full", "66.75"),
        ("full", "100.0"),
    ]
    sets = backups(laden)
    assert ticks(sets[:2], [one.set_id for one in sets]) == ()
    assert [tick.look for tick in ticks(sets, [sets[1].set_id])] == ["going", "going", "full"]
    assert ticks([one._replace(finished_at=sets[0].finished_at) for one in sets], ()) == ()
