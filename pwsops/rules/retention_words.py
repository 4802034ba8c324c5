"""What a policy says to people: what it keeps, and what becomes of the rest. The same words on every face. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pwsops.rules.formatting import counted
from pwsops.rules.retention import Policy
from pwsops.rules.span import Span

EVERYTHING = "Keeps every backup: no rule is set, and nothing is removed."
FULLS = "Fulls stay as long as an incremental needs them."
ALWAYS = "Each database keeps its newest proven backup in any case."
REST = "The rest is removed after each run in which every database succeeded."


def describe(policy: Policy, *, incremental: bool) -> str:
    """Return what a policy keeps, in sentences.

    Parameters
    ----------
    incremental
        Whether the profile takes incrementals, so that fulls are needed by others.
    """
    if policy.is_empty:
        return EVERYTHING
    fulls = [FULLS] if incremental else []
    return " ".join([f"Keeps {_joined(_kept(policy))}.", *fulls, ALWAYS, REST])


def _kept(policy: Policy) -> Sequence[str]:
    found = []
    if policy.within is not None:
        found.append(f"every backup of the last {_length(policy.within)}")
    if policy.last:
        found.append("the last backup" if policy.last == 1 else f"the last {counted(policy.last, 'backup')}")
    counts = {"day": policy.daily, "week": policy.weekly, "month": policy.monthly, "year": policy.yearly}
    several = [counted(count, unit) for unit, count in counts.items() if count > 1]
    if several:
        found.append(f"one of each of the last {_joined(several)}")
    return [*found, *(f"one of the last {unit}" for unit, count in counts.items() if count == 1)]


def _length(span: Span) -> str:
    parts = {"year": span.years, "month": span.months, "day": span.days, "hour": span.hours}
    found = [counted(count, unit) for unit, count in parts.items() if count]
    return found[0].removeprefix("1 ") if len(found) == 1 else _joined(found)


def _joined(parts: Sequence[str]) -> str:
    """Return parts as a sentence lists them; where one has an "and" of its own, with a comma before the last."""
    *others, last = parts
    if not others:
        return last
    comma = "," if any(" and " in part for part in parts) else ""
    return f"{', '.join(others)}{comma} and {last}"
