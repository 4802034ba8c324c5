"""Reports in a browser: taken from the history's page, and read without any network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from pwsops.operations import Operations
from pwsops.operations.reports import ReportFormat
from tests.browser.conftest import Visit
from tests.browser.looks import shown
from tests.browser.serving import Served, make_profile

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='hurt'\"><script>document.title='hurt'</script>"


def saved(page: Page, word: str, into: Path) -> Path:
    with page.expect_download() as found:
        page.get_by_role("group", name="Export").get_by_role("button", name=word).click()
    path = into / found.value.suggested_filename
    found.value.save_as(path)
    return path


@pytest.mark.parametrize("server", ["served", "panel_served"])
def test_the_runs_that_a_page_shows_are_exported_with_its_filters(
    server: str, request: pytest.FixtureRequest, ops: Operations, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    served: Served = request.getfixturevalue(server)
    make_profile(ops, "Others", tmp_path / "others", ["family-vault.sqlite3"])
    for name in ("Vaults", "Others", "Vaults"):
        ops.runs.run_here(name)
    visitor = visit(f"{served.url}?page=runs&profile=Vaults", accept_downloads=True)
    expect(visitor.page.get_by_role("group", name="Export 2 runs")).to_be_visible()
    rows = pd.read_csv(saved(visitor.page, "CSV", tmp_path))
    assert list(rows.profile) == ["Vaults", "Vaults"]
    workbook = saved(visitor.page, "Excel", tmp_path)
    assert workbook.suffix == ".xlsx"
    assert list(pd.read_excel(workbook).profile) == ["Vaults", "Vaults"]
    assert "Evidence of backups" in saved(visitor.page, "Evidence", tmp_path).read_text()
    assert visitor.errors == visitor.outside == []


def test_a_period_is_chosen_by_keyboard_kept_by_the_address_and_exported(
    served: Served, ops: Operations, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    for _ in range(3):
        ops.runs.run_here("Vaults")
    with ops._core.catalogue.write() as connection:
        long_ago = "due_at = due_at - 40 * 86400000000"
        connection.exec_driver_sql(f"UPDATE runs SET {long_ago} WHERE id = 1")
        connection.exec_driver_sql("UPDATE runs SET status = 'failed' WHERE id = 3")
    visitor = visit(f"{served.url}?page=runs", accept_downloads=True)
    page = visitor.page
    expect(page.get_by_role("group", name="Export 3 runs")).to_be_visible()
    period = page.get_by_label("Period")
    period.press("ArrowDown")
    expect(page).to_have_url(re.compile("period=today"))
    expect(page.get_by_role("group", name="Export 2 runs")).to_be_visible()
    expect(period).to_be_focused()
    expect(page.get_by_role("row").filter(has_text="failed")).to_have_class(re.compile("is-red"))
    assert list(pd.read_csv(saved(page, "CSV", tmp_path)).run_id) == [2, 3]
    assert "2 runs" in saved(page, "Evidence", tmp_path).read_text().replace("</strong>", " ")

    period.select_option("days")
    expect(page.get_by_label("From", exact=True)).to_have_value(re.compile(r"\d{4}-\d\d-\d\d"))
    page.get_by_label("From", exact=True).fill("2020-01-01")
    expect(page.get_by_role("group", name="Export 3 runs")).to_be_visible()
    page.reload()
    expect(page.get_by_label("From", exact=True)).to_have_value("2020-01-01")
    page.get_by_label("To", exact=True).fill("2019-01-01")
    expect(shown(page, "This day is after the other.")).to_be_visible()
    page.get_by_role("button", name="Show all runs").click()
    expect(page).not_to_have_url(re.compile("since|period"))
    expect(page.get_by_role("group", name="Export 3 runs")).to_be_visible()
    assert visitor.errors == visitor.outside == []


def test_from_a_run_among_others_its_database_is_restored_or_it_is_begun_again(
    served: Served, ops: Operations, visit: Callable[..., Visit]
) -> None:
    for _ in range(2):
        ops.runs.run_here("Vaults")
    run = ops.runs.run_here("Vaults")
    visitor = visit(f"{served.url}?page=run&run={run.id}")
    page = visitor.page
    expect(page.get_by_role("img", name=re.compile("Duration: This run took"))).to_be_visible()
    page.get_by_text("The same as a list").click()
    expect(page.get_by_role("table", name="The last incremental runs of Vaults").get_by_role("row")).to_have_count(3)
    facts = page.locator("dl.facts")
    before = facts.inner_text()
    ops.settings.change({"display_timezone": "Pacific/Apia"})
    expect(facts).not_to_have_text(before, use_inner_text=True)
    expect(page.get_by_role("table", name="The last incremental runs of Vaults")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Restore … ")).first.click()
    expect(page).to_have_url(re.compile("page=restore.*position=1"))
    page.goto(f"{served.url}?page=run&run={run.id}")
    page.get_by_role("button", name="Edit profile Vaults").click()
    expect(page.get_by_role("heading", name="Edit Vaults")).to_be_visible()
    assert visitor.errors == visitor.outside == []


def test_an_export_larger_than_a_piece_arrives_whole_though_its_page_is_left(
    served: Served, ops: Operations, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    ops.runs.run_here("Vaults")
    summary = "x" * 1_500_000 + "the end"
    with ops._core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET summary = ?", (summary,))
    visitor = visit(f"{served.url}?page=runs", accept_downloads=True)
    expect(visitor.page.get_by_role("group", name="Export 1 run")).to_be_visible()
    assert pd.read_csv(saved(visitor.page, "CSV", tmp_path)).summary[0] == summary

    with visitor.page.expect_download() as found:
        visitor.page.get_by_role("group", name="Export").get_by_role("button", name="CSV").click()
        visitor.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Profiles").click()
    path = tmp_path / "left.csv"
    found.value.save_as(path)
    assert pd.read_csv(path).summary[0] == summary
    expect(visitor.page).not_to_have_url(re.compile("page=runs"))


@pytest.mark.parametrize("form", [ReportFormat.HTML, ReportFormat.EVIDENCE])
def test_a_document_asks_for_nothing_runs_nothing_and_shows_names_as_they_are(
    form: ReportFormat, ops: Operations, browser: Browser, tmp_path: Path
) -> None:
    make_profile(ops, HOSTILE, tmp_path / "media", ops.samples.create())
    ops.runs.run_here(HOSTILE)
    path = tmp_path / "report.html"
    ops.reports.write(form, path)
    context = browser.new_context(offline=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    expect(page.get_by_role("cell", name=HOSTILE, exact=True).first).to_be_visible()
    assert [address for address in asked if not address.startswith("data:")] == [path.as_uri()]
    assert page.title() in ("Backup history", "Evidence of backups")
    assert page.locator("script, img, iframe, link[rel=stylesheet]").count() == 0
    context.close()
