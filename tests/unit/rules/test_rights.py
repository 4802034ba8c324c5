"""Roles and rights: the table of operations and roles, cell by cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pwsops.rules.rights import ANEW, GRANTS, OWN, Principal, Right, Role, Way

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
V, O, S, U, A = Role.VIEWER, Role.OPERATOR, Role.RESTORER, Role.AUDITOR, Role.ADMINISTRATOR  # noqa: E741
TABLE = {
    Right.LOOK: {V, O, S, U, A},
    Right.EXPORT: {V, O, S, U, A},
    Right.EVIDENCE: {U, A},
    Right.CONTENTS: {O, S, A},
    Right.RUN: {O, S, A},
    Right.VERIFY: {O, S, U, A},
    Right.STOP: {A},
    Right.MEDIA: {O, S, A},
    Right.RESTORE: {S, A},
    Right.CONFIGURE: {A},
    Right.CONNECT: {A},
    Right.EXPORT_KEY: {A},
    Right.ACCOUNT: {V, O, S, U, A},
    Right.OWN_SIGN_IN: {V, O, S, U, A},
    Right.SESSIONS: {A},
    Right.HOST: set(),
}


@pytest.mark.parametrize("right", Right)
def test_each_right_is_held_by_the_roles_of_the_table(right: Right) -> None:
    assert {role for role in Role if right in GRANTS[role]} == TABLE[right]
    for role in Role:
        assert Principal(name="ada", role=role, way=Way.SIGNED_IN).has(right) == (role in TABLE[right])


@pytest.mark.parametrize("right", Right)
def test_who_comes_in_as_a_user_of_the_system_may_do_everything_at_once(right: Right) -> None:
    host = Principal(name="root", role=Role.VIEWER)
    assert host.has(right)
    assert not host.must_sign_in_anew(right, NOW)


@pytest.mark.parametrize("right", Right)
def test_a_token_has_no_right_that_needs_a_password(right: Right) -> None:
    machine = Principal(name="ci", way=Way.TOKEN)
    assert machine.has(right) == (right in GRANTS[Role.ADMINISTRATOR] and right not in ANEW | OWN)


def test_some_rights_need_the_password_once_more_until_a_moment() -> None:
    ada = Principal(name="ada", way=Way.SIGNED_IN)
    assert {right for right in Right if ada.must_sign_in_anew(right, NOW)} == {
        Right.RESTORE,
        Right.CONNECT,
        Right.EXPORT_KEY,
        Right.OWN_SIGN_IN,
    }
    fresh = Principal(name="ada", way=Way.SIGNED_IN, anew_until=NOW + timedelta(seconds=1))
    assert not fresh.must_sign_in_anew(Right.RESTORE, NOW)
    assert fresh.must_sign_in_anew(Right.RESTORE, NOW + timedelta(seconds=1))


def test_somebody_sees_all_instances_or_some() -> None:
    assert Principal(name="ada").sees("vaults")
    ada = Principal(name="ada", instances=frozenset({"vaults"}))
    assert ada.sees("vaults")
    assert not ada.sees("payroll")
    assert not Principal(name="ada", instances=frozenset()).sees("vaults")
