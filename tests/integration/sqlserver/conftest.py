from __future__ import annotations

from collections.abc import Iterator

import pytest

from pwsops.engines.sqlserver import link, patience
from tests.integration.sqlserver.bench import Bench, open_bench
from tests.standin import drivers


@pytest.fixture(autouse=True)
def nothing_is_known_of_earlier_servers() -> None:
    """Ports come again, and what is remembered of a server goes by its address."""
    link._SERVERS.clear()


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again over minutes is tried again at once, as often."""
    monkeypatch.setattr(patience, "WAITS_S", (0.0,) * len(patience.WAITS_S))


@pytest.fixture(params=drivers.IDS)
def driver(request: pytest.FixtureRequest) -> drivers.Driver:
    return drivers.find(request.param)


@pytest.fixture
def bench(driver: drivers.Driver) -> Iterator[Bench]:
    """A Windows server of 2022 over each driver, with one database in a directory for backups."""
    with open_bench(driver) as bench:
        yield bench
