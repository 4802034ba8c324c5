"""The tests' own helpers are relied upon, so they are tested as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.clocks import NOON, ManualClock
from tests.needs import require


def test_a_missing_component_fails_where_ci_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="a browser is missing: install one"):
        require("a browser", None, "install one")


def test_a_missing_component_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="a browser is missing: install one"):
        require("a browser", False, "install one")


def test_a_component_that_is_there_is_handed_on() -> None:
    assert require("a shell", "/bin/sh", "install one") == "/bin/sh"


def test_the_manual_clock_moves_only_when_told(clock: ManualClock) -> None:
    before = clock.monotonic()
    assert clock.now() == NOON == clock.now()
    assert clock.advance(minutes=90) == datetime(2026, 3, 2, 13, 30, tzinfo=UTC)
    assert clock.monotonic() - before == 5400


def test_setting_the_manual_clock_lets_no_time_pass(clock: ManualClock) -> None:
    clock.set_wall(NOON - timedelta(days=1))
    assert clock.now() == NOON - timedelta(days=1)
    assert clock.monotonic() == 0


def test_the_manual_clock_does_not_pass_backwards(clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="forwards only"):
        clock.advance(timedelta(seconds=-1))
