"""Media and certificate files changed at random yield errors of ours, soon and in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pwsops.certificates import creation
from tests.fuzz import campaign, forgeries

SOME = 150


@pytest.mark.parametrize("kind", campaign.KINDS)
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


def test_what_is_sealed_again_and_otherwise_left_alone_is_read(tmp_path: Path) -> None:
    # Else the campaign would stop at the first seal, and try nothing behind it.
    pair = creation.create("fuzz", years=1, now=datetime.now(UTC))
    read = campaign.reading_media(tmp_path, pair)
    for whole in campaign.samples(tmp_path, pair)[2:]:
        assert read(forgeries.Forger(whole, pair).unchanged())
