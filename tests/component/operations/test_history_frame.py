"""A page of the history as a frame: the same runs, in order, with types, and in colour."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

from pwsops.errors import EngineError
from pwsops.operations.history import HistoryQuery
from pwsops.operations.history_frame import frame, highlight, styled
from pwsops.operations.records import HistoryPage
from pwsops.operations.reports import ReportFormat, RestoreQuery
from pwsops.reports.tables import PAGE
from pwsops.rules.highlight import INKS, Tone
from pwsops.rules.model import RunStatus
from tests.homes import HOUR, Home


def _filled(home: Home) -> HistoryPage:
    home.server.sizes = {"one": 1, "two": 1}
    home.add(name="p", databases=["one", "two"])
    home.run("p")
    home.clock.advance(HOUR)
    home.server.fail("two", EngineError("The device is full.", hint="Make room."))
    home.run("p")
    return home.ops.history.page(HistoryQuery())


def test_a_page_is_a_frame_with_the_types_of_the_reports(home: Home) -> None:
    page = _filled(home)
    found = frame(page)
    assert list(found.columns) == [each.name for each in PAGE.columns]
    assert [str(found[each.name].dtype) for each in PAGE.columns] == [each.kind.value for each in PAGE.columns]
    assert list(found.run_id) == [run.id for run in page.runs] == [2, 1]
    assert list(found.databases) == ["one, two"] * 2
    assert list(found.due_at) == [run.due_at for run in page.runs]
    assert list(found.duration_s) == [run.duration_s for run in page.runs]
    # The same values as a report of these runs has, whichever way they come.
    reported = home.ops.reports.runs().sort_values("run_id", ascending=False)[found.columns].reset_index(drop=True)
    assert found.equals(reported)


def test_an_empty_page_is_an_empty_frame_with_its_columns(home: Home) -> None:
    found = frame(home.ops.history.page(HistoryQuery()))
    assert (len(found), list(found.columns)) == (0, [each.name for each in PAGE.columns])


def test_rows_of_a_frame_stand_out_as_those_of_the_page_do(home: Home) -> None:
    page = _filled(home)
    rows = [row for _, row in frame(page).iterrows()]
    assert [highlight(row) for row in rows] == [highlight(run) for run in page.runs] == [Tone.ERROR, Tone.NONE]
    html = styled(page).to_html()
    assert html.count(f"background-color: {INKS[Tone.ERROR].ground}") == 1
    assert INKS[Tone.WARNING].ground not in html


def test_pages_are_served_without_pandas() -> None:
    code = (
        "import sys; import pwsops.web.app, pwsops.web.pages.history.page, pwsops.operations.history_frame; "
        "print(sorted({'pandas', 'pyarrow', 'xlsxwriter'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.strip() == "[]"


def test_restores_are_found_by_text_state_and_period_and_reported(home: Home) -> None:
    home.server.sizes = {"one": 1, "two": 1}
    home.add(name="p", databases=["one", "two"])
    home.run("p")
    paths = {item.database: item.path or "" for item in home.ops.runs.get(1).items}
    begun = home.clock.now()
    for database in ("one", "two", "one"):
        home.clock.advance(HOUR)
        home.ops.restores.restore("srv", database, paths[database])
    page = home.ops.restores.page
    assert [one.database for one in page().restores] == ["one", "two", "one"]
    assert page(RestoreQuery(text="TWO")).total == 1
    assert page(RestoreQuery(text="%")).total == 0
    assert page(RestoreQuery(status=RunStatus.FAILED)).total == 0
    period = RestoreQuery(since=begun + HOUR, until=begun + 2 * HOUR - timedelta(seconds=1))
    assert page(period).total == 1
    first = page(size=2)
    assert (first.total, len(first.restores), first.older) == (3, 2, first.restores[1].id)
    assert [one.id for one in page(before=first.older).restores] == [1]
    assert list(home.ops.reports.restores().restore_id) == [1, 2, 3]
    assert list(home.ops.reports.restores(RestoreQuery(text="two")).database) == ["two"]
    for form in (ReportFormat.CSV, ReportFormat.XLSX, ReportFormat.PARQUET, ReportFormat.HTML):
        with home.ops.reports.export_restores(form, period) as file:
            assert file.read(4)
    with home.ops.reports.export_restores(ReportFormat.HTML, RestoreQuery(text="two", since=begun)) as file:
        text = file.read().decode()
    assert "Only: text two." in text
    assert text.count("/two") == 1
    assert home.ops.audit.list(limit=1)[0].action == "export restores"
