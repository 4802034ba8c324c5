"""The form of what is said to people."""

from __future__ import annotations

import pytest

from pwsops.errors import PwsopsError
from pwsops.messages import single_stops


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("An incremental is not possible: the base is gone..", "An incremental is not possible: the base is gone."),
        ("It is damaged: it is cut off.. Look.", "It is damaged: it is cut off. Look."),
        ("Look into /media/.. and C:\\x\\.. now", "Look into /media/.. and C:\\x\\.. now"),
        ("Looking ... and waiting...", "Looking ... and waiting..."),
        ("/a/../b.bak is gone.", "/a/../b.bak is gone."),
    ],
)
def test_a_sentence_quoted_with_its_full_stop_ends_with_one(told: str, shown: str) -> None:
    assert single_stops(told) == shown
    error = PwsopsError(told, hint=told)
    assert (error.message, str(error), error.hint) == (shown, shown, shown)
