"""The benchmarks still fit what they measure. How fast that is, no test asks."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as bench
from benchmarks import lateness, preview, sqlserver
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


def test_a_part_that_breaks_keeps_no_other_from_being_measured(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "PARTS", ("broken", "preview"))
    monkeypatch.setattr(bench, "RESULTS", None)
    assert bench.main([]) == 1
    printed, said = capfd.readouterr()
    assert "preview of a year" in printed
    assert printed.endswith("Not measured, as they broke: broken.\n")
    assert "cannot import name 'broken'" in said
