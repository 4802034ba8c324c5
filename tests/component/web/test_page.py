"""What pages repeat, on a page that has nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pwsops.errors import PwsopsError
from pwsops.web.live.session import Action, Session
from pwsops.web.live.snapshot import Store
from pwsops.web.pages.page import Page
from tests.component.web.conftest import FakeOperations, hold


class Own(Page):
    def __init__(self, session: Session) -> None:
        self.form = "form"
        self.pressed: list[str] = []
        super().__init__(session)

    def _about(self) -> object:
        return self.form

    def _actions(self) -> Mapping[str, Action]:
        return {"own": self.pressed.append}


@pytest.fixture
def page(store: Store) -> Own:
    return Own(Session(store, None))


def test_a_button_does_what_the_page_says_or_else_what_all_pages_have(page: Own, ops: FakeOperations) -> None:
    page._act("own", "key")
    page._act("start", "Vaults")
    assert page.pressed == ["key"]
    assert ops.done == [("start", "Vaults")]


def test_one_thing_is_done_at_a_time_and_what_came_of_it_is_said(page: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = hold(page._session, monkeypatch)
    for number in range(2):
        page._do("Saving", lambda number=number: number, lambda number, here: f"{number} is saved: {here}.")  # type: ignore[misc]
    assert page._task.doing == "Saving"
    assert len(waiting) == 1
    waiting[0]()
    assert (page._task.doing, page._note, page._problem) == ("", "0 is saved: True.", None)


@pytest.mark.parametrize("shows_problem", [True, False])
def test_a_problem_is_shown_once_where_it_can_be_seen(
    page: Own, refused: PwsopsError, monkeypatch: pytest.MonkeyPatch, shows_problem: bool
) -> None:
    def refuse() -> int:
        raise refused

    page._do("Saving", refuse, lambda _, here: "It is saved.", shows_problem=shows_problem)
    shown = page._problem, page._session.notice
    assert [problem and problem.message for problem in shown] == (
        [refused.message, None] if shows_problem else [None, refused.message]
    )
    waiting = hold(page._session, monkeypatch)
    page._do("Saving", refuse, lambda _, here: "It is saved.", shows_problem=shows_problem)
    assert (page._problem, page._session.notice) == (None, None), "what is tried again is not said to have failed"
    page.form = "another"
    waiting[0]()
    assert page._problem is None
    assert page._session.notice is not None
    assert page._note == ""
