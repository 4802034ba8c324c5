from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from pwsops.engines.sqlserver import link
from tests.contract.harness import Harness, SqliteHarness
from tests.contract.sqlserver import REAL_SERVER, RealServerHarness, stand_in_harness

Open = Callable[[Path], AbstractContextManager[Harness]]
HARNESSES: Mapping[str, Open] = {
    "sqlite": lambda root: nullcontext(SqliteHarness(root)),
    "msodbc": lambda root: stand_in_harness("msodbc"),
    "freetds": lambda root: stand_in_harness("freetds"),
}
if os.environ.get(REAL_SERVER):
    HARNESSES = {**HARNESSES, "server": lambda root: RealServerHarness.open(os.environ[REAL_SERVER])}


@pytest.fixture(autouse=True)
def nothing_is_known_of_earlier_servers() -> None:
    """Ports come again, and what is remembered of a server goes by its address."""
    link._SERVERS.clear()


@pytest.fixture(params=HARNESSES)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    with HARNESSES[request.param](tmp_path) as opened:
        yield opened
