"""Whether the audit log is whole: what its entries, and the heads that left the home, say of each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pwsops.rules.audit import MOST_FINDINGS, NO_KEY, Finding, HeadSource, KeyFact, Kind, Link, Verification
from pwsops.rules.audit_heads import Heads


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What else is known of the home whose log it is.

    Parameters
    ----------
    in_use
        Whether it holds what cannot have come there without an entry.
    unexplained
        What of that no entry tells of, as people call it; a few.
    key_is_right
        Whether the home's key is proven to be the right one: then no key of the log can fail to open by itself.
    """

    in_use: bool = False
    unexplained: Sequence[str] = ()
    key_is_right: bool = False


def judge(
    links: Iterable[Link],
    *,
    keys: Sequence[KeyFact],
    sources: Sequence[HeadSource],
    home: Surroundings,
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
        The places of heads. Every head counts: what contradicts the log makes it whole again in no case.
    home
        What else is known.
    heads_until
        The newest entry when the places began to be read: later ones need no head yet. None: each needs one.
    """
    walk = _Walk(Heads(sources), keys, home)
    for link in links:
        walk.step(link)
    found = sorted(walk.found(heads_until), key=lambda finding: finding.first or 0)
    return Verification(
        entries=walk.count,
        last=walk.last,
        head=walk.head,
        keyed_from=walk.keyed_from,
        findings=found[:MOST_FINDINGS],
        left_out=max(0, len(found) - MOST_FINDINGS),
        sources={source.name: len(source.heads) for source in sources if not source.not_asked},
    )


class _Walk:
    """Goes through the log once, from its first entry to its last."""

    def __init__(self, heads: Heads, keys: Sequence[KeyFact], home: Surroundings) -> None:
        self.count = 0
        self.head = ""
        self.keyed_from: int | None = None
        self.last = 0
        self._heads = heads
        self._keys = keys
        self._home = home
        self._opens = {key.number: key.opens for key in keys}
        self._wrong: list[tuple[Kind, str, int]] = []
        self._gaps: list[Finding] = []
        self._closed: list[tuple[int, int]] = []
        self._given_up: set[int] = set()
        self._acknowledged: list[int] = []

    def step(self, link: Link) -> None:
        follows = link.number == self.last + 1
        if not follows:
            self._gaps.append(_worded(Kind.GAP, _GAP, self.last + 1, link.number - 1))
        if link.damage:
            self._find(Kind.DAMAGED, _DAMAGED, link)
        else:
            self._check(link, follows=follows)
        self._heads.meet(link)
        self.last, self.count, self.head = link.number, self.count + 1, link.digest or ""

    def _check(self, link: Link, *, follows: bool) -> None:
        if not self._can_have(link):
            self._find(Kind.REWRITTEN, _REWRITTEN, link)
            return
        keyed = link.key is not None and link.key != NO_KEY
        if keyed and self.keyed_from is None:
            self.keyed_from = link.number
        if keyed and not self._opens.get(link.key or NO_KEY):
            self._closed.append((link.number, link.key or NO_KEY))
        elif follows and link.expected is not None and link.expected != link.digest:
            self._find(Kind.REWRITTEN, _REWRITTEN, link)
        elif link.key == NO_KEY:
            self._find(Kind.UNKEYED, _UNKEYED, link)
        elif keyed and link.expected == link.digest:
            self._believe(link)

    def _believe(self, link: Link) -> None:
        """Heed what an entry says of the log itself: the log's key vouches for it."""
        self._given_up |= link.gives_up
        if link.acknowledges:
            self._acknowledged.append(link.number)

    def _can_have(self, link: Link) -> bool:
        """Whether an entry can have the key that it names, or none."""
        if link.key == NO_KEY:
            return True
        if not self._keys:
            return link.key is not None or self.keyed_from is None
        return link.key == max((key.number for key in self._keys if key.first_entry <= link.number), default=None)

    def found(self, heads_until: int | None) -> Iterator[Finding]:
        """Yield all that is wrong, once the last entry was met."""
        self._judge_closed()
        unkeyed = any(kind is Kind.UNKEYED for kind, _, _ in self._wrong)
        yield from self._gaps
        yield from _grouped(self._wrong)
        yield from self._begun_anew()
        yield from self._heads.contradictions(self.last, self._acknowledged)
        yield from self._missing_end()
        if self.count and self.keyed_from is None and not unkeyed:
            yield Finding(kind=Kind.UNKEYED, text=_UNKEYED.format(of="Every entry"))
        yield from self._heads.failures()
        until = self.last if heads_until is None else min(heads_until, self.last)
        yield from self._heads.uncovered(self.keyed_from, until)

    def _judge_closed(self) -> None:
        """Judge whether a key was lost, or taken out of the catalogue so that entries could be changed."""
        for number, key in self._closed:
            taken = self._home.key_is_right and key not in self._given_up
            self._wrong.append((Kind.REWRITTEN, _TAKEN, number) if taken else (Kind.KEY_LOST, _KEY_LOST, number))

    def _begun_anew(self) -> Iterator[Finding]:
        # What was cut out or changed is told by itself, and may have been what tells of it.
        changed = self._gaps or any(kind in (Kind.REWRITTEN, Kind.DAMAGED) for kind, _, _ in self._wrong)
        if not self.count or not self._home.unexplained or changed:
            return
        what = ", ".join(self._home.unexplained)
        text = f"The log was begun anew: no entry tells where what the home holds came from ({what})."
        if self._acknowledged:
            acknowledged = f"{text} Entry {self._acknowledged[-1]} acknowledges that."
            yield Finding(kind=Kind.ACKNOWLEDGED, text=acknowledged, first=1, last=1)
        else:
            yield Finding(kind=Kind.BEGUN_ANEW, text=text, first=1, last=1)

    def _missing_end(self) -> Iterator[Finding]:
        """Yield that entries are gone from the end, as far as heads do not say so already."""
        if self._heads.is_beyond(self.last, self._acknowledged):
            return
        # A new home has a key before its first entry.
        last_key = max((key.first_entry for key in self._keys), default=0)
        if not self.count and (last_key > 1 or self._home.in_use):
            text = "The log was emptied: it has no entry, and what the home holds cannot have come there without one."
            yield Finding(kind=Kind.EMPTIED, text=text)
        elif self.count and last_key > self.last:
            text = f"The log was cut at its end: its last entry is {self.last}, and it had one of number {last_key}."
            yield Finding(kind=Kind.CUT, text=text, first=self.last + 1, last=last_key)

    def _find(self, kind: Kind, text: str, link: Link) -> None:
        self._wrong.append((kind, text, link.number))


_REWRITTEN = "{of} cannot have been written so: the digest does not fit. It, or the one before it, was changed."
_TAKEN = (
    "{of} can have been rewritten: the home's key is the right one, and the log's key that it was written with is gone "
    "from the catalogue, or was exchanged there. Nothing but a change of the catalogue does that."
)
_GAP = "{of} is missing: the numbers have a gap there."
_DAMAGED = "{of} is damaged and cannot be read."
_UNKEYED = "{of} was written without the log's key, which could not be had: nobody can vouch for it."
_KEY_LOST = "{of} cannot be checked: the key of that part of the log cannot be had."


def _grouped(wrong: Sequence[tuple[Kind, str, int]]) -> Iterator[Finding]:
    """Put what is wrong with entries that follow on each other into one finding, and into words."""
    plain = sorted(wrong)
    for (kind, text, _), group in groupby(enumerate(plain), key=lambda pair: (*pair[1][:2], pair[1][2] - pair[0])):
        numbers = [number for _, (_, _, number) in group]
        yield _worded(kind, text, numbers[0], numbers[-1])


def _worded(kind: Kind, text: str, first: int, last: int) -> Finding:
    of = f"Entry {first}" if first == last else f"Each of the entries {first} to {last}"
    return Finding(kind=kind, text=text.format(of=of), first=first, last=last)
