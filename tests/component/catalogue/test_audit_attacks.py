"""Whoever can write the catalogue changes its audit log: every way shows.

Without the key and the heads, any change of the table shows. With the key, which is what owning the application means,
whatever is cut or rewritten still shows by the heads that left the home before.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwsops.catalogue import Catalogue, audit, audit_check
from pwsops.catalogue.audit_keys import Notary
from pwsops.catalogue.home_key import StoredKeyRecords
from pwsops.catalogue.store import FILE_NAME
from pwsops.errors import PwsopsError
from pwsops.heads import Heads
from pwsops.heads.places import DEFAULT
from pwsops.rules.audit import NO_KEY, AuditState, Kind, Verification
from pwsops.secrets import KEY_FILE, Vault

ENTRIES = 12
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
COLUMNS = ("id", "at", "actor", "action", "subject", "detail", "digest", "system_user", "key_id")
numbers = st.integers(1, ENTRIES)
texts = st.text(alphabet="ab'\"\\,[]\n\0é", max_size=4)
values = st.one_of(texts, st.integers(-2, 2), st.binary(max_size=2))
quick = settings(max_examples=25)
"""Each opens a catalogue anew; what is tried is small."""
Row = dict[str, Any]


@cache
def written() -> dict[str, bytes]:
    """The files of a home whose log has some entries."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        with opened(home) as catalogue:
            for number in range(ENTRIES):
                append(catalogue, number)
        return {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}


def append(catalogue: Catalogue, number: int) -> None:
    with catalogue.write() as connection:
        at = AT + timedelta(seconds=number)
        audit.append(connection, at=at, actor="ann", action="act", subject=f"thing {number % 3}", detail="")


@contextmanager
def opened(home: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue(home)
    vault = Vault(home, StoredKeyRecords(catalogue))
    with suppress(PwsopsError):
        vault.prepare()
    catalogue.notary = Notary(vault, Heads(home))
    try:
        yield catalogue
    finally:
        catalogue.close()


@dataclass
class Site:
    home: Path

    def rows(self) -> list[Row]:
        with closing(sqlite3.connect(self.home / FILE_NAME)) as connection:
            found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM audit ORDER BY id").fetchall()
        return [dict(zip(COLUMNS, row, strict=True)) for row in found]

    def put(self, rows: list[Row]) -> None:
        """Make the table hold these, behind the product's back."""
        with closing(sqlite3.connect(self.home / FILE_NAME)) as connection, connection:
            for verb in ("update", "delete"):
                connection.execute(f"DROP TRIGGER IF EXISTS audit_is_append_only_{verb}")
            connection.execute("DELETE FROM audit")
            marks = ", ".join("?" * len(COLUMNS))
            connection.executemany(
                f"INSERT INTO audit ({', '.join(COLUMNS)}) VALUES ({marks})", [tuple(row.values()) for row in rows]
            )

    def verify(self) -> Verification:
        with opened(self.home) as catalogue, catalogue.read() as connection:
            assert catalogue.notary.heads is not None
            return audit_check.verify(connection, catalogue.notary, catalogue.notary.heads.read())

    def secret(self) -> bytes:
        with opened(self.home) as catalogue, catalogue.read() as connection:
            return catalogue.notary.every(connection)[1][1]

    def chained(self, rows: list[Row], key: int | None, secret: bytes | None) -> list[Row]:
        """The rows with digests that follow, as whoever has that secret can compute them."""
        before, found = audit.FIRST, []
        for number, row in enumerate(rows, start=1):
            row = row | {"id": number, "key_id": key}
            at = AT + timedelta(
                microseconds=row["at"] - (AT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta.resolution
            )
            row["digest"] = before = audit.digest_of(before, row | {"at": at}, secret)
            found.append(row)
        return found


@contextmanager
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as directory:
        for name, content in written().items():
            (Path(directory) / name).write_bytes(content)
        yield Site(Path(directory))


def changed(change: Callable[[Site, list[Row]], list[Row]]) -> Verification:
    with site() as attacked:
        before = attacked.rows()
        after = change(attacked, [dict(row) for row in before])
        if after != before:
            attacked.put(after)
        found = attacked.verify()
        assert (found.state is AuditState.WHOLE) == (after == before)
        return found


def test_what_nobody_touched_is_whole() -> None:
    assert changed(lambda _site, rows: rows).entries == ENTRIES


@quick
@given(number=numbers, column=st.sampled_from(COLUMNS[1:]), value=values)
def test_any_edit_of_one_entry_is_found(number: int, column: str, value: object) -> None:
    def edit(_site: Site, rows: list[Row]) -> list[Row]:
        rows[number - 1][column] = value
        return rows

    assert changed(edit).state in (AuditState.CHANGED, AuditState.WHOLE)


@quick
@given(gone=st.sets(numbers, min_size=1), closed=st.booleans())
def test_any_deletion_is_found_also_where_the_numbers_are_closed_up(gone: set[int], closed: bool) -> None:
    def delete(_site: Site, rows: list[Row]) -> list[Row]:
        left = [row for row in rows if row["id"] not in gone]
        return [row | {"id": number} for number, row in enumerate(left, start=1)] if closed else left

    assert changed(delete).state is AuditState.CHANGED


@quick
@given(one=numbers, other=numbers)
def test_any_exchange_of_two_entries_is_found(one: int, other: int) -> None:
    def swap(_site: Site, rows: list[Row]) -> list[Row]:
        first, second = rows[one - 1], rows[other - 1]
        first["id"], second["id"] = second["id"], first["id"]
        return sorted(rows, key=lambda row: int(row["id"]))

    changed(swap)


@quick
@given(at=st.integers(0, ENTRIES), like=numbers, key=st.sampled_from([None, NO_KEY, 1, 2]), text=texts)
def test_any_insertion_is_found(at: int, like: int, key: int | None, text: str) -> None:
    def insert(_site: Site, rows: list[Row]) -> list[Row]:
        rows.insert(at, rows[like - 1] | {"detail": text, "key_id": key})
        return [row | {"id": number} for number, row in enumerate(rows, start=1)]

    found = changed(insert)
    assert found.state is AuditState.CHANGED or at == ENTRIES, "at the end nobody can vouch for it"


@pytest.mark.parametrize("last", range(ENTRIES))
def test_any_cut_at_the_end_is_found(last: int) -> None:
    found = changed(lambda _site, rows: rows[:last])
    assert found.findings[-1].kind is (Kind.CUT if last else Kind.EMPTIED)


@pytest.mark.parametrize("key", [None, NO_KEY])
@pytest.mark.parametrize("length", [3, ENTRIES, ENTRIES + 3])
def test_another_log_that_was_made_without_the_key_is_found(key: int | None, length: int) -> None:
    def replace(attacked: Site, rows: list[Row]) -> list[Row]:
        return attacked.chained([rows[0] | {"detail": "innocent"} for _ in range(length)], key, None)

    assert changed(replace).state is AuditState.CHANGED


@quick
@given(begin=numbers, last=st.integers(0, ENTRIES + 3), text=texts.filter(bool))
def test_whoever_has_the_key_can_neither_rewrite_nor_cut(begin: int, last: int, text: str) -> None:
    def rewrite(attacked: Site, rows: list[Row]) -> list[Row]:
        rows[begin - 1]["detail"] = text
        more = [dict(rows[0]) for _ in range(last - ENTRIES)]
        return attacked.chained([*rows[:last], *more], 1, attacked.secret())

    found = changed(rewrite)
    assert found.state is AuditState.CHANGED
    kinds = {one.kind for one in found.findings}
    assert kinds & {Kind.REWRITTEN, Kind.REPLACED, Kind.CUT, Kind.EMPTIED}


def test_whoever_takes_the_heads_as_well_is_still_found_by_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    with site() as attacked:
        heads = Heads(attacked.home).read()[0].heads
        attacked.put(attacked.rows()[:5])
        file = attacked.home / DEFAULT
        file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:5]))
        assert attacked.verify().state is AuditState.WHOLE, "nothing in the home tells it"
        told = "pwsops.heads.journal.read"
        monkeypatch.setattr(told, lambda _home: journal_told(heads, file))
        kinds = [one.kind for one in attacked.verify().findings]
        assert kinds == [Kind.HEADS_LOST, Kind.CUT]


def journal_told(heads: Any, file: Path) -> Any:
    from pwsops.heads.journal import NAME, JournalHeads
    from pwsops.rules.audit import HeadSource

    return JournalHeads(source=HeadSource(name=NAME, heads=heads), file_bytes={str(file): 10_000})


def test_a_key_that_is_lost_is_not_taken_for_a_whole_log_and_the_heads_are_compared_still() -> None:
    with site() as attacked:
        (attacked.home / KEY_FILE).unlink()
        found = attacked.verify()
        assert (found.state, [one.kind for one in found.findings]) == (AuditState.UNKNOWN, [Kind.KEY_LOST])
        assert "Each of the entries 1 to 12 cannot be checked" in found.summary
        rows = attacked.rows()
        attacked.put(rows[:5])
        assert attacked.verify().state is AuditState.CHANGED


def test_no_key_is_made_silently_where_the_log_had_one() -> None:
    with site() as attacked:
        with closing(sqlite3.connect(attacked.home / FILE_NAME)) as connection, connection:
            connection.execute("DELETE FROM audit_keys")
        with opened(attacked.home) as catalogue:
            append(catalogue, ENTRIES)
        assert [row["key_id"] for row in attacked.rows()[-2:]] == [1, NO_KEY]
        found = attacked.verify()
        assert [one.kind for one in found.findings] == [Kind.REWRITTEN, Kind.UNKEYED]


def test_acts_are_written_without_the_key_and_vouched_for_again_once_it_is_back() -> None:
    with site() as attacked:
        kept = (attacked.home / KEY_FILE).read_bytes()
        (attacked.home / KEY_FILE).unlink()
        with opened(attacked.home) as catalogue:
            append(catalogue, ENTRIES)
        (attacked.home / KEY_FILE).write_bytes(kept)
        with opened(attacked.home) as catalogue:
            append(catalogue, ENTRIES + 1)
        (one,) = attacked.verify().findings
        assert (one.kind, one.first, one.last) == (Kind.UNKEYED, ENTRIES + 1, ENTRIES + 1)
        rows = attacked.rows()
        rows[ENTRIES]["detail"] = "else"
        attacked.put(rows)
        assert attacked.verify().state is AuditState.CHANGED


def test_a_new_key_leaves_what_the_former_one_covers_checked() -> None:
    with site() as attacked:
        with opened(attacked.home) as catalogue:
            with catalogue.write() as connection:
                assert audit.begin_anew(connection, now=AT, actor="ann") == 2
            append(catalogue, ENTRIES)
        assert [row["key_id"] for row in attacked.rows()[-3:]] == [1, 2, 2]
        assert attacked.verify().state is AuditState.WHOLE
        rows = attacked.rows()
        rows[3]["detail"] = "else"
        attacked.put(rows)
        assert [one.first for one in attacked.verify().findings] == [4]


def test_what_failed_leaves_neither_an_entry_nor_a_head() -> None:
    with site() as attacked:
        with opened(attacked.home) as catalogue, pytest.raises(RuntimeError), catalogue.write() as connection:
            audit.append(connection, at=AT, actor="ann", action="act", subject="x", detail="")
            raise RuntimeError
        assert (len(attacked.rows()), attacked.verify().state) == (ENTRIES, AuditState.WHOLE)


def test_several_entries_of_one_transaction_have_one_head() -> None:
    with site() as attacked:
        with opened(attacked.home) as catalogue, catalogue.write() as connection:
            for _ in range(3):
                audit.append(connection, at=AT, actor="ann", action="act", subject="x", detail="")
        found = attacked.verify()
        assert (found.state, found.sources) == (AuditState.WHOLE, {str(attacked.home / DEFAULT): ENTRIES + 1})
