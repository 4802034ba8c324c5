"""The heads of the audit log beside its entries: which contradict it, and which entries have none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pwsops.rules.audit import Finding, Head, HeadSource, Kind, Link


@dataclass(kw_only=True)
class _Seen:
    """A head, where it stands in its place, and whether the log has what it tells of; None: nothing at all."""

    head: Head
    source: int
    position: int
    fits: bool | None = None


class Heads:
    """All heads of all places. No head is left out, whatever anybody says inside of the home.

    An entry that acknowledges what was found covers the contradictions that stand before that entry's own head, place
    by place: the order of a place that only grows is nobody's to choose afterwards.
    """

    def __init__(self, sources: Sequence[HeadSource]) -> None:
        self._sources = sources
        self._seen = [
            _Seen(head=head, source=number, position=position)
            for number, source in enumerate(sources)
            for position, head in enumerate(source.heads)
        ]
        self._by_entry: dict[int, list[_Seen]] = {}
        for seen in self._seen:
            self._by_entry.setdefault(seen.head.entry, []).append(seen)

    def meet(self, link: Link) -> None:
        """Compare an entry with its heads."""
        for seen in self._by_entry.get(link.number, ()):
            seen.fits = seen.head.digest == link.digest

    def is_beyond(self, last: int, acknowledged: Sequence[int]) -> bool:
        """Whether heads of entries after the last one stand unexplained."""
        return any(seen.head.entry > last for seen in self._split(acknowledged)[0])

    def contradictions(self, last: int, acknowledged: Sequence[int]) -> Iterator[Finding]:
        """Yield what heads say that the log does not, the part that is acknowledged last."""
        standing, explained = self._split(acknowledged)
        met = [seen for seen in standing if seen.fits is not None]
        unequal = [seen for seen in met if not seen.fits]
        if unequal and len(unequal) == len(met):
            yield self._replaced(unequal, last)
        else:
            yield from map(self._rewritten, unequal)
        yield from self._ends([seen for seen in standing if seen.head.entry > last], last)
        yield from self._explained([seen for seen in explained if not seen.fits], acknowledged)

    def failures(self) -> Iterator[Finding]:
        """Yield which places could not be read, and which hold less than they held."""
        for source in self._sources:
            if source.not_asked:
                text = f"Whether {source.name} has heads that differ could not be asked: {source.not_asked}"
                yield Finding(kind=Kind.NOT_ASKED, text=text)
            yield from (Finding(kind=Kind.HEADS_LOST, text=text) for text in source.lost)

    def uncovered(self, keyed_from: int | None, last: int) -> Iterator[Finding]:
        """Yield the keyed entries up to the last whose heads a place should have, and has not."""
        for source in self._sources:
            if source.complete and not source.not_asked:
                yield from self._uncovered(source, self._begin(source, keyed_from or last + 1), last)

    def _split(self, acknowledged: Sequence[int]) -> tuple[list[_Seen], list[_Seen]]:
        """Return the heads that stand, and those from before an entry that acknowledges what they show."""
        until: dict[int, int] = {}
        for seen in self._seen:
            if seen.fits and any(seen.head.first <= number <= seen.head.entry for number in acknowledged):
                until[seen.source] = max(seen.position, until.get(seen.source, -1))
        standing, explained = list[_Seen](), list[_Seen]()
        for seen in self._seen:
            (explained if seen.position < until.get(seen.source, -1) else standing).append(seen)
        return standing, explained

    def _replaced(self, unequal: Sequence[_Seen], last: int) -> Finding:
        text = (
            f"The log was replaced: none of the {len(unequal)} heads that were kept of its entries fits, such as that "
            f"of entry {unequal[0].head.entry} in {self._name(unequal[0])}."
        )
        return Finding(kind=Kind.REPLACED, text=text, first=1, last=last)

    def _rewritten(self, seen: _Seen) -> Finding:
        text = (
            f"Entry {seen.head.entry} is not the one that was written: its head in {self._name(seen)}, of "
            f"{_moment(seen.head.at)}, is another. It, or one before it, was rewritten."
        )
        return Finding(kind=Kind.REWRITTEN, text=text, first=seen.head.entry, last=seen.head.entry)

    def _ends(self, beyond: Sequence[_Seen], last: int) -> Iterator[Finding]:
        if not beyond:
            return
        newest = max(beyond, key=lambda seen: seen.head.entry)
        has = f"{self._name(newest)} has the head of entry {newest.head.entry}, of {_moment(newest.head.at)}."
        if last:
            text = f"The log was cut at its end: its last entry is {last}, and {has}"
            yield Finding(kind=Kind.CUT, text=text, first=last + 1, last=newest.head.entry)
        else:
            yield Finding(kind=Kind.EMPTIED, text=f"The log was emptied: {has}")

    def _explained(self, contrary: Sequence[_Seen], acknowledged: Sequence[int]) -> Iterator[Finding]:
        for number, source in enumerate(self._sources):
            theirs = [seen.head for seen in contrary if seen.source == number]
            if not theirs:
                continue
            first, last = min(each.first for each in theirs), max(each.entry for each in theirs)
            until = max(each.at for each in theirs)
            text = (
                f"{source.name} has {len(theirs)} heads of entries {first} to {last}, the last of {_moment(until)}, "
                f"that contradict this log: what was written then is not here. Entry {acknowledged[-1]} acknowledges "
                "that; whether it is as that says, the log cannot show."
            )
            yield Finding(kind=Kind.ACKNOWLEDGED, text=text, first=first, last=last)

    def _begin(self, source: HeadSource, keyed_from: int) -> int:
        """Return the first entry whose head belongs there: a place that was named later begins where another ends."""
        first = min((each.first for each in source.heads), default=keyed_from)
        others = [head for other in self._sources if other is not source for head in other.heads]
        return max(keyed_from, first) if any(head.entry == first - 1 for head in others) else keyed_from

    def _uncovered(self, source: HeadSource, begin: int, last: int) -> Iterator[Finding]:
        covered = begin - 1
        for head in sorted(source.heads, key=lambda each: (each.first, each.entry)):
            if covered >= last:
                return
            if head.first > covered + 1:
                yield _no_head(source, covered + 1, min(head.first - 1, last))
            covered = max(covered, head.entry)
        if covered < last:
            yield _no_head(source, covered + 1, last)

    def _name(self, seen: _Seen) -> str:
        return self._sources[seen.source].name


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _no_head(source: HeadSource, first: int, last: int) -> Finding:
    of = f"of entry {first}" if first == last else f"of the entries {first} to {last}"
    text = f"{source.name} has no head {of}: it could not be written then, or was taken away since."
    return Finding(kind=Kind.NO_HEAD, text=text, first=first, last=last)
