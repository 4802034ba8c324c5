"""What shows that a database is not the one that an older backup was taken of."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from pwsops.rules.incarnation import Origin, Traces, origin, other_incarnation, traces, unlike_as_noted

OLD = Traces(changes=10, schema=5)
FILE = Origin(inode=7, born_at="2026-03-02T12:00:00+00:00", traces=OLD)


def alike(same_file: bool) -> str:
    return ""


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
def test_a_counter_that_went_back_is_another_incarnation(now: Traces | None, why: str) -> None:
    assert other_incarnation(former=FILE, shown=OLD, now=replace(FILE, traces=now), unlike=alike) == why


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
    assert other_incarnation(former=former, shown=None, now=now, unlike=alike) == ""
    found = other_incarnation(former=former, shown=OLD, now=now, unlike=lambda same_file: "nothing is the same")
    assert found == f"{what}, and nothing is the same"


def test_in_the_same_file_the_contents_tell_as_well() -> None:
    """Another database that is copied over a file leaves its number and birth as they are."""
    told: list[bool] = []

    def unlike(same_file: bool) -> str:
        told.append(same_file)
        return "nothing is the same"

    grown = replace(FILE, traces=Traces(changes=99, schema=9))
    found = other_incarnation(former=FILE, shown=OLD, now=grown, unlike=unlike)
    assert found == "other contents were written into the same file since: nothing is the same"
    other_incarnation(former=FILE, shown=OLD, now=replace(grown, inode=8), unlike=unlike)
    assert told == [True, False]


def test_what_was_kept_comes_back_and_what_makes_no_sense_is_nothing() -> None:
    assert traces(b"SQLite format 3\0") is None
    for one in (FILE, replace(FILE, traces=None, born_at=None), replace(FILE, pages=((1, "ab"), (7, "cd")))):
        assert origin(asdict(one)) == one
    for broken in (
        None,
        {},
        {"inode": 7},
        asdict(FILE) | {"pages": [1]},
        {"traces": None},
        {"traces": {"changes": 1}},
        5,
        [1],
    ):
        assert origin(broken) is None  # type: ignore[arg-type]


def test_an_eighth_of_the_noted_pages_has_to_be_the_same() -> None:
    noted = replace(FILE, pages=tuple((number, f"{number}") for number in range(1, 17)))
    assert unlike_as_noted(noted, {1: "1", 2: "2", 3: "other"}) == ""
    assert unlike_as_noted(noted, {1: "1", 2: "3"}) == "of 16 pages that were noted only 1 are still the same"
    assert unlike_as_noted(replace(FILE, pages=((1, "1"), (2, "2"))), {1: "1"}) == ""
    for nothing in (None, FILE):
        assert unlike_as_noted(nothing, {1: "1"}) == "nothing was noted of its pages"
