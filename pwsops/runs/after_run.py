"""What follows a run in which every database succeeded: its policy is applied, and what the home knows is saved."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import structlog

from pwsops.catalogue import Catalogue, audit, profiles, runs
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine
from pwsops.errors import PwsopsError
from pwsops.rules.formatting import counted, size
from pwsops.rules.model import Message
from pwsops.rules.retention import Action
from pwsops.runs.pruning import Pruner
from pwsops.runs.retention_outcome import Retention, SetDecision
from pwsops.runs.statements import Statements

MOST_NAMED = 20
"""So many files are named in the messages of a run; the audit log and the catalogue know all."""

_ENDS = (
    (Action.REMOVE, "Removed"),
    (Action.RETAINED, "Retained, though obsolete,"),
    (Action.GONE, "Found to be gone already:"),
)
_log = structlog.get_logger()


class AfterRun:
    """Does that, and writes into the run what came of it. Never raises: the backups are taken.

    Parameters
    ----------
    pruner, statements
        What applies policies, and what keeps statements.
    """

    def __init__(self, catalogue: Catalogue, clock: Clock, pruner: Pruner, statements: Statements) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._pruner = pruner
        self._statements = statements

    def succeeded(
        self, profile_id: int, engine: Engine | None, items: Sequence[tuple[int, str]], cancel: threading.Event
    ) -> None:
        """Follow a run whose items (each with its database) have all succeeded; `cancel` stops what takes long."""
        texts = self._prune(profile_id, cancel)
        if why := self._statements.save(profile_id, engine):
            texts.append(("", why))
        try:
            self._write(items, texts)
        except Exception:  # noqa: BLE001 - what went is in the catalogue all the same
            _log.exception("what followed a run could not be written into it", profile_id=profile_id)

    def _prune(self, profile_id: int, cancel: threading.Event) -> list[tuple[str, str]]:
        """Remove what the policy keeps no longer; return what went and what stayed, each with its database."""
        try:
            with self._catalogue.read() as connection:
                profile = profiles.get(connection, profile_id)
            if profile.deleted_at is not None or profile.broken:
                return []
            return list(_texts(self._pruner.prune(profile, actor=audit.SERVICE, cancel=cancel)))
        except PwsopsError as error:
            return [("", f"Older backups were not removed: {error.message} {error.hint}")]
        except Exception:  # noqa: BLE001 - whatever it was, the run succeeded
            _log.exception("pruning failed unexpectedly", profile_id=profile_id)
            return [("", "Older backups were not removed: an unforeseen error, which is in the log of the service.")]

    def _write(self, items: Sequence[tuple[int, str]], texts: Sequence[tuple[str, str]]) -> None:
        if not texts:
            return
        of_database = {database: item_id for item_id, database in items}
        with self._catalogue.write() as connection:
            for database, text in texts:
                item_id = of_database.get(database, items[0][0])
                runs.add_messages(connection, item_id, [Message(text=text, at=self._clock.now())])


def _texts(done: Retention) -> Iterator[tuple[str, str]]:
    """Yield the messages of a prune, each with its database."""
    for action, words in _ENDS:
        found: dict[str, list[SetDecision]] = {}
        for one in done.having(action):
            found.setdefault(one.database, []).append(one)
        for database, sets in found.items():
            amount = f"{counted(len(sets), 'backup')} of {database} ({size(sum(one.size_bytes for one in sets))})"
            yield database, f"{words} {amount}: {done.hindrances.get(database) or _named(sets)}."


def _named(sets: Sequence[SetDecision]) -> str:
    named = [one.path if one.action is Action.REMOVE else f"{one.path}: {one.reason}" for one in sets[:MOST_NAMED]]
    more = len(sets) - len(named)
    return "; ".join([*named, *([f"and {more} more"] if more else [])])
