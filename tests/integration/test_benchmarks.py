"""The benchmarks still fit what they measure. How fast that is, no test asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import lateness, preview, reports, retention, sqlserver
from tests.standin import drivers


def test_lateness_can_be_measured() -> None:
    assert lateness._lateness_ms(3) >= 0


def test_previews_can_be_compared() -> None:
    assert all(row["ours"] > 0 for row in preview.run())


@pytest.mark.parametrize("driver", drivers.IDS)
def test_a_backup_can_be_compared_with_the_bare_driver(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlserver, "MESSAGES", 10)
    monkeypatch.setattr(sqlserver, "ROUNDS", 1)
    assert sqlserver._backup(driver, "done_more")["other"] > 0


def test_reports_can_be_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reports, "RUNS", 3)
    reports._fill(tmp_path / "home")
    rows = [row for form in reports.LIMITS_S for row in reports._rows(tmp_path / "home", form, tmp_path / "report")]
    assert all(row["ours"] > 0 for row in rows if "memory" not in row["name"])
    assert {row["name"] for row in rows} >= {"report of 3 runs, csv", "report of 3 runs, xlsx, memory beyond idle"}


def test_the_preview_of_a_policy_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SETS", 50)
    monkeypatch.setattr(retention, "ROUNDS", 1)
    [row] = retention.run()
    assert row["ours"] > 0
    assert row["name"] == "preview of what a policy keeps of 50 backups"


def test_a_part_that_breaks_keeps_no_other_from_being_measured(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    results = tmp_path / "results.md"
    monkeypatch.setattr(bench, "PARTS", ("broken", "preview"))
    monkeypatch.setattr(bench, "RESULTS", results)
    assert bench.main([]) == 1
    printed, said = capfd.readouterr()
    assert "preview of a year" in printed
    written = results.read_text()
    assert "| the part `broken` | not measured |  |  |  |  | not measured: it broke |" in written
    assert "preview of a year" in written
    assert printed.endswith("Not measured, as they broke: broken.\n")
    assert "cannot import name 'broken'" in said
