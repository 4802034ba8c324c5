"""How values read in a document: as they are written everywhere, with instants in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from pwsops.rules import formatting, verdict_words
from pwsops.rules.drills import OUTCOME_WORDS, Outcome
from pwsops.rules.formatting import duration, kind, share, size
from pwsops.rules.protection import Verdict

__all__ = ["day", "duration", "explanation", "kind", "moment", "outcome", "share", "size", "step"]


def day(at: datetime) -> str:
    """Return a day."""
    return formatting.day(at, UTC)


def moment(at: datetime | None) -> str:
    """Return an instant to the minute."""
    return formatting.moment(at, UTC)


def explanation(verdict: Verdict) -> str:
    """Return why a database is not protected, or what is to be known of it all the same."""
    return verdict_words.explanation(verdict, verdict_words.utc)


def step(verdict: Verdict) -> str:
    """Return what to do first about it; empty where all is well."""
    return verdict_words.step(verdict)


def outcome(found: Outcome | None) -> str:
    """Return what a drill has shown."""
    return "goes on" if found is None else OUTCOME_WORDS[found]
