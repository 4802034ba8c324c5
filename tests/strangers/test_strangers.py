"""A crowd of strangers costs no backup, and little of the time of those signed in.

`--strangers=60` makes it 2,000 idle connections and 200 requests a second for a minute, and measures.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pwsops.operations import Operations, open_operations
from pwsops.rules.model import RunStatus
from tests import unmeasured
from tests.browser.serving import CHILD, ROOT, make_profile, signed_in, start
from tests.clocks import wait_until
from tests.raw import Socket, ask, token_of, websocket

PROFILES = 4
"""They take turns, so that a backup that takes longer than a second keeps none waiting."""
FACTOR = 1.5


@contextmanager
def besieged(port: int, idle: int, rate: float) -> Iterator[dict[str, int]]:
    """Strangers at a server; what was answered to them is in the dictionary afterwards."""
    command = [sys.executable, "-m", "tests.strangers.besiegers", str(port), str(idle), str(rate)]
    tally: dict[str, int] = {}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=unmeasured.environment()
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "all\n"
            yield tally
            said, _ = process.communicate(timeout=120)
            tally.update(json.loads(said.splitlines()[-1]))
        finally:
            process.kill()


def page_s(port: int, cookie: str) -> float:
    """How long somebody who is signed in waits for a page: the page itself, and all that its websocket brings first."""
    begun = time.perf_counter()
    page = ask(port, "/", Cookie=cookie)
    assert page.status == 200, page
    with websocket(port, token_of(page.text), Cookie=cookie) as opened:
        assert isinstance(opened, Socket), opened
        opened.kinds("ACK")
        opened.message("PULL-DOC-REQ", {})
        opened.kinds("PULL-DOC-REPLY")
        return time.perf_counter() - begun


@dataclass
class Work:
    """What goes on whether or not there are strangers: each second a backup is begun, and a page opened."""

    ops: Operations
    port: int
    cookie: str
    pace_s: float
    started: list[int] = field(default_factory=list)

    def go_on(self, times: int) -> float:
        """Do so, until all backups have ended; how long a page took, by the median. Seconds."""
        begun, pages = time.monotonic(), []
        for number in range(times):
            self.started.append(self.ops.runs.start(f"P{number % PROFILES}").id)
            pages.append(page_s(self.port, self.cookie))
            time.sleep(max(0.0, begun + (number + 1) * self.pace_s - time.monotonic()))
        wait_until(lambda: all(self.ops.runs.get(run).status.ended for run in self.started), "the runs to end", 120)
        return statistics.median(pages)


def test_strangers_cost_no_backup(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seconds = int(request.config.getoption("--strangers") or 0)
    home = tmp_path / "home"
    ops = open_operations(home, actor="test")
    databases = ops.samples.create()
    for number in range(PROFILES):
        make_profile(ops, f"P{number}", tmp_path / f"backups{number}", databases[:1])
    server = start([*CHILD, str(home)], home)
    try:
        server.url = server.said("ready")
        port, cookie = urlsplit(server.url).port, signed_in(server)
        assert port is not None
        wait_until(lambda: ops.service.status().running, "the service", 60)
        work = Work(ops, port, cookie, pace_s=1.0 if seconds else 0.0)
        alone_s = work.go_on(seconds // 2 or 1)
        with besieged(port, *((2_000, 200.0) if seconds else (300, 50.0))) as answered:
            besieged_s = work.go_on(seconds or 3)
        sys.stderr.write(f"\na page takes {alone_s:.3f} s alone and {besieged_s:.3f} s besieged; {answered}\n")
        assert {ops.runs.get(run).status for run in work.started} == {RunStatus.SUCCEEDED}
        assert answered["401"] > 0
        if seconds:
            assert besieged_s < FACTOR * alone_s
    finally:
        server.close()
        ops.close()
