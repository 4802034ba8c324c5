"""The databases of all instances, asked for in the background: no page waits for a server, however dead it is."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from pwsops.errors import PwsopsError, Unanswered
from pwsops.operations.records import DatabaseView

if TYPE_CHECKING:
    from pwsops.operations import Operations

_log = structlog.get_logger()
Answer = Sequence[DatabaseView] | PwsopsError


@dataclass(kw_only=True)
class _ProbeState:
    """What is known of one instance: its newest answer, and whether a newer one is on its way or due."""

    requested: object = None
    under_way: bool = False
    answer: Answer | None = None


class DatabasePoller:
    """Asks each instance anew when something may differ there, and remembers what it answered last.

    An instance is asked once at a time: one that takes long is asked again when it has answered, however late that is,
    and the others go on.
    """

    def __init__(self, ops: Operations) -> None:
        self._ops = ops
        self._lock = threading.Lock()
        self._states: dict[str, _ProbeState] = {}
        self._answers = 0

    @property
    def version(self) -> int:
        """A number that grows with each answer."""
        return self._answers

    def about(self, instances: Sequence[str], state: object, *, wait: bool) -> Mapping[str, Answer | None]:
        """Return what each instance answered last; None: nothing yet.

        Parameters
        ----------
        instances
            Those there are.
        state
            Where it differs from the time before, the instances are asked anew.
        wait
            Whether to wait for the answers to what this very call asks: never in the thread that serves the pages.
        """
        with self._lock:
            self._states = {name: self._states.get(name) or _ProbeState() for name in instances}
            due = {
                name: probe for name, probe in self._states.items() if probe.requested != state and not probe.under_way
            }
            for probe in self._states.values():
                probe.requested = state
            for probe in due.values():
                probe.under_way = True
        if due:
            thread = self._ask(due, state)
            if wait and thread is not None:
                thread.join()
        with self._lock:
            return {name: probe.answer for name, probe in self._states.items()}

    def forget(self, instance: str) -> None:
        """Ask an instance anew with the next look, whatever it answered."""
        with self._lock:
            self._states.pop(instance, None)
            self._answers += 1

    def _ask(self, due: Mapping[str, _ProbeState], state: object) -> threading.Thread | None:
        def ask() -> None:
            try:
                self._ops.databases.poll(
                    list(due), on_answer=lambda name, answer: self._take(name, due[name], answer, state)
                )
            except Exception:  # noqa: BLE001 - they would never be asked again
                self._let_go(due)

        thread = threading.Thread(target=ask, name="pwsops-asking", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # this process may have no more threads
            self._let_go(due)
            return None
        return thread

    def _let_go(self, due: Mapping[str, _ProbeState]) -> None:
        """Have those that could not be asked, asked with the next look."""
        _log.exception("instances could not be asked", names=list(due))
        with self._lock:
            for probe in due.values():
                probe.requested, probe.under_way = None, False

    def _take(self, name: str, probe: _ProbeState, answer: Answer, asked_in: object) -> None:
        with self._lock:
            probe.answer = answer
            self._answers += 1
            if isinstance(answer, Unanswered):
                return  # a server that hangs would cost one more thread each time it is asked
            again = probe.requested != asked_in and self._states.get(name) is probe
            probe.under_way, state = again, probe.requested
        if again:
            self._ask({name: probe}, state)
