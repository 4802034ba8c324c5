"""What is in a database: tables of rows (a number and a text), each row with the LSN of its last change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

PAGE_BYTES = 8192
ROW_OVERHEAD_BYTES = 20


class StoredRow(NamedTuple):
    """The text of a row, and the LSN at which it was written."""

    text: str
    lsn: int


@dataclass(frozen=True, kw_only=True)
class Change:
    """One entry of the log. `key` None: the table was created; `text` None: the row was deleted."""

    lsn: int
    at: datetime
    table: str
    key: int | None
    text: str | None = None

    @property
    def size_bytes(self) -> int:
        return 100 + 2 * len(self.text or "")


@dataclass
class Content:
    """Tables by name, and the rows that were deleted with the LSN at which they went."""

    tables: dict[str, dict[int, StoredRow]] = field(default_factory=dict)
    deleted: dict[tuple[str, int], int] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        """Do what the log says."""
        rows = self.tables.setdefault(change.table, {})
        if change.key is None:
            return
        if change.text is None:
            rows.pop(change.key, None)
            self.deleted[change.table, change.key] = change.lsn
        else:
            rows[change.key] = StoredRow(change.text, change.lsn)
            self.deleted.pop((change.table, change.key), None)

    def copy(self) -> Content:
        return Content(tables={name: dict(rows) for name, rows in self.tables.items()}, deleted=dict(self.deleted))

    def since(self, lsn: int, at: datetime) -> Sequence[Change]:
        """Return what a differential holds: the last state of everything that changed after an LSN."""
        changes = [Change(lsn=lsn, at=at, table=name, key=None) for name in self.tables]
        for name, rows in self.tables.items():
            changes.extend(
                Change(lsn=row.lsn, at=at, table=name, key=key, text=row.text)
                for key, row in rows.items()
                if row.lsn > lsn
            )
        changes.extend(
            Change(lsn=gone, at=at, table=name, key=key) for (name, key), gone in self.deleted.items() if gone > lsn
        )
        return changes

    @property
    def pages(self) -> int:
        """Say how many pages the rows fill."""
        rows = (row for table in self.tables.values() for row in table.values())
        return pages(2 * len(row.text) + ROW_OVERHEAD_BYTES for row in rows)


def pages(sizes: Iterable[int]) -> int:
    """Say how many pages so many bytes fill."""
    return -(-sum(sizes) // PAGE_BYTES)
