"""Starting a worker and listening to it, in the parent."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import IO, Any, cast

from pwsops import errors
from pwsops.engines.off_limits import of_values
from pwsops.engines.requests import Progress, ProgressCallback
from pwsops.engines.sqlite import names, sweeping
from pwsops.engines.sqlite.launch import command, environment
from pwsops.errors import Cancelled, EndUnknown, EngineError, NotFound, PwsopsError

POLL_S = 0.1
GRACE_S = 3.0
"""How long a worker that was told to end may take to tidy up."""
FINISH_S = 30.0
"""How long it may take to say what came of it, where it was doing what cannot be taken back."""


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
    directories, beside_database
        Where it may leave temporary files that must go if it dies; `given["token"]` marks them. Where the database
        that `given` names really is, is looked up only then: its files may lie where all hangs.
    """

    def __init__(
        self,
        operation: str,
        given: Mapping[str, object],
        *,
        limits: Mapping[str, object] | None = None,
        directories: Sequence[str] = (),
        beside_database: bool = False,
        limit_s: float | None = None,
        on_progress: ProgressCallback | None = None,
        on_message: Callable[[str], None] | None = None,
        cancel: Event | None = None,
    ) -> None:
        self._operation = operation
        self._given = given
        self._limits = limits or {}
        self._directories = directories
        self._beside_database = beside_database
        self._limit_s = limit_s
        self._on_progress = on_progress
        self._on_message = on_message
        self._cancel = cancel
        self._finishing = False
        self._answer: Mapping[str, Any] = {}

    def run(self) -> Any:
        """Start the process, wait for its end, and give the result or raise the error that it answered with.

        A result counts, also where the worker was told to stop before it came.

        Raises
        ------
        Cancelled, EngineError
            Where it was stopped before anything was done that cannot be taken back.
        EndUnknown
            Where nobody knows whether that was done.
        """
        deadline = None if self._limit_s is None else time.monotonic() + self._limit_s
        if (cancelled := self._cancelled()) is not None:
            raise cancelled
        with tempfile.TemporaryFile() as complaints:
            process = self._start(complaints)
            try:
                why = self._follow(process, deadline)
            finally:
                self._end(process)
            return self._outcome(why, process, complaints)

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

    def _follow(self, process: subprocess.Popen[bytes], deadline: float | None) -> PwsopsError | None:
        """Listen until there is no more to come; give the reason where it was told to stop before."""
        why: PwsopsError | None = None
        stopped_at = 0.0
        for line in _lines(process):
            if line is not None:
                self._listen(json.loads(line))
            if why is None:
                why, stopped_at = self._cancelled() or self._late(deadline), time.monotonic()
                if why is not None:
                    _hang_up(process)
            elif time.monotonic() > stopped_at + (FINISH_S if self._is_open() else GRACE_S):
                break
        return why

    def _is_open(self) -> bool:
        return self._finishing and not self._answer

    def _listen(self, values: Mapping[str, Any]) -> None:
        if "result" in values or "error" in values:
            self._answer = values
        if "finishing" in values:
            self._finishing = True
        if "message" in values and self._on_message is not None:
            self._on_message(values["message"])
        if "progress" in values and self._on_progress is not None:
            phase, done, total = values["progress"]
            self._on_progress(Progress(phase=phase, done_bytes=done, total_bytes=total))

    def _cancelled(self) -> Cancelled | None:
        if self._cancel is None or not self._cancel.is_set():
            return None
        return Cancelled(f"{self._subject()} was cancelled.", hint="Start it again when you want it.")

    def _late(self, deadline: float | None) -> EngineError | None:
        if deadline is None or time.monotonic() <= deadline:
            return None
        return EngineError(
            f"{self._subject()} was stopped: it did not end within {self._limit_s:.0f} s.",
            hint="Look for what slows it down (disk, locks), or raise the time limit.",
        )

    def _outcome(self, why: PwsopsError | None, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> Any:
        if "result" in self._answer:
            return self._answer["result"]
        if why is None and "error" in self._answer:
            raise as_error(self._answer["error"])
        why = why or self._died(process, complaints)
        if self._is_open():
            raise EndUnknown(
                f"{why.message} It was about to finish, and whether it did is not known.",
                hint="Look at what is there now before you start it again.",
            ) from why
        raise why

    def _subject(self) -> str:
        subject = self._given.get("database") or self._given.get("path") or ""
        return f"{self._operation.replace('_', ' ').capitalize()} {f'of {subject}' if subject else ''}".strip()

    def _died(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> EngineError:
        # It has no status yet where it was killed and the system cannot end it.
        status = -signal.SIGKILL if process.returncode is None else process.returncode
        complaints.seek(0)
        last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        return EngineError(
            f"{self._subject()}: the worker process ended {how} before it was done. {' '.join(last)}".rstrip(),
            hint="Signal 9 often means that the system ran out of memory or somebody killed it; see the system's log.",
            transient=status < 0,
        )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """End the process and clear up after it, waiting for neither for long: its files may lie where all hangs."""
        assert process.stdout is not None
        _hang_up(process)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
        process.stdout.close()
        if process.returncode != 0:
            clearing = Thread(target=self._clear, args=(process,), name="pwsops-clearing", daemon=True)
            clearing.start()
            clearing.join(GRACE_S)

    def _clear(self, process: subprocess.Popen[bytes]) -> None:
        if process.wait() != 0:
            for directory in (*self._directories, *self._database_directory()):
                sweeping.sweep(directory, token=str(self._given.get("token")))

    def _database_directory(self) -> Sequence[str]:
        if not self._beside_database:
            return []
        try:
            _, path = names.locate(
                str(self._given["address"]),
                str(self._given["database"]),
                follow_links=bool(self._given.get("follow_links")),
                off_limits=of_values(cast("Mapping[str, Any] | None", self._given.get("off_limits"))),
            )
        except NotFound:  # it was to be made
            return [str(self._given["address"])]
        except PwsopsError:
            return []
        return [os.path.dirname(path)]


def _lines(process: subprocess.Popen[bytes]) -> Iterator[bytes | None]:
    """Return what a worker says, line by line, and None whenever it says nothing for a while."""
    assert process.stdout is not None
    stream, rest = process.stdout.fileno(), b""
    while True:
        ready, _, _ = select.select([stream], [], [], POLL_S)
        if not ready:
            yield None
            continue
        part = os.read(stream, 1 << 16)
        if not part:
            return
        *lines, rest = (rest + part).split(b"\n")
        yield from lines


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()


def new_token() -> str:
    """Return what marks one worker's temporary files."""
    return uuid.uuid4().hex


def as_error(values: Mapping[str, Any]) -> PwsopsError:
    """Build the error that a worker described."""
    kind = getattr(errors, values["type"], EngineError)
    if not (isinstance(kind, type) and issubclass(kind, PwsopsError)):
        kind = EngineError
    attributes = {key: values[key] for key in ("hint", "transient", "path", "cause", "thumbprint")}
    error: PwsopsError = kind(values["message"], **attributes)
    return error
