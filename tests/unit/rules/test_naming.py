from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwsops.rules.model import BackupKind
from pwsops.rules.naming import ALTERNATIVES, alternatives, media_file_name

AT = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=1)))
FORBIDDEN = '<>:"/\\|?*'


def fixed(database: str) -> str:
    return media_file_name(database, BackupKind.FULL, at=None, suffix="x")


@pytest.mark.parametrize(
    ("kind", "at", "expected"),
    [
        (BackupKind.FULL, AT, "db.sqlite3_FULL_20260301T003000Z_7f.bak"),
        (BackupKind.DIFFERENTIAL, AT, "db.sqlite3_DIFF_20260301T003000Z_7f.bak"),
        (BackupKind.FULL, None, "db.sqlite3_FULL.bak"),
        (BackupKind.DIFFERENTIAL, None, "db.sqlite3_DIFF.bak"),
    ],
)
def test_a_name_says_database_kind_and_utc_time(kind: BackupKind, at: datetime | None, expected: str) -> None:
    assert media_file_name("db.sqlite3", kind, at=at, suffix="7f") == expected


@pytest.mark.parametrize("database", ["Größe 1", "-rf", "a'b]", "日本語", ".hidden", "x_FULL"])
def test_what_file_systems_take_is_left_as_it_is(database: str) -> None:
    assert fixed(database) == f"{database}_FULL.bak"


@pytest.mark.parametrize(
    "database",
    ["a/b", "a\\b", "../../etc/passwd", "a\0b", "a\nb", "C:x", "a?b*", "trailing. ", "", "...", "a" * 300, "é" * 200],
)
def test_what_no_file_system_takes_is_made_safe_and_marked(database: str) -> None:
    name = fixed(database)
    stem = name.removesuffix("_FULL.bak")
    assert stem != database
    assert stem[-9] == "~"
    assert len(name.encode()) <= 255 - 32
    assert not any(each in FORBIDDEN or ord(each) < 32 for each in name)


def test_names_that_look_the_same_once_replaced_stay_apart() -> None:
    alike = ["a/b", "a\\b", "a_b", "a?b", "a_b.", "a_b ", "x" * 300, "x" * 301]
    assert len({fixed(each) for each in alike}) == len(alike)


def test_a_database_named_like_the_replacement_of_another_stays_apart() -> None:
    imitation = fixed("a/b").removesuffix("_FULL.bak")
    assert fixed(imitation) != fixed("a/b")


@given(st.text(st.characters(codec=None), max_size=400), st.booleans())
def test_every_name_is_one_component_that_fits(database: str, dated: bool) -> None:
    name = media_file_name(database, BackupKind.DIFFERENTIAL, at=AT if dated else None, suffix="0123456789ab")
    assert len(name.encode()) <= 220
    assert not set(name) & set(FORBIDDEN)
    assert all(ord(each) >= 32 and ord(each) != 127 for each in name)
    assert name == name.strip(". ") or name.startswith((".", " "))


@pytest.mark.parametrize("name", ["one_FULL.bak", "plain", "é" * 125 + ".bak"])
def test_other_names_are_as_many_as_said_and_none_is_too_long(name: str) -> None:
    found = list(alternatives(name))
    assert found[0] == name
    assert len(set(found)) == len(found) == ALTERNATIVES
    assert all(len(one.encode()) <= 255 for one in found)
    assert found[1].removesuffix(".bak").endswith("~2")
