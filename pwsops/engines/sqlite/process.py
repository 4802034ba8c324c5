"""Starting a worker and listening to it, in the parent."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Event
from typing import IO, Any

from pwsops import errors
from pwsops.engines.base import Progress, ProgressCallback
from pwsops.engines.sqlite import files
from pwsops.engines.sqlite.launch import command, environment
from pwsops.errors import Cancelled, EngineError, PwsopsError

POLL_S = 0.1
GRACE_S = 3.0
"""How long a worker that was told to end may take to tidy up."""


class Worker:
    """One request to a worker process.

    Parameters
    ----------
    operation
        A key of `worker.OPERATIONS`.
    given
        Its arguments, plain values.
    limits
        See `limits.DEFAULTS`; an instance's options.
    directories
        Where it may leave temporary files that must go if it dies; `given["token"]` marks them.
    """

    def __init__(
        self,
        operation: str,
        given: Mapping[str, object],
        *,
        limits: Mapping[str, object] | None = None,
        directories: Sequence[str] = (),
        limit_s: float | None = None,
        on_progress: ProgressCallback | None = None,
        on_message: Callable[[str], None] | None = None,
        cancel: Event | None = None,
    ) -> None:
        self._operation = operation
        self._given = given
        self._limits = limits or {}
        self._directories = directories
        self._limit_s = limit_s
        self._on_progress = on_progress
        self._on_message = on_message
        self._cancel = cancel

    def run(self) -> Any:
        """Start the process, wait for its answer, and give the result or raise the error in it."""
        self._refuse_cancelled()
        deadline = None if self._limit_s is None else time.monotonic() + self._limit_s
        with tempfile.TemporaryFile() as complaints:
            process = self._start(complaints)
            try:
                for line in self._lines(process, deadline):
                    values = json.loads(line)
                    if "result" in values:
                        return values["result"]
                    self._listen(values)
                raise self._died(process, complaints)
            finally:
                self._end(process)

    def _start(self, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
        limit = None if self._limit_s is None else self._limit_s + GRACE_S
        request = {"operation": self._operation, "given": self._given, "limit_s": limit, "limits": dict(self._limits)}
        process = subprocess.Popen(
            command("pwsops.engines.sqlite.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment(),
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once: its silence says so below
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        return process

    def _lines(self, process: subprocess.Popen[bytes], deadline: float | None) -> Iterator[bytes]:
        assert process.stdout is not None
        stream, rest = process.stdout.fileno(), b""
        while True:
            self._refuse_cancelled()
            if deadline is not None and time.monotonic() > deadline:
                raise EngineError(
                    f"{self._subject()} was stopped: it did not end within {self._limit_s:.0f} s.",
                    hint="Look for what slows it down (disk, locks), or raise the time limit.",
                )
            ready, _, _ = select.select([stream], [], [], POLL_S)
            if ready:
                part = os.read(stream, 1 << 16)
                if not part:
                    return
                *lines, rest = (rest + part).split(b"\n")
                yield from lines

    def _listen(self, values: Mapping[str, Any]) -> None:
        if "error" in values:
            raise as_error(values["error"])
        if "message" in values and self._on_message is not None:
            self._on_message(values["message"])
        if "progress" in values and self._on_progress is not None:
            phase, done, total = values["progress"]
            self._on_progress(Progress(phase=phase, done_bytes=done, total_bytes=total))

    def _refuse_cancelled(self) -> None:
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled(f"{self._subject()} was cancelled.", hint="Start it again when you want it.")

    def _subject(self) -> str:
        subject = self._given.get("database") or self._given.get("path") or ""
        return f"{self._operation.replace('_', ' ').capitalize()} {f'of {subject}' if subject else ''}".strip()

    def _died(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> EngineError:
        status = process.wait()
        complaints.seek(0)
        last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        return EngineError(
            f"{self._subject()}: the worker process ended {how} before it was done. {' '.join(last)}".rstrip(),
            hint="Signal 9 often means that the system ran out of memory or somebody killed it; see the system's log.",
            transient=status < 0,
        )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        token = self._given.get("token")
        for directory in self._directories if process.returncode != 0 else ():
            files.sweep(directory, token=str(token))


def new_token() -> str:
    """Give what marks one worker's temporary files."""
    return uuid.uuid4().hex


def as_error(values: Mapping[str, Any]) -> PwsopsError:
    """Build the error that a worker described."""
    kind = getattr(errors, values["type"], EngineError)
    if not (isinstance(kind, type) and issubclass(kind, PwsopsError)):
        kind = EngineError
    error: PwsopsError = kind(values["message"], hint=values["hint"], transient=values["transient"])
    return error
