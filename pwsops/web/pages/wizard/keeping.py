"""Which backups a profile keeps, while that is being typed: its fields, what is wrong with them, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pwsops.errors import InvalidInput
from pwsops.profile import KEEP_COUNTS, BackupProfile, policy_of
from pwsops.rules import retention_words
from pwsops.rules.retention import MOST_KEPT
from pwsops.rules.span import FORM, parse_span

WITHIN = "keep_within"
FIELDS = (WITHIN, *KEEP_COUNTS)
UNREAD = "What is kept cannot be read yet."
_WRONG_COUNT = f"Give a whole number up to {MOST_KEPT:,}, or nothing for no such rule."


def as_text(profile: BackupProfile) -> dict[str, str]:
    """Return each field as it is typed; empty where there is no such rule."""
    return {key: str(getattr(profile, key) or "") for key in FIELDS}


def values(read: Callable[[str, Callable[[str], Any], str], Any]) -> dict[str, Any]:
    """Return the fields of a profile. `read` reads one that was typed; it returns None where that is not possible."""
    counts = {key: read(key, _count, _WRONG_COUNT) or 0 for key in KEEP_COUNTS}
    return {WITHIN: read(WITHIN, _span, FORM) or "", **counts}


def words(fields: Mapping[str, Any], problems: Mapping[str, str]) -> str:
    """Return what the policy keeps, in sentences."""
    if problems.keys() & set(FIELDS):
        return UNREAD
    # Whose days those are makes no difference to the words, and the time zone may be half typed.
    return retention_words.describe(policy_of({**fields, "timezone": "UTC"}), incremental=fields["incremental"])


def _count(typed: str) -> int:
    if not (typed.isascii() and typed.isdecimal() and len(typed) < 10 and int(typed) <= MOST_KEPT):
        raise ValueError(typed)
    return int(typed)


def _span(typed: str) -> str:
    try:
        parse_span(typed)
    except InvalidInput as error:
        raise ValueError(typed) from error
    return typed.lower()
