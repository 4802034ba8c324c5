"""What follows a run in which every database succeeded: the policy of its profile is applied."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import structlog

from pwsops.catalogue import Catalogue, audit, profiles, runs
from pwsops.clock import Clock
from pwsops.errors import PwsopsError
from pwsops.rules.formatting import counted, size
from pwsops.rules.model import Message
from pwsops.rules.retention import Action
from pwsops.runs.pruning import Pruner
from pwsops.runs.retention_outcome import Retention, SetDecision

MOST_NAMED = 20
"""So many files are named in the messages of a run; the audit log and the catalogue know all."""

_ENDS = (
    (Action.REMOVE, "Removed"),
    (Action.RETAINED, "Retained, though obsolete,"),
    (Action.GONE, "Found to be gone already:"),
)
_log = structlog.get_logger()


def prune_after(
    catalogue: Catalogue,
    pruner: Pruner,
    clock: Clock,
    profile_id: int,
    items: Sequence[tuple[int, str]],
    cancel: threading.Event,
) -> None:
    """Remove what the policy keeps no longer, and write into the run what went and what stayed.

    Never raises: the backups are taken, whatever comes of this. `items` are the run's, each with its database;
    `cancel` stops it.
    """
    try:
        with catalogue.read() as connection:
            profile = profiles.get(connection, profile_id)
        if profile.deleted_at is not None or profile.broken:
            return
        texts = list(_texts(pruner.prune(profile, actor=audit.SERVICE, cancel=cancel)))
    except PwsopsError as error:
        texts = [("", f"Older backups were not removed: {error.message} {error.hint}")]
    except Exception:  # noqa: BLE001 - whatever it was, the run succeeded
        _log.exception("pruning failed unexpectedly", profile_id=profile_id)
        texts = [("", "Older backups were not removed: an unforeseen error, which is in the log of the service.")]
    try:
        _write(catalogue, clock, items, texts)
    except Exception:  # noqa: BLE001 - what went is in the catalogue all the same
        _log.exception("what was pruned could not be written into the run", profile_id=profile_id)


def _write(
    catalogue: Catalogue, clock: Clock, items: Sequence[tuple[int, str]], texts: Sequence[tuple[str, str]]
) -> None:
    if not texts:
        return
    of_database = {database: item_id for item_id, database in items}
    with catalogue.write() as connection:
        for database, text in texts:
            item_id = of_database.get(database, items[0][0])
            runs.add_messages(connection, item_id, [Message(text=text, at=clock.now())])


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
