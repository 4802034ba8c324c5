from __future__ import annotations

import pyodbc
import pytest

from tests.standin import drivers
from tests.standin.drivers import Driver
from tests.standin.wire import Authority

# Each connection here is to be one of its own.
pyodbc.pooling = False


@pytest.fixture(params=drivers.IDS)
def driver(request: pytest.FixtureRequest) -> Driver:
    return drivers.find(request.param)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
