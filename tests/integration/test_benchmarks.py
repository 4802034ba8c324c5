"""The benchmarks still fit what they measure. How fast that is, no test asks."""

from __future__ import annotations

from benchmarks import lateness, preview


def test_lateness_can_be_measured() -> None:
    assert lateness._lateness_ms(3) >= 0


def test_previews_can_be_compared() -> None:
    assert all(row["ours"] > 0 for row in preview.run())
