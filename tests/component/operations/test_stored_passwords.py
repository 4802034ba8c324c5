"""A stored password is used for no other address, driver, protection or login than it was given for."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from cryptography.fernet import Fernet

from pwsops.engines.sqlserver.options import OPTIONS
from pwsops.errors import EngineError, InvalidInput
from pwsops.key_file import KEY_FILE
from pwsops.operations import open_operations
from pwsops.rules.model import RunStatus
from tests.homes import Home

SECRET = "c0rrect horse"
CHANGES: list[dict[str, Any]] = [
    {"address": "evil"},
    {"address": "db1,1434"},
    {"options": {"encrypt": "no"}},
    {"options": {"trust_server_certificate": True}},
    {"options": {"server_certificate": "/tmp/other.pem"}},
    {"options": {"driver": "Other"}},
]


@pytest.fixture
def named(home: Home) -> Home:
    home.server.login, home.server.options = True, OPTIONS
    home.ops.instances.add(
        "sql", engine="fake", address="db1", login="ops", password=SECRET, options={"encrypt": "strict"}
    )
    home.server.opened_as.clear()
    return home


def edit_row(home: Home, table: str, **columns: Any) -> None:
    with closing(sqlite3.connect(home.path / "catalogue.sqlite3")) as catalogue, catalogue:
        for column, value in columns.items():
            catalogue.execute(f"UPDATE {table} SET {column} = ? WHERE name IN ('sql', 'p')", [value])


@pytest.mark.parametrize("change", CHANGES)
def test_another_target_needs_the_password_anew_and_is_not_reached_without(named: Home, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="given anew") as refused:
        named.ops.instances.edit("sql", **change)
    assert "sent to no other address" in refused.value.hint
    assert named.server.opened_as == [(None, None)], "only asked what it can do"
    saved = named.ops.instances.edit("sql", password="new", **change)
    assert named.core.instance("sql").password == "new"
    assert saved == named.ops.instances.list()[0]


def test_what_does_not_touch_the_way_of_the_password_keeps_it(named: Home) -> None:
    named.ops.instances.edit("sql", address=" DB1 ", options={"login_timeout_s": 20})
    assert named.core.instance("sql").password == SECRET


@pytest.mark.parametrize(
    "columns",
    [
        {"address": "evil", "place": "fake evil"},
        {"options": json.dumps({"encrypt": "no"})},
        {"options": json.dumps({"encrypt": "strict", "driver": "/tmp/evil.so"})},
        {"login": "sa"},
    ],
)
def test_an_edited_row_does_not_open_the_password_for_another_target(named: Home, columns: dict[str, Any]) -> None:
    edit_row(named, "instances", **columns)
    with pytest.raises(InvalidInput, match="given for another address"):
        named.core.instance("sql")
    (check,) = [check for check in named.ops.doctor() if check.name == "Sealed with the key"]
    assert "the password of the instance sql" in check.finding


def test_a_password_copied_to_another_row_does_not_open(named: Home) -> None:
    named.ops.instances.add("mine", engine="fake", address="evil", login="ops", password="x")
    with closing(sqlite3.connect(named.path / "catalogue.sqlite3")) as catalogue, catalogue:
        catalogue.execute(
            "UPDATE instances SET sealed_password = (SELECT sealed_password FROM instances WHERE name = 'sql')"
        )
    with pytest.raises(InvalidInput, match="given for another address"):
        named.core.instance("mine")
    assert named.core.instance("sql").password == SECRET


def test_each_try_with_a_password_stands_in_the_audit_log_before_it_is_made(named: Home) -> None:
    seen: list[str] = []

    def asked(_instance: object) -> EngineError:
        seen.extend(f"{entry.action}: {entry.detail}" for entry in named.ops.audit.list(limit=1))
        return EngineError("It does not answer.", hint="Look.")

    named.server.probe_error = asked
    with pytest.raises(EngineError):
        named.ops.instances.edit("sql", address="evil", password="typed")
    assert seen == ["try instance: fake at evil, as ops"]


def test_a_profiles_password_does_not_follow_its_instance_elsewhere(named: Home) -> None:
    named.ops.profiles.create(named.profile(instance="sql", login="backup"), password="theirs")
    named.ops.instances.edit("sql", address="db2", password=SECRET)
    named.server.opened_as.clear()
    assert named.run() is RunStatus.FAILED
    assert ("backup", "theirs") not in named.server.opened_as
    (run,) = named.ops.runs.list()
    assert "given for another address" in run.items[0].error
    with pytest.raises(InvalidInput, match="given for another address"):
        named.ops.profiles.save("p", named.ops.profiles.get("p"))
    named.ops.profiles.save("p", named.ops.profiles.get("p"), password="theirs")
    assert named.run() is RunStatus.SUCCEEDED


def test_a_profiles_password_does_not_follow_it_to_another_instance(named: Home) -> None:
    named.ops.instances.add("evil", engine="fake", address="evil", login="x", password="x")
    named.ops.profiles.create(named.profile(instance="sql", login="backup"), password="theirs")
    moved = named.ops.profiles.get("p")
    moved.instance = "evil"
    named.server.opened_as.clear()
    with pytest.raises(InvalidInput, match="given for another address"):
        named.ops.profiles.save("p", moved)
    assert ("backup", "theirs") not in named.server.opened_as


def test_the_password_of_saved_certificates_goes_to_no_other_server(named: Home) -> None:
    named.server.certificates = True
    bound = named.core.instance_row("sql").certificate_password_bound
    named.ops.instances.edit("sql", address="db2", password=SECRET)
    assert named.core.instance_row("sql").certificate_password_bound != bound
    assert bound != named.core.instance_row("sql").login_bound("ops")


def test_what_a_version_before_sealed_is_bound_when_the_home_is_opened(named: Home) -> None:
    key = Fernet((named.path / KEY_FILE).read_text().strip())
    named.ops.profiles.create(named.profile(instance="sql", login="backup"), password="theirs")
    edit_row(named, "instances", sealed_password=key.encrypt(SECRET.encode()).decode())
    edit_row(named, "profiles", sealed_password=key.encrypt(b"theirs").decode())
    with pytest.raises(InvalidInput):
        named.core.instance("sql")
    with closing(sqlite3.connect(named.path / "catalogue.sqlite3")) as catalogue, catalogue:
        catalogue.execute("UPDATE home SET key_check = NULL")
    ops = open_operations(named.path, actor="ann", clock=named.clock)
    try:
        assert ops._core.instance("sql").password == SECRET
        assert ops.key.check() == 3  # with that of the audit log
    finally:
        ops.close()
    edit_row(named, "instances", address="evil")
    with pytest.raises(InvalidInput, match="given for another address"):
        named.core.instance("sql")


def test_a_wrong_key_binds_nothing_of_what_a_version_before_sealed(named: Home) -> None:
    old = Fernet(Fernet.generate_key()).encrypt(SECRET.encode()).decode()
    edit_row(named, "instances", sealed_password=old)
    with closing(sqlite3.connect(named.path / "catalogue.sqlite3")) as catalogue, catalogue:
        for (name,) in catalogue.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            catalogue.execute(f"DROP TRIGGER {name}")
        catalogue.execute("UPDATE home SET key_check = NULL")
        catalogue.execute("DELETE FROM audit_keys")
        catalogue.execute("UPDATE audit SET key_id = NULL")
    (named.path / "audit-heads.log").unlink()
    # Not at the first start, nor at the next: the log's own key is not sealed with it either, which would prove it.
    for _ in range(2):
        ops = open_operations(named.path, actor="ann", clock=named.clock)
        try:
            fault = ops.key.fault()
            assert fault is not None
            assert "opens nothing" in fault.message
        finally:
            ops.close()
