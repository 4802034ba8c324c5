"""Worker processes that are forked from one that has imported everything: thousands of them in minutes.

It is the worker's own code from `main` on, in a process of its own, under the shim. Only its start is spared.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pwsops.engines.sqlite.launch import environment

_SCRIPT = """
import json, os, socket, sys
import blake3, zstandard
from pwsops import confinement
from pwsops.engines.sqlite import worker
calls = socket.socket(fileno=int(sys.argv[1]))
while True:
    data, fds, _, _ = socket.recv_fds(calls, 1 << 16, 3)
    if not data:
        break
    pid = os.fork()
    if pid == 0:
        calls.close()
        os.dup2(fds[0], 0)
        os.dup2(fds[1], 1)
        for fd in fds:
            os.close(fd)
        os.environ.update(json.loads(data))
        confinement.also_writable.append(os.path.dirname(os.environ.get("FAULT_LOG", "")))
        worker.main()
    for fd in fds[:2]:
        os.close(fd)
    _, status = os.waitpid(pid, 0)
    os.write(fds[2], b"%d" % os.waitstatus_to_exitcode(status))
    os.close(fds[2])
"""


class Zygote:
    """The process that others are forked from, under the shim."""

    def __init__(self, shim: Path) -> None:
        self._calls, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-c", _SCRIPT, str(theirs.fileno())]
        variables = {**environment(), "LD_PRELOAD": str(shim)}
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=variables)
        theirs.close()

    def close(self) -> None:
        """End it."""
        self._calls.close()
        self._process.wait(30)

    def in_place_of(self, variables: Mapping[str, str]) -> Any:
        """Return what stands in for the module `subprocess` where workers are started with these variables."""

        def start(*command: object, **options: object) -> Forked:
            return Forked(self._calls, variables)

        return SimpleNamespace(Popen=start, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)


class Forked:
    """One forked worker, as far as its starter looks at it."""

    def __init__(self, calls: socket.socket, variables: Mapping[str, str]) -> None:
        (stdin, write), (read, stdout), (self._status, status) = os.pipe(), os.pipe(), os.pipe()
        socket.send_fds(calls, [json.dumps(dict(variables)).encode()], [stdin, stdout, status])
        for fd in (stdin, stdout, status):
            os.close(fd)
        self.stdin, self.stdout = os.fdopen(write, "wb"), os.fdopen(read, "rb", 0)
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self.returncode is None:
            ready, _, _ = select.select([self._status], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired("worker", timeout or 0.0)
            self.returncode = int(os.read(self._status, 16))
            os.close(self._status)
        return self.returncode

    def kill(self) -> None:
        """End it by its standard input, as its parent's end does."""
        with suppress(OSError):
            self.stdin.close()
