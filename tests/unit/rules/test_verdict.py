"""What holds for every verdict: what protects, what each fact that is missing costs, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwsops.rules import verdict_words
from pwsops.rules.model import SKEW, BackupKind, MediaState, ProfileState, Recurrence, RunStatus, Unit
from pwsops.rules.protection import LOST, Cause, Condition, Facts, Finding, ProfileFacts, Protection, SetFacts, Verdict
from pwsops.rules.verdict import SEEN_LATELY, awaits_first, judge
from tests.unit.rules.sets import NOON

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HOURLY = Recurrence(every=1, unit=Unit.HOUR, start=datetime(2026, 1, 1), timezone="UTC")
NOW = NOON + 5 * MINUTE
thorough = settings(max_examples=150, deadline=None)


def a_set(set_id: str = "full", **fields: Any) -> SetFacts:
    """A full of an hour ago that was proven and has just been seen."""
    given_ones = {
        "kind": BackupKind.FULL,
        "path": f"/media/{set_id}.bak",
        "data_at": NOON,
        "finished_at": NOON + MINUTE,
        "order": 1,
        "proven_at": NOON,
        "seen_state": MediaState.PRESENT,
        "state_since": NOON,
        "seen_at": NOW,
    }
    return SetFacts(set_id=set_id, **given_ones | fields)


def an_increment(base: SetFacts, **fields: Any) -> SetFacts:
    return a_set(
        **{"set_id": "incremental", "kind": BackupKind.DIFFERENTIAL, "base_id": base.set_id, "order": 2} | fields
    )


def a_profile(name: str = "hourly", **fields: Any) -> ProfileFacts:
    given_ones = {
        "state": ProfileState.ACTIVE,
        "amended_at": NOON - 100 * HOUR,
        "recurrence": HOURLY,
        "next_due_at": NOON + HOUR,
        "last_status": RunStatus.SUCCEEDED,
        "last_at": NOON,
    }
    return ProfileFacts(name=name, **given_ones | fields)


def some_facts(**fields: Any) -> Facts:
    given_ones = {"profiles": (a_profile(),), "sets": (a_set(),), "answered_at": NOW}
    return Facts(instance="srv", database="db", **given_ones | fields)


def causes(facts: Facts, now: datetime = NOW) -> list[Cause]:
    return [each.cause for each in judge(facts, now).findings]


def with_set(**fields: Any) -> Facts:
    return some_facts(sets=(a_set(**fields),))


def with_profile(**fields: Any) -> Facts:
    return some_facts(profiles=(a_profile(**fields),))


def test_a_database_is_protected_where_nothing_stands_against_it() -> None:
    found = judge(some_facts(), NOW)
    assert (found.protection, found.findings, found.since, found.urgent) == (Protection.PROTECTED, (), None, False)
    assert (found.point, found.profile, found.covered, found.checked_at) == (a_set(), "hourly", True, NOW)


BASE = a_set(order=1, data_at=NOON - 9 * HOUR)

# Each cause with facts that differ from those of a protected database in this alone.
REACHED: Sequence[tuple[Cause, Facts]] = (
    (Cause.NEVER_BACKED_UP, some_facts(sets=())),
    (Cause.FILES_GONE, with_set(seen_state=MediaState.MISSING)),
    (Cause.STRIPE_MISSING, with_set(seen_state=MediaState.MISSING, stripes=2)),
    (Cause.OTHER_SET, with_set(seen_state=MediaState.OTHER)),
    (Cause.FILE_DAMAGED, with_set(seen_state=MediaState.DAMAGED)),
    (Cause.DISPROVEN, with_set(disproven_at=NOON)),
    (Cause.SET_DAMAGED, with_set(is_damaged=True)),
    (Cause.FAILED_ITEM, with_set(of_failed_item=True)),
    (Cause.BASE_MISSING, some_facts(sets=(an_increment(BASE),))),
    (Cause.BASE_MISSING, some_facts(sets=(an_increment(BASE), replace(BASE, seen_state=MediaState.MISSING)))),
    (Cause.KEY_MISSING, with_set(missing_key="AB12")),
    (Cause.NO_PROFILE, some_facts(profiles=())),
    (Cause.PROFILE_BROKEN, with_profile(recurrence=None, broken="no such zone")),
    (Cause.PROFILE_INACTIVE, with_profile(state=ProfileState.INACTIVE)),
    (Cause.PROFILE_ENDED, with_profile(next_due_at=None)),
    (Cause.PROFILE_TRIPPED, with_profile(state=ProfileState.TRIPPED)),
    (Cause.SERVICE_STOPPED, some_facts(service_running=False)),
    (Cause.RUN_FAILED, with_profile(last_status=RunStatus.FAILED)),
    (Cause.RUN_MISSED, with_profile(last_status=RunStatus.MISSED)),
    (Cause.NOT_BEGUN, with_profile(recurrence=replace(HOURLY, start=datetime(2030, 1, 1)))),
    (Cause.OVERDUE, with_set(data_at=NOON - 3 * HOUR)),
    (Cause.CLOCK_IN_DOUBT, with_set(data_at=NOON + HOUR, finished_at=NOON + HOUR)),
    (Cause.DATABASE_GONE, some_facts(condition=Condition.GONE)),
    (Cause.DATABASE_OFFLINE, some_facts(condition=Condition.OFFLINE)),
    (Cause.DATABASE_UNREADABLE, some_facts(condition=Condition.UNREADABLE)),
    (Cause.DATABASE_REFUSES, some_facts(condition=Condition.REFUSES)),
    (Cause.DATABASE_DAMAGED, some_facts(damaged_since=NOON, damaged_why="Page 7 is torn.")),
    (Cause.ACCESS_OWED, some_facts(access_owed_since=NOON)),
    (Cause.RECORD_UNREADABLE, with_set(unreadable="backup_sets 1, `details` cannot be read")),
    (Cause.NOT_PROVEN, with_set(proven_at=None)),
    (Cause.KEY_NOT_LOOKED_AT, with_set(key_on_server="AB12", key_seen_at=NOON - HOUR)),
    (Cause.NOT_LOOKED_AT, with_set(seen_at=NOON - HOUR)),
    (Cause.PLACE_UNKNOWN, with_set(seen_state=MediaState.UNKNOWN)),
    (Cause.ELSEWHERE, with_set(seen_state=MediaState.ELSEWHERE)),
    (Cause.FOREIGN_BASE, some_facts(sets=(an_increment(BASE), replace(BASE, foreign=True)))),
    (Cause.DATABASE_UNSEEN, some_facts(condition=Condition.UNSEEN)),
    (Cause.INSTANCE_UNREACHED, some_facts(unreached_since=NOON)),
)


@pytest.mark.parametrize(("cause", "facts"), REACHED, ids=lambda value: value.name if isinstance(value, Cause) else "")
def test_each_need_that_is_not_met_has_its_own_cause(cause: Cause, facts: Facts) -> None:
    found = judge(facts, NOW)
    assert [each.cause for each in found.findings] == [cause]
    assert found.protection is cause.protection is not Protection.PROTECTED


def test_every_cause_can_be_reached_and_says_what_is_wrong_and_what_to_do() -> None:
    assert {cause for cause, _ in REACHED} == set(Cause)
    for cause in Cause:
        finding = Finding(cause=cause, since=NOON, subject="/x", detail="so it is")
        said = verdict_words.why(finding, verdict_words.utc)
        assert said.endswith(".")
        assert "{" not in said
        assert ".." not in said
        assert verdict_words.next_step(finding)


WORSE: Sequence[Callable[[Facts], Facts]] = (
    lambda facts: replace(facts, service_running=False),
    lambda facts: replace(facts, profiles=()),
    lambda facts: replace(facts, profiles=facts.profiles[1:]),
    lambda facts: replace(facts, sets=()),
    lambda facts: replace(facts, sets=facts.sets[1:]),
    lambda facts: replace(facts, condition=Condition.UNREADABLE),
    lambda facts: replace(facts, damaged_since=NOON),
    lambda facts: replace(facts, unreached_since=NOON),
    lambda facts: replace(facts, access_owed_since=NOON),
    *(
        lambda facts, change=change: replace(facts, profiles=[replace(each, **change) for each in facts.profiles])
        for change in (
            {"state": ProfileState.INACTIVE},
            {"state": ProfileState.TRIPPED},
            {"next_due_at": None},
            {"recurrence": None},
            {"recurrence": replace(HOURLY, start=datetime(2030, 1, 1))},
            {"last_status": RunStatus.FAILED},
            {"last_status": RunStatus.MISSED},
        )
    ),
    *(
        lambda facts, change=change: replace(facts, sets=[replace(each, **change) for each in facts.sets])
        for change in (
            {"seen_state": MediaState.MISSING},
            {"seen_state": MediaState.OTHER},
            {"seen_state": MediaState.DAMAGED},
            {"disproven_at": NOON},
            {"is_damaged": True},
            {"unreadable": "backup_sets 1"},
            {"of_failed_item": True},
            {"missing_key": "AB"},
        )
    ),
    *(
        lambda facts, change=change: replace(
            facts,
            sets=[
                replace(each, **change) if each.seen_state in (None, MediaState.PRESENT) else each
                for each in facts.sets
            ],
        )
        for change in (
            {"proven_at": None},
            {"seen_at": None},
            {"seen_state": MediaState.UNKNOWN},
            {"seen_state": MediaState.ELSEWHERE},
        )
    ),
)
moments = st.integers(-400, 120).map(lambda minutes: NOW + minutes * MINUTE)
past = st.integers(-400, 0).map(lambda minutes: NOW + minutes * MINUTE)


@st.composite
def random_sets(draw: st.DrawFn) -> list[SetFacts]:
    found: list[SetFacts] = []
    for order in range(draw(st.integers(0, 5))):
        fulls = [each.set_id for each in found if each.kind is BackupKind.FULL]
        incremental = draw(st.booleans()) and order > 0
        data_at = draw(moments)
        found.append(
            a_set(
                f"set{order}",
                order=order,
                kind=BackupKind.DIFFERENTIAL if incremental else BackupKind.FULL,
                base_id=draw(st.sampled_from([*fulls, "lost"])) if incremental else None,
                data_at=data_at,
                finished_at=data_at + MINUTE,
                proven_at=draw(st.none() | past),
                disproven_at=draw(st.none() | st.none() | past),
                seen_state=draw(st.none() | st.sampled_from([MediaState.PRESENT] * 4 + list(MediaState))),
                seen_at=draw(st.none() | st.just(NOW) | past),
                is_damaged=draw(st.integers(0, 9)) == 0,
                unreadable=draw(st.sampled_from(["", "", "", "backup_sets 1"])),
            )
        )
    return found


profiles_at_random = st.builds(
    a_profile,
    name=st.sampled_from(["a", "b", "c"]),
    state=st.sampled_from([ProfileState.ACTIVE] * 3 + list(ProfileState)),
    amended_at=past,
    recurrence=st.sampled_from([HOURLY, HOURLY, replace(HOURLY, every=1, unit=Unit.DAY), None]),
    next_due_at=st.just(NOON + HOUR) | st.none(),
    last_status=st.sampled_from([RunStatus.SUCCEEDED, RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.MISSED, None]),
)
any_facts = st.builds(
    some_facts,
    sets=random_sets(),
    profiles=st.lists(profiles_at_random, max_size=3),
    service_running=st.sampled_from([True, True, False]),
    condition=st.sampled_from([Condition.FINE, Condition.FINE, *Condition]),
    unreached_since=st.none() | st.none() | past,
    access_owed_since=st.none() | st.none() | past,
)


@thorough
@given(any_facts, st.sampled_from(WORSE))
def test_no_fact_that_gets_worse_makes_the_verdict_better(facts: Facts, worsen: Callable[[Facts], Facts]) -> None:
    assert judge(worsen(facts), NOW).protection.rank <= judge(facts, NOW).protection.rank


def is_sound(one: SetFacts) -> bool:
    """Said a second way: what a set needs that it may be relied on."""
    return (
        not one.unreadable
        and one.seen_state is MediaState.PRESENT
        and one.seen_at is not None
        and NOW - SEEN_LATELY <= one.seen_at <= NOW + SKEW
        and one.proven_at is not None
        and one.disproven_at is None
        and not one.is_damaged
        and max(one.data_at, one.finished_at) <= NOW + SKEW
    )


@thorough
@given(any_facts)
def test_nothing_is_protected_without_each_of_its_needs(facts: Facts) -> None:
    found = judge(facts, NOW)
    if found.protection is not Protection.PROTECTED:
        assert found.findings
        return
    assert found.findings == ()
    assert facts.service_running
    assert facts.condition is Condition.FINE
    assert (facts.unreached_since, facts.access_owed_since) == (None, None)
    assert found.point is not None
    chain = [found.point]
    if found.point.kind is BackupKind.DIFFERENTIAL:
        chain += [each for each in facts.sets if each.set_id == found.point.base_id]
        assert len(chain) == 2
    assert all(map(is_sound, chain))
    assert any(
        each.state is ProfileState.ACTIVE
        and each.next_due_at is not None
        and each.recurrence is not None
        and each.last_status not in (RunStatus.FAILED, RunStatus.MISSED)
        and NOW - found.point.data_at <= timedelta(days=1, hours=7)
        for each in facts.profiles
    )


@thorough
@given(any_facts)
def test_the_verdict_is_as_bad_as_its_worst_cause_and_the_causes_stand_in_order(facts: Facts) -> None:
    found = judge(facts, NOW)
    ranks = [each.cause.protection.rank for each in found.findings]
    assert ranks == sorted(ranks)
    held = [each for each in found.findings if each.cause.protection is found.protection]
    assert bool(held) is (found.protection is not Protection.PROTECTED)
    if found.point is not None:
        assert found.protection is not Protection.UNPROTECTED
    assert verdict_words.backed_up(found, NOW, verdict_words.utc)


def test_of_several_profiles_the_best_that_is_sound_counts() -> None:
    off, failing = a_profile("off", state=ProfileState.INACTIVE), a_profile("failing", last_status=RunStatus.FAILED)
    assert judge(some_facts(profiles=(off, failing, a_profile())), NOW).profile == "hourly"
    assert causes(some_facts(profiles=(off, failing)))[0] in (Cause.PROFILE_INACTIVE, Cause.RUN_FAILED)


def test_of_equal_ways_the_active_profile_s_is_told() -> None:
    off, failing = a_profile("off", state=ProfileState.INACTIVE), a_profile("failing", last_status=RunStatus.FAILED)
    assert causes(some_facts(profiles=(off, failing))) == [Cause.RUN_FAILED]


def test_an_older_backup_protects_where_it_is_within_the_schedule_and_the_newest_is_gone() -> None:
    gone = a_set("newest", order=2, data_at=NOON + 2 * MINUTE, seen_state=MediaState.MISSING)
    found = judge(some_facts(sets=(gone, a_set())), NOW)
    assert (found.protection, found.point) == (Protection.PROTECTED, a_set())


def test_an_older_backup_that_is_too_old_tells_what_became_of_the_newest() -> None:
    gone = a_set("newest", order=2, seen_state=MediaState.MISSING)
    found = judge(some_facts(sets=(gone, a_set(data_at=NOON - 9 * HOUR))), NOW)
    assert found.protection is Protection.AT_RISK
    assert [each.cause for each in found.findings] == [Cause.FILES_GONE, Cause.OVERDUE]
    assert found.restorable == {"full"}


def test_what_was_seen_before_a_newer_backup_was_found_gone_is_not_known_to_be_there() -> None:
    gone = a_set("newest", order=2, data_at=NOON, seen_state=MediaState.MISSING, state_since=NOW)
    before, since = a_set(seen_at=NOW - MINUTE), a_set(seen_at=NOW)
    assert judge(some_facts(sets=(gone, before)), NOW).protection is Protection.NOT_CHECKED
    assert judge(some_facts(sets=(gone, since)), NOW).protection is Protection.PROTECTED
    incremental = an_increment(a_set(seen_at=NOW - MINUTE))
    gone = replace(gone, order=3)
    assert Cause.NOT_LOOKED_AT in causes(some_facts(sets=(gone, incremental, before)))
    assert causes(some_facts(sets=(replace(gone, order=0), before))) == [], "an older one that is gone says nothing"


def test_where_a_directory_is_away_it_is_said_since_when_and_nothing_is_called_lost() -> None:
    away = a_set(seen_state=MediaState.UNKNOWN, seen_reason="/media is not there", seen_at=NOON + MINUTE)
    found = judge(some_facts(sets=(away,)), NOW)
    assert (found.protection, found.since, found.point) == (Protection.NOT_CHECKED, NOON + MINUTE, away)
    assert found.restorable == {"full"}
    said = verdict_words.backed_up(found, NOW, verdict_words.utc)
    assert said == "was backed up 5 minutes ago; not checked since 2026-05-06 12:01 UTC"


def test_a_backup_of_the_future_does_not_hide_that_the_next_ones_are_missing() -> None:
    ahead = a_set("ahead", order=1, data_at=NOON + 9000 * HOUR, finished_at=NOON + 9000 * HOUR)
    assert causes(some_facts(sets=(ahead,))) == [Cause.CLOCK_IN_DOUBT]
    assert judge(some_facts(sets=(ahead,)), NOW).restorable == frozenset()
    old = a_set("old", order=0, data_at=NOON - 9 * HOUR)
    assert judge(some_facts(sets=(ahead, old)), NOW).protection is Protection.AT_RISK
    assert judge(some_facts(sets=(ahead, a_set("right", order=2))), NOW).protection is Protection.PROTECTED


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(seconds=20), "less than a minute ago"),
        (timedelta(minutes=2), "2 minutes ago"),
        (timedelta(minutes=119, seconds=1), "120 minutes ago"),
        (timedelta(hours=2, minutes=1), "3 hours ago"),
        (timedelta(days=2), "2 days ago"),
    ],
)
def test_ages_are_rounded_up(age: timedelta, said: str) -> None:
    assert verdict_words.ago(age) == said


def test_what_was_never_backed_up_is_told_from_what_cannot_be_restored() -> None:
    never, lost = judge(some_facts(sets=()), NOW), judge(with_set(is_damaged=True), NOW)
    assert verdict_words.backed_up(never, NOW, verdict_words.utc) == "has no backup"
    assert verdict_words.backed_up(lost, NOW, verdict_words.utc) == "has no backup that can be restored"
    assert never.urgent
    assert never.point is lost.point is None


def test_a_restore_that_owes_a_database_its_mode_shows_red_though_it_has_a_backup() -> None:
    found = judge(some_facts(access_owed_since=NOON, access_owed_why="it is SINGLE_USER"), NOW)
    assert (found.protection, found.urgent) == (Protection.AT_RISK, True)


def test_a_verdict_without_causes_has_nothing_to_say() -> None:
    one = Verdict(instance="srv", database="db", protection=Protection.PROTECTED, covered=True)
    assert (verdict_words.reasons(one, verdict_words.utc), verdict_words.step(one)) == ("", "")
    assert Cause.NEVER_BACKED_UP in LOST


UNREADABLE = "backup_sets 1, `details` cannot be read"


def test_a_backup_whose_record_cannot_be_read_is_not_said_to_be_none() -> None:
    found = judge(with_set(unreadable=UNREADABLE), NOW)
    assert (found.protection, found.point, found.restorable) == (Protection.NOT_CHECKED, None, frozenset())
    assert verdict_words.backed_up(found, NOW, verdict_words.utc) == "has a backup of which the record cannot be read"
    said = verdict_words.reasons(found, verdict_words.utc)
    assert said == (
        "What the catalogue keeps of its backup /media/full.bak cannot be read: "
        "backup_sets 1, `details` cannot be read."
    )
    assert "pwsops media FILE" in verdict_words.step(found)
    assert not found.urgent


def test_a_full_whose_record_cannot_be_read_is_no_full_that_is_missing() -> None:
    base = replace(BASE, unreadable=UNREADABLE)
    found = judge(some_facts(sets=(an_increment(base), base)), NOW)
    assert [each.cause for each in found.findings] == [Cause.RECORD_UNREADABLE]
    assert found.restorable == frozenset()


def test_a_record_that_cannot_be_read_hides_no_loss_and_no_delay() -> None:
    unreadable = a_set("bad", order=0, unreadable=UNREADABLE)
    gone = a_set("gone", order=1, data_at=NOON + MINUTE, seen_state=MediaState.MISSING)
    found = judge(some_facts(sets=(unreadable, gone)), NOW)
    assert [each.cause for each in found.findings] == [Cause.FILES_GONE, Cause.RECORD_UNREADABLE]
    assert found.urgent
    late = replace(unreadable, data_at=NOON - 9 * HOUR)
    assert causes(some_facts(sets=(late,))) == [Cause.OVERDUE, Cause.RECORD_UNREADABLE]


def test_newer_backups_that_are_lost_are_told_where_an_older_one_protects() -> None:
    newer = [
        a_set(
            f"new{n}", order=n, data_at=NOON + n * MINUTE, seen_state=MediaState.MISSING, state_since=NOON + MINUTE * 4
        )
        for n in (2, 3)
    ]
    found = judge(some_facts(sets=(a_set(), *newer)), NOW)
    assert (found.protection, found.findings) == (Protection.PROTECTED, ())
    assert verdict_words.notes(found, verdict_words.utc) == [
        "Newer backups are gone: /media/new3.bak, /media/new2.bak, since 2026-05-06 12:04 UTC."
    ]
    bad = a_set("y", order=2, data_at=NOON + MINUTE, is_damaged=True, finished_at=NOON)
    odd = a_set("x", order=3, data_at=NOON + MINUTE, missing_key="AB12")
    assert verdict_words.notes(judge(some_facts(sets=(a_set(), bad, odd)), NOW), verdict_words.utc) == [
        "A newer backup cannot be relied on (private key missing): /media/x.bak.",
        "A newer backup cannot be relied on (backup of a damaged database): /media/y.bak, since 2026-05-06 12:00 UTC.",
    ]
    assert judge(some_facts(), NOW).notes == ()


@pytest.mark.parametrize(
    ("worse", "cause"),
    [
        ({"state": ProfileState.TRIPPED, "last_error": "The disk is full."}, Cause.PROFILE_TRIPPED),
        ({"recurrence": None, "broken": "`every` cannot be read."}, Cause.PROFILE_BROKEN),
        ({"last_status": RunStatus.FAILED, "last_error": "The disk is full."}, Cause.RUN_FAILED),
        ({"last_status": RunStatus.MISSED}, Cause.RUN_MISSED),
        ({"state": ProfileState.INACTIVE}, None),
        ({"next_due_at": None}, None),
    ],
)
def test_what_keeps_another_profile_from_a_protected_database_is_told(worse: dict[str, Any], cause: Cause) -> None:
    facts = some_facts()
    other = replace(facts.profiles[0], name="other", **worse)
    found = judge(replace(facts, profiles=(other, *facts.profiles)), NOW)
    assert (found.protection, found.findings) == (Protection.PROTECTED, ())
    assert [each.cause for each in found.beside] == ([cause] if cause else [])
    assert ("other" in verdict_words.explanation(found, verdict_words.utc), bool(verdict_words.step(found))) == (
        cause is not None,
        cause is not None,
    )


def test_a_clock_in_doubt_is_told_in_the_words_of_the_face() -> None:
    ahead = with_set(data_at=NOON + HOUR, finished_at=NOON + HOUR + timedelta(microseconds=7))
    assert verdict_words.reasons(judge(ahead, NOW), verdict_words.utc) == (
        "Its newest backup (/media/full.bak) is dated after now (2026-05-06 13:00 UTC): a clock was, or is, wrong."
    )


@pytest.mark.parametrize(
    ("profiles", "is_new"),
    [
        ((), False),
        ((a_profile(amended_at=NOW, last_status=None),), True),
        ((a_profile(amended_at=NOW, last_status=RunStatus.FAILED),), False),
        ((a_profile(last_status=None),), False),
        ((a_profile(amended_at=NOW, recurrence=None),), False),
        ((a_profile(amended_at=NOW, state=ProfileState.INACTIVE),), False),
        ((a_profile(amended_at=NOW), a_profile("other", state=ProfileState.INACTIVE)), True),
        ((a_profile(amended_at=NOW), a_profile("other")), False),
        ((a_profile(recurrence=replace(HOURLY, start=datetime(2030, 1, 1))),), True),
    ],
)
def test_a_first_backup_is_still_to_come_while_none_has_been_due(
    profiles: Sequence[ProfileFacts], is_new: bool
) -> None:
    assert awaits_first(some_facts(profiles=profiles, sets=()), NOW) is is_new


def test_an_instant_without_what_was_seen_then_is_no_look() -> None:
    found = judge(some_facts(sets=(a_set(seen_state=None),)), NOW)
    assert (found.protection, found.findings[0].cause) == (Protection.NOT_CHECKED, Cause.NOT_LOOKED_AT)


def test_a_safety_copy_protects_nothing_and_is_nobodys_base() -> None:
    copy = a_set("copy", is_safety_copy=True, order=3, run_id=None)
    lost = a_set(seen_state=MediaState.MISSING)
    verdict = judge(some_facts(sets=(lost, copy)), NOW)
    assert (verdict.protection, verdict.point, verdict.restorable) == (Protection.UNPROTECTED, None, frozenset())
    assert causes(some_facts(sets=(copy,))) == [Cause.NEVER_BACKED_UP]
    assert Cause.BASE_MISSING in causes(some_facts(sets=(copy, an_increment(copy))))
    gone = replace(copy, seen_state=MediaState.MISSING)
    assert judge(some_facts(sets=(a_set(), gone)), NOW).protection is Protection.PROTECTED
