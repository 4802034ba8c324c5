from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pwsops.engines.records import Instance
from pwsops.engines.registry import open_engine
from pwsops.engines.sqlserver.engine import SqlServerEngine
from pwsops.errors import EngineError, InvalidInput
from tests.clocks import ManualClock
from tests.integration.sqlserver.bench import PASSWORD, Bench, instance, open_bench
from tests.standin import drivers
from tests.standin.server import ScriptedServer
from tests.standin.wire import StandIn


def test_the_engine_is_found_by_its_key_and_connects_only_when_asked() -> None:
    engine = open_engine(Instance(name="prod", engine="sqlserver", address="nowhere.invalid"))
    assert engine.capabilities.login
    assert engine.capabilities.shared_base
    assert [option.key for option in engine.capabilities.options]


def test_a_probe_says_what_the_server_is(bench: Bench) -> None:
    probe = bench.engine.probe()
    assert probe.version == "SQL Server 2022 16.0.4100.1 RTM"
    assert probe.facts["Edition"] == "Developer Edition (64-bit)"
    assert probe.facts["Service account"] == "NT Service\\MSSQLSERVER"
    assert probe.facts["Login"] == "pwsops"
    assert "without a look" in probe.facts["Encrypted"]
    assert probe.held_rights == ("sysadmin",)


def test_a_probe_lists_what_is_missing_with_what_gives_it(bench: Bench) -> None:
    probe = bench.engine_with(vault=None).probe()
    missing = {right.right: right for right in probe.missing_rights}
    assert missing["BACKUP DATABASE in vault"].grant == (
        "USE [vault]; ALTER ROLE db_backupoperator ADD MEMBER [least];"
    )
    assert missing["VIEW ANY DEFINITION"].grant == "USE master; GRANT VIEW ANY DEFINITION TO [least];"
    assert not missing["VIEW ANY DEFINITION"].required
    assert not missing["VIEW SERVER STATE"].required
    assert not missing["sysadmin"].required
    assert missing["dbcreator"].without == "restore"
    assert "CREATE ANY DATABASE" in probe.held_rights
    assert probe.facts["Service account"] == "not visible to this login"
    assert "SELECT on msdb.dbo.backupset" in probe.held_rights


def test_the_narrower_rights_are_as_good(bench: Bench) -> None:
    databases = {"vault": {"db_backupoperator"}, "msdb": {"db_datareader"}, "master": {"CREATE DATABASE"}}
    grants = {"VIEW SERVER PERFORMANCE STATE"}
    bench.server.add_login("narrow", password=PASSWORD, grants=grants, databases=databases)
    engine = bench.engine_as("narrow")
    missing = [right.right for right in engine.probe().missing_rights]
    assert missing == ["VIEW ANY DEFINITION", "dbcreator", "sysadmin"]
    assert engine.backup(bench.request()).backup_set.database == "vault"


def test_a_login_with_all_that_is_needed_lacks_comforts_only(bench: Bench) -> None:
    engine = bench.engine_with(roles={"dbcreator"})
    probe = engine.probe()
    assert [right.right for right in probe.missing_rights if right.required] == []
    assert "BACKUP DATABASE in vault" in probe.held_rights


REFUSALS = [
    ({"password": "other"}, "does not accept the login pwsops", "instance edit"),
    ({"password": PASSWORD, "locked": True}, "is locked", "UNLOCK"),
    ({"password": PASSWORD, "expired": True}, "has expired", "instance edit"),
    ({"password": PASSWORD, "must_change": True}, "has to be changed", "Change it"),
    ({"password": PASSWORD, "disabled": True}, "is disabled", "ENABLE"),
]


@pytest.mark.parametrize(("account", "cause", "step"), REFUSALS, ids=[each[1] for each in REFUSALS])
def test_a_refused_login_says_why_and_never_the_password(
    bench: Bench, account: dict[str, object], cause: str, step: str
) -> None:
    bench.server.add_login("pwsops", **account)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match=cause) as refused:
        bench.engine.databases()
    assert step in refused.value.hint
    assert not refused.value.transient
    assert PASSWORD not in refused.value.message + refused.value.hint + str(refused.value.messages)


def test_a_server_that_never_answers_is_given_up_in_time(driver: drivers.Driver) -> None:
    with StandIn(ScriptedServer(), silent=True) as stand_in:
        engine = SqlServerEngine(instance(stand_in, driver, login_timeout_s=1))
        began = time.monotonic()
        with pytest.raises(EngineError, match="cannot be reached") as silent:
            engine.databases()
        assert silent.value.transient
        assert time.monotonic() - began < 10


def test_a_port_where_nobody_listens_is_an_error_worth_another_try(driver: drivers.Driver) -> None:
    stand_in = StandIn(ScriptedServer(), listening=False)
    with stand_in:
        engine = SqlServerEngine(instance(stand_in, driver, login_timeout_s=1))
        with pytest.raises(EngineError, match="cannot be reached") as closed:
            engine.databases()
        assert closed.value.transient


def test_connections_are_used_again(bench: Bench) -> None:
    for _ in range(5):
        bench.engine.databases()
    assert bench.server.connections.total == 1


def test_a_server_that_was_started_again_is_simply_asked_again(driver: drivers.Driver) -> None:
    with open_bench(driver) as bench:
        bench.engine.databases()
        for session in list(bench.server.sessions()):
            session.kill()
        assert "vault" in [each.name for each in bench.engine.databases()]
        for session in list(bench.server.sessions()):
            session.kill()
        assert bench.full().size_bytes > 0


def test_a_question_that_takes_too_long_is_not_asked_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = bench.full()
    monkeypatch.setattr("pwsops.engines.sqlserver.media.LONG_S", 1)
    bench.server.faults.on("RESTORE HEADERONLY", hold=threading.Event(), times=None)
    bench.server.log.clear()
    with pytest.raises(EngineError, match="stopped answering") as late:
        bench.engine.read_media(taken.path)
    assert late.value.transient
    assert len(bench.sent("RESTORE HEADERONLY")) == 1


def test_what_is_known_of_a_server_is_asked_again_after_a_while(driver: drivers.Driver) -> None:
    clock = ManualClock()
    with open_bench(driver) as bench:
        engine = SqlServerEngine(bench.engine.instance, clock)
        for _ in range(3):
            engine.join("D:\\", "x")
        assert len(bench.sent("SELECT CAST(SERVERPROPERTY")) == 1
        clock.advance(minutes=11)
        engine.join("D:\\", "x")
        assert len(bench.sent("SELECT CAST(SERVERPROPERTY")) == 2


def test_an_untrusted_certificate_is_refused_by_default(driver: drivers.Driver) -> None:
    with open_bench(driver, wire={"encryption": "full"}) as bench:
        engine = bench.engine_as("pwsops", trust_server_certificate=False)
        with pytest.raises((EngineError, InvalidInput)) as refused:
            engine.databases()
        assert "certificate" in refused.value.message
        assert not refused.value.transient
        assert bench.engine.databases()
        assert "certificate" in bench.engine.probe().facts["Encrypted"]


def test_encryption_can_be_switched_off_where_the_network_is_ones_own(driver: drivers.Driver) -> None:
    with open_bench(driver, wire={"encryption": "none"}) as bench:
        with pytest.raises(EngineError):
            bench.engine.databases()
        engine = bench.engine_as("pwsops", encrypt="no")
        assert engine.databases()
        assert engine.probe().facts["Encrypted"] == "no"


def test_strict_encryption_with_the_servers_own_certificate(tmp_path: Path) -> None:
    from tests.standin.wire.certificates import Authority

    certificate = Authority(tmp_path, "Ours").issue()
    driver = drivers.find("msodbc")
    with open_bench(driver, wire={"encryption": "strict", "certificate": certificate}) as bench:
        options = {"encrypt": "strict", "trust_server_certificate": False}
        engine = bench.engine_as("pwsops", server_certificate=str(certificate.chain), **options)
        assert engine.databases()
        assert engine.probe().facts["Encrypted"] == "strict, certificate checked"


@pytest.mark.parametrize(
    "password",
    ["a}b", "a;b={c", "p'\"w\u00e4 \U0001f5c4", " lead and trail ", "\u017dlu\u0165ouck\u00fd", "\u0100b", "x]y"],
)
def test_an_odd_password_arrives_whole(driver: drivers.Driver, password: str) -> None:
    with open_bench(driver) as bench:
        bench.server.add_login("odd}one", password=password, roles={"sysadmin"})
        known = instance(bench.stand_in, driver)
        odd = Instance(
            name="odd", engine="sqlserver", address=known.address, login="odd}one", password=password,
            options=known.options,
        )  # fmt: skip
        assert SqlServerEngine(odd).databases()


def test_the_service_user_without_a_domain_is_told_so(driver: drivers.Driver) -> None:
    with open_bench(driver) as bench, pytest.raises(EngineError) as refused:
        bench.engine_as(None, login_timeout_s=2).databases()
    assert refused.value.hint


@pytest.mark.parametrize(
    "password", ["} ;DRIVER=/tmp/none.so;X={", "\u017d ;DRIVER=/tmp/none.so;X={", "};Encryption=off;A={", "x};APP={y"]
)
def test_a_password_adds_no_keyword_whatever_the_real_manager_and_driver_make_of_it(
    driver: drivers.Driver, password: str
) -> None:
    """It arrives as it is or is refused; never is another library opened."""
    with open_bench(driver) as bench:
        bench.server.add_login("odd", password=password, roles={"sysadmin"})
        known = instance(bench.stand_in, driver)
        odd = replace(known, login="odd", password=password)
        try:
            found = SqlServerEngine(odd).databases()
        except InvalidInput as refused:
            found, told = [], refused.message + refused.hint
        assert found or ("this password" in told and password not in told)


def test_a_library_is_not_loaded_by_its_path(driver: drivers.Driver) -> None:
    with open_bench(driver) as bench:
        known = instance(bench.stand_in, driver)
        known = replace(known, options={**known.options, "driver": str(driver.path)})
        with pytest.raises(EngineError, match="by its name, and not by a file"):
            SqlServerEngine(known).databases()
