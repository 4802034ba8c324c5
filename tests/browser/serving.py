"""Server processes for the tests to look at, and profiles for them to serve."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from playwright.sync_api import BrowserContext

from pwsops.clock import SystemClock
from pwsops.operations import Operations
from pwsops.signin.start_token import Links
from tests import unmeasured
from tests.browser.forked import Forked
from tests.clocks import joined, wait_until

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
CHILD = [sys.executable, "-m", "tests.browser.child"]
"""Starts a server from nothing; it wants its home."""


_RUNNING: list[Served] = []


@dataclass
class Served:
    """A server process. `url` is where its page is."""

    process: subprocess.Popen[str] | Forked
    home: Path
    url: str = ""
    lines: queue.Queue[str] = field(default_factory=queue.Queue)
    asks: bool = True
    """Whether it asks who one is; `panel serve` does not."""

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        _RUNNING.append(self)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def said(self, word: str) -> str:
        """Wait for a line that begins with a word, and give its rest."""
        passed: list[str] = []
        while True:
            try:
                line = self.lines.get(timeout=PATIENCE_S)
            except queue.Empty:
                raise AssertionError(f"the server never said {word!r}; it said {passed}") from None
            if line.startswith(word):
                return line.removeprefix(word).strip()
            passed.append(line)

    def link(self) -> str:
        """An address that signs in once, as the user of this process."""
        return Links(self.home, clock=SystemClock()).address(self.url)

    def listening(self) -> int:
        """How many open pages the server knows."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.said("listening"))

    def end(self) -> int:
        """Ask it to end as a service manager does, and give its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """Kill it, if it is still there, and leave nothing of it behind."""
        _RUNNING.remove(self)
        self.process.kill()
        self.process.wait(PATIENCE_S)
        joined(self._reader)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


def start(command: list[str], home: Path, **environment: str) -> Served:
    return Served(
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=unmeasured.environment(PWSOPS_HOME=str(home), **environment),
        ),
        home,
    )


def sign_in(context: BrowserContext, url: str) -> None:
    """Sign a browser in at the server of an address, where that is one of ours that asks for it, and it is not yet."""
    port = urlsplit(url).port
    if any(one.get("name") == f"pwsops-session-{port}" for one in context.cookies()):
        return
    for server in _RUNNING:
        if server.url and url.startswith(server.url) and server.asks:
            assert context.request.get(server.link()).ok


def link_to(url: str) -> str:
    """A link that signs in at the server of an address."""
    return next(server.link() for server in _RUNNING if server.url and url.startswith(server.url))


def signed_in(server: Served) -> str:
    """Sign in without a browser, and give the Cookie header of that."""
    with urlopen(server.link(), timeout=PATIENCE_S) as answer:
        kept = [line.partition(";")[0] for line in answer.headers.get_all("Set-Cookie") or ()]
    return "; ".join(one for one in kept if not one.endswith(("=", '=""')))


@contextmanager
def serving(home: Path) -> Iterator[Served]:
    """The real server on a home, soon."""
    server = Served(Forked(home), home)
    try:
        server.url = server.said("ready")
        yield server
    finally:
        server.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for_answer(server: Served, port: int) -> None:
    """Wait until somebody answers on a port; nobody looks at a page by that."""

    def answers() -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{port}/favicon.ico", timeout=5):
                return True
        except OSError:
            assert server.process.poll() is None, "panel serve has ended"
            return False

    wait_until(answers, "panel serve to answer", PATIENCE_S)


def make_profile(ops: Operations, name: str, directory: Path, databases: list[str], **fields: object) -> None:
    """A profile that its schedule leaves alone for the length of a test."""
    directory.mkdir(parents=True, exist_ok=True)
    profile = ops.profiles.new()
    start = profile.start - timedelta(days=365)
    profile.param.update(
        name=name, instance="samples", databases=databases, directory=str(directory), every=1, unit="w", start=start,
        **fields,
    )  # fmt: skip
    ops.profiles.create(profile)
