"""A scripted server with one database, and a client of it."""

from __future__ import annotations

import pytest

from tests.clocks import ManualClock
from tests.standin.server import ScriptedServer
from tests.standin.server.client import Client
from tests.standin.server.database import Database

ROWS = [(number, f"row {number} " * 20) for number in range(50)]


@pytest.fixture
def server(clock: ManualClock) -> ScriptedServer:
    return ScriptedServer(clock=clock)


@pytest.fixture
def vault(server: ScriptedServer) -> Database:
    return server.add_database("vault", rows=ROWS)


@pytest.fixture
def client(server: ScriptedServer, vault: Database) -> Client:
    return Client(server)
