"""What a drill has shown: only what the backup is to blame for makes it fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwsops.errors import (
    Cancelled,
    CertificateNeeded,
    Conflict,
    DatabaseDamaged,
    EndUnknown,
    EngineError,
    LoginRefused,
    MediaError,
    NoSpace,
    PwsopsError,
    Unanswered,
)
from pwsops.rules.drills import (
    NOT_OPENED,
    RESERVE_BYTES,
    Answer,
    AnswerKind,
    Cause,
    Facts,
    Outcome,
    Query,
    is_expected,
    is_scratch,
    judge,
    of_error,
    scratch_name,
    spare_bytes,
    unfit,
)
from pwsops.rules.model import MediaState, Sighting

COUNT = Query(sql="SELECT count(*) FROM t", expect="3")
GOOD = Facts(findings=(), queries=[COUNT], answers=[Answer(kind=AnswerKind.VALUE, value="3")])


def sightings(*states: MediaState) -> list[Sighting]:
    return [Sighting(state=state) for state in states]


def media(number: int | None = None) -> MediaError:
    return MediaError("It is damaged.", hint="Choose another.", number=number)


def test_a_backup_that_brings_back_what_it_should_is_proven() -> None:
    assert judge(GOOD).outcome is Outcome.PROVEN
    assert judge(Facts(findings=())).outcome is Outcome.PROVEN


def test_damage_counts_though_a_later_step_could_not_be_done() -> None:
    stopped = Cancelled("It was stopped.", hint="Drill again.")
    found = judge(replace(GOOD, error=stopped, findings=("page 7 is bad",), queries=(), answers=()))
    assert found.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (EngineError, Cause.OTHER),
        (NoSpace, Cause.ROOM),
        (CertificateNeeded, Cause.KEY),
        (LoginRefused, Cause.LOGIN),
        (Cancelled, Cause.CANCELLED),
        (EndUnknown, Cause.OTHER),
        (Unanswered, Cause.OTHER),
        (Conflict, Cause.OTHER),
    ],
)
def test_what_is_not_the_backups_fault_leaves_open_what_it_is_worth(kind: type[PwsopsError], cause: Cause) -> None:
    found = judge(replace(GOOD, error=kind("It did not work.", hint="Do this.")))
    assert (found.outcome, found.cause) == (Outcome.UNTESTED, cause)
    assert (found.why, found.next_step) == ("It did not work.", "Do this.")


@pytest.mark.parametrize(
    ("error", "seen", "elsewhere", "cause"),
    [
        (media(), sightings(MediaState.PRESENT), False, Cause.MEDIA),
        (media(), sightings(MediaState.MISSING), False, Cause.MEDIA),
        (media(), sightings(MediaState.PRESENT, MediaState.DAMAGED), False, Cause.MEDIA),
        (media(), [], False, Cause.MEDIA),
        (media(NOT_OPENED), sightings(MediaState.MISSING), False, Cause.MEDIA),
        (media(), sightings(MediaState.OTHER), True, Cause.MEDIA),
        (DatabaseDamaged("It is damaged.", hint="Mend it."), [], False, Cause.STRUCTURE),
        (media(), sightings(MediaState.PRESENT, MediaState.UNKNOWN), False, Cause.UNREACHED),
        (media(), sightings(MediaState.MISSING), True, Cause.UNREACHED),
        (media(NOT_OPENED), sightings(MediaState.PRESENT), False, Cause.UNREACHED),
        (media(3169), sightings(MediaState.PRESENT), False, Cause.VERSION),
        (media(3243), sightings(MediaState.PRESENT), False, Cause.VERSION),
    ],
)
def test_media_are_to_blame_only_where_they_could_be_looked_at(
    error: PwsopsError, seen: list[Sighting], elsewhere: bool, cause: Cause
) -> None:
    found = of_error(error, seen, elsewhere=elsewhere)
    failed = cause in (Cause.MEDIA, Cause.STRUCTURE)
    assert (found.cause, found.outcome) == (cause, Outcome.FAILED if failed else Outcome.UNTESTED)


def test_damage_in_what_was_restored_fails_it_and_is_named() -> None:
    found = judge(replace(GOOD, findings=[f"page {number}" for number in range(5)]))
    assert (found.outcome, found.cause) == (Outcome.FAILED, Cause.STRUCTURE)
    assert "page 0; page 1; page 2 (and 2 more)" in found.why
    assert "page 0." in judge(replace(GOOD, findings=["page 0"])).why


def test_a_structure_that_could_not_be_checked_proves_nothing() -> None:
    found = judge(replace(GOOD, findings=None, why_unchecked="the server was busy"))
    assert found.outcome is Outcome.UNTESTED
    assert "the server was busy" in found.why


@pytest.mark.parametrize(
    ("answer", "outcome", "cause"),
    [
        (Answer(kind=AnswerKind.VALUE, value="4"), Outcome.FAILED, Cause.ANSWER),
        (Answer(kind=AnswerKind.LACKING, why="no such table: t"), Outcome.FAILED, Cause.ANSWER),
        (Answer(kind=AnswerKind.REFUSED, why="it took too long"), Outcome.UNTESTED, Cause.QUERY),
    ],
)
def test_an_answer_that_differs_fails_it_and_a_query_that_cannot_be_asked_does_not(
    answer: Answer, outcome: Outcome, cause: Cause
) -> None:
    found = judge(replace(GOOD, answers=[answer]))
    assert (found.outcome, found.cause) == (outcome, cause)
    assert COUNT.sql in found.why
    assert (answer.why or answer.value) in found.why


def test_what_failed_counts_before_what_could_not_be_tested() -> None:
    answers = [Answer(kind=AnswerKind.REFUSED, why="slow"), Answer(kind=AnswerKind.VALUE, value="4")]
    assert judge(replace(GOOD, queries=[COUNT, COUNT], answers=answers)).outcome is Outcome.FAILED
    unchecked = replace(GOOD, findings=None, why_unchecked="busy", answers=[Answer(kind=AnswerKind.VALUE, value="4")])
    assert judge(unchecked).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("value", "expect", "same"),
    [
        ("3", "3", True),
        ("3", " 3\n", True),
        ("3.0", "3", True),
        ("3", "03", True),
        ("1e3", "1000", True),
        ("", "", True),
        ("a", "b", False),
        ("NULL", "0", False),
        ("nan", "NaN ", False),
        ("inf", "Infinity", False),
    ],
)
def test_an_answer_is_the_expected_one_as_text_or_as_a_number(value: str, expect: str, same: bool) -> None:
    assert is_expected(value, expect) is same


@given(st.integers(min_value=0, max_value=1 << 50))
def test_a_scratch_leaves_a_tenth_and_the_reserve_free(size: int) -> None:
    assert size + spare_bytes(size) >= size * 11 // 10 + RESERVE_BYTES


def test_only_a_few_queries_that_say_something_are_asked() -> None:
    assert unfit([COUNT] * 5) == ""
    assert "at most 5" in unfit([COUNT] * 6)
    assert "query 2 is empty" in unfit([COUNT, Query(sql=" ", expect="1")])


@given(st.binary(min_size=16, max_size=16))
def test_what_is_called_like_a_scratch_is_told_from_all_else(token: bytes) -> None:
    name = scratch_name(token.hex())
    assert is_scratch(name)
    assert not any(map(is_scratch, (name[:-1], name + "0", name.upper(), f"a{name}", f"{name}\n", f"{name}/..", "")))
