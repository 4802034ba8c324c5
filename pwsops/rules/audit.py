"""What is known of the audit log: its entries, keys and heads, and what a verification of them came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain

MOST_FINDINGS = 100
"""More are counted, and not told one by one."""
NO_KEY = 0
"""The number of the key of an entry that was written while none could be had."""


class AuditState(StrEnum):
    """What a verification of the log came to. `UNKNOWN` is neither: part of it could not be checked."""

    WHOLE = "whole"
    UNKNOWN = "not checked"
    CHANGED = "changed"


class Kind(StrEnum):
    """What is wrong."""

    REWRITTEN = "rewritten"
    """An entry is not the one that was written."""
    GAP = "gap"
    """Entries are gone from the middle, or from the beginning."""
    CUT = "cut"
    """Entries are gone from the end."""
    EMPTIED = "emptied"
    """All are gone."""
    BEGUN_ANEW = "begun anew"
    """The log begins after what the home holds: a former one is gone."""
    ACKNOWLEDGED = "acknowledged"
    """Something of these that an entry of the log says is explained. The log is not called whole for that."""
    REPLACED = "replaced"
    """None of the entries whose heads are known is the one that was written."""
    DAMAGED = "damaged"
    """An entry cannot be read."""
    HEADS_LOST = "heads lost"
    """The heads outside are fewer than they were, or cannot be read."""
    UNKEYED = "unkeyed"
    """An entry was written without the key: whoever can write the catalogue could have written it."""
    KEY_LOST = "key lost"
    """Entries cannot be checked, because their key cannot be had."""
    NO_HEAD = "no head"
    """Entries whose heads did not leave the home."""
    NOT_ASKED = "not asked"
    """A place of heads exists and could not be read."""

    @property
    def state(self) -> AuditState:
        """What the log comes to where this was found."""
        return AuditState.UNKNOWN if self in _UNKNOWN else AuditState.CHANGED


_UNKNOWN = frozenset({Kind.UNKEYED, Kind.KEY_LOST, Kind.NO_HEAD, Kind.NOT_ASKED, Kind.ACKNOWLEDGED})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, and where.

    Parameters
    ----------
    text
        A whole sentence.
    first, last
        The entries that it is about; None: the log as a whole.
    """

    kind: Kind
    text: str
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, kw_only=True)
class Link:
    """One entry, as far as the chain is concerned.

    Parameters
    ----------
    number
        Its number, from 1.
    key
        The number of the key that it was written with; `NO_KEY`: none could be had; None: it is older than the keys.
    digest
        What is kept of it; None where that cannot be read.
    expected
        What it should be, after the entry before it; None where that cannot be told.
    damage
        Why it cannot be read; empty: it can.
    acknowledges
        Whether it says that what was found until then is explained.
    gives_up
        The keys of the log that it says are lost.
    """

    number: int
    key: int | None
    digest: str | None
    expected: str | None
    damage: str = ""
    acknowledges: bool = False
    gives_up: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Head:
    """What was told to a place outside of the catalogue after entries were written.

    Parameters
    ----------
    first, entry
        The first and the last entry of those that were written together.
    digest
        The last one's, which covers all before it.
    """

    first: int
    entry: int
    digest: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class HeadSource:
    """A place of heads, as it was read.

    Parameters
    ----------
    name
        As people call it.
    heads
        In the order of the place.
    lost
        What shows that it holds fewer than it held, a sentence each.
    not_asked
        Why it could not be read; empty: it was.
    complete
        Whether the head of every entry belongs there.
    """

    name: str
    heads: Sequence[Head] = ()
    lost: Sequence[str] = ()
    not_asked: str = ""
    complete: bool = False


@dataclass(frozen=True, kw_only=True)
class KeyFact:
    """A key of the log: from which entry on it is used, and whether it can be had."""

    number: int
    first_entry: int
    opens: bool


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What a verification of the log found.

    Parameters
    ----------
    entries, last, head
        How many entries there are, the number of the newest (0: there is none), and its digest, which covers them all.
    keyed_from
        The first entry that was written with a key; None: none was.
    findings, left_out
        What is wrong, in the order of the log, and how many more were found.
    sources
        The places of heads that it was compared with, as people call them, each with its number of heads.
    caveat
        Why the heads prove nothing against the owner of the service's user, a sentence; empty: they do.
    """

    entries: int
    last: int
    head: str
    keyed_from: int | None
    findings: Sequence[Finding]
    left_out: int = 0
    sources: Mapping[str, int]
    caveat: str = ""

    @property
    def state(self) -> AuditState:
        """What it comes to."""
        found = {finding.kind.state for finding in self.findings}
        if AuditState.CHANGED in found:
            return AuditState.CHANGED
        return AuditState.UNKNOWN if found else AuditState.WHOLE

    @property
    def damaged_entries(self) -> frozenset[int]:
        """The numbers of entries that are there and are not what was written."""
        kinds = (Kind.REWRITTEN, Kind.DAMAGED, Kind.REPLACED)
        wrong = [each for each in self.findings if each.kind in kinds]
        return frozenset(chain(*(range(each.first, each.last + 1) for each in wrong if each.first and each.last)))

    @property
    def summary(self) -> str:
        """What it comes to, in a sentence."""
        count = f"{self.entries:,} {'entry' if self.entries == 1 else 'entries'}"
        if self.state is AuditState.WHOLE:
            return f"whole: {count}, each as it was written" if self.entries else "whole: nothing was written yet"
        return " ".join(finding.text for finding in self.findings[:3])
