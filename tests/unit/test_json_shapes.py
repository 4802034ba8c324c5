"""Records as JSON: what scripts rely on."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pwsops.operations import json_shapes
from pwsops.operations.people_records import RoleView
from pwsops.rules.rights import Role


def test_an_instant_for_machines_is_utc_with_its_offset() -> None:
    told = datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert json_shapes.iso(told) == "2026-03-01T00:00:00+00:00"
    assert json_shapes.iso(None) is None


def test_a_role_for_no_instance_is_not_one_for_all() -> None:
    def instances(given: frozenset[str] | None) -> object:
        return json_shapes.role(RoleView(subject="user:ada", role=Role.VIEWER, instances=given))["instances"]

    assert instances(None) is None
    assert instances(frozenset()) == []
    assert instances(frozenset({"b", "a"})) == ["a", "b"]
