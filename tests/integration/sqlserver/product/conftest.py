from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from pwsops.runs import attempts, runner
from tests.integration.sqlserver.product.home import Product, Work, opened
from tests.standin import drivers
from tests.standin.drivers import Driver

NUMBERS = count(1)


@pytest.fixture(scope="module", params=drivers.IDS)
def driver(request: pytest.FixtureRequest) -> Driver:
    return drivers.find(request.param)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait between two attempts."""
    monkeypatch.setattr(runner, "RETRY_FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(attempts, "WAITS_S", (0.001, 0.001))


@pytest.fixture(scope="module")
def product(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One for all tests of a module: each has a database, a directory and a profile of its own."""
    with opened(tmp_path_factory.mktemp("home"), driver) as one:
        yield one


@pytest.fixture(scope="module", params=["plain", "done_more"])
def shaped(
    request: pytest.FixtureRequest, driver: Driver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    """The same with each shape of message stream."""
    with opened(tmp_path_factory.mktemp("home"), driver, shape=request.param) as one:
        yield one


@pytest.fixture
def work(product: Product) -> Iterator[Work]:
    yield Work(product, f"vault{next(NUMBERS)}")
    product.server.faults.clear()


@pytest.fixture
def shaped_work(shaped: Product) -> Iterator[Work]:
    yield Work(shaped, f"vault{next(NUMBERS)}")
    shaped.server.faults.clear()
