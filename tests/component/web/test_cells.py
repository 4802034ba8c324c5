"""Cells of a notebook: made of operations alone, live in the kernel's loop, and nothing of them stays once closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc

from pwsops.errors import InvalidInput, Refused
from pwsops.operations import Operations
from pwsops.operations.history import PAGE_SIZE
from pwsops.rules.model import RunStatus
from pwsops.web import access
from pwsops.web.cells import Cell, HistoryTable, MonthChart, Overview, ProfileWizard, RestorePlanView
from pwsops.web.pages.cells.table import COLUMNS, frame
from pwsops.web.ui import surroundings
from pwsops.web.ui.markup import Markup
from pwsops.web.ui.theme import DARK, LIGHT, variables
from tests.clocks import joined, wait_until
from tests.component.web.conftest import NOW, make_run
from tests.fake_engine import FakeEngine
from tests.homes import Home

# Bokeh's own, when it takes a frame: gone as soon as it no longer resets an index in place.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index")
MAKES: dict[str, Callable[[Operations], Cell]] = {
    "Overview": Overview,
    "ProfileWizard": ProfileWizard,
    "MonthChart": MonthChart,
    "HistoryTable": HistoryTable,
    "RestorePlanView": lambda ops: RestorePlanView(ops, "srv", "one"),
}


@pytest.fixture
def home(home: Home) -> Home:
    home.add()
    return home


@pytest.fixture(params=list(MAKES))
def make(request: pytest.FixtureRequest) -> Callable[[Operations], Cell]:
    return MAKES[request.param]


def shown(cell: Cell) -> str:
    """All markup of a cell that is to be seen, and the texts of its table."""
    pieces = [piece.html for piece in cell.__panel__().select(Markup) if piece.visible]
    table = getattr(cell._page, "_table", None)
    return "\n".join([*pieces, "" if table is None else table.value.to_csv()])


def click(table: Any, row: int) -> None:
    """What a browser says when somebody clicks a row."""
    for called in table._on_click_callbacks[None]:
        called(SimpleNamespace(row=row))


def look(cell: Cell, seen: bool = True, place: str = "a") -> None:
    """What a browser says when it shows the cell, and when it does not any more."""
    cell._surroundings._handle_msg({"seen": seen, "place": place})


def act(cell: Cell, action: str, key: str = "") -> None:
    cell._page._piece.take({"action": action, "key": key})


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)


def threads() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name.startswith("pwsops")}


def test_a_cell_shows_what_there_is_without_a_loop_as_in_a_script(home: Home) -> None:
    home.run()
    said = {name: make(home.ops) for name, make in MAKES.items()}
    assert "profiles-title" in shown(said["Overview"])
    assert "wizard-title" in shown(said["ProfileWizard"])
    assert "Runs: p" in shown(said["MonthChart"])
    assert "1 run" in shown(said["HistoryTable"])
    assert "Restoring one on srv to its newest backup" in shown(said["RestorePlanView"])
    assert "It then holds" in shown(said["RestorePlanView"])


def test_a_cell_follows_the_catalogue_while_somebody_looks(home: Home) -> None:
    def says(cell: Cell, word: str) -> Callable[[], bool]:
        return lambda: word in shown(cell)

    async def notebook() -> None:
        cells = [Overview(home.ops), MonthChart(home.ops), HistoryTable(home.ops)]
        for cell in cells:
            look(cell)
        await until(says(cells[2], "0 runs"))
        home.add(name="another")
        await until(says(cells[0], "another"))
        await until(says(cells[1], "another"))
        await asyncio.to_thread(home.run, "another")
        await until(says(cells[2], "another"))
        for cell in cells:
            cell.close()

    asyncio.run(notebook())


def test_a_plan_is_made_anew_when_a_run_has_ended(home: Home) -> None:
    async def notebook() -> None:
        with RestorePlanView(home.ops, "srv", "one") as cell:
            look(cell)
            await until(lambda: "There is no backup of one to restore" in shown(cell))
            await asyncio.to_thread(home.run)
            await until(lambda: "It then holds" in shown(cell))

    asyncio.run(notebook())


def test_nothing_is_followed_before_somebody_looks_nor_once_nobody_does(home: Home) -> None:
    async def notebook() -> None:
        cell = Overview(home.ops)
        watcher = cell._session.store.watcher
        assert watcher.listening == 0
        look(cell)
        look(cell, place="b")
        look(cell, place="b")
        assert watcher.listening == 1
        look(cell, seen=False, place="b")
        assert watcher.listening == 1
        look(cell, seen=False)
        assert watcher.listening == 0
        look(cell)
        assert watcher.listening == 1
        cell.close()
        assert watcher.listening == 0

    asyncio.run(notebook())


def test_a_closed_cell_leaves_no_thread(home: Home, make: Callable[[Operations], Cell]) -> None:
    before = threads()

    async def notebook() -> None:
        with make(home.ops) as cell:
            look(cell)
            await until(lambda: cell._session.store.watcher.listening == 1)

    asyncio.run(notebook())
    wait_until(lambda: threads() <= before, "the threads of a cell to end")


def test_a_slow_server_does_not_keep_the_kernel_waiting(
    home: Home, monkeypatch: pytest.MonkeyPatch, make: Callable[[Operations], Cell]
) -> None:
    release, asked = threading.Event(), []

    def databases(engine: FakeEngine) -> Any:
        asked.append(threading.current_thread())
        assert release.wait(60)
        return answer(engine)

    answer = FakeEngine.databases
    monkeypatch.setattr(FakeEngine, "databases", databases)

    async def notebook() -> None:
        with make(home.ops) as cell:
            look(cell)
            await until(lambda: bool(asked))
            assert shown(cell)
            release.set()
            await until(lambda: not cell._session.snapshot.awaited)

    asyncio.run(notebook())
    assert threading.main_thread() not in asked
    for thread in asked:
        joined(thread)


def test_what_is_shown_changes_in_the_kernel_s_own_thread_alone(home: Home) -> None:
    changed: list[threading.Thread] = []

    async def notebook() -> None:
        with HistoryTable(home.ops) as cell:
            cell._page._column.param.watch(lambda _: changed.append(threading.current_thread()), "objects")
            look(cell)
            await asyncio.to_thread(home.run)
            await until(lambda: bool(changed))

    asyncio.run(notebook())
    assert set(changed) == {threading.main_thread()}


def test_a_cell_that_is_made_while_a_notebook_answers_a_message_is_live(home: Home) -> None:
    """A section makes its cell anew when a choice changes: under a document that no server has."""

    async def notebook() -> None:
        with set_curdoc(Document()):
            cell = Overview(home.ops)
        with cell:
            look(cell)
            await asyncio.to_thread(home.add, name="made later")
            await until(lambda: "made later" in shown(cell))

    asyncio.run(notebook())


def test_cells_of_the_same_operations_read_once_for_all(home: Home) -> None:
    one, two = Overview(home.ops), HistoryTable(home.ops)
    assert one._session.store is two._session.store


def test_a_cell_has_colours_of_its_own_in_both_schemes(home: Home) -> None:
    sheets = "".join(Overview(home.ops).__panel__().stylesheets)
    light, dark = sheets.split(":host([data-dark])")
    assert all(f"{name}: {value};" in light for name, value in variables(LIGHT).items())
    assert all(f"{name}: {value};" in dark for name, value in variables(DARK).items())


def test_what_a_browser_makes_up_of_its_surroundings_is_nothing() -> None:
    seen: list[bool] = []
    around = surroundings.Surroundings(seen.append)
    long = {"seen": True, "place": "x" * 41}
    for made_up in (None, "seen", {"seen": 1}, {"seen": True}, {"seen": False, "place": "a"}, {}, long):
        around._handle_msg(made_up)
    assert seen == around.places == []
    for number in range(1000):
        around._handle_msg({"seen": True, "place": str(number)})
    assert seen == [True]
    assert len(around.places) < 100


def test_what_a_page_says_of_its_colours_comes_with_what_it_says_again(home: Home) -> None:
    cell = Overview(home.ops)
    cell._surroundings._handle_msg({"seen": True, "place": "a", "dark": True})
    assert cell.dark
    assert cell._session.dark


def test_a_link_leads_on_inside_the_cell_and_back(home: Home) -> None:
    home.run()
    cell = HistoryTable(home.ops)
    table = cell._page._table
    assert not cell._back.visible
    click(table, 7)
    click(table, 0)
    assert cell._session.nav.page == "run"
    assert "_FULL_" in shown(cell)
    cell._back._on_action("back", "")
    assert cell._page._table.value.equals(table.value)
    assert not cell._back.visible


def test_the_history_is_turned_fifty_at_a_time(home: Home) -> None:
    for _ in range(PAGE_SIZE + 1):
        home.run()
    cell = HistoryTable(home.ops)
    assert list(cell._page._table.value.index) == list(range(PAGE_SIZE + 1, 1, -1))
    act(cell, "turn", cell._page._found.result[0].after)
    assert list(cell._page._table.value.index) == [1]
    act(cell, "turn", cell._page._found.result[0].before)
    assert len(cell._page._table.value) == PAGE_SIZE


def test_rows_that_come_later_have_a_table_of_their_own(home: Home) -> None:
    home.run()
    cell = HistoryTable(home.ops)
    before = cell._page._table
    cell._page.refresh()
    assert cell._page._table is before
    home.run()
    cell._session._take(cell._session.store.snapshot())
    assert list(before.value.index) == [1]
    assert list(cell._page._table.value.index) == [2, 1]
    click(before, 0)
    assert cell._session.nav.run == 1


def test_a_failed_run_stands_out(home: Home) -> None:
    home.run()
    home.server.fail("one", Refused("No room.", hint="Make some."), times=9)
    assert home.run() is RunStatus.FAILED
    table = HistoryTable(home.ops)._page._table
    styles = table.style._compute().ctx
    grounds = {row: dict(said).get("background-color") for (row, _), said in styles.items()}
    assert grounds == {0: "var(--pw-red-soft)"}


def test_a_history_is_filtered_by_what_the_cell_is_made_with(home: Home) -> None:
    home.run()
    assert "No run fits." in shown(HistoryTable(home.ops, profile="other"))
    assert "No run fits." in shown(HistoryTable(home.ops, status="failed"))
    assert "1 run: succeeded" in shown(HistoryTable(home.ops, status="succeeded"))


def test_a_history_that_cannot_be_read_says_why(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = HistoryTable(home.ops)

    def refuse(_query: object) -> None:
        raise Refused("The disk is gone.", hint="Look.")

    monkeypatch.setattr(cell._session.ops.history, "page", refuse)
    cell._session.nav.q = "x"
    assert "The disk is gone." in shown(cell)


def test_a_frame_reads_as_the_pages_do() -> None:
    made = frame([make_run(7, RunStatus.FAILED, summary="No room.")], NOW, NOW.tzinfo)  # type: ignore[arg-type]
    assert list(made.columns) == list(COLUMNS)
    assert made.loc[7].tolist() == ["Vaults", "failed", "full", "12:00:00", "0.0 s", "–", "by hand", "No room."]


def test_a_plan_alone_restores_nothing_and_leads_to_the_page_that_asks(home: Home) -> None:
    home.run()
    cell = RestorePlanView(home.ops, "srv", "one")
    assert 'data-action="restore-now"' not in shown(cell)
    act(cell, "restore-now")
    assert home.ops.restores.list() == []
    query = str(cell._page._piece.html).split('data-action="go" data-key="')[1].split('"')[0].replace("&amp;", "&")
    act(cell, "go", query)
    assert "Type the database&#39;s name: one" in shown(cell)
    assert home.ops.restores.list() == []


def test_a_plan_that_cannot_be_made_says_why_and_is_tried_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.run()

    def refuse(*_: object, **__: object) -> None:
        raise Refused("The server <b>is</b> gone.", hint="Start it.")

    with monkeypatch.context() as broken:
        broken.setattr(home.ops.restores, "sources", refuse)
        cell = RestorePlanView(home.ops, "srv", "one")
        assert "The server &lt;b&gt;is&lt;/b&gt; gone." in shown(cell)
    act(cell, "look-again")
    assert "It then holds" in shown(cell)


def test_the_wizard_edits_the_profile_it_is_made_with(home: Home) -> None:
    assert 'value="p"' in shown(ProfileWizard(home.ops, profile="p"))


def test_a_calendar_of_one_profile_in_a_month(home: Home) -> None:
    home.add(name="another")
    cell = MonthChart(home.ops, profile="another", month="2099-12")
    assert "Runs: another" in shown(cell)
    assert "of others" in shown(cell)
    with pytest.raises(InvalidInput, match="is no month"):
        MonthChart(home.ops, month="soon")


def test_a_served_cell_is_shown_to_this_machine_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise Refused("Nobody on another machine.", hint="")

    monkeypatch.setattr(access, "check_peer", refuse)
    served = SimpleNamespace(session_context=SimpleNamespace())
    monkeypatch.setattr("pwsops.web.cells.pn.state", SimpleNamespace(curdoc=served))
    with pytest.raises(Refused):
        Overview(home.ops)
