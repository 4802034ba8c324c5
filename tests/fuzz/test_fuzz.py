"""Media and certificate files changed at random yield errors of ours, soon and in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import campaign

SOME = 250


@pytest.mark.parametrize("kind", ["media", "recover", "pfx"])
def test_a_changed_file_yields_an_error_of_ours_within_limits(request: pytest.FixtureRequest, kind: str) -> None:
    count = request.config.getoption("--fuzz") or SOME
    command = [sys.executable, "-m", "tests.fuzz.campaign", kind, str(count), "1"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240 + count, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["amiss"] == []
    assert found["refused"] > count / 2
    assert found["longest_s"] < campaign.MOST_S
    assert found["most_mib"] < campaign.MOST_BYTES >> 20
