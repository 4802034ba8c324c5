from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pwsops.engines.sqlite import limits, process, recover
from tests.integration.sqlite.support import Place, Play


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, {"busy_s": 0.3, "current_s": 0.2})


@pytest.fixture(autouse=True)
def _limits_return() -> Iterator[None]:
    yield
    limits.apply({})


@pytest.fixture(autouse=True)
def _room_for_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the script's limit of memory to processes of its own: one that runs tests has more already."""
    monkeypatch.setattr(recover, "limit_memory", lambda: None)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    def play(*scripts: str) -> None:
        left = list(scripts)

        def command(module: str) -> list[str]:
            return [sys.executable, "-P", "-c", left.pop(0) if len(left) > 1 else left[0]]

        monkeypatch.setattr(process, "command", command)

    return play
