"""Who may do what: each public operation, for each role, scope and way of coming in, against the table of roles."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from pwsops.catalogue import audit, drills, outcomes, restores, scope
from pwsops.catalogue.drills import Wanted
from pwsops.catalogue.schema import metadata
from pwsops.engines import registry
from pwsops.engines.records import Credentials
from pwsops.errors import Conflict, Denied, EngineError, NotFound, PwsopsError, SignInAnew
from pwsops.operations import Operations, Role
from pwsops.operations.access import Context
from pwsops.operations.audit_log import AuditState
from pwsops.operations.history import HistoryQuery
from pwsops.operations.reports import ReportFormat, ReportQuery
from pwsops.operations.rights import check_declared, needs, operations_of
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.restore_plan import plan_restore
from pwsops.rules.rights import Principal, Right, Way
from tests.clocks import NOON
from tests.fake_engine import FakeEngine, FakeServer
from tests.homes import Home
from tests.people import acting_as, person

V, O, S, U, A = Role.VIEWER, Role.OPERATOR, Role.RESTORER, Role.AUDITOR, Role.ADMINISTRATOR  # noqa: E741
MINE, ELSEWHERE = "srv", "canary-instance"
DBA = Credentials(login="dba", password="secret")


class Row(NamedTuple):
    """A row of the table: who may, whether only after signing in anew, and whether a machine may as well."""

    roles: frozenset[Role]
    anew: bool = False
    machines: bool = True


# The table of the issue, row by row. Where it is silent, the narrower answer.
LOOK = EXPORT = Row(frozenset({V, O, S, U, A}))
EVIDENCE = Row(frozenset({U, A}))
CONTENTS = RUN = MEDIA = Row(frozenset({O, S, A}))
VERIFY = Row(frozenset({O, S, U, A}))
STOP = CONFIGURE = Row(frozenset({A}))
RESTORE = Row(frozenset({S, A}), anew=True)
CONNECT = EXPORT_KEY = Row(frozenset({A}), anew=True)
ACCOUNT = Row(frozenset({V, O, S, U, A}), machines=False)
OWN_SIGN_IN = Row(frozenset({V, O, S, U, A}), anew=True)
SESSIONS = Row(frozenset({A}))
HOST = Row(frozenset())

OBJECT, EVERYTHING, ANY = "an object of one instance", "all instances", "filtered, or of no instance"
Call = Callable[[Any], tuple[Any, ...]]


class Entry(NamedTuple):
    """What an operation needs, what it concerns, and how it is called for the things of one instance."""

    row: Row
    concerns: str = ANY
    call: Call = lambda it: ()
    options: Mapping[str, Any] = {}


TABLE: dict[str, Entry] = {
    "acting_as": Entry(HOST, ANY, lambda it: (lambda: person(V),)),
    "doctor": Entry(HOST),
    "close": Entry(HOST),
    "rebuild": Entry(CONNECT, EVERYTHING, lambda it: (["/media"],)),
    "settings.get": Entry(CONFIGURE),
    "settings.set": Entry(CONFIGURE, EVERYTHING, lambda it: ("every", "2")),
    "settings.change": Entry(CONFIGURE, EVERYTHING, lambda it: ({"every": "2"},)),
    "settings.problems": Entry(CONFIGURE, ANY, lambda it: ({"every": "2"},)),
    "instances.list": Entry(LOOK),
    "instances.engines": Entry(LOOK),
    "instances.capabilities": Entry(LOOK, OBJECT, lambda it: (it.instance,)),
    "instances.offers": Entry(LOOK, ANY, lambda it: ("fake",)),
    "instances.add": Entry(CONNECT, EVERYTHING, lambda it: ("new",), {"engine": "fake", "address": "there"}),
    "instances.edit": Entry(CONNECT, OBJECT, lambda it: (it.instance,)),
    "instances.remove": Entry(CONNECT, OBJECT, lambda it: (it.instance,)),
    "instances.probe": Entry(CONFIGURE, OBJECT, lambda it: (it.instance,)),
    "instances.try_again": Entry(CONNECT, OBJECT, lambda it: (it.instance,)),
    "instances.refused_logins": Entry(CONFIGURE),
    "databases.list": Entry(LOOK, OBJECT, lambda it: (it.instance,)),
    "databases.known": Entry(LOOK, OBJECT, lambda it: (it.instance,)),
    "databases.everything": Entry(LOOK),
    "databases.verdicts": Entry(LOOK, OBJECT, lambda it: (it.instance,)),
    "databases.poll": Entry(LOOK, OBJECT, lambda it: ([it.instance],)),
    "databases.owed_access": Entry(LOOK, OBJECT, lambda it: (it.instance,)),
    "databases.contents": Entry(CONTENTS, OBJECT, lambda it: (it.instance, it.database)),
    "databases.backup_directory": Entry(MEDIA, OBJECT, lambda it: (it.instance,)),
    "databases.parent": Entry(MEDIA, OBJECT, lambda it: (it.instance, it.directory)),
    "databases.browse": Entry(MEDIA, OBJECT, lambda it: (it.instance, it.directory)),
    "databases.check_directory": Entry(MEDIA, OBJECT, lambda it: (it.instance, it.directory)),
    "runs.list": Entry(LOOK),
    "runs.count": Entry(LOOK),
    "runs.get": Entry(LOOK, OBJECT, lambda it: (it.run,)),
    "runs.start": Entry(RUN, OBJECT, lambda it: (it.profile,)),
    "runs.run_here": Entry(RUN, OBJECT, lambda it: (it.profile,)),
    "runs.wait": Entry(LOOK, OBJECT, lambda it: (it.run,)),
    "runs.cancel": Entry(RUN, OBJECT, lambda it: (it.run,)),
    "history.page": Entry(LOOK, ANY, lambda it: (HistoryQuery(),)),
    "history.up_to": Entry(LOOK, OBJECT, lambda it: (it.run,)),
    "history.profiles": Entry(LOOK),
    "calendar.outcomes": Entry(LOOK, ANY, lambda it: ([NOON, NOON + timedelta(days=1)],)),
    "calendar.runs": Entry(LOOK, ANY, lambda it: (NOON - timedelta(days=1), NOON + timedelta(days=1))),
    "calendar.durations": Entry(LOOK, ANY, lambda it: ([it.profile],)),
    "reports.runs": Entry(EXPORT),
    "reports.items": Entry(EXPORT),
    "reports.messages": Entry(EXPORT),
    "reports.sets": Entry(EXPORT),
    "reports.databases": Entry(EXPORT),
    "reports.exposure": Entry(EXPORT),
    "reports.restores": Entry(EXPORT),
    "reports.period": Entry(LOOK, ANY, lambda it: ("today",)),
    "reports.audit_log": Entry(EVIDENCE),
    "reports.export": Entry(EXPORT, ANY, lambda it: (ReportFormat.CSV,)),
    "reports.export_restores": Entry(EXPORT, ANY, lambda it: (ReportFormat.CSV,)),
    "reports.export_audit": Entry(EVIDENCE),
    "reports.write": Entry(HOST, ANY, lambda it: (ReportFormat.CSV, Path("report.csv"))),
    "profiles.list": Entry(LOOK),
    "profiles.view": Entry(LOOK, OBJECT, lambda it: (it.profile,)),
    "profiles.get": Entry(CONFIGURE, OBJECT, lambda it: (it.profile,)),
    "profiles.new": Entry(CONFIGURE),
    "profiles.create": Entry(CONFIGURE, OBJECT, lambda it: (it.draft,)),
    "profiles.save": Entry(CONFIGURE, OBJECT, lambda it: (it.profile, it.draft)),
    "profiles.in_the_way": Entry(CONFIGURE, OBJECT, lambda it: (it.draft,)),
    "profiles.diagnose": Entry(LOOK, OBJECT, lambda it: (it.profile,)),
    "profiles.delete": Entry(CONFIGURE, OBJECT, lambda it: (it.profile,)),
    "profiles.activate": Entry(CONFIGURE, OBJECT, lambda it: (it.profile,)),
    "profiles.deactivate": Entry(STOP, OBJECT, lambda it: (it.profile,)),
    "profiles.preview": Entry(LOOK, OBJECT, lambda it: (it.profile,), {"count": 1}),
    "media.read": Entry(MEDIA, OBJECT, lambda it: (it.path, it.instance)),
    "media.find": Entry(MEDIA, OBJECT, lambda it: (it.path, 1, it.instance)),
    "media.of_run": Entry(MEDIA, OBJECT, lambda it: (it.run,)),
    "media.verify": Entry(VERIFY, OBJECT, lambda it: (it.path, 1, it.instance)),
    "retention.preview": Entry(LOOK, OBJECT, lambda it: (it.profile,)),
    "retention.prune": Entry(CONFIGURE, OBJECT, lambda it: (it.profile,)),
    "holds.list": Entry(LOOK, OBJECT, lambda it: (it.instance,)),
    "holds.add_run": Entry(RUN, OBJECT, lambda it: (it.run,), {"reason": "an audit"}),
    "holds.add_set": Entry(RUN, OBJECT, lambda it: (it.instance, "none"), {"reason": "an audit"}),
    "holds.remove": Entry(CONFIGURE, OBJECT, lambda it: (it.hold,)),
    "certificates.list": Entry(CONFIGURE),
    "certificates.look": Entry(CONFIGURE, OBJECT, lambda it: (it.instance,)),
    "certificates.keepers": Entry(CONFIGURE),
    "certificates.import_to_server": Entry(
        CONFIGURE,
        OBJECT,
        lambda it: (it.instance,),
        {"certificate_file": "/media/c.cer", "key_file": "/media/c.pvk", "password": "x"},
    ),
    "certificates.attention": Entry(LOOK),
    "certificates.for_encryption": Entry(CONFIGURE),
    "certificates.get": Entry(CONFIGURE, ANY, lambda it: ("one",)),
    "certificates.import_file": Entry(CONFIGURE, EVERYTHING, lambda it: (b"",)),
    "certificates.create": Entry(CONFIGURE, EVERYTHING, lambda it: ("one",)),
    "certificates.export": Entry(EXPORT_KEY, EVERYTHING, lambda it: (["one"], "x")),
    "certificates.remove": Entry(CONFIGURE, EVERYTHING, lambda it: ("one",)),
    "points.list": Entry(MEDIA, OBJECT, lambda it: (it.instance, it.database)),
    "points.at": Entry(MEDIA, OBJECT, lambda it: (it.instance, it.database, "1 s ago")),
    "points.zone": Entry(MEDIA, OBJECT, lambda it: (it.instance, it.database)),
    "points.of_run": Entry(MEDIA, OBJECT, lambda it: (it.instance, it.database, it.run)),
    "drills.start": Entry(RESTORE, OBJECT, lambda it: (it.instance, it.database), {"queries": ()}),
    "drills.run": Entry(RESTORE, OBJECT, lambda it: (it.instance, it.database), {"queries": ()}),
    "drills.get": Entry(LOOK, OBJECT, lambda it: (it.drill,)),
    "drills.list": Entry(LOOK),
    "drills.cancel": Entry(RESTORE, OBJECT, lambda it: (it.drill,)),
    "restores.plan": Entry(RESTORE, OBJECT, lambda it: (it.instance, it.database, it.path)),
    "restores.preview": Entry(RESTORE, OBJECT, lambda it: (it.instance, it.database, it.path)),
    "restores.script": Entry(RESTORE, OBJECT, lambda it: (it.instance, it.database, it.path)),
    "restores.unrecorded": Entry(RESTORE, OBJECT, lambda it: (it.instance, plan_restore(it.laid, []))),
    "restores.sources": Entry(MEDIA, OBJECT, lambda it: (it.instance, it.database)),
    "restores.check": Entry(RESTORE, OBJECT, lambda it: (it.instance,)),
    "restores.begin": Entry(RESTORE, OBJECT, lambda it: (it.instance, it.database, it.path)),
    "restores.restore": Entry(RESTORE, OBJECT, lambda it: (it.instance, it.database, it.path)),
    "restores.get": Entry(LOOK, OBJECT, lambda it: (it.restore,)),
    "restores.list": Entry(LOOK),
    "restores.page": Entry(LOOK),
    "restores.cancel": Entry(RESTORE, OBJECT, lambda it: (it.restore,)),
    "roles.list": Entry(HOST),
    "roles.check": Entry(HOST),
    "service.status": Entry(LOOK),
    "service.attach": Entry(HOST),
    "service.run": Entry(HOST, ANY, lambda it: (None,)),
    "service.start": Entry(STOP, EVERYTHING),
    "service.stop": Entry(STOP, EVERYTHING),
    "samples.create": Entry(CONNECT, EVERYTHING),
    "samples.history": Entry(HOST),
    "audit.list": Entry(EVIDENCE),
    "audit.record": Entry(HOST, ANY, lambda it: ("sign-in", "ada")),
    "audit.page": Entry(EVIDENCE),
    "audit.actions": Entry(EVIDENCE),
    "audit.verify": Entry(EVIDENCE),
    "audit.verify_with": Entry(HOST, ANY, lambda it: ([],)),
    "audit.acknowledge": Entry(HOST, ANY, lambda it: ("a copy was put back",)),
    "audit.places": Entry(EVIDENCE),
    "audit.problem": Entry(LOOK),
    "audit.begin_new_key": Entry(HOST),
    "key.fault": Entry(LOOK),
    "key.require": Entry(LOOK),
    "key.check": Entry(HOST),
    "key.rotate": Entry(HOST),
    "key.begin_anew": Entry(HOST),
    "key.bind_old": Entry(HOST),
    "people.users": Entry(HOST),
    "people.add_user": Entry(HOST, ANY, lambda it: ("ada", "walrus teapot oblong")),
    "people.set_password": Entry(HOST, ANY, lambda it: ("ada", "walrus teapot oblong")),
    "people.remove_user": Entry(HOST, ANY, lambda it: ("ada",)),
    "people.tokens": Entry(HOST),
    "people.create_token": Entry(HOST, ANY, lambda it: ("m",), {"role": V, "instances": None, "lasts": timedelta(1)}),
    "people.revoke_token": Entry(HOST, ANY, lambda it: ("m",)),
    "people.signin_link": Entry(HOST),
    "people.authentication": Entry(HOST),
    "people.remove_second_factor": Entry(HOST, ANY, lambda it: ("ada",)),
    "account.view": Entry(ACCOUNT, ANY, lambda it: ("stay",)),
    "account.change_password": Entry(
        ACCOUNT, ANY, lambda it: ("stay",), {"old": "x", "new": "y", "code": "", "attempt": None}
    ),
    "account.offer_second_factor": Entry(OWN_SIGN_IN, ANY, lambda it: ("stay",)),
    "account.add_second_factor": Entry(OWN_SIGN_IN, ANY, lambda it: ("stay", "123456")),
    "account.remove_second_factor": Entry(OWN_SIGN_IN, ANY, lambda it: ("stay",)),
    "account.renew_recovery_codes": Entry(OWN_SIGN_IN, ANY, lambda it: ("stay",)),
    "account.end_session": Entry(OWN_SIGN_IN, ANY, lambda it: ("stay", "other")),
    "account.end_others": Entry(OWN_SIGN_IN, ANY, lambda it: ("stay",)),
    "account.everybody": Entry(SESSIONS, EVERYTHING, lambda it: ("stay",)),
    "account.end_sessions_of": Entry(SESSIONS, EVERYTHING, lambda it: ("ada",)),
    "changes.version": Entry(LOOK),
}


def everything(ops: Operations) -> dict[str, Any]:
    """Every public operation that there is, by its name."""
    found = {name: getattr(type(ops), name) for name, _ in operations_of(Operations) if name != "principal"}
    for noun, value in vars(ops).items():
        if isinstance(getattr(value, "_context", None), Context):
            found |= {f"{noun}.{name}": getattr(type(value), name) for name, _ in operations_of(type(value))}
    return found


def call(ops: Operations, name: str, it: Any) -> Any:
    """Do an operation on the things of one instance."""
    noun, _, method = name.rpartition(".")
    entry = TABLE[name]
    return getattr(getattr(ops, noun) if noun else ops, method)(*entry.call(it), **entry.options)


@dataclass
class Places:
    """A home with two instances that have everything; those who are given one must learn nothing of the other."""

    home: Home
    mine: Any
    elsewhere: Any


@pytest.fixture
def places(home: Home, monkeypatch: pytest.MonkeyPatch) -> Places:
    server = FakeServer(home.clock, sizes={"canary-database": 7, "one": 1})
    monkeypatch.setattr(registry, "ENGINES", {**registry.ENGINES, "other": server.open})
    home.ops.instances.add(ELSEWHERE, engine="other", address="canary-address")
    home.add(name="mine", databases=["one"], directory="/media")
    values = {"instance": ELSEWHERE, "databases": ["canary-database"], "directory": "/canary"}
    home.add(name="canary-profile", **values)
    draft = home.profile(name="draft")
    return Places(
        home,
        mine=_things(home, home.server, "mine", MINE, "one", "/media/a.bak", draft),
        elsewhere=_things(
            home,
            server,
            "canary-profile",
            ELSEWHERE,
            "canary-database",
            "/canary/a.bak",
            home.profile(name="canary-draft", **values),
        ),
    )


def _things(home: Home, server: FakeServer, profile: str, instance: str, database: str, path: str, draft: Any) -> Any:
    home.run(profile)
    home.ops.databases.list(instance)
    laid = server.put(
        BackupSet(set_id=path, database=database, kind=BackupKind.FULL, path=path, finished_at=NOON, base_id=None)
    )
    with home.core.catalogue.write() as connection:
        restore = restores.add(
            connection, laid, instance=instance, database=database, actor="ann", owner="nobody", now=NOON
        )
        wanted = Wanted(instance=instance, database=database, on_instance=instance, place="", actor="ann", path=path)
        drill = drills.add(connection, wanted, owner="nobody", now=NOON)
        audit.append(connection, at=NOON, actor="ann", action="restore", subject=f"{instance}/{database}", detail="")
    run = home.ops.runs.list(profile=profile)[0].id
    return SimpleNamespace(
        profile=profile,
        instance=instance,
        database=database,
        path=path,
        directory=path.rpartition("/")[0],
        laid=laid,
        draft=draft,
        run=run,
        restore=restore,
        drill=drill,
        hold=home.ops.holds.add_run(run, reason=f"an audit of {database}")[0].id,
    )


@pytest.fixture
def hollow(places: Places) -> Iterator[Places]:
    """The same, where no operation does anything: what is checked before it begins stays what it is."""
    # They are whole again before the home is closed, which is one of them.
    with pytest.MonkeyPatch.context() as patched:
        for name, operation in everything(places.home.ops).items():
            if name == "acting_as":
                continue
            names = operation.__code__.co_freevars
            cell = operation.__closure__[names.index("method")]
            patched.setattr(cell, "cell_contents", lambda *given, **options: "done")
        patched.setattr(Context, "note_denied", lambda *given: None)
        yield places


def outcome(ops: Operations, name: str, it: Any) -> str:
    try:
        call(ops, name, it)
    except SignInAnew:
        return "anew"
    except Denied:
        return "denied"
    except NotFound:
        return "not found"
    return "done"


WAYS: dict[str, dict[str, Any]] = {
    "signed in just now": {},
    "signed in long ago": {"anew_until": None},
    "by a token": {"way": Way.TOKEN},
    "as a user of the machine": {"way": Way.HOST},
}
SCOPES = {"all": None, "the object's": frozenset({MINE}), "another": frozenset({ELSEWHERE})}


def expected(entry: Entry, role: Role, way: str, instances: frozenset[str] | None) -> str:
    if way != "as a user of the machine":
        if role not in entry.row.roles or (way == "by a token" and (entry.row.anew or not entry.row.machines)):
            return "denied"
        if way == "signed in long ago" and entry.row.anew:
            return "anew"
    if instances is None or entry.concerns == ANY:
        return "done"
    if entry.concerns == EVERYTHING:
        return "denied"
    return "done" if MINE in instances else "not found"


def test_each_operation_has_a_line_in_the_table_and_each_line_an_operation(home: Home) -> None:
    assert everything(home.ops).keys() == TABLE.keys()


def test_each_operation_is_open_to_those_of_the_table_and_to_nobody_else(hollow: Places) -> None:
    amiss = []
    for role, (way, values), (scoped, instances) in itertools.product(Role, WAYS.items(), SCOPES.items()):
        ops = acting_as(hollow.home.ops, role, instances=instances, **values)
        for name, entry in TABLE.items():
            found, wanted = outcome(ops, name, hollow.mine), expected(entry, role, way, instances)
            if found != wanted:
                amiss.append((name, role.value, way, scoped, found, wanted))
    assert amiss == []


def test_who_must_set_up_a_second_factor_may_do_that_and_nothing_else(hollow: Places) -> None:
    for role in Role:
        ops = acting_as(hollow.home.ops, role, enrols=True)
        open_to_them = {name for name in TABLE if outcome(ops, name, hollow.mine) == "done"}
        assert open_to_them == {name for name, entry in TABLE.items() if entry.row in (ACCOUNT, OWN_SIGN_IN)}


def test_once_a_session_has_ended_nothing_is_done(hollow: Places) -> None:
    here = person(A)

    def who() -> Principal:
        if here.anew_until is None:
            raise Denied("ada is signed in no more.", hint="Sign in.")
        return here

    ops = hollow.home.ops.acting_as(who)
    assert outcome(ops, "runs.list", hollow.mine) == "done"
    here = replace(here, anew_until=None)
    assert {outcome(ops, name, hollow.mine) for name in TABLE} == {"denied"}


def test_another_role_counts_from_the_next_operation_on(hollow: Places) -> None:
    role = O
    ops = hollow.home.ops.acting_as(lambda: person(role))
    assert outcome(ops, "runs.start", hollow.mine) == "done"
    role = V
    assert outcome(ops, "runs.start", hollow.mine) == "denied"


def test_a_class_with_an_operation_that_declares_no_right_does_not_start() -> None:
    class Noun:
        _context: Context

        @needs(Right.LOOK, "look")
        def look(self) -> None:
            """Look."""

        def slip_through(self) -> None:
            """Do anything."""

    with pytest.raises(TypeError, match=r"Noun\.slip_through declares no right"):
        check_declared(Noun)
    with pytest.raises(TypeError):
        check_declared(type("Noun", (), {"seen": property(lambda self: 1)}))


# What somebody who is given some instances learns of the others


def test_what_is_elsewhere_is_answered_as_what_is_not_there(places: Places) -> None:
    ops = acting_as(places.home.ops, A, instances=frozenset({MINE}))
    nowhere = SimpleNamespace(
        **vars(places.elsewhere)
        | {
            "instance": "nope-instance",
            "profile": "nope-profile",
            "run": 98,
            "restore": 99,
            "drill": 96,
            "hold": 97,
            "draft": places.home.profile(name="canary-draft", instance="nope-instance", databases=["canary-database"]),
        }
    )
    compared = 0
    for name, entry in TABLE.items():
        if entry.concerns != OBJECT:
            continue
        told = []
        for it in (places.elsewhere, nowhere):
            with pytest.raises(NotFound) as refused:
                call(ops, name, it)
            words = f"{refused.value.message} {refused.value.hint}"
            told.append(
                re.sub(
                    rf"'(nope|canary)-\w+'|(run|restore|drill|hold) ({it.run}|{it.restore}|{it.drill}|{it.hold})\b",
                    "X",
                    words,
                )
            )
        assert told[0] == told[1], name
        compared += 1
    assert compared > 30


def _without_waiting(places: Places) -> Iterator[str]:
    """The operations whose answers are read here: all but those that change something or run until they are stopped."""
    for name, entry in TABLE.items():
        reads = entry.row in (LOOK, CONTENTS, EVIDENCE, VERIFY) or name in (
            "settings.get", "instances.refused_logins", "profiles.get", "profiles.new", "certificates.list",
            "certificates.look", "certificates.keepers", "certificates.for_encryption", "restores.sources",
            "restores.plan", "databases.browse", "media.read", "points.list", "points.at", "points.of_run",
            "points.zone",
        )  # fmt: skip
        changes = ("runs.start", "runs.run_here", "runs.cancel", "holds.add_run", "holds.add_set")
        if reads and name not in (*changes, "changes.version"):
            yield name


@pytest.mark.parametrize("role", [A, S, V])
def test_nothing_that_is_shown_tells_of_an_instance_that_is_not_theirs(places: Places, role: Role) -> None:
    home = places.home
    home.ops.settings.change({"instance": ELSEWHERE, "directory": "/canary"})
    with suppress(PwsopsError):
        home.ops.profiles.save("canary-profile", home.ops.profiles.get("canary-profile"), note="canary")
    ops = acting_as(home.ops, role, instances=frozenset({MINE}))
    answered = 0
    for name in _without_waiting(places):
        try:
            answer = call(ops, name, places.mine)
        except Denied:
            continue
        if hasattr(answer, "to_csv"):
            answer = answer.to_csv()
        elif hasattr(answer, "read"):
            with answer as file:
                answer = file.read().decode()
        elif hasattr(answer, "param"):
            answer = dict(answer.param.values())
        assert "canary" not in repr(answer), name
        answered += 1
    assert answered > 25


def test_counts_searches_and_exports_leave_out_what_is_elsewhere(places: Places) -> None:
    mine, everybody = acting_as(places.home.ops, V, instances=frozenset({MINE})), places.home.ops
    assert (everybody.runs.count(), mine.runs.count()) == (2, 1)
    assert mine.history.page(HistoryQuery()).total == 1
    assert everybody.history.page(HistoryQuery(text="canary")).total == 1
    assert mine.history.page(HistoryQuery(text="canary")).total == 0
    assert mine.history.page(HistoryQuery(profile="canary-profile")).total == 0
    with pytest.raises(NotFound, match="no profile 'canary-profile'") as refused:
        mine.reports.runs(ReportQuery(profile="canary-profile"))
    assert "canary" not in refused.value.hint
    for form in (ReportFormat.CSV, ReportFormat.HTML):
        with mine.reports.export(form) as file:
            assert b"canary" not in file.read()
    auditor = acting_as(places.home.ops, U, instances=frozenset({MINE}))
    with auditor.reports.export(ReportFormat.EVIDENCE) as file:
        evidence = file.read()
    assert b"mine" in evidence
    assert b"canary" not in evidence
    assert {entry.subject for entry in auditor.audit.list()} >= {"mine", MINE, f"{MINE}/one"}


def test_a_profile_that_is_called_like_something_else_tells_nothing_of_it(places: Places) -> None:
    ops, scope_ = places.home.ops, frozenset({MINE})
    ops.people.add_user("ada", "walrus-teapot-oblong-9")
    some = acting_as(ops, A, instances=scope_)
    before = {entry.id for entry in some.audit.list(1000)}
    theirs = {ELSEWHERE, f"{ELSEWHERE}/canary-database", "user:ada", "history", "mine"}
    assert theirs - {"history", "mine"} <= {entry.subject for entry in ops.audit.list(1000)}
    for name in sorted(theirs - {"mine"}):
        some.profiles.create(places.home.profile(name=name, instance=MINE, active=False))
    ops.reports.runs()
    ops.profiles.save("canary-profile", _renamed(ops, "canary-profile", "other"))
    some.profiles.save(ELSEWHERE, _renamed(ops, ELSEWHERE, "canary-profile"))
    seen = [entry for entry in some.audit.list(1000) if entry.id not in before]
    assert {(entry.action, entry.actor) for entry in seen} == {
        ("create profile", "user:bob"),
        ("edit profile", "user:bob"),
    }


def test_a_profile_that_is_called_like_an_instance_hides_nothing_of_that(places: Places) -> None:
    auditor = acting_as(places.home.ops, U, instances=frozenset({MINE}))
    before = {entry.id for entry in auditor.audit.list(1000)}
    other = acting_as(places.home.ops, A, instances=frozenset({ELSEWHERE}))
    for name in (MINE, f"{MINE}/one"):
        other.profiles.create(
            places.home.profile(name=name, instance=ELSEWHERE, databases=["canary-database"], active=False)
        )
    assert {entry.id for entry in auditor.audit.list(1000)} == before


def _renamed(ops: Operations, name: str, new: str) -> Any:
    profile = ops.profiles.get(name)
    profile.name = new
    return profile


def test_somebody_with_no_instance_sees_nothing(places: Places) -> None:
    ops = acting_as(places.home.ops, A, instances=frozenset())
    assert (ops.instances.list(), ops.profiles.list(), ops.runs.list(), ops.audit.list()) == ([], [], [], [])
    assert ops.databases.verdicts() == []


def test_each_table_of_the_catalogue_is_narrowed_or_is_everybodys() -> None:
    told = scope.conditions().keys()
    assert told | scope.EVERYBODYS == metadata.tables.keys()
    assert not told & scope.EVERYBODYS


# What goes with it


def test_a_denial_is_noted_with_who_and_what(home: Home) -> None:
    home.add()
    with pytest.raises(Denied, match="bob may not start a run: that needs the role operator or restorer") as refused:
        acting_as(home.ops, V).runs.start("p")
    assert "administrator" in refused.value.hint
    newest = home.ops.audit.list(limit=1)[0]
    assert (newest.actor, newest.action, newest.subject, newest.detail) == (
        "user:bob",
        "denied",
        "p",
        "may not start a run",
    )


def test_what_is_another_s_is_noted_as_a_denial_and_what_is_nowhere_is_not(places: Places) -> None:
    home, bob = places.home, acting_as(places.home.ops, A, instances=frozenset({MINE}))
    theirs = [
        ("instances.probe", lambda: bob.instances.probe(ELSEWHERE)),
        ("databases.list", lambda: bob.databases.poll([MINE, ELSEWHERE])),
        ("runs.start", lambda: bob.runs.start("canary-profile")),
        ("runs.get", lambda: bob.runs.get(places.elsewhere.run)),
        ("restores.get", lambda: bob.restores.get(places.elsewhere.restore)),
    ]
    for what, ask in theirs:
        before = home.ops.audit.list(limit=1)[0].id
        with pytest.raises(NotFound):
            ask()
        newest = home.ops.audit.list(limit=1)[0]
        assert (newest.id, newest.actor, newest.action) == (before + 1, "user:bob", "denied"), what
    before = home.ops.audit.list(limit=1)[0].id
    with pytest.raises(NotFound):
        bob.runs.start("nowhere")
    with pytest.raises(NotFound):
        bob.runs.get(987_654)
    assert home.ops.audit.list(limit=1)[0].id == before


def test_a_path_that_nobody_configured_is_noted_as_a_denial(places: Places) -> None:
    assert read(acting_as(places.home.ops, O), "/etc/passwd") == "denied"
    newest = places.home.ops.audit.list(limit=1)[0]
    assert (newest.actor, newest.action, newest.subject) == ("user:bob", "denied", "/etc/passwd")
    assert newest.detail == "may not read a backup file"


def test_a_denial_stands_where_it_cannot_be_noted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PwsopsError("Locked.", hint="Wait.")

    monkeypatch.setattr(audit, "append", fail)
    with pytest.raises(Denied, match="only a user of the machine"):
        acting_as(home.ops, A).service.attach()


def test_a_token_is_told_that_a_person_is_needed(home: Home) -> None:
    with pytest.raises(Denied, match="by a token: that wants a person"):
        acting_as(home.ops, A, way=Way.TOKEN).instances.add("x", engine="fake", address="x")


def test_what_needs_signing_in_anew_says_so_and_is_no_denial(home: Home) -> None:
    before = home.ops.audit.list()
    with pytest.raises(SignInAnew, match="only shortly after signing in"):
        acting_as(home.ops, A, anew_until=home.clock.now()).instances.add("x", engine="fake", address="x")
    assert home.ops.audit.list() == before


def test_evidence_is_exported_by_those_who_may_read_the_audit_log_and_each_export_is_noted(home: Home) -> None:
    home.add()
    with pytest.raises(Denied, match="export evidence"):
        acting_as(home.ops, O).reports.export(ReportFormat.EVIDENCE)
    acting_as(home.ops, V).reports.export(ReportFormat.CSV, ReportQuery(profile="p")).close()
    newest = home.ops.audit.list(limit=1)[0]
    assert (newest.actor, newest.action, newest.subject, newest.detail) == (
        "user:bob",
        "export history",
        "p",
        "csv, for a browser",
    )


def test_an_export_that_finds_no_room_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pwsops.operations.reports.TemporaryFile", full)
    with pytest.raises(PwsopsError, match="No space left on device"):
        home.ops.reports.export(ReportFormat.CSV)


@pytest.mark.parametrize("name", ["databases.browse", "media.read", "restores.sources", "points.list"])
def test_another_login_is_for_those_who_may_restore(places: Places, name: str) -> None:
    places.home.server.login = True

    def use(role: Role, **values: Any) -> None:
        noun, _, method = name.partition(".")
        ops = acting_as(places.home.ops, role, **values)
        getattr(getattr(ops, noun), method)(*TABLE[name].call(places.mine), credentials=DBA)

    with pytest.raises(Denied, match="as another login"):
        use(O)
    with pytest.raises(SignInAnew):
        use(S, anew_until=None)
    use(S)


def test_a_login_of_a_profile_s_own_is_given_only_after_signing_in_anew(places: Places) -> None:
    """Whoever gives one sends a password to a server, as whoever edits an instance does."""
    home = places.home
    home.server.login = True
    own = home.profile(name="own", login="dba")
    lately, long_ago = acting_as(home.ops, A), acting_as(home.ops, A, anew_until=None)
    for ask in (
        lambda ops: ops.profiles.create(own, password="secret"),
        lambda ops: ops.profiles.save("mine", home.profile(name="mine", login="dba"), password="secret"),
        lambda ops: ops.profiles.save("mine", home.profile(name="mine", login="dba"), password="another"),
    ):
        with pytest.raises(SignInAnew, match="login of its own"):
            ask(long_ago)
        with pytest.raises(Denied, match="by a token"):
            ask(acting_as(home.ops, A, way=Way.TOKEN))
        ask(lately)
    long_ago.profiles.save("mine", home.profile(name="mine", login="dba", every=2))
    long_ago.profiles.save("mine", home.profile(name="mine"))


def test_a_password_for_private_keys_that_a_profile_saves_wants_what_an_export_wants(places: Places) -> None:
    home = places.home
    home.ops.certificates.create("key")
    home.server.encryption = True
    saves = {"encrypt_with": "key", "save_certificates": True}
    for ask in (
        lambda ops: ops.profiles.create(home.profile(name="own", **saves), certificate_password="known"),
        lambda ops: ops.profiles.save("mine", home.profile(name="mine", **saves), certificate_password="known"),
        lambda ops: ops.profiles.save("mine", home.ops.profiles.get("mine"), certificate_password="another"),
    ):
        with pytest.raises(SignInAnew, match="saves private keys"):
            ask(acting_as(home.ops, A, anew_until=None))
        with pytest.raises(Denied, match="by a token"):
            ask(acting_as(home.ops, A, way=Way.TOKEN))
        with pytest.raises(Denied, match="concerns all instances"):
            ask(acting_as(home.ops, A, instances=frozenset({MINE})))
        ask(acting_as(home.ops, A))
    denied = {one.subject for one in home.ops.audit.list() if one.detail.endswith("under a password of theirs")}
    assert denied == {"mine", ""}
    [created] = [one for one in home.ops.audit.list() if (one.action, one.subject) == ("create profile", "own")]
    assert created.detail.endswith("; saves private keys under a password that was given")
    # What else there is of such a profile is edited as ever; it keeps its password.
    profile = home.ops.profiles.get("mine")
    profile.every = 2
    acting_as(home.ops, A, anew_until=None).profiles.save("mine", profile)


def test_files_of_a_certificate_are_named_where_theirs_alone_are_kept(places: Places) -> None:
    home = places.home
    shared = r"\\nas\both"
    home.add(name="both", databases=["one"], directory=shared)
    values = {"instance": ELSEWHERE, "databases": ["canary-database"], "directory": shared}
    home.add(name="canary-both", **values)

    def bring(certificate: str, key: str, **values: Any) -> str:
        ops = acting_as(home.ops, A, **values)
        try:
            ops.certificates.import_to_server(MINE, certificate_file=certificate, key_file=key, password="x")
        except Denied:
            return "denied"
        except PwsopsError:
            return "asked"
        return "done"

    some: dict[str, Any] = {"instances": frozenset({MINE})}
    own = "/media/c.cer", "/media/c.pvk"
    assert bring(*own, **some) == "asked"
    for path in (r"\\evil\share\c.cer", "/etc/c.cer", rf"{shared}\c.cer", "/media/../etc/c.cer"):
        assert bring(path, own[1], **some) == bring(own[0], path, **some) == "denied", path
        assert bring(path, own[1]) == "asked", path


def test_only_those_of_the_audit_log_are_told_who_changed_a_failing_profile(home: Home) -> None:
    home.add()
    home.ops.profiles.save("p", home.profile(every=2))
    assert acting_as(home.ops, U).profiles.diagnose("p").changes
    assert not acting_as(home.ops, O).profiles.diagnose("p").changes


def test_where_an_instance_is_is_told_to_those_who_work_with_that(home: Home) -> None:
    assert [one.address for one in acting_as(home.ops, O).instances.list()] == [""]
    assert [one.address for one in acting_as(home.ops, S).instances.list()] == ["nowhere"]


def test_the_next_run_that_is_told_is_one_of_theirs(places: Places) -> None:
    places.home.ops.profiles.deactivate("mine")
    assert places.home.ops.service.status().next_due_at is not None
    assert acting_as(places.home.ops, V, instances=frozenset({MINE})).service.status().next_due_at is None


def test_what_stands_in_the_way_elsewhere_is_not_named(places: Places, tmp_path: Path) -> None:
    home = places.home
    shared = {"databases": ["one"], "directory": r"\\nas\backups", "timestamp": False}
    home.ops.profiles.save("canary-profile", home.profile(name="canary-profile", instance=ELSEWHERE, **shared))
    home.add(**shared | {"timestamp": True})
    ops = acting_as(home.ops, A, instances=frozenset({MINE, "vaults"}))
    with pytest.raises(Conflict, match="an instance that is not yours") as refused:
        ops.profiles.create(home.profile(name="new", **shared))
    assert "canary" not in f"{refused.value.message} {refused.value.hint}"
    for name, directory in (("canary-too", "canary"), ("vaults", "vaults")):
        (tmp_path / directory).mkdir()
        home.ops.instances.add(name, engine="sqlite", address=str(tmp_path / directory))
    with pytest.raises(Denied, match="may not read") as denied:
        ops.instances.edit("vaults", address=str(tmp_path / "canary"))
    assert "canary-too" not in f"{denied.value.message} {denied.value.hint}"


def test_the_address_of_a_server_is_no_directory_of_anybodys(places: Places) -> None:
    ops = acting_as(places.home.ops, A, instances=frozenset({MINE}))
    assert ops.instances.edit(MINE, address="another-server").address == "another-server"


# Where backups are read from


def read(ops: Operations, path: str, instance: str | None = MINE) -> str:
    try:
        ops.media.read(path, instance)
    except Denied:
        return "denied"
    except PwsopsError:
        return "read"
    return "read"


def test_backups_are_read_in_configured_directories_alone_but_for_administrators(places: Places) -> None:
    home, operator = places.home, acting_as(places.home.ops, O)
    home.server.backup_directory = "/var/opt/backups"
    for path in ("/media/a.bak", "/media/deep/er/a.bak", "/var/opt/backups/x.bak"):
        assert read(operator, path) == "read", path
    for path in (r"\\evil\share\a.bak", "//evil/share/a.bak", "/media/../etc/a.bak", "/media-too/a.bak", "/etc/passwd"):
        assert read(operator, path) == "denied", path
        assert read(acting_as(home.ops, A), path) == "read", path
    home.server.backup_directory = "/"
    assert read(operator, "/etc/passwd") == "denied"
    home.server.unreachable = PwsopsError("Away.", hint="Wait.")
    assert read(operator, "/etc/passwd") == "denied"


def test_an_administrator_of_some_instances_reads_nothing_where_others_keep_theirs(home: Home, tmp_path: Path) -> None:
    mine, theirs, free = (tmp_path / name for name in ("mine", "theirs", "free"))
    for directory in (mine, theirs / "db", theirs / "bk", free):
        directory.mkdir(parents=True)
    for directory in (mine, theirs / "db"):
        sqlite3.connect(directory / "x.db").execute("CREATE TABLE t (a)").connection.close()
    home.ops.instances.add("vaults", engine="sqlite", address=str(mine))
    home.ops.instances.add("canary", engine="sqlite", address=str(theirs / "db"))
    home.add(name="canary-profile", instance="canary", databases=["x.db"], directory=str(theirs / "bk"))
    some = acting_as(home.ops, A, instances=frozenset({"vaults"}))
    (free / "link").symlink_to(theirs / "bk")
    for path in (theirs / "bk" / "a.bak", theirs / "db", free / "link" / "a.bak"):
        assert read(some, str(path), "vaults") == read(some, str(path), None) == "denied", path
        assert read(acting_as(home.ops, A), str(path), "vaults") == "read", path
    # What nobody keeps anything in may hold anything.
    assert read(some, str(free / "a.bak"), "vaults") == "denied"
    # Nor can they make it theirs.
    for directory in (theirs / "bk", theirs, free / "link"):
        with pytest.raises(Denied, match="may not read"):
            some.profiles.create(
                home.profile(name="q", instance="vaults", databases=["x.db"], directory=str(directory))
            )
        with pytest.raises(Denied, match="may not read"):
            some.instances.edit("vaults", address=str(directory))
    some.profiles.create(home.profile(name="q", instance="vaults", databases=["x.db"], directory=str(free)))
    with pytest.raises(Denied, match="may not read"):
        some.profiles.save("q", home.profile(name="q", instance="vaults", databases=["x.db"], directory=str(theirs)))
    some.instances.edit("vaults", address=str(free))


def test_a_backup_that_was_recorded_is_read_wherever_it_is(places: Places) -> None:
    home = places.home
    recorded = home.ops.restores.sources(MINE, "one")[0].path
    home.ops.profiles.save("mine", home.profile(name="mine", directory="/elsewhere"))
    assert read(acting_as(home.ops, O), recorded) == "read"
    assert read(acting_as(home.ops, O), "/media/a.bak") == "denied"


def test_on_this_machine_a_link_out_of_a_configured_directory_leads_nowhere(home: Home, tmp_path: Path) -> None:
    vaults, outside = tmp_path / "vaults", tmp_path / "outside"
    vaults.mkdir()
    outside.mkdir()
    (outside / "a.bak").write_bytes(b"")
    (vaults / "link").symlink_to(outside)
    home.ops.instances.add("vaults", engine="sqlite", address=str(vaults))
    operator = acting_as(home.ops, O)
    for instance in ("vaults", None):
        assert read(operator, str(vaults / "a.bak"), instance) == "read"
        assert read(operator, str(vaults / "link" / "a.bak"), instance) == "denied"
    assert operator.databases.backup_directory("vaults") == str(vaults)
    assert read(acting_as(home.ops, O, instances=frozenset({MINE})), str(vaults / "a.bak"), None) == "denied"


def test_what_their_own_server_remembers_to_have_written_is_theirs(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = acting_as(places.home.ops, O, instances=frozenset({MINE}))
    assert read(some, "/media/a.bak") == "denied"
    remembered: list[BackupSet | None] = []

    def ask(engine: FakeEngine, set_id: str) -> BackupSet | None:
        if not remembered:
            raise EngineError("Away.", hint="Wait.")
        return remembered[0]

    monkeypatch.setattr(FakeEngine, "remembered_set", ask, raising=False)
    assert read(some, "/media/a.bak") == "denied"
    remembered.append(None)
    assert read(some, "/media/a.bak") == "denied"
    remembered[0] = places.mine.laid
    assert read(some, "/media/a.bak") == "read"
    # A file that cannot be read is told as such only where theirs alone are kept.
    assert read(some, "/media/none.bak") == "read"
    places.home.server.backup_directory = "/var/backups"
    assert read(some, "/var/backups/none.bak") == "denied"


def test_an_administrator_of_some_looks_for_a_place_where_nobody_keeps_anything(places: Places) -> None:
    home = places.home
    home.server.media["/free/a.bak"] = []
    for name in ("own", "theirs"):
        values = {"instance": MINE, "databases": ["one"]} if name == "own" else {}
        defaults = {"instance": ELSEWHERE, "databases": ["canary-database"]}
        home.add(name=name, **defaults | values, directory=rf"\\nas\{name}")
    some = acting_as(home.ops, A, instances=frozenset({MINE}))
    assert [entry.name for entry in some.databases.browse(MINE, "/free")] == ["sub", "a.bak"]
    assert some.databases.browse(MINE, r"\\nas\own")
    for path in (r"\\nas\theirs", r"\\nas\theirs\deeper", r"\\evil\share", "/free/../media"):
        with pytest.raises(Denied):
            some.databases.browse(MINE, path)
    with pytest.raises(Denied):
        acting_as(home.ops, O, instances=frozenset({MINE})).databases.browse(MINE, "/free")


# In whose name


def test_the_service_works_in_its_own_name_whoever_asked_for_it(home: Home) -> None:
    home.add()
    acting_as(home.ops, O).runs.run_here("p")
    home.server.fail("one", PwsopsError("No.", hint="Look."), times=9)
    for _ in range(5):
        acting_as(home.ops, O).runs.run_here("p")
    noted = {(entry.actor, entry.action) for entry in home.ops.audit.list()}
    assert ("user:bob", "start run") in noted
    assert (outcomes.SERVICE, "trip profile") in noted


# What belongs to all


def test_who_is_given_some_sees_the_certificates_that_theirs_use_and_no_others(places: Places) -> None:
    home = places.home
    home.server.encryption = True
    for name in ("canary-cert", "own-cert"):
        home.ops.certificates.create(name)
    thumbprint = home.ops.certificates.get("own-cert").thumbprint
    some = acting_as(home.ops, A, instances=frozenset({MINE}))
    assert some.certificates.list() == some.certificates.for_encryption() == []
    for name in ("own-cert", "canary-cert"):
        with pytest.raises(NotFound) as refused:
            some.certificates.get(name)
        assert "Did you mean" not in refused.value.hint
        with pytest.raises(NotFound):
            some.profiles.create(home.profile(name="new", encrypt_with=name))
    home.ops.profiles.save("mine", home.profile(name="mine", directory="/media", encrypt_with="own-cert"))
    assert [view.name for view in some.certificates.list()] == ["own-cert"]
    assert [view.name for view in some.certificates.for_encryption()] == ["own-cert"]
    some.profiles.create(home.profile(name="new", encrypt_with="own-cert"))
    assert some.certificates.get(thumbprint).needed_by == "the profile mine; the profile new"


def test_no_server_of_others_is_asked_for_the_certificates_of_some(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = places.home
    for instance in (MINE, ELSEWHERE):
        taken = BackupSet(
            set_id=f"{instance}-set", database="one", kind=BackupKind.FULL, path="/x.bak", finished_at=NOON,
            thumbprint="AB" * 20,
        )  # fmt: skip
        home.record(taken, instance)
    asked: list[str] = []
    engine = type(home.core).engine
    monkeypatch.setattr(
        type(home.core), "engine", lambda core, name, *rest, **told: asked.append(name) or engine(core, name)
    )
    acting_as(home.ops, A, instances=frozenset({MINE})).certificates.list()
    assert set(asked) == {MINE}
    home.ops.certificates.list()
    assert set(asked) == {MINE, ELSEWHERE}


def test_a_verification_tells_who_is_given_some_whether_the_log_is_whole_and_no_number_of_it(places: Places) -> None:
    home, some = places.home, acting_as(places.home.ops, U, instances=frozenset({MINE}))
    everything, seen = home.ops.audit.verify(), some.audit.page().total
    assert (everything.state, everything.entries > seen > 0) == (AuditState.WHOLE, True)
    told = some.audit.verify()
    assert (told.state, told.entries, told.last, told.head, told.sources) == (AuditState.WHOLE, seen, 0, "", {})
    assert some.audit.places() == ()
    with some.reports.export(ReportFormat.EVIDENCE) as file:
        evidence = file.read().decode()
    assert f"Each of its {seen} entries" in evidence
    for what in (str(home.path), everything.head, f"{everything.entries} entries"):
        assert what not in evidence
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_is_append_only_update")
        connection.exec_driver_sql("UPDATE audit SET detail = 'forged' WHERE id = 2")
    told = some.audit.verify()
    assert told.state is AuditState.CHANGED
    assert all("is told to who is given all instances" in one.text for one in told.findings)
    assert {one.first for one in told.findings} == {None}


def test_an_address_stands_in_no_error_for_who_is_not_told_it(home: Home) -> None:
    home.add()
    home.server.databases_error = EngineError("The server nowhere does not answer.", hint="Look at nowhere.")
    for role, told in ((V, False), (O, False), (U, False), (S, True), (A, True)):
        ops = acting_as(home.ops, role)
        with pytest.raises(EngineError) as refused:
            ops.databases.list(MINE)
        assert ("nowhere" in f"{refused.value.message} {refused.value.hint} {refused.value}") is told, role
        assert isinstance(ops.databases.poll([MINE])[MINE], EngineError)
        assert (
            "nowhere" in repr([ops.databases.known(MINE), ops.databases.verdicts(), ops.databases.poll([MINE])])
        ) is told
        assert ("(its address)" in repr(ops.databases.verdicts())) is not told


def test_the_home_is_named_to_those_of_all_instances_alone_who_configure_restore_or_read_the_log(home: Home) -> None:
    home.add()
    (home.path / "audit.toml").write_text("heads = 'gone/heads.log'")
    home.ops.audit.record("export history", "a.csv")
    home.ops.key.require()
    home.core.vault.seal("x", home.core.instance_row(MINE).login_bound("x"))
    (home.path / "secret.key").unlink()
    path = str(home.path)
    assert path in f"{home.ops.audit.problem()} {home.ops.key.fault()}"
    for role, told in ((V, False), (O, False), (U, True), (S, True), (A, True)):
        for instances in (None, frozenset({MINE})):
            ops = acting_as(home.ops, role, instances=instances)
            problem, fault = ops.audit.problem(), ops.key.fault()
            assert problem
            assert fault is not None
            with pytest.raises(PwsopsError) as refused:
                ops.key.require()
            for text in (
                problem,
                f"{fault.message} {fault.hint} {fault}",
                f"{refused.value.message} {refused.value.hint}",
            ):
                assert (path in text) is (told and instances is None), (role, instances, text)


def test_each_frame_that_somebody_takes_leaves_an_entry(home: Home) -> None:
    home.add()
    home.run()
    reports = acting_as(home.ops, U).reports
    for name in ("runs", "items", "messages", "sets", "databases", "exposure", "audit_log"):
        getattr(reports, name)()
        newest = home.ops.audit.list(limit=1)[0]
        assert newest.actor == "user:bob"
        assert newest.action == ("export audit log" if name == "audit_log" else "export history"), name
        assert newest.detail.endswith("as a frame"), name
