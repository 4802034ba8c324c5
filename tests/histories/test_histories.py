"""Whatever happens, in whatever order: nothing is called protected that is not, and no last backup is removed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.histories.embedded import HAPPENINGS as OF_FILES
from tests.histories.embedded import an_embedded_world
from tests.histories.world import HAPPENINGS, a_world

DEFAULT, DEFAULT_OF_FILES = 15, 3
Happening = tuple[str, int, int]
numbers = st.integers(0, 15)
beginnings = st.lists(st.tuples(st.just("profile"), numbers, numbers), min_size=1, max_size=4)


class World(Protocol):
    """What both kinds of worlds have."""

    proven: int

    def happen(self, happening: Happening) -> None:
        """Let one thing happen, and hold what the product did against what must never be."""


def histories(happenings: Mapping[str, Any]) -> st.SearchStrategy[list[Happening]]:
    # A history without backups shows nothing: they happen more often than what befalls them.
    often = [name for name in ("run", "write", "serve", "time", "restore") if name in happenings]
    names = st.sampled_from([*happenings, *["run"] * 6, *often * 2])
    return st.lists(st.tuples(names, numbers, numbers), min_size=4, max_size=14)


def try_all(
    open_world: Callable[[], AbstractContextManager[World]],
    happenings: Mapping[str, Any],
    count: int | None,
    *,
    default: int,
) -> None:
    """Try so many histories; where no number is asked for, a few that are the same each time."""
    proven: list[int] = []

    @settings(
        max_examples=count or default,
        derandomize=count is None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=count is not None,
    )
    @given(beginnings, histories(happenings))
    def every_history_is_true(beginning: list[Happening], history: list[Happening]) -> None:
        with open_world() as world:
            for happening in [*beginning, *history]:
                world.happen(happening)
            proven.append(world.proven)

    every_history_is_true()
    assert sum(map(bool, proven)) > len(proven) / 4, "histories in which nothing is protected show nothing"


@pytest.mark.timeout(0)  # thousands take hours; each of them ends by itself
def test_no_history_ends_with_a_false_green_or_a_lost_last_backup(request: pytest.FixtureRequest) -> None:
    """`--histories=5000` tries as many."""
    try_all(a_world, HAPPENINGS, request.config.getoption("--histories"), default=DEFAULT)


@pytest.mark.timeout(0)
def test_no_history_of_real_files_ends_with_a_false_green_or_a_lost_last_backup(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """`--histories-of-files=1000` tries as many."""

    def open_world() -> AbstractContextManager[World]:
        return an_embedded_world(Path(tempfile.mkdtemp(dir=tmp_path)))

    count = request.config.getoption("--histories-of-files")
    try_all(open_world, OF_FILES, count, default=DEFAULT_OF_FILES)
