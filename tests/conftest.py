"""What every kind of test shares."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import order, quick_homes, unmeasured
from tests.clocks import ManualClock
from tests.contract.tally import tally

if TYPE_CHECKING:
    from tests.homes import Home

pytest_plugins = ["tests.limits"]

# The machine is shared and slow at times: what a property needs is examples, not speed.
settings.register_profile("suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


NUMBERS = count()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what asks for the long campaigns; see docs/reliability.md."""
    parser.addoption("--faults", choices=("some", "all"), default="some", help="which failing calls are tried")
    parser.addoption("--fuzz", type=int, help="so many changed files of each kind (tests/fuzz)")
    parser.addoption("--histories", type=int, help="so many random histories (tests/histories)")
    parser.addoption("--histories-of-files", type=int, help="so many of real vaults and media (tests/histories)")
    parser.addoption("--stress", type=float, default=1.0, metavar="SECONDS", help="how long each stress test goes on")
    parser.addoption("--restic", type=int, default=0, help="so many repositories of restic to compare with")
    parser.addoption("--drill-kills", type=int, default=6, help="so many drills that are killed")
    parser.addoption("--strangers", type=float, metavar="SECONDS", help="how long 2,000 strangers besiege the pages")


_BROWSER = Path(__file__).parent / "browser"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, and where `CI` is set try a test of a browser once more that failed."""
    order.longest_first(items)
    if "CI" in os.environ:
        for item in items:
            if item.path.is_relative_to(_BROWSER):
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """Measure what is to be measured alone, and let no test wait for what it is not about."""
    with unmeasured.measured(item), quick_homes.quick(item):
        return (yield)


@pytest.fixture
def stress_s(request: pytest.FixtureRequest) -> float:
    """How long a stress test goes on."""
    return float(request.config.getoption("--stress"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests of the contract suite each engine passed, and how those failed that were tried once more.

    Here, as workers' reports come to this process.
    """
    for line in tally(terminalreporter.stats):
        terminalreporter.write_line(line)
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.write_sep("=", f"failed at first: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a directory as pytest's own fixture does, which lists those of all earlier tests to find its number."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    path = tmp_path_factory.getbasetemp() / f"{name}{next(NUMBERS)}"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a home of its own, so that none ever opens the catalogue of whoever runs the suite."""
    home = tmp_path_factory.getbasetemp() / "homes" / str(next(NUMBERS))
    home.mkdir(mode=0o700, parents=True)
    monkeypatch.setenv("PWSOPS_HOME", str(home / "pwsops"))
    monkeypatch.delenv("PWSOPS_KEY", raising=False)
    return home / "pwsops"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """An open home over a server that does what it is told; its clock stands at noon of a Monday."""
    # Imported here: most tests need nothing of this.
    from tests.homes import opened_home

    with opened_home(tmp_path / "home", monkeypatch) as opened:
        yield opened
