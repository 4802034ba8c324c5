"""What a drill has shown: that a backup can be restored, that it cannot, or nothing at all. Pure.

Only what the backup itself is to blame for makes a drill fail: media that cannot be read as they were written, a
database whose structure is damaged, an answer that is not the one that was expected. All else (no room, no key, a
server that is away) leaves open what the backup is worth, and is told as that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from pwsops.errors import (
    Cancelled,
    CertificateNeeded,
    DatabaseDamaged,
    LoginRefused,
    MediaError,
    NoSpace,
    PwsopsError,
)
from pwsops.rules.formatting import listed
from pwsops.rules.model import LOST, MediaState, Sighting

OTHER_VERSION, NOT_OPENED = (3169, 3243), 3201
"""SQL Server's numbers: the backup is of a version that it does not read; it could not open the file."""
MOST_QUERIES = 5
RESERVE_BYTES = 256 << 20
"""What has to stay free where a scratch goes, beside the scratch itself."""
_SHOWN = 3
_NAME = "pwsops_drill_"
_IS_SCRATCH = re.compile(rf"{_NAME}[0-9a-f]{{32}}")


class Outcome(StrEnum):
    """What a drill has shown."""

    PROVEN = "proven"
    FAILED = "failed"
    """The backup did not bring back what it should: that is its own fault."""
    UNTESTED = "untested"
    """It could not be tested: nothing is known of the backup that was not known before."""


OUTCOME_WORDS = {
    Outcome.PROVEN: "proven",
    Outcome.FAILED: "failed",
    Outcome.UNTESTED: "could not be tested",
}


class Cause(StrEnum):
    """Why it was not proven."""

    NONE = ""
    MEDIA = "media"
    """Its files are missing, damaged, or not what was recorded."""
    STRUCTURE = "structure"
    """What was restored is damaged."""
    ANSWER = "answer"
    """A query does not give what it must."""
    ROOM = "room"
    KEY = "key"
    VERSION = "version"
    LOGIN = "login"
    UNREACHED = "unreached"
    """The files could not be looked at."""
    QUERY = "query"
    """A query could not be asked, by its own fault."""
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    OTHER = "other"


_NOT_ITS_FAULT = (
    (CertificateNeeded, Cause.KEY),
    (LoginRefused, Cause.LOGIN),
    (NoSpace, Cause.ROOM),
    (Cancelled, Cause.CANCELLED),
)


class AnswerKind(StrEnum):
    """What came of a query."""

    VALUE = "value"
    LACKING = "lacking"
    """The database has not what it asks for: a table, a column."""
    REFUSED = "refused"
    """It is not carried out as it stands: it writes, takes too long, or is no query."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """What somebody asks of a restored database, and the value that it must give."""

    sql: str
    expect: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a query gave: its `value` as text, or why it gave none."""

    kind: AnswerKind
    value: str = ""
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What happened in a drill, as far as it came.

    Parameters
    ----------
    error
        What ended it before its end.
    seen
        What was found where the backup's files lie, after an error of media.
    elsewhere
        Whether another instance tried it than the one that took it, which may see other files.
    findings
        What is damaged in the restored database; None: that was not looked for.
    why_unchecked
        Why it could not be looked for.
    queries, answers
        What was asked, and what it gave, in the same order.
    """

    error: PwsopsError | None = None
    seen: Sequence[Sighting] = ()
    elsewhere: bool = False
    findings: Sequence[str] | None = None
    why_unchecked: str = ""
    queries: Sequence[Query] = ()
    answers: Sequence[Answer] = ()


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The outcome of a drill, why, and what to do."""

    outcome: Outcome
    cause: Cause = Cause.NONE
    why: str = ""
    next_step: str = ""


def told(cause: Cause, why: str) -> str:
    """Return why a drill was not proven for those who are not shown what a database holds: no query, no answer."""
    if cause is Cause.ANSWER:
        return "A query gives something else than it must."
    return "A query could not be asked." if cause is Cause.QUERY else why


def judge(facts: Facts) -> Judgement:
    """Return what a drill has shown. Damage counts before anything that could not be asked."""
    if facts.error is not None and not facts.findings:
        return of_error(facts.error, facts.seen, elsewhere=facts.elsewhere)
    found = [*_of_structure(facts), *_of_answers(facts)]
    failed = [one for one in found if one.outcome is Outcome.FAILED]
    return next(iter([*failed, *found]), Judgement(outcome=Outcome.PROVEN))


def of_error(error: PwsopsError, seen: Sequence[Sighting] = (), *, elsewhere: bool = False) -> Judgement:
    """Return what a drill has shown that ended with an error."""
    cause = _cause(error, seen, elsewhere=elsewhere)
    failed = cause in (Cause.MEDIA, Cause.STRUCTURE)
    outcome = Outcome.FAILED if failed else Outcome.UNTESTED
    return Judgement(outcome=outcome, cause=cause, why=error.message, next_step=error.hint)


def _cause(error: PwsopsError, seen: Sequence[Sighting], *, elsewhere: bool) -> Cause:
    if isinstance(error, DatabaseDamaged):
        return Cause.STRUCTURE
    if isinstance(error, MediaError):
        return _of_media(error, [one.state for one in seen], elsewhere=elsewhere)
    return next((cause for kind, cause in _NOT_ITS_FAULT if isinstance(error, kind)), Cause.OTHER)


def _of_media(error: MediaError, states: Sequence[MediaState], *, elsewhere: bool) -> Cause:
    """Return whether media are to blame, or whoever could not get at them."""
    if error.number in OTHER_VERSION:
        return Cause.VERSION
    lost = any(state in LOST for state in states)
    if MediaState.UNKNOWN in states or (elsewhere and MediaState.MISSING in states):
        return Cause.UNREACHED
    return Cause.UNREACHED if error.number == NOT_OPENED and not lost else Cause.MEDIA


def _of_structure(facts: Facts) -> list[Judgement]:
    if facts.findings:
        more = len(facts.findings) - _SHOWN
        named = "; ".join(facts.findings[:_SHOWN]) + (f" (and {more} more)" if more > 0 else "")
        return [
            Judgement(
                outcome=Outcome.FAILED,
                cause=Cause.STRUCTURE,
                why=f"What was restored is damaged: {named}.",
                next_step="Check the database itself for damage, and drill an older backup.",
            )
        ]
    if facts.why_unchecked:
        why = f"Whether what was restored is damaged could not be checked: {facts.why_unchecked}."
        return [Judgement(outcome=Outcome.UNTESTED, cause=Cause.OTHER, why=why, next_step="Drill it again.")]
    return []


def _of_answers(facts: Facts) -> list[Judgement]:
    judged = [_of_answer(*each) for each in zip(facts.queries, facts.answers, strict=True)]
    return [one for one in judged if one is not None]


def _of_answer(query: Query, answer: Answer) -> Judgement | None:
    if answer.kind is AnswerKind.REFUSED:
        why = f"The query {query.sql!r} could not be asked: {answer.why}."
        step = "Correct the query, and drill again."
        return Judgement(outcome=Outcome.UNTESTED, cause=Cause.QUERY, why=why, next_step=step)
    step = "Look at what the database holds now; if the query is right, drill an older backup."
    if answer.kind is AnswerKind.LACKING:
        why = f"The query {query.sql!r} cannot be answered by what was restored: {answer.why}."
        return Judgement(outcome=Outcome.FAILED, cause=Cause.ANSWER, why=why, next_step=step)
    if is_expected(answer.value, query.expect):
        return None
    why = f"The query {query.sql!r} gives {answer.value!r} and not {query.expect!r}."
    return Judgement(outcome=Outcome.FAILED, cause=Cause.ANSWER, why=why, next_step=step)


def is_expected(value: str, expect: str) -> bool:
    """Whether an answer is the expected one: the same text, or the same number."""
    if value.strip() == expect.strip():
        return True
    one, other = _number(value), _number(expect)
    return one is not None and one == other


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def scratch_name(token: str) -> str:
    """Return what the scratch of a drill is called; `token`: 32 random hexadecimal digits, which nobody else has."""
    return f"{_NAME}{token}"


def is_scratch(name: str) -> bool:
    """Whether a name is that of a scratch: what has another one is never dropped."""
    return _IS_SCRATCH.fullmatch(name) is not None


def spare_bytes(size_bytes: int) -> int:
    """Return what has to be free for a scratch of that size beside the size itself: a tenth, and the reserve."""
    return math.ceil(size_bytes / 10) + RESERVE_BYTES


def unfit(queries: Sequence[Query]) -> str:
    """Return why queries cannot be asked in a drill; empty: they can."""
    if len(queries) > MOST_QUERIES:
        return f"a drill asks at most {MOST_QUERIES} queries, and these are {len(queries)}"
    empty = [str(number) for number, one in enumerate(queries, start=1) if not one.sql.strip()]
    return f"query {listed(empty)} is empty" if empty else ""
