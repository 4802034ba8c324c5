"""A server in a process of its own, forked from one that has imported the dashboard already: that takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO
from unittest.mock import patch

from tests import unmeasured
from tests.browser.child import serve

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.browser.child"])


class Forked:
    """Serves a home; the part of `subprocess.Popen` that the tests need."""

    def __init__(self, home: Path) -> None:
        hears, says = _forks.Pipe(duplex=False)
        answers, asks = _forks.Pipe(duplex=False)
        self._process = _forks.Process(target=_serve, args=(str(home), answers, says))
        # The process that is forked from keeps the environment that it was started in.
        with patch.dict(os.environ, unmeasured.environment(), clear=True):
            self._process.start()
        says.close()
        answers.close()
        self.stdin: TextIO = os.fdopen(os.dup(asks.fileno()), "w")
        self.stdout: TextIO = os.fdopen(os.dup(hears.fileno()), "r")
        asks.close()
        hears.close()

    @property
    def pid(self) -> int:
        """Its number in the system."""
        assert self._process.pid is not None
        return self._process.pid

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and give its exit code."""
        self._process.join(timeout)
        assert self._process.exitcode is not None
        return self._process.exitcode


def _serve(home: str, asked: Connection, told: Connection) -> None:
    for connection, descriptor in ((asked, 0), (told, 1), (told, 2)):
        os.dup2(connection.fileno(), descriptor)
    told.close()
    asked.close()
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w", buffering=1)
    os.environ["PWSOPS_HOME"] = home
    serve(home)
