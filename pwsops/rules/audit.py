"""Whether the audit log is whole: what its entries, and the heads that left the home, say of each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby

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


_UNKNOWN = frozenset({Kind.UNKEYED, Kind.KEY_LOST, Kind.NO_HEAD, Kind.NOT_ASKED})


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
    """

    number: int
    key: int | None
    digest: str | None
    expected: str | None
    damage: str = ""


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
    since
        Heads from before then were left aside; None: none were.
    """

    entries: int
    last: int
    head: str
    keyed_from: int | None
    findings: Sequence[Finding]
    left_out: int = 0
    sources: Mapping[str, int]
    since: datetime | None = None

    @property
    def state(self) -> AuditState:
        """What it comes to."""
        found = {one.kind.state for one in self.findings}
        if AuditState.CHANGED in found:
            return AuditState.CHANGED
        return AuditState.UNKNOWN if found else AuditState.WHOLE

    @property
    def damaged_entries(self) -> frozenset[int]:
        """The numbers of entries that are there and are not what was written."""
        wrong = [one for one in self.findings if one.kind in (Kind.REWRITTEN, Kind.DAMAGED, Kind.REPLACED)]
        return frozenset(number for one in wrong if one.first and one.last for number in range(one.first, one.last + 1))

    @property
    def summary(self) -> str:
        """What it comes to, in a sentence."""
        count = f"{self.entries:,} {'entry' if self.entries == 1 else 'entries'}"
        if self.state is AuditState.WHOLE:
            return f"whole: {count}, each as it was written" if self.entries else "whole: nothing was written yet"
        return " ".join(one.text for one in self.findings[:3])


def judge(
    links: Iterable[Link],
    *,
    keys: Sequence[KeyFact],
    sources: Sequence[HeadSource],
    since: datetime | None = None,
    in_use: bool = False,
    heads_until: int | None = None,
) -> Verification:
    """Return what the log's entries and the heads of it say.

    Parameters
    ----------
    links
        The entries that are there, by number.
    keys
        The keys that the catalogue has.
    sources
        The places of heads.
    since
        Leave aside the heads from before then.
    in_use
        Whether the home holds what cannot have come there without an entry.
    heads_until
        The newest entry when the places began to be read: later ones need no head yet. None: each needs one.
    """
    walk = _Walk(sources, keys, since)
    for link in links:
        walk.step(link)
    found = sorted(
        _grouped([*walk.findings, *walk.end(in_use=in_use, heads_until=heads_until)]), key=lambda one: one.first or 0
    )
    return Verification(
        entries=walk.count,
        last=walk.last,
        head=walk.head,
        keyed_from=walk.keyed_from,
        findings=found[:MOST_FINDINGS],
        left_out=max(0, len(found) - MOST_FINDINGS),
        sources={one.name: len(one.heads) for one in sources if not one.not_asked},
        since=since,
    )


class _Walk:
    """Goes through the log once, from its first entry to its last."""

    def __init__(self, sources: Sequence[HeadSource], keys: Sequence[KeyFact], since: datetime | None) -> None:
        self.findings: list[Finding] = []
        self.count = 0
        self.head = ""
        self.keyed_from: int | None = None
        self.last = 0
        self._sources = sources
        self._keys = keys
        self._since = since
        self._opens = {one.number: one.opens for one in keys}
        self._heads: dict[int, list[tuple[str, Head]]] = {}
        self._met, self._unequal = 0, list[tuple[str, Head]]()
        for source in sources:
            for head in source.heads:
                if since is None or head.at >= since:
                    self._heads.setdefault(head.entry, []).append((source.name, head))

    def step(self, link: Link) -> None:
        follows = link.number == self.last + 1
        if not follows:
            self._find(Kind.GAP, self.last + 1, link.number - 1)
        if link.damage:
            self._find(Kind.DAMAGED, link.number, link.number)
        else:
            self._check(link, follows=follows)
        for name, head in self._heads.pop(link.number, ()):
            self._met += 1
            if head.digest != link.digest:
                self._unequal.append((name, head))
        self.last, self.count, self.head = link.number, self.count + 1, link.digest or ""

    def _check(self, link: Link, *, follows: bool) -> None:
        if not self._can_have(link):
            self._find(Kind.REWRITTEN, link.number, link.number)
            return
        keyed = link.key is not None and link.key != NO_KEY
        if keyed and self.keyed_from is None:
            self.keyed_from = link.number
        if keyed and not self._opens.get(link.key or NO_KEY):
            self._find(Kind.KEY_LOST, link.number, link.number)
        elif follows and link.expected is not None and link.expected != link.digest:
            self._find(Kind.REWRITTEN, link.number, link.number)
        elif link.key == NO_KEY:
            self._find(Kind.UNKEYED, link.number, link.number)

    def _can_have(self, link: Link) -> bool:
        """Whether an entry can have the key that it names, or none."""
        if link.key == NO_KEY:
            return True
        if not self._keys:
            return link.key is not None or self.keyed_from is None
        return link.key == max((one.number for one in self._keys if one.first_entry <= link.number), default=None)

    def end(self, *, in_use: bool, heads_until: int | None) -> Iterator[Finding]:
        """Return what shows only after the last entry."""
        yield from self._compared()
        yield from self._missing_end(in_use=in_use)
        if self.count and self.keyed_from is None and not any(one.kind is Kind.UNKEYED for one in self.findings):
            yield Finding(kind=Kind.UNKEYED, text=_TEXTS[Kind.UNKEYED].format(of="Every entry"))
        for source in self._sources:
            if source.not_asked:
                text = f"Whether {source.name} has heads that differ could not be asked: {source.not_asked}"
                yield Finding(kind=Kind.NOT_ASKED, text=text)
            yield from (Finding(kind=Kind.HEADS_LOST, text=text) for text in source.lost)
            if source.complete and not source.not_asked:
                yield from self._uncovered(source, self.last if heads_until is None else min(heads_until, self.last))

    def _compared(self) -> Iterator[Finding]:
        if self._unequal and len(self._unequal) == self._met:
            name, head = self._unequal[0]
            text = (
                f"The log was replaced: none of the {self._met} heads that were kept of its entries fits, such as that "
                f"of entry {head.entry} in {name}."
            )
            yield Finding(kind=Kind.REPLACED, text=text, first=1, last=self.last)
            return
        for name, head in self._unequal:
            text = (
                f"Entry {head.entry} is not the one that was written: its head in {name}, of {_moment(head.at)}, is "
                "another. It, or one before it, was rewritten."
            )
            yield Finding(kind=Kind.REWRITTEN, text=text, first=head.entry, last=head.entry)

    def _missing_end(self, *, in_use: bool) -> Iterator[Finding]:
        beyond = [pair for number, pairs in self._heads.items() if number > self.last for pair in pairs]
        # The key of entries to come is made in the transaction that writes the first of them.
        last_key = max((one.first_entry for one in self._keys), default=0)
        if not self.count and (beyond or last_key or in_use):
            text = "The log was emptied: it has no entry, and what the home holds cannot have come there without one."
            if beyond:
                name, head = max(beyond, key=lambda pair: pair[1].entry)
                text = f"The log was emptied: {name} has the head of entry {head.entry}, of {_moment(head.at)}."
            yield Finding(kind=Kind.EMPTIED, text=text)
        elif beyond:
            name, head = max(beyond, key=lambda pair: pair[1].entry)
            text = (
                f"The log was cut at its end: its last entry is {self.last}, and {name} has the head of entry "
                f"{head.entry}, of {_moment(head.at)}."
            )
            yield Finding(kind=Kind.CUT, text=text, first=self.last + 1, last=head.entry)
        elif last_key > self.last:
            text = f"The log was cut at its end: its last entry is {self.last}, and it had one of number {last_key}."
            yield Finding(kind=Kind.CUT, text=text, first=self.last + 1, last=last_key)

    def _uncovered(self, source: HeadSource, last: int) -> Iterator[Finding]:
        """Return the entries up to the last whose heads a place should have, and has not."""
        begin = self.keyed_from or last + 1
        if self._since is not None:
            begin = max(begin, min((one.first for one in source.heads if one.at >= self._since), default=begin))
        covered = begin - 1
        for head in sorted(source.heads, key=lambda one: (one.first, one.entry)):
            if covered >= last:
                return
            if head.first > covered + 1:
                yield _no_head(source, covered + 1, min(head.first - 1, last))
            covered = max(covered, head.entry)
        if covered < last:
            yield _no_head(source, covered + 1, last)

    def _find(self, kind: Kind, first: int, last: int) -> None:
        self.findings.append(Finding(kind=kind, text="", first=first, last=last))


_TEXTS = {
    Kind.REWRITTEN: "{of} cannot have been written so: the digest does not fit. It, or the one before it, was changed.",
    Kind.GAP: "{of} is missing: the numbers have a gap there.",
    Kind.DAMAGED: "{of} is damaged and cannot be read.",
    Kind.UNKEYED: "{of} was written without the log's key, which could not be had: nobody can vouch for it.",
    Kind.KEY_LOST: "{of} cannot be checked: the key of that part of the log cannot be had.",
}


def _grouped(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Put what is wrong with entries that follow on each other into one finding, and into words."""
    worded = [one for one in findings if one.text]
    plain = sorted((one for one in findings if not one.text), key=lambda one: (one.kind, one.first))
    for _, group in groupby(enumerate(plain), key=lambda pair: (pair[1].kind, (pair[1].first or 0) - pair[0])):
        found = [one for _, one in group]
        kind, first, last = found[0].kind, found[0].first, found[-1].last
        of = f"Entry {first}" if first == last else f"Each of the entries {first} to {last}"
        yield Finding(kind=kind, text=_TEXTS[kind].format(of=of), first=first, last=last)
    yield from worded


def _no_head(source: HeadSource, first: int, last: int) -> Finding:
    of = f"of entry {first}" if first == last else f"of the entries {first} to {last}"
    text = f"{source.name} has no head {of}: it could not be written then, or was taken away since."
    return Finding(kind=Kind.NO_HEAD, text=text, first=first, last=last)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
