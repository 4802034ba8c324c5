"""What every kind of test shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.clocks import ManualClock
from tests.contract.tally import tally

if TYPE_CHECKING:
    from tests.homes import Home

pytest_plugins = ["tests.limits"]

# The machine is shared and slow at times: what a property needs is examples, not speed.
settings.register_profile("suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what asks for the long campaigns; see docs/reliability.md."""
    parser.addoption("--faults", choices=("some", "all"), default="some", help="which failing calls are tried")
    parser.addoption("--fuzz", type=int, help="so many changed files of each kind (tests/fuzz)")
    parser.addoption("--histories", type=int, help="so many random histories (tests/histories)")
    parser.addoption("--histories-of-files", type=int, help="so many of real vaults and media (tests/histories)")
    parser.addoption("--stress", type=float, default=1.0, metavar="SECONDS", help="how long each stress test goes on")
    parser.addoption("--restic", type=int, default=0, help="so many repositories of restic to compare with")
    parser.addoption("--strangers", type=float, metavar="SECONDS", help="how long 2,000 strangers besiege the pages")


_PAGES = tuple(Path(__file__).parent / part for part in ("browser", "component/web"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests of pages unmeasured: it takes most of their time again, and what is gated lies below the pages."""
    for item in items:
        if any(item.path.is_relative_to(part) for part in _PAGES):
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture
def stress_s(request: pytest.FixtureRequest) -> float:
    """How long a stress test goes on."""
    return float(request.config.getoption("--stress"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests of the contract suite each engine passed; here, as workers' reports come to this process."""
    for line in tally(terminalreporter.stats):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a home of its own, so that none ever opens the catalogue of whoever runs the suite."""
    home = tmp_path_factory.mktemp("home")
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
