from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pwsops.engines.sqlite import limits
from tests.integration.sqlite.support import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, {"busy_s": 0.3, "current_s": 0.2})


@pytest.fixture(autouse=True)
def _limits_return() -> Iterator[None]:
    yield
    limits.apply({})
