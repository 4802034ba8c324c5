"""Which runs say a text: found by the three characters that follow each other in it, then compared.

Each different text that runs, items or messages say is kept once (see `schema.texts`), with the runs that say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, column, func, or_, select, table, union, union_all

from pwsops.catalogue.schema import messages, profiles, run_items, runs, said, texts

LONGEST_TEXT = 200
"""So many characters are searched for; the rest of a longer text is left out."""
FEW = 25_000
"""So many hits at most are noted before a page is read; of more, those that are shown are looked for in their order."""
FOUND = table("found", column("id"))
"""The hits, in a table that goes with the transaction."""
_GRAMS = table("text_grams", column("rowid"), column("text_grams"))
_VOCABULARY = table("text_vocabulary", column("term"))
_GROUP = 3
"""So many characters are in a group."""
_GROUPS = 300
"""With more groups than these, a text of one or two characters is in so many texts that reading them finds it soon."""
_LAST = chr(0x10FFFF)
# What is folded alike by SQLite's index and by Python: other letters are only compared.
_INDEXED = re.compile(r"[\x20-\x7eÀ-ÖØ-Þà-öø-þА-Яа-я]+")


class Search:
    """A text that is looked for in one transaction.

    Parameters
    ----------
    connection
        To read with.
    text
        What is looked for, in either case, each of its characters standing for itself.
    """

    def __init__(self, connection: Connection, text: str) -> None:
        self._connection = connection
        self._text = text[:LONGEST_TEXT].encode("utf-8", "replace").decode()
        self._says = matcher(self._text)
        connection.exec_driver_sql("CREATE TEMPORARY TABLE found (id INTEGER PRIMARY KEY)")
        hits = select(union_all(*self._hits()).subquery().c.run_id).distinct().limit(FEW + 1)
        connection.execute(FOUND.insert().from_select(["id"], hits))
        noted = connection.execute(select(func.count()).select_from(FOUND)).scalar_one()
        self.is_complete = noted <= FEW
        """Whether all the hits are noted."""

    def complete(self) -> None:
        """Note all the hits, however many there are."""
        if not self.is_complete:
            self._connection.execute(FOUND.delete())
            self._connection.execute(FOUND.insert().from_select(["id"], union(*self._hits())))
            self.is_complete = True

    def among(self, ids: Sequence[int]) -> set[int]:
        """Return which of these runs say the text."""
        says, of_run = self._says, run_items.c.run_id == runs.c.id
        matching = select(messages.c.id).where(messages.c.item_id == run_items.c.id, says(messages.c.text))
        of_item = or_(*map(says, (run_items.c.database, run_items.c.error, run_items.c.reason)), matching.exists())
        of_run = select(run_items.c.id).where(of_run, of_item).exists()
        found = select(runs.c.id).where(runs.c.id.in_(ids), or_(says(runs.c.profile), says(runs.c.summary), of_run))
        return set(self._connection.execute(found).scalars())

    def _hits(self) -> list[Select[Any]]:
        """Return what gives the runs, some of them several times, while they are being found."""
        names = select(profiles.c.name).where(self._says(profiles.c.name))
        by_name = select(runs.c.id.label("run_id")).where(runs.c.profile.in_(names))
        by_text = select(said.c.run_id).where(self._says(texts.c.text))
        groups = self._groups()
        # From left to right, so that the first hits come at once.
        if groups is None:
            return [by_name, by_text.select_from(texts.join(said, said.c.text_id == texts.c.id))]
        source = _GRAMS.join(texts, texts.c.id == _GRAMS.c.rowid).join(said, said.c.text_id == texts.c.id)
        match = _GRAMS.c.text_grams.op("MATCH", is_comparison=True)(groups)
        return [by_name, by_text.select_from(source).where(match)]

    def _groups(self) -> str | None:
        """Return which groups of characters a text with this one has; None where that tells too little."""
        if len(self._text) >= _GROUP or not _INDEXED.fullmatch(self._text):
            return " AND ".join(map(_quoted, _groups(self._text))) or None
        first = self._text.lower()
        known = select(_VOCABULARY.c.term).where(_VOCABULARY.c.term >= first, _VOCABULARY.c.term < first + _LAST)
        found = self._connection.execute(known.limit(_GROUPS + 1)).scalars().all()
        if len(found) > _GROUPS:
            return None
        return " OR ".join(map(_quoted, found or [first.ljust(_GROUP)]))


def _groups(text: str) -> Iterable[str]:
    """Return groups of characters that cover the text, as far as the index knows them."""
    groups: dict[str, None] = {}
    for part in _INDEXED.findall(text):
        starts = [*range(0, len(part) - _GROUP, _GROUP), len(part) - _GROUP]
        groups |= dict.fromkeys(part[at : at + _GROUP] for at in starts if at >= 0)
    return groups


def _quoted(group: str) -> str:
    return '"{}"'.format(group.replace('"', '""'))


def matcher(text: str) -> Any:
    """Return what finds a text anywhere in a column, in either case, each of its characters standing for itself."""
    if text.isascii():
        return lambda column: column.contains(text, autoescape=True)
    # LIKE, though eight times as quick, knows the case of English letters only.
    pattern = f"*{''.join(map(_either_case, text))}*"
    return lambda column: column.op("GLOB", is_comparison=True)(pattern)


def _either_case(char: str) -> str:
    cases = {case for case in (char, char.lower(), char.upper()) if len(case) == 1}
    return f"[{''.join(sorted(cases))}]" if len(cases) > 1 or char in "*?[" else char
