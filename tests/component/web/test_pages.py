"""The frame and its pages, without a browser: what markup they show, and what their buttons do."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import panel as pn
import pytest
from bokeh.events import Tap
from panel.models.esm import DataEvent
from structlog.testing import capture_logs

from pwsops.engines.requests import Progress
from pwsops.errors import PwsopsError
from pwsops.rules.model import BackupKind, Health, Message, ProfileState, RunStatus
from pwsops.web import app
from pwsops.web.app import Frame
from pwsops.web.live import process
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.ui import markup
from pwsops.web.ui.markup import Markup, render
from pwsops.web.ui.theme import DARK, LIGHT
from tests.component.web.conftest import NOW, FakeOperations, hold, make_item, make_profile, make_run

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def session(store: Store) -> Iterator[Session]:
    session = Session(store, None)
    yield session
    session.close()


@pytest.fixture
def frame(session: Session) -> Frame:
    return Frame(session)


def html(frame: Frame) -> str:
    """Everything that the frame's own markup shows, in order."""
    pieces = [frame._service, *frame._view.main[0].select(Markup)]
    return "\n".join(piece.html for piece in pieces)


def calendar(frame: Frame) -> Any:
    return frame._page._calendar.calendar


def turn(frame: Frame, action: str, key: str = "") -> None:
    calendar(frame)._head.take({"action": action, "key": key})


def tap(figure: Any, x: Any, y: Any) -> None:
    figure._canvas._tapped(Tap(model=None, sx=0, sy=0, x=x, y=y))


def act(frame: Frame, action: str, key: str = "") -> None:
    frame._service.take({"action": action, "key": key})


def test_the_first_page_answers_first_and_shows_profiles_and_runs(frame: Frame) -> None:
    shown = html(frame)
    answer, profiles, runs = (shown.index(text) for text in ("it was backed up", "Start now: Vaults", "Latest runs"))
    assert answer < profiles < runs


def test_names_and_messages_from_outside_are_escaped(ops: FakeOperations, frame: Frame) -> None:
    run = make_run(
        1, RunStatus.FAILED, profile=HOSTILE, summary=HOSTILE,
        items=[make_item(database=HOSTILE, error=HOSTILE, hint=HOSTILE, path=HOSTILE, reason=HOSTILE,
                         messages=[Message(text=HOSTILE, at=NOW, number=3201, severity=16, is_error=True)])],
    )  # fmt: skip
    ops.run_views = [run]
    ops.profile_views = [
        make_profile(HOSTILE, instance=HOSTILE, databases=(HOSTILE,), schedule=HOSTILE, directory='">' + HOSTILE,
                     health=Health.ORANGE, last_run=run),
        make_profile("Other", id=2),
    ]  # fmt: skip
    session = frame._session
    for where in ({}, {"profile": HOSTILE}, {"page": "runs"}, {"page": "run", "run": 1}):
        session.nav.go(**where)
        session._take(session.store.snapshot())
        assert "alert(1)" in html(frame)
        assert "<script" not in html(frame)


def test_a_run_page_shows_every_message_with_its_numbers_below_cause_and_next_step(
    ops: FakeOperations, frame: Frame
) -> None:
    message = Message(text="Cannot open backup device.", at=NOW, number=3201, severity=16, state=7, is_error=True)
    ops.run_views = [make_run(4, RunStatus.FAILED, items=[make_item(error="Cause.", hint="Step.", messages=[message])])]
    act(frame, "open-run", "4")
    shown = html(frame)
    places = [shown.index(text) for text in ("Cause.", "Step.", "Cannot open backup device.", ">3201<", ">16<", ">7<")]
    assert places == sorted(places)


def test_a_running_run_shows_how_far_it_is_and_can_be_cancelled(ops: FakeOperations, frame: Frame) -> None:
    progress = Progress(phase="writing", done_bytes=1, total_bytes=4)
    run = make_run(5, RunStatus.RUNNING, finished_at=None, progress=progress)
    ops.run_views, ops.profile_views = [run], [make_profile(running=run)]
    act(frame, "open-run", "5")
    assert 'aria-valuenow="25"' in html(frame)
    act(frame, "cancel", "5")
    assert "Cancel run 5?" in html(frame)
    act(frame, "confirm", "cancel 5")
    assert "Cancel run 5?" not in html(frame)
    assert ops.done == [("cancel", 5)]


def test_a_run_that_is_not_there_is_a_message_with_a_next_step(frame: Frame) -> None:
    act(frame, "open-run", "99")
    assert "There is no run 99." in html(frame)
    assert "<code>pwsops runs</code>" in html(frame)


def test_start_now_starts_and_start_full_takes_a_full(ops: FakeOperations, frame: Frame) -> None:
    act(frame, "start", "Vaults")
    act(frame, "start-full", "Vaults")
    assert ops.done == [("start", "Vaults"), ("start", "Vaults", BackupKind.FULL)]


def test_a_refused_click_is_shown_with_its_hint_and_can_be_closed(
    ops: FakeOperations, frame: Frame, refused: PwsopsError
) -> None:
    ops.refusal = refused
    act(frame, "start", "Vaults")
    assert "Not &lt;b&gt;now&lt;/b&gt;.</strong> Try later." in html(frame)
    act(frame, "dismiss")
    assert "Try later." not in html(frame)


def test_an_unforeseen_error_is_a_message_without_its_insides(
    ops: FakeOperations, frame: Frame, unforeseen: Exception
) -> None:
    ops.refusal = unforeseen
    with capture_logs() as logs:
        act(frame, "start", "Vaults")
    assert "Starting the run failed: RuntimeError." in html(frame)
    assert "secret" not in html(frame)
    assert logs


def test_a_page_that_cannot_be_drawn_is_a_message_and_recovers(
    frame: Frame, ops: FakeOperations, monkeypatch: pytest.MonkeyPatch, unforeseen: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise unforeseen

    with monkeypatch.context() as broken, capture_logs():
        broken.setattr(ops.runs, "get", fail)
        act(frame, "open-run", "1")
        assert "Showing this page failed: RuntimeError." in html(frame)
    frame.refresh()
    assert 'id="run-title"' in html(frame)


def test_stopping_the_service_disables_start_now_and_says_why(frame: Frame) -> None:
    act(frame, "service-stop")
    assert "Runs that have begun go on to their end." in html(frame)
    act(frame, "confirm", "service-stop ")
    button = re.search(r"<button[^>]*Start now: Vaults[^>]*>", html(frame))
    assert button is not None
    assert 'aria-disabled="true"' in button.group()
    assert "The backup service is stopped." in button.group()
    act(frame, "service-start")
    assert 'aria-disabled="true" title="The backup service' not in html(frame)


def test_a_profile_that_runs_cannot_be_started_again(ops: FakeOperations, frame: Frame) -> None:
    ops.profile_views = [make_profile(running=make_run(status=RunStatus.QUEUED, finished_at=None))]
    frame._session._take(frame._session.store.snapshot())
    assert "Vaults is running." in html(frame)


def test_red_and_orange_profiles_stand_first(ops: FakeOperations, frame: Frame) -> None:
    ops.profile_views = [
        make_profile("A", id=1),
        make_profile("B", id=2, health=Health.ORANGE, last_run=make_run(status=RunStatus.FAILED)),
        make_profile("C", id=3, health=Health.RED, state=ProfileState.TRIPPED),
    ]
    frame._session._take(frame._session.store.snapshot())
    assert re.findall(r'<tr class="([^"]*)" data-action="select" data-double="edit" data-key="(\w)"', html(frame)) == [
        ("is-red", "C"), ("is-orange", "B"), ("", "A"),
    ]  # fmt: skip


def test_a_selected_profile_has_its_own_plan_and_switches(ops: FakeOperations, frame: Frame) -> None:
    ops.profile_views = [
        make_profile("A", id=1),
        make_profile("B", id=2, state=ProfileState.INACTIVE, next_due_at=None),
    ]
    frame._session._take(frame._session.store.snapshot())
    assert "Runs: all profiles" in html(frame)
    act(frame, "select", "A")
    assert "Runs: A" in html(frame)
    act(frame, "deactivate", "A")
    act(frame, "select", "B")
    act(frame, "activate", "B")
    assert ops.done == [("deactivate", "A"), ("activate", "B")]
    act(frame, "select-all")
    assert "Runs: all profiles" in html(frame)


def test_a_run_that_is_past_is_called_due_while_the_service_is_stopped(ops: FakeOperations, frame: Frame) -> None:
    ops.profile_views = [make_profile("A", next_due_at=NOW - timedelta(hours=2))]
    for running in (True, False):
        ops.running = running
        frame._session._take(frame._session.store.snapshot())
        assert ("00: the backup service is stopped." in html(frame)) is not running
        assert ("due since <span" in " ".join(html(frame).split())) is not running


def piece(frame: Frame, name: str) -> Markup:
    found = getattr(frame._page, name)
    assert isinstance(found, Markup)
    return found


def test_without_a_selection_the_toolbar_says_so(ops: FakeOperations, frame: Frame) -> None:
    ops.profile_views.append(make_profile("B", id=2))
    frame._session._take(frame._session.store.snapshot())
    edit = re.search(r"<button[^>]*Edit the selected profile[^>]*>", html(frame))
    assert edit is not None
    assert 'aria-disabled="true" title="Select a profile first."' in edit.group()
    act(frame, "select", "B")
    assert "Select a profile first." not in html(frame)


def test_deleting_asks_says_what_stays_and_may_be_left(ops: FakeOperations, frame: Frame) -> None:
    profiles = piece(frame, "_profiles")
    profiles.take({"action": "delete", "key": "Vaults"})
    assert "Its history stays, and every backup it took stays in" in profiles.html
    profiles.take({"action": "keep", "key": "Vaults"})
    assert "Its history stays" not in profiles.html
    profiles.take({"action": "delete", "key": "Vaults"})
    profiles.take({"action": "delete-now", "key": "Vaults"})
    assert ops.done == [("delete", "Vaults")]
    assert "Its history stays" not in profiles.html


def test_a_double_click_opens_the_wizard_on_it(frame: Frame) -> None:
    piece(frame, "_profiles").take({"action": "edit", "key": "Vaults"})
    assert (frame._session.nav.page, frame._session.nav.profile) == ("wizard", "Vaults")


def test_failing_profiles_show_what_the_server_said_below_the_list(ops: FakeOperations, frame: Frame) -> None:
    told = [Message(text="Cannot open backup device.", at=NOW, number=3201, severity=16, is_error=True)]
    failed = make_run(7, RunStatus.FAILED, items=[make_item(error="Cause.", hint="Step.", messages=told)])
    missed = make_run(8, RunStatus.MISSED, summary="the service was not running", items=[])
    ops.run_views = [missed, failed]
    ops.profile_views = [
        make_profile("A", health=Health.ORANGE, last_run=failed),
        make_profile("B", id=2, health=Health.ORANGE, last_run=missed),
    ]
    frame._session._take(frame._session.store.snapshot())
    shown = piece(frame, "_messages").html
    assert shown.index("Cause.") < shown.index("Step.") < shown.index("3201")
    assert "the service was not running" in shown


def test_many_profiles_can_be_searched(ops: FakeOperations, frame: Frame) -> None:
    ops.profile_views = [make_profile(f"p{number:02}", id=number) for number in range(30)]
    frame._session._take(frame._session.store.snapshot())
    profiles = piece(frame, "_profiles")
    assert profiles.html.count("data-double") == 30
    profiles.take({"field": "search", "value": "P07"})
    assert re.findall(r'data-double="edit" data-key="(\w+)"', profiles.html) == ["p07"]
    profiles.take({"field": "search", "value": "nothing like it"})
    assert "No profile has that" in profiles.html


def test_the_plan_of_many_profiles_is_worked_out_beside(ops: FakeOperations, frame: Frame) -> None:
    ops.profile_views = [make_profile(f"p{number:02}", id=number) for number in range(30)]
    frame._session._take(frame._session.store.snapshot())
    assert "to come until 27 December 2026" in calendar(frame)._words.html
    assert len(set(ops.previews) - {"Vaults"}) == 30


def test_what_many_profiles_cannot_be_planned_for_is_said_and_tried_again_when_something_changed(
    ops: FakeOperations, frame: Frame, refused: PwsopsError
) -> None:
    ops.profile_views = [make_profile(f"p{number:02}", id=number) for number in range(30)]
    asked, preview = list[str](), ops.profiles.preview

    def fail(name: str, **where: Any) -> Any:
        asked.append(name)
        if len(asked) > 9:
            return preview(name, **where)  # or a page that asks without end would keep the test from failing
        raise refused

    ops.profiles.preview = fail
    frame._session._take(frame._session.store.snapshot())
    frame.refresh()
    assert asked == ["p00"]
    assert "Not &lt;b&gt;now&lt;/b&gt;. Try later." in calendar(frame)._words.html
    frame._session._take(frame._session.store.snapshot())
    assert asked == ["p00", "p00"]
    turn(frame, "month", "2026-12")
    assert asked == ["p00", "p00", "p00"]
    ops.profiles.preview = preview
    frame._session._take(frame._session.store.snapshot())
    assert "to come in December 2026" in calendar(frame)._words.html


def test_the_month_goes_forward_and_back(frame: Frame) -> None:
    turn(frame, "month", "2026-12")
    assert "to come in December 2026" in html(frame)
    turn(frame, "today")
    assert "to come until 27 December 2026" in html(frame)
    turn(frame, "month", "2026-11")
    assert "to come in November 2026" in html(frame)


def test_the_month_goes_forward_and_back_for_two_years(frame: Frame) -> None:
    turn(frame, "month", "2999-12")
    assert "to come in November 2028" in html(frame)
    assert "Runs are shown two years ahead." in html(frame)
    turn(frame, "month", "2028-10")
    assert "Runs are shown two years ahead." not in html(frame)
    turn(frame, "month", "1999-10")
    assert "Runs are shown two years back." in html(frame)


def test_a_day_opens_its_hours_and_back_leads_to_where_one_was(frame: Frame) -> None:
    nav = frame._session.nav
    turn(frame, "month", "2026-12")
    turn(frame, "day", "2026-12-06")
    assert (nav.view, nav.day, nav.month) == ("day", "2026-12-06", "2026-12")
    assert "Runs of Sunday 6 December 2026 by profile" in html(frame)
    assert re.search(r'data-action="back"[^>]* autofocus', html(frame)), "the focus goes to what was opened"
    turn(frame, "back")
    assert (nav.view, nav.day, nav.month) == ("", "", "2026-12")
    assert re.search(r'data-key="2026-12-06"[^>]* autofocus', html(frame)), "and comes back"
    turn(frame, "week", "2026-12-03")
    assert "Week of Monday 30 November 2026" in html(frame)
    turn(frame, "day", "2026-12-05")
    turn(frame, "back")
    assert (nav.view, nav.day) == ("week", "2026-12-05")
    turn(frame, "today")
    assert (nav.view, nav.day) == ("week", "2026-11-24")


def test_a_tap_on_a_figure_opens_the_day(frame: Frame) -> None:
    nav = frame._session.nav
    figure = calendar(frame).figures[""]
    tap(figure, 6.5, 2.5)
    assert (nav.view, nav.day) == ("day", "2026-12-06")
    nav.go(view="week", day="2026-12-06")
    tap(calendar(frame).figures["week"], 13.2, 1.9)
    assert (nav.view, nav.day) == ("day", "2026-12-01")
    nav.go()
    for x, y in ((-1, 2), (7.5, 2), (3, -0.2), (3, 6.5), (float("nan"), 1), (None, 1), ("x", 1), (float("inf"), 1)):
        tap(figure, x, y)
    assert (nav.view, nav.day) == ("", "")


def test_the_figure_is_named_by_the_words_beside_it_and_only_its_data_is_replaced(frame: Frame) -> None:
    figure = calendar(frame).figures[""]
    before = dict(figure.sources)
    numbers = figure.sources["numbers"].data["text"]
    assert figure.figure.html_attributes["role"] == "img"
    assert "to come until 27 December 2026" in figure.figure.html_attributes["aria-label"]
    turn(frame, "month", "2026-12")
    assert calendar(frame).figures[""] is figure
    assert figure.sources == before
    assert figure.sources["numbers"].data["text"] != numbers
    assert "December 2026" in figure.figure.html_attributes["aria-label"]


def test_figures_are_painted_in_the_scheme_of_the_page(frame: Frame) -> None:
    figure = calendar(frame).figures[""]
    assert LIGHT.accent_soft in figure.sources["cells"].data["ground"]
    frame._view.dark_theme = True
    assert DARK.accent_soft in figure.sources["cells"].data["ground"]
    assert LIGHT.accent_soft not in figure.sources["cells"].data["ground"]


def test_an_address_with_a_day_that_is_none_shows_the_month(frame: Frame) -> None:
    for day in ("2026-02-30", "9999-99-99", "x", "0001-01-01"):
        frame._session.nav.read(f"?view=day&day={day}")
        assert frame._session.nav.day == ""
        assert "to come until" in html(frame)
    for key in ("x", "2026-13", "2026-02-30"):
        for action in ("day", "week", "month"):
            turn(frame, action, key)
    assert frame._session.nav.day == ""


def _many(ops: FakeOperations) -> None:
    """Have so many profiles that the calendar is worked out beside the page."""
    ops.profile_views = [make_profile(f"p{number:02}", id=number) for number in range(30)]


def test_what_fails_when_the_calendar_has_its_answer_is_a_message(
    ops: FakeOperations, store: Store, monkeypatch: pytest.MonkeyPatch, unforeseen: Exception
) -> None:
    _many(ops)
    session = Session(store, None)
    waiting = hold(session, monkeypatch)
    frame = Frame(session)

    def fail(*_: object) -> None:
        raise unforeseen

    monkeypatch.setattr(frame._page._calendar.calendar, "show", fail)
    waiting.pop()()
    assert "Showing this page failed" in html(frame)
    assert "secret insides" not in html(frame)
    session.close()


def test_a_calendar_whose_page_a_message_has_replaced_asks_and_draws_nothing_more(
    ops: FakeOperations, store: Store, monkeypatch: pytest.MonkeyPatch, unforeseen: Exception
) -> None:
    _many(ops)
    session = Session(store, None)
    waiting = hold(session, monkeypatch)
    frame = Frame(session)
    left = frame._page._calendar

    def fail(*_: object) -> None:
        raise unforeseen

    with monkeypatch.context() as patched:
        patched.setattr(frame._page, "refresh", fail)
        session.changed()
    assert "Showing this page failed" in html(frame)
    session.changed()
    assert frame._page._calendar is not left
    asked = list(waiting)
    asked[0]()
    assert left._planned.answer is None
    assert len(waiting) == len(asked)
    session.close()


def test_a_calendar_that_was_left_asks_and_draws_nothing_more(
    ops: FakeOperations, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    _many(ops)
    session = Session(store, None)
    waiting = hold(session, monkeypatch)
    frame = Frame(session)
    left = frame._page._calendar
    shown = left.calendar._head.html
    session.nav.go(page="runs")
    asked = list(waiting)
    session.nav.view = "restores"
    for answer in asked:
        answer()
    assert len(waiting) == len(asked)
    assert (left.calendar._head.html, left._planned.answer) == (shown, None)
    session.close()


def test_the_calendar_of_one_profile_shows_the_others_faintly_and_where_they_overlap(
    ops: FakeOperations, frame: Frame
) -> None:
    ops.profile_views = [make_profile(), make_profile("Other", id=2)]
    frame._session._take(frame._session.store.snapshot())
    act(frame, "select", "Vaults")
    shown = html(frame)
    assert (
        "Every hour, UTC. The times here are in Europe/Berlin, those of the other pages in UTC. 134 runs to come"
        in shown
    )
    assert "4 runs of others" in shown
    assert "Vaults, Other" in shown


def test_the_sidebar_leads_to_pages_and_follows_the_address(frame: Frame) -> None:
    def here() -> tuple[str, str]:
        found = re.findall(r'data-key="([^"]*)" aria-current="([^"]*)"', frame._menu.html)
        assert len(found) == 1
        return found[0]

    assert here() == ("?page=overview", "page")
    frame._menu.take({"action": "go", "key": "?page=runs"})
    assert frame._session.nav.page == "runs"
    act(frame, "open-run", "1")
    assert here() == ("?page=runs", "true")
    frame._menu.take({"action": "go", "key": "?page=runs"})
    assert here() == ("?page=runs", "page")
    frame._session.nav.go()
    assert here() == ("?page=overview", "page")


@pytest.mark.parametrize(
    ("instances", "said"), [([], "pwsops sample"), (["vaults"], "pwsops profile create hourly --instance vaults")]
)
def test_a_newcomer_is_told_the_next_command(
    ops: FakeOperations, frame: Frame, instances: list[str], said: str
) -> None:
    ops.profile_views, ops.run_views, ops.instance_names = [], [], instances
    frame._session._take(frame._session.store.snapshot())
    assert said in html(frame)
    assert "Runs to come" not in html(frame)


def test_the_history_stays_when_the_last_profile_is_gone(ops: FakeOperations, frame: Frame) -> None:
    ops.profile_views = []
    frame._session._take(frame._session.store.snapshot())
    assert "No profile yet" in html(frame)
    assert "Latest runs" in html(frame)


def test_unknown_clicks_do_nothing(ops: FakeOperations, frame: Frame) -> None:
    act(frame, "drop-everything")
    frame._service._handle_msg("nonsense")
    Markup().take({"action": "start"})
    assert ops.done == []


def test_messages_count_in_the_order_they_were_sent_in() -> None:
    told: list[str] = []
    piece = Markup(lambda action, key: told.append(key))
    for number in (2, 4, 1, 1, 3, 9, 5_000, -1, "6", True):
        piece._handle_msg({"action": "x", "key": str(number), "number": number})
    assert told == ["1", "2", "3", "4"]


def held(pieces: list[Markup]) -> int:
    return sum(len(message["value"]) for piece in pieces for message in piece._order._early.values())


def test_messages_that_overtook_one_that_never_comes_hold_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all pieces of all pages of one person together."""
    visit = SimpleNamespace(whose="ada")
    monkeypatch.setattr(markup, "_visit", lambda: visit)
    told: list[str] = []
    pieces = [Markup(on_field=lambda field, key, value: told.append(field)) for _ in range(4)]
    for number in range(2, 30):
        for piece in pieces:
            piece._handle_msg({"number": number, "field": "x", "value": f"{number:07}" + "A" * (1 << 20)})
    assert 0 < held(pieces) <= markup._EARLY_BYTES
    # Others' are kept, and the one that is waited for is always taken.
    visit.whose = "eve"
    other = Markup(on_field=lambda field, key, value: told.append(field))
    other._handle_msg({"number": 2, "field": "second", "value": "x"})
    other._handle_msg({"number": 1, "field": "first", "value": "x"})
    assert told == ["first", "second"]
    visit.whose = "ada"
    pieces[-1]._handle_msg({"number": 1, "field": "files", "value": "A" * (3 << 20)})
    assert told[2] == "files"
    assert pieces[-1]._order.held == 0
    # What is gone holds nothing.
    pieces.clear()
    gc.collect()
    assert sum(order.held for order in markup._waiting["ada"]) <= markup._EARLY_BYTES


@pytest.mark.parametrize(
    "message",
    [
        {"field": "q", "value": "A" * 70_000},
        {"field": "A" * 2_000, "value": "x"},
        {"field": ["q"], "value": "x"},
        {"field": "q", "key": {"a": 1}, "value": "x"},
        {"action": "x", "key": "A" * 2_000},
        {"action": 1},
    ],
)
def test_names_and_texts_that_no_form_has_are_passed_over(message: dict[str, object]) -> None:
    told: list[object] = []
    piece = Markup(lambda *what: told.append(what), lambda *what: told.append(what))
    piece._handle_msg({"number": 1, **message})
    assert told == []
    piece._handle_msg({"number": 2, "field": "q", "value": True})
    piece._handle_msg({"number": 3, "action": "go"})
    assert told == [("q", "", True), ("go", "")]


def test_a_piece_that_comes_back_is_heard_from_its_first_message_on() -> None:
    told: list[str] = []
    piece = Markup(lambda action, key: told.append(key))
    column = pn.Column(piece)
    root = column.get_root()

    def post(key: str, number: int, model: object = None) -> None:
        present, _ = piece._models[root.ref["id"]]
        message = {"action": "x", "key": key, "number": number}
        piece._process_event(DataEvent(model or present, message))

    post("a", 1)
    post("overtakes one that never comes", 3)
    former, _ = piece._models[root.ref["id"]]
    column.objects = []
    column.objects = [piece]
    assert piece.seen == 0
    post("late", 2, former)
    for number, key in enumerate("bcd", 1):
        post(key, number)
    assert told == ["a", "b", "c", "d"]
    assert piece.seen == 3


def test_a_missing_value_in_a_template_is_an_error_not_a_hole() -> None:
    with pytest.raises(Exception, match="undefined"):
        render("problem.html", message="only")


def test_a_closed_session_is_told_no_more(session: Session) -> None:
    session.open()
    assert session.store.watcher.listening == 1
    session.close()
    assert session.store.watcher.listening == 0


def test_building_gives_a_page_over_the_process_s_store(ops: FakeOperations) -> None:
    try:
        page = app.build(ops)  # type: ignore[arg-type]
        assert "it was backed up" in "".join(piece.html for piece in page.main[0].select(Markup))
        assert ops.attached == 1
    finally:
        session_store = process.store()
        session_store.watcher._listeners.clear()
        process.forget()


def test_a_home_that_cannot_be_opened_is_a_page_that_says_so(
    monkeypatch: pytest.MonkeyPatch, refused: PwsopsError
) -> None:
    def fail(*_: object) -> None:
        raise refused

    monkeypatch.setattr(app.process, "store", fail)
    page = app.build()
    assert "Try later." in page.main[0].select(Markup)[0].html
    assert isinstance(page, pn.viewable.Viewable)
