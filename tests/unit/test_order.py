"""In which order the files of tests are begun."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests import order


def test_files_that_lie_elsewhere_come_last() -> None:
    here = Path(order.__file__).parent
    paths = [Path("/elsewhere/test_one.py"), here / "unit" / "test_order.py", here / order.LONGEST[0]]
    items = cast("list[pytest.Item]", [SimpleNamespace(path=path) for path in paths])
    order.longest_first(items)
    assert [item.path for item in items] == paths[::-1]


def test_each_file_that_takes_long_is_there() -> None:
    here = Path(order.__file__).parent
    assert [name for name in order.LONGEST if not (here / name).exists()] == []
