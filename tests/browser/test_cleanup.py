"""Clean-up in a real browser, over real files: a policy, what it would remove, and removing that."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from pwsops.operations import Operations
from pwsops.rules.model import RunStatus
from tests.browser.looks import shown
from tests.browser.serving import Served, make_profile

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
VAULT = "family-vault.sqlite3"


def test_a_policy_is_chosen_looked_at_and_applied(served: Served, visit: Open, ops: Operations, tmp_path: Path) -> None:
    media = tmp_path / "nightly"
    make_profile(ops, "Nightly", media, [VAULT], incremental=False)
    taken = [ops.runs.run_here("Nightly") for _ in range(4)]
    assert {run.status for run in taken} == {RunStatus.SUCCEEDED}
    *older, newest = [run.items[0].path or "" for run in taken]
    oldest, *going = older

    page = visit(f"{served.url}?profile=Nightly").page
    clean_up = page.get_by_role("button", name="Clean up … the selected profile")
    clean_up.click()
    expect(shown(page, "There is no policy: every backup is kept")).to_be_visible()
    page.get_by_role("button", name="Choose what is kept").click()
    last = page.get_by_label("Last backups")
    last.fill("none")
    expect(shown(page, "What is kept cannot be read yet.")).to_be_visible()
    last.fill("1")
    expect(shown(page, re.compile("^Keeps the last backup"))).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()

    clean_up.click()
    expect(page.get_by_role("heading", name="Clean up Nightly")).to_be_focused()
    rows = page.get_by_role("table", name=f"Backups of {VAULT}").get_by_role("row")
    for path in older:
        expect(rows.filter(has_text=path).first).to_contain_text("would go")
    expect(rows.filter(has_text=newest).first).to_contain_text("stays")

    page.get_by_role("button", name=f"Hold … {oldest}").click()
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("asked for by the auditors")
    page.keyboard.press("Enter")
    expect(rows.filter(has_text=oldest).first).to_contain_text("held")
    expect(page.get_by_role("table", name="Holds on backups of Nightly")).to_contain_text("asked for by the auditors")

    remove = page.get_by_role("button", name="Remove 2 files …")
    remove.click()
    expect(page.get_by_role("alertdialog")).to_contain_text(going[0])
    expect(page.get_by_role("button", name="Keep them")).to_be_focused()
    page.keyboard.press("Escape")
    expect(remove).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep them")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Removed 2 files")).to_be_focused()
    expect(rows.filter(has_text=newest).first).to_contain_text("stays")
    assert {str(file) for file in media.iterdir() if file.suffix == ".bak"} == {oldest, newest}
