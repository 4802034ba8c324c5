"""Whatever happens, in whatever order: nothing is called protected that is not, and no last backup is removed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.histories.world import HAPPENINGS, Happening, a_world

DEFAULT = 15
numbers = st.integers(0, 15)
# A history without backups shows nothing: they happen more often than what befalls them.
names = st.sampled_from([*HAPPENINGS, *["run"] * 8, *["write"] * 3, *["serve"] * 2, *["time"] * 2])
histories = st.lists(st.tuples(names, numbers, numbers), min_size=4, max_size=14)
beginnings = st.lists(st.tuples(st.just("profile"), numbers, numbers), min_size=1, max_size=4)


@pytest.mark.timeout(0)  # thousands take hours; each of them ends by itself
def test_no_history_ends_with_a_false_green_or_a_lost_last_backup(request: pytest.FixtureRequest) -> None:
    """`--histories=5000` tries as many."""
    count = request.config.getoption("--histories") or DEFAULT

    proven: list[int] = []

    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
    @given(beginnings, histories)
    def every_history_is_true(beginning: list[Happening], history: list[Happening]) -> None:
        with a_world() as world:
            for happening in [*beginning, *history]:
                world.happen(happening)
            proven.append(world.proven)

    every_history_is_true()
    assert sum(map(bool, proven)) > len(proven) / 4, "histories in which nothing is protected show nothing"
