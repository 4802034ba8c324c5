"""When it is looked again for a backup whose end nobody knows: what one floor plans, another takes for planned."""

from __future__ import annotations

from pwsops.catalogue.runs import FURTHEST_LOOK
from pwsops.runs.attempts import LOOK_AGAIN


def test_no_look_is_put_so_far_off_that_it_counts_as_due_at_once() -> None:
    assert max(LOOK_AGAIN) < FURTHEST_LOOK
