"""The command line as a person or a script meets it: a process of its own, its exit code, its two streams."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

from tests import unmeasured

PATIENCE_S = 60


def environment(**changes):
    """Return an environment without this session's own home or looks."""
    left_out = ("PWSOPS_HOME", "NO_COLOR", "FORCE_COLOR", "COLUMNS")
    return (
        {key: value for key, value in unmeasured.environment().items() if key not in left_out} | {"TZ": "UTC"} | changes
    )


class Driver:
    """One process that carries out command after command."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.command_driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def run(self, words, cwd, given=""):
        request = {"argv": ["pwsops", *words], "cwd": str(cwd), "given": given}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(words, answer["code"], answer["out"], answer["err"])

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(PATIENCE_S) == 0
        self._process.stdout.close()


class CommandLine:
    """Commands on one home: each in a process of its own, or all in a driver's."""

    def __init__(self, home, cwd=None, driver=None):
        self.home = home
        self.cwd = cwd
        self.driver = driver

    def arguments(self, *words, program=("-m", "pwsops")):
        return [sys.executable, *program, *self._told(words)]

    def _told(self, words):
        return ["--home", str(self.home), *map(str, words)]

    def run(self, *words, given=""):
        """Run a command with `given` on its standard input, and give its result, whatever it was."""
        if self.driver is not None:
            return self.driver.run(self._told(words), self.cwd or self.home.parent, given)
        return subprocess.run(
            self.arguments(*words),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            cwd=self.cwd,
            input=given,
            env=environment(),
        )

    def done(self, *words, given=""):
        """Run a command that must succeed, and give what it printed."""
        result = self.run(*words, given=given)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def rows(self, *words):
        """Return the array that a reading command prints."""
        found = json.loads(self.done(*words, "--json"))
        assert isinstance(found, list)
        return found

    def refused(self, *words, code=1, given=""):
        """Run a command that must not succeed, and give what it said; never a traceback, and nothing on stdout."""
        result = self.run(*words, given=given)
        assert result.returncode == code, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        assert result.stdout == ""
        return result.stderr

    @contextmanager
    def service(self, *program):
        """Run a service in a process of its own; if it lives to the end it gets SIGTERM, and must exit with 0."""
        command = self.arguments("service", "run", program=program or ("-m", "pwsops"))
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment(), cwd=self.cwd) as process:
            try:
                yield process
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()


def wait_for_line(process, part):
    """Read a process's stderr until a line holds `part`, and give that line."""
    deadline = time.monotonic() + PATIENCE_S
    heard = b""
    while time.monotonic() < deadline:
        ready, _, _ = select.select([process.stderr], [], [], 1)
        if not ready:
            continue
        heard_now = os.read(process.stderr.fileno(), 4096)
        if not heard_now:
            break
        heard += heard_now
        for line in heard.decode().splitlines():
            if part in line:
                return line
    raise AssertionError(f"{part!r} never came; heard: {heard.decode()}")
