"""What the page of clean-up says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pwsops.operations.retention import Action, Retention, SetDecision
from pwsops.web.live.snapshot import Problem
from pwsops.web.pages.cleanup.found import Amount, amount
from pwsops.web.ui.formatting import counted

NONE_CHOSEN = Problem(
    message="No profile is chosen.", hint="Select one on the Profiles page, and press Clean up … there."
)
UNKNOWN = "There is no profile {!r}."
CHANGED = Problem(
    message="Nothing was removed: what would go has changed meanwhile.", hint="Look at the list, and answer once more."
)
REMOVING = "Removing the backups"
BUSY = "Something is being done here. Wait until it has ended."
NOTHING_GOES = "Nothing would go now."
HELD = "{path} is held, with what it stands on."
RELEASED = "{path} is released: the policy decides about it again."
_NAMED = 12
"""So many files are named in a question, and of what came of it; the list below has all."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """Some backups of one database: what they amount to, and the names of the first."""

    database: str
    amount: Amount
    paths: Sequence[str]
    left: int


def named(sets: Sequence[SetDecision]) -> Sequence[Named]:
    """Return what would go, or what went, by database."""
    by_database: dict[str, list[SetDecision]] = {}
    for one in sets:
        by_database.setdefault(one.database, []).append(one)
    return [_named(database, each) for database, each in by_database.items()]


def _named(database: str, sets: Sequence[SetDecision]) -> Named:
    paths = list(dict.fromkeys(one.path for one in sets))
    return Named(database=database, amount=amount(sets), paths=paths[:_NAMED], left=max(0, len(paths) - _NAMED))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of removing: what went, what stayed although it was to go, and the tone of the whole."""

    removed: Amount
    named: Sequence[Named]
    retained: Sequence[SetDecision]
    retained_left: int
    gone: int

    @property
    def tone(self) -> str:
        """How it is coloured: what had to stay stands out."""
        return "orange" if self.retained else "ok"

    @property
    def title(self) -> str:
        """What came of it, in one line."""
        stayed = len(self.retained) + self.retained_left
        parts = [f"Removed {self.removed}"] if self.removed.files else []
        parts += [f"{counted(stayed, 'backup')} retained"] if stayed else []
        parts += [f"{counted(self.gone, 'backup')} gone already"] if self.gone else []
        return "; ".join(parts) or "Nothing was removed: all that there is stays"


def outcome(done: Retention) -> Outcome:
    """Return what is shown of a prune."""
    removed, retained = done.having(Action.REMOVE), done.having(Action.RETAINED)
    return Outcome(
        removed=amount(removed),
        named=named(removed),
        retained=retained[:_NAMED],
        retained_left=max(0, len(retained) - _NAMED),
        gone=len(done.having(Action.GONE)),
    )
