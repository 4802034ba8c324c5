from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwsops.errors import InvalidInput
from pwsops.rules.replacing import Order, Restored
from pwsops.rules.retention import (
    NEWEST_PROVEN,
    NO_POLICY,
    OBSOLETE,
    WRITTEN_OVER,
    Action,
    Hold,
    Policy,
    RetentionPlan,
    StoredSet,
    plan_retention,
)
from pwsops.rules.span import parse_span
from tests.unit.rules import forget

NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def taken(name: str, ago: timedelta, order: int, base: str | None = None, **fields: Any) -> StoredSet:
    values = {"set_id": name, "path": f"/b/{name}.bak", "finished_at": NOW - ago, "order": order}
    return StoredSet(**(values | {"base_id": base} | fields))


def fulls(count: int, every: timedelta = DAY) -> list[StoredSet]:
    """So many fulls, one at each interval, the last one now: `f1` is the oldest."""
    return [taken(f"f{n}", every * (count - n), n) for n in range(1, count + 1)]


def plan(own: Sequence[StoredSet], policy: Policy, **fields: Any) -> RetentionPlan:
    return plan_retention(own, policy, **({"now": NOW} | fields))


def kept(found: RetentionPlan) -> list[str]:
    return [one.backup.set_id for one in found.decisions if one.action is Action.KEEP]


def reasons(found: RetentionPlan) -> dict[str, str]:
    return {one.backup.set_id: one.reason for one in found.decisions}


def test_without_a_policy_everything_is_kept() -> None:
    found = plan([*fulls(3), taken("lost", DAY, 9, why_lost="is gone")], Policy())
    assert (set(reasons(found).values()), found.removals, found.hindrance) == ({NO_POLICY}, [], "")


def test_the_last_are_those_that_were_taken_last_whatever_the_clock_said() -> None:
    own = [*fulls(3), taken("by a clock that was behind", 400 * DAY, 4)]
    assert kept(plan(own, Policy(last=2))) == ["by a clock that was behind", "f3"]


def test_each_rule_keeps_the_newest_of_its_periods_and_the_reason_names_it() -> None:
    found = plan(fulls(10, 6 * HOUR), Policy(daily=2))
    assert kept(found) == ["f10", "f7"]
    assert reasons(found)["f7"] == "keep-daily 2 (2026-05-05)"
    assert reasons(found)["f10"] == f"keep-daily 2 (2026-05-06); {NEWEST_PROVEN}"
    assert reasons(found)["f9"] == OBSOLETE


def test_where_there_are_fewer_periods_the_oldest_is_kept_as_well() -> None:
    found = plan(fulls(3, 6 * HOUR), Policy(daily=7))
    assert kept(found) == ["f3", "f1"]
    assert reasons(found)["f1"] == "keep-daily 7 (the oldest)"


def test_days_are_those_of_the_profile_s_zone() -> None:
    own = [taken("before", 13 * HOUR, 1), taken("after", 12 * HOUR, 2)]  # 23:00 and 24:00 UTC
    assert kept(plan(own, Policy(daily=2))) == ["after", "before"]
    assert kept(plan([*own, taken("now", HOUR, 3)], Policy(daily=1, timezone="Asia/Tokyo"))) == ["now"]
    assert kept(plan(own, Policy(daily=1, timezone="Asia/Tokyo"))) == ["after"]


def test_within_counts_from_the_newest_and_not_from_now() -> None:
    policy = Policy(within=parse_span("2d"))
    assert kept(plan(fulls(5), policy, now=NOW + 100 * DAY)) == ["f5", "f4"]


def test_an_incremental_keeps_its_full() -> None:
    own = [taken("full", 3 * DAY, 1), taken("old", 2 * DAY, 2, "full"), taken("new", DAY, 3, "full")]
    found = plan(own, Policy(last=1))
    assert kept(found) == ["new", "full"]
    assert reasons(found)["full"] == "/b/new.bak, which is kept, needs it"
    assert [one.set_id for one in found.points] == ["new", "full"]
    assert [one.set_id for one in found.successor] == ["new", "full"]


def test_incrementals_go_before_the_fulls_they_need() -> None:
    own = [taken("full", 3 * DAY, 1), taken("change", 2 * DAY, 2, "full"), taken("new", DAY, 3)]
    assert [one.set_id for one in plan(own, Policy(last=1)).removals] == ["change", "full"]


def test_the_newest_proven_backup_stays_though_newer_ones_were_not_proven() -> None:
    own = [*fulls(2), taken("unproven", timedelta(), 3, is_proven=False)]
    found = plan(own, Policy(last=1))
    assert kept(found) == ["unproven", "f2"]
    assert reasons(found)["f2"] == NEWEST_PROVEN
    assert found.removals == []
    assert "/b/unproven.bak, was not proven" in found.hindrance
    assert reasons(found)["f1"] == found.hindrance


def test_so_many_proven_chains_stay_as_are_asked_for() -> None:
    own = [*fulls(3), taken("change", timedelta(), 4, "f3")]
    assert kept(plan(own, Policy(last=1, proven=2))) == ["change", "f3", "f2"]


def test_what_is_held_stays_with_what_it_stands_on_until_the_end_of_the_hold() -> None:
    own = [taken("full", 3 * DAY, 1), taken("change", 2 * DAY, 2, "full"), *fulls(1)]
    own[2] = own[2]._replace(order=3)
    hold = Hold("change", "an audit", NOW + DAY)
    found = plan(own, Policy(last=1), holds=[hold])
    assert kept(found) == ["f1", "change", "full"]
    assert reasons(found)["change"] == "it is held until 2026-05-07 12:00 UTC: an audit"
    assert kept(plan(own, Policy(last=1), holds=[hold], now=NOW + DAY)) == ["f1"]
    assert kept(plan(own, Policy(last=1), holds=[hold._replace(until=None)], now=NOW + DAY)) == ["f1", "change", "full"]


def test_what_is_dated_in_the_future_is_kept_and_takes_nobody_s_place() -> None:
    own = [*fulls(3), taken("ahead", -DAY, 4)]
    found = plan(own, Policy(last=1))
    assert kept(found) == ["ahead", "f3"]
    assert "clock was wrong" in reasons(found)["ahead"]
    assert [one.set_id for one in found.successor] == ["f3"]


def test_what_another_profile_s_incremental_needs_stays() -> None:
    other = taken("other", DAY, 5, "f1")
    found = plan(fulls(3), Policy(last=1), others=[other])
    assert kept(found) == ["f3", "f1"]
    assert reasons(found)["f1"] == "/b/other.bak of another profile needs it"


def test_an_incremental_may_stand_on_another_profile_s_full() -> None:
    own = [*fulls(1), taken("change", -timedelta(), 9, "theirs")]
    assert kept(plan(own, Policy(last=1), others=[taken("theirs", DAY, 5)])) == ["change"]
    found = plan(own, Policy(last=1))
    assert found.removals == []  # it stands on nothing that is known: no point, and no successor


def test_what_lies_in_a_file_with_a_kept_one_stays() -> None:
    own = [one._replace(path="/b/all.bak") for one in fulls(2)]
    found = plan(own, Policy(last=1))
    assert kept(found) == ["f2", "f1"]
    assert "its file holds another backup" in reasons(found)["f1"]


def test_what_cannot_be_restored_takes_nobody_s_place_and_goes_when_it_would_have_gone_anyway() -> None:
    own = fulls(4)
    own[2] = own[2]._replace(why_lost="is gone")
    found = plan(own, Policy(last=2))
    assert kept(found) == ["f4", "f3", "f2"]
    assert [one.set_id for one in found.points] == ["f4", "f2"]
    assert kept(plan([*own, taken("f5", timedelta(), 5), taken("f6", timedelta(), 6)], Policy(last=2))) == ["f6", "f5"]


def test_nothing_goes_where_the_newest_that_stays_is_lost() -> None:
    own = [*fulls(2), taken("change", timedelta(), 3, "f2", why_lost="is damaged")]
    found = plan(own, Policy(last=1))
    assert found.removals == []
    assert "/b/change.bak, is damaged" in found.hindrance
    own = [*fulls(1), taken("full", HOUR, 2, why_lost="is gone"), taken("change", timedelta(), 3, "full")]
    assert "needs /b/full.bak, which is gone" in plan([*own, taken("f0", 9 * DAY, 0)], Policy(last=1)).hindrance


def test_nothing_goes_where_backups_need_each_other() -> None:
    found = plan([taken("a", DAY, 1, "b"), taken("b", DAY, 2, "a")], Policy(last=1))
    assert kept(found) == ["b"]
    assert found.removals == []
    assert "needs a full that is not known here" in found.hindrance


def test_a_rule_keeps_the_newest_of_those_whose_clock_was_right() -> None:
    found = plan([*fulls(2), taken("ahead", -DAY, 3)], Policy(last=1))
    assert kept(found) == ["ahead", "f2"]
    assert [one.set_id for one in found.removals] == ["f1"]


@pytest.mark.parametrize(("days", "doubted"), [(29, False), (30, True), (400, True)])
def test_that_the_newest_are_dated_far_after_all_others_is_doubted(days: int, doubted: bool) -> None:
    own = [one._replace(finished_at=one.finished_at - days * DAY) for one in fulls(4)]
    found = plan([*own, taken("new", timedelta(), 9)], Policy(within=parse_span("7d"), last=1))
    assert (bool(found.doubt), len(found.removals), found.hindrance) == (doubted, 4, "")
    if doubted:
        assert f"/b/new.bak is dated {days} days after the one before it" in found.doubt


@pytest.mark.parametrize(("count", "every", "doubted"), [(9, DAY, True), (11, HOUR, True), (11, DAY, False)])
def test_a_jump_is_doubted_until_some_backups_and_days_have_followed(
    count: int, every: timedelta, doubted: bool
) -> None:
    since = [one._replace(order=one.order + 9) for one in fulls(count, every)]
    before = [taken(f"b{n}", (400 - n) * DAY, n) for n in range(5)]
    assert bool(plan([*before, *since], Policy(last=1)).doubt) is doubted


def test_what_is_dated_in_the_future_doubts_nothing() -> None:
    assert plan([*fulls(5), taken("ahead", -365 * DAY, 9)], Policy(last=1)).doubt == ""


def test_months_between_backups_are_no_jump_where_that_is_usual() -> None:
    assert plan(fulls(6, 60 * DAY), Policy(last=1)).doubt == ""
    assert plan([taken("old", 400 * DAY, 1), taken("new", timedelta(), 9)], Policy(last=1)).doubt == ""


def in_run(one: StoredSet) -> StoredSet:
    """Give a backup the order of a run of its own."""
    return one._replace(order=(one.order << 32) + one.order)


def test_of_what_each_restore_wrote_over_the_newest_proven_backup_stays() -> None:
    own = [in_run(one) for one in fulls(6)]
    own[3] = own[3]._replace(is_proven=False)
    restored = [Restored("f1", own[0].finished_at, Order(2, 2)), Restored("elsewhere", NOW, Order(4, 4))]
    found = plan(own, Policy(last=1), restored=restored, sources={"f1": Order(1, 1)})
    assert kept(found) == ["f6", "f3", "f2"]
    assert {reasons(found)[one] for one in ("f2", "f3")} == {WRITTEN_OVER}


def test_a_backup_of_which_it_is_not_clear_whether_a_restore_came_first_takes_no_other_s_place() -> None:
    own = [in_run(one) for one in fulls(5)]
    own[2] = own[2]._replace(order=(2 << 32) + 3)  # asked for before the restore, and written down after it
    found = plan(own, Policy(last=1), restored=[Restored("elsewhere", NOW, Order(2, 2))])
    assert kept(found) == ["f5", "f3", "f2"]


def test_what_became_of_it_is_told_and_what_is_lost_is_no_restore_point() -> None:
    found = plan(fulls(5), Policy(last=1)).ended(
        stayed={"f1": "it is in use", "f3": "?"}, gone={"f2": "it was gone"}, lost=["f3"]
    )
    actions = {one.backup.set_id: one.action for one in found.decisions}
    assert actions == {
        "f5": Action.KEEP,
        "f4": Action.REMOVE,
        "f3": Action.RETAINED,
        "f2": Action.GONE,
        "f1": Action.RETAINED,
    }
    assert reasons(found)["f2"] == "it was gone"
    assert [one.set_id for one in found.points] == ["f5", "f1"]


# In random histories

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe")
counts = st.integers(0, 4)
policies = st.builds(
    Policy,
    within=st.sampled_from([None, *(parse_span(text) for text in ("36h", "3d", "2w", "1m", "1y6m"))]),
    last=counts,
    daily=counts,
    weekly=counts,
    monthly=counts,
    yearly=counts,
    timezone=st.sampled_from(ZONES),
    proven=st.integers(1, 3),
)


@st.composite
def histories(draw: st.DrawFn) -> list[StoredSet]:
    """Fulls and incrementals, some of which are lost, unproven, dated by a wrong clock or in one file."""
    own: list[StoredSet] = []
    at = NOW - timedelta(days=draw(st.sampled_from([3, 60, 1500])))
    for number in range(draw(st.integers(0, 25))):
        at += timedelta(hours=draw(st.sampled_from([0, 1, 7, 24, 24 * 31])))
        earlier = [one.set_id for one in own if one.base_id is None]
        base = draw(st.sampled_from([None, *earlier[-3:], "unknown"])) if earlier else None
        own.append(
            StoredSet(
                f"s{number}",
                f"/b/{draw(st.sampled_from([number, number, number, 0]))}",
                at + timedelta(days=draw(st.sampled_from([0, 0, 0, 0, 4000, -900]))),
                number,
                base,
                10,
                draw(st.sampled_from([True, True, True, False])),
                draw(st.sampled_from(["", "", "", "", "is gone"])),
            )
        )
    return own


def restorable(own: Sequence[StoredSet], one: StoredSet) -> bool:
    by_id = {each.set_id: each for each in own}
    base = by_id.get(one.base_id) if one.base_id else None
    return not one.why_lost and (one.base_id is None or (base is not None and not base.why_lost))


def proven(own: Sequence[StoredSet], one: StoredSet) -> bool:
    by_id = {each.set_id: each for each in own}
    return restorable(own, one) and one.is_proven and (one.base_id is None or by_id[one.base_id].is_proven)


def after(own: Sequence[StoredSet], found: RetentionPlan) -> list[StoredSet]:
    gone = {one.set_id for one in found.removals}
    return [one for one in own if one.set_id not in gone]


@given(histories(), policies, st.lists(st.integers(0, 25), max_size=2))
def test_what_is_promised_resolves_afterwards_and_the_newest_proven_one_is_among_it(
    own: list[StoredSet], policy: Policy, held: list[int]
) -> None:
    holds = [Hold(f"s{number}", "an audit") for number in held]
    found = plan(own, policy, holds=holds)
    left = after(own, found)
    assert all(one in left and restorable(left, one) for one in found.points)
    assert {one.set_id for one in found.points} == {one.set_id for one in left if restorable(left, one)}
    dated = [one for one in own if one.finished_at <= NOW and proven(own, one)]
    if dated:
        assert max(dated, key=lambda one: one.order) in found.points
    for one in own:
        if one.set_id in {each.set_id for each in holds}:
            assert one in left
            assert restorable(left, one) == restorable(own, one)
    assert len(list(found.decisions)) == len(own)
    assert all(one.reasons for one in found.decisions)
    if found.removals:
        assert all(one.is_proven and not one.why_lost for one in found.successor)


@given(histories(), policies)
def test_removing_twice_changes_nothing(own: list[StoredSet], policy: Policy) -> None:
    left = after(own, plan(own, policy))
    assert plan(left, policy).removals == []


@given(histories(), policies)
def test_the_rules_keep_what_those_of_restic_keep(own: list[StoredSet], policy: Policy) -> None:
    """The oracle is written from restic's source, snapshot by snapshot; for it all are whole, and none is ahead."""
    plain = [
        one._replace(base_id=None, why_lost="", is_proven=True, finished_at=NOW - n * 7 * HOUR, path=one.set_id)
        for n, one in enumerate(reversed(own))
    ]
    zone = ZoneInfo(policy.timezone)
    wanted = forget.kept([one.finished_at.astimezone(zone) for one in plain], policy)
    newest = {max(one.finished_at for one in plain)} if plain and policy.proven else set()
    found = plan(plain, Policy(**{**vars(policy), "proven": 1}))
    assert {one.backup.finished_at for one in found.decisions if one.action is Action.KEEP} == wanted | newest


@pytest.mark.parametrize("text", ["", "30d", "6m", "1y6m", "2w", "36h", "1Y"])
def test_spans_are_read_as_they_are_written(text: str) -> None:
    span = parse_span(text)
    assert (str(span) if span else "") == text.lower()


@pytest.mark.parametrize("text", ["d", "30", "30x", "-3d", "0d", "1.5d", "d30", "30d ago", "99999y"])
def test_what_is_no_span_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "instant", "zone", "before"),
    [
        ("1m", "2026-03-31T12:00+00:00", "UTC", "2026-03-03T12:00+00:00"),
        ("1y", "2024-02-29T12:00+00:00", "UTC", "2023-03-01T12:00+00:00"),
        ("1d", "2026-03-29T12:00+02:00", "Europe/Berlin", "2026-03-28T12:00+01:00"),
        ("24h", "2026-03-29T12:00+02:00", "Europe/Berlin", "2026-03-28T11:00+01:00"),
        ("1y1m2w1d2h", "2026-03-29T12:00+00:00", "UTC", "2025-02-14T10:00+00:00"),
    ],
)
def test_a_span_counts_by_the_calendar_of_the_zone(text: str, instant: str, zone: str, before: str) -> None:
    span = parse_span(text)
    assert span is not None
    assert span.before(datetime.fromisoformat(instant), ZoneInfo(zone)) == datetime.fromisoformat(before)


def test_a_span_that_is_longer_than_time_reaches_its_beginning() -> None:
    for text in ("1000y", "99999d", "999y11m", "99999m", "2025y"):
        try:
            span = parse_span(text)
        except InvalidInput:
            continue
        assert span is not None
        assert span.before(NOW, ZoneInfo("UTC")).year < 1800 or text == "99999d"
    far = datetime(1, 1, 2, tzinfo=UTC)
    assert parse_span("9d").before(far, ZoneInfo("UTC")) == datetime.min.replace(tzinfo=UTC)  # type: ignore[union-attr]
