"""What becomes of a profile's backups, or became of them, as it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pwsops.catalogue.retention import DatabasePlan
from pwsops.rules.model import BackupKind
from pwsops.rules.retention import Action, Policy, RetentionPlan, StoredSet


class SetDecision(NamedTuple):
    """What becomes of one backup, or became of it, and why."""

    database: str
    set_id: str
    kind: BackupKind
    finished_at: datetime
    path: str
    size_bytes: int
    action: Action
    reason: str


class Retention(NamedTuple):
    """What becomes of a profile's backups, or became of them.

    Parameters
    ----------
    policy
        What the profile keeps.
    sets
        One decision for each, by database, the newest first.
    points
        By database, what can be restored after it, the newest first.
    hindrances
        By database, why nothing of it goes although something is obsolete.
    doubts
        By database, why nothing of it goes by itself, but only what somebody has looked at and agreed to.
    """

    policy: Policy
    sets: Sequence[SetDecision]
    points: Mapping[str, Sequence[StoredSet]]
    hindrances: Mapping[str, str]
    doubts: Mapping[str, str]

    def having(self, action: Action) -> Sequence[SetDecision]:
        """Return the backups of which that becomes."""
        return [one for one in self.sets if one.action is action]

    @property
    def tried(self) -> Sequence[SetDecision]:
        """Return what a prune deletes if it can: what would go, and what could not be deleted before."""
        actions = (Action.REMOVE, Action.RETAINED)
        return [one for one in self.sets if one.action in actions and one.database not in self.hindrances]


def retention_of(policy: Policy, found: Sequence[DatabasePlan]) -> Retention:
    """Return plans as they are told."""
    known = {each.database: each.known for each in found}
    return Retention(
        policy=policy,
        sets=[decision for database, plan in known.items() for decision in _decisions(database, plan)],
        points={database: plan.points for database, plan in known.items()},
        hindrances={database: plan.hindrance for database, plan in known.items() if plan.hindrance},
        doubts={database: plan.doubt for database, plan in known.items() if plan.doubt},
    )


def _decisions(database: str, plan: RetentionPlan) -> Iterator[SetDecision]:
    for backup, action, reasons in plan.decisions:
        yield SetDecision(
            database,
            backup.set_id,
            backup.kind,
            backup.finished_at,
            backup.path,
            backup.size_bytes,
            action,
            "; ".join(reasons),
        )
