from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.harness import Harness, SqliteHarness

HARNESSES = {"sqlite": SqliteHarness}


@pytest.fixture(params=sorted(HARNESSES))
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Harness:
    return HARNESSES[request.param](tmp_path)
