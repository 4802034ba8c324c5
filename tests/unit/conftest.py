from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.homes import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """An open home over a server that does what it is told; its clock stands at noon of a Monday."""
    # Imported here: most unit tests need nothing of this.
    from tests.homes import opened_home

    with opened_home(tmp_path / "home", monkeypatch) as opened:
        yield opened
