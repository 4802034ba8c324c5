"""What shows that a database is not the one that an older backup was taken of."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from pwsops.rules.incarnation import Origin, Traces, origin, other_incarnation, traces

OLD = Traces(changes=10, schema=5)
FILE = Origin(inode=7, born_at="2026-03-02T12:00:00+00:00", traces=OLD)


def never() -> str:
    raise AssertionError("the contents are not asked for")


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (OLD, ""),
        (Traces(changes=11, schema=5), ""),
        (None, ""),
        (Traces(changes=9, schema=5), "the database's change counter went back from 10 to 9 since"),
        (Traces(changes=11, schema=4), "the database's schema counter went back from 5 to 4 since"),
    ],
)
def test_a_counter_that_went_back_is_another_incarnation_and_the_same_file_is_none(
    now: Traces | None, why: str
) -> None:
    assert other_incarnation(former=FILE, shown=OLD, now=replace(FILE, traces=now), unlike=never) == why


@pytest.mark.parametrize(
    ("former", "now", "what"),
    [
        (FILE, replace(FILE, inode=8), "another file has its place since"),
        (FILE, replace(FILE, born_at="2026-03-02T12:00:01+00:00"), "another file has its place since"),
        (FILE, replace(FILE, born_at=None), "whether its file is still the same is not known"),
        (replace(FILE, born_at=None), replace(FILE, born_at=None), "whether its file is still the same is not known"),
        (None, FILE, "whether its file is still the same is not known"),
    ],
)
def test_where_it_is_not_provably_one_file_the_contents_tell(former: Origin | None, now: Origin, what: str) -> None:
    assert other_incarnation(former=former, shown=None, now=now, unlike=lambda: "") == ""
    found = other_incarnation(former=former, shown=OLD, now=now, unlike=lambda: "nothing is the same")
    assert found == f"{what}, and nothing is the same"


def test_what_was_kept_comes_back_and_what_makes_no_sense_is_nothing() -> None:
    assert traces(b"SQLite format 3\0") is None
    for one in (FILE, replace(FILE, traces=None, born_at=None)):
        assert origin(asdict(one)) == one
    for broken in (None, {}, {"inode": 7}, {"traces": None}, {"traces": {"changes": 1}}, 5, [1]):
        assert origin(broken) is None  # type: ignore[arg-type]
