"""What is not measured for coverage: it takes half its time again, and what it runs is covered elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

_MEASURING = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
_HERE = Path(__file__).parent
MEASURED = ("unit", "component", "contract", "integration/sqlite", "integration/sqlserver")
"""Where each part is tested for itself, and its errors with it. All other tests go through the whole product."""
UNMEASURED = ("component/web", "integration/sqlserver/product")
"""Of those, what goes through all of it as well; and pages, below which everything lies that is gated."""
PROCESSES = ("integration/sqlite",)
"""Where the processes that are started count as well: the embedded engine does its work in them."""


def environment(**changes: str) -> Mapping[str, str]:
    """Return this process's environment for another one that is not to be measured, with changes."""
    return {name: value for name, value in os.environ.items() if name not in _MEASURING} | changes


@contextmanager
def measured(item: pytest.Item) -> Iterator[None]:
    """Measure a test with its fixtures, and the processes that it starts, where they count."""
    plugin = item.config.pluginmanager.getplugin("_cov")
    controller = getattr(plugin, "cov_controller", None)
    pauses = controller is not None and not (_is_in(item, MEASURED) and not _is_in(item, UNMEASURED))
    hidden = () if _is_in(item, PROCESSES) else _MEASURING
    kept = {name: os.environ.pop(name) for name in hidden if name in os.environ}
    if pauses:
        controller.pause()
    try:
        yield
    finally:
        os.environ.update(kept)
        if pauses:
            controller.resume()


def _is_in(item: pytest.Item, parts: tuple[str, ...]) -> bool:
    return any(item.path.is_relative_to(_HERE / part) for part in parts)
