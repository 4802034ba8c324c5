"""What somebody may not do is not done either where they send, over a real websocket, what no page of theirs would.

The list is made from the handlers themselves: an action that it does not know fails the test.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pwsops.catalogue import restores, service_state
from pwsops.catalogue.schema import metadata
from pwsops.operations.events import DENIED
from pwsops.rules.model import RunStatus
from pwsops.rules.rights import GRANTS, Right, Role
from pwsops.runs.scheduler import Service
from pwsops.web.door import Limits
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.nav import RIGHTS, Nav
from pwsops.web.signin import SignInGate
from tests.component.operations.test_rights import ELSEWHERE, MINE, OBJECT, TABLE, Places, everything, expected, places
from tests.component.signin.conftest import GOOD
from tests.component.web.door.conftest import Served, serving
from tests.component.web.signin.conftest import Browser
from tests.component.web.test_rights import ACTIONS
from tests.integration.forging import Page, known_actions, opened
from tests.raw import Socket, ask, token_of, websocket

__all__ = ["places"]

ROLES = (Role.VIEWER, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR)
"""The matrix of `tests/component/operations/test_rights.py` has the restorer as well: here each page takes its time."""
PATIENT = Limits(ping_s=600.0, pulls=1_000, burst=100_000, work_s=1_000.0)
"""Our browser answers no ping; however slow the machine is, it is not cut off for that."""
PROFILES, RUNS, RESTORES, INSTANCES = "profiles", "runs", "restores", "instances"
"""What of an instance may be different afterwards; all else may not."""
Message = dict[str, Any]


def act(action: str, key: object = "") -> Message:
    return {"action": action, "key": str(key)}


def type_in(field: str, value: str | bool, key: str = "") -> Message:
    return {"field": field, "key": key, "value": value}


def on(page: str, **where: Any) -> str:
    return Nav(page=page, **where).search()


def anywhere(it: Any) -> str:
    """What the frame of each page can be asked for; this page is drawn soonest."""
    return on("run")


class Case(NamedTuple):
    """Messages that ask for an operation, where somebody is allowed it. `it`: the things of one instance.

    `asks`: whether the page asks for the operation, so that a refusal is noted, where the thing is theirs, and where it
    is of another instance. Otherwise the page knows that it is not for them, or that there is no such thing.
    """

    action: str
    operation: str
    messages: Callable[[Any], list[Message]]
    at: Callable[[Any], str] = anywhere
    changes: frozenset[str] = frozenset()
    asks: tuple[bool, bool] = (True, True)


def sure(action: str, key: object) -> list[Message]:
    """What breaks something off is asked about first."""
    return [act(action, key), act("confirm", f"{action} {key}")]


def _new_profile(it: Any) -> list[Message]:
    said = {"name": "forged", "instance": it.instance, "directory": it.directory, "every": "1", "unit": "h"}
    ticked = type_in("databases", True, it.database)
    return [*(type_in(*one) for one in said.items()), ticked, act("step", 2), act("next", 2), act("save")]


def _settings(page: str, **more: str) -> Callable[[Any], str]:
    return lambda it: on("settings", view=page, **{key: getattr(it, value) for key, value in more.items()})


def _certificates(view: str) -> Callable[[Any], str]:
    return lambda it: on("certificates", view=view, q=it.instance if view == "bring" else "all")


def _restore(it: Any) -> str:
    return on("restore", instance=it.instance, database=it.database, file=it.path)


def _cleanup(it: Any) -> str:
    return on("cleanup", profile=it.profile)


PASSWORDS = [type_in("password", "x"), type_in("again", "x"), type_in("name", "forged")]


# As they are: another one would be another machine, where nothing of theirs was kept yet.
_ADDRESSES = {MINE: "nowhere", ELSEWHERE: "canary-address"}


def _files(it: Any) -> list[dict[str, Any]]:
    return [type_in("certificate_file", f"{it.directory}/c.cer"), type_in("key_file", f"{it.directory}/c.pvk")]


CASES = [
    Case("start", "runs.start", lambda it: [act("start", it.profile)], changes=frozenset({RUNS})),
    Case("start-full", "runs.start", lambda it: [act("start-full", it.profile)], changes=frozenset({RUNS})),
    Case("cancel", "runs.cancel", lambda it: sure("cancel", it.run)),
    Case("deactivate", "profiles.deactivate", lambda it: [act("deactivate", it.profile)],
         changes=frozenset({PROFILES})),
    Case("activate", "profiles.activate", lambda it: [act("activate", it.profile)], changes=frozenset({PROFILES})),
    Case("service-stop", "service.stop", lambda it: sure("service-stop", it.profile)),
    Case("service-start", "service.start", lambda it: [act("service-start", it.profile)]),
    Case("save", "profiles.create", _new_profile, lambda it: on("wizard"), frozenset({PROFILES})),
    Case("browse", "databases.browse", lambda it: [type_in("instance", it.instance), act("browse", it.directory)],
         lambda it: on("wizard")),
    Case("save-settings", "settings.change", lambda it: [type_in("directory", it.directory), act("save-settings")],
         _settings("")),
    Case("save-instance", "instances.add",
         lambda it: [type_in("name", "forged"), type_in("address", it.directory), act("save-instance")],
         _settings("add")),
    Case("save-instance", "instances.edit",
         lambda it: [type_in("address", _ADDRESSES[it.instance]), act("save-instance")],
         _settings("edit", instance="instance"), frozenset({INSTANCES}), asks=(True, False)),
    Case("make-samples", "samples.create", lambda it: [act("make-samples")], _settings("")),
    Case("prune-now", "retention.prune", lambda it: [act("prune-ask"), act("prune-now")], _cleanup,
         asks=(False, False)),
    Case("hold-now", "holds.add_set", lambda it: [act("hold", "none"), type_in("reason", "forged"), act("hold-now")],
         _cleanup, asks=(False, False)),
    Case("release-now", "holds.remove", lambda it: [act("release-ask", it.hold), act("release-now", it.hold)],
         _cleanup, asks=(False, False)),
    Case("probe", "instances.probe", lambda it: [act("probe", it.instance)], _settings(""), asks=(True, False)),
    Case("remove-now", "instances.remove", lambda it: [act("remove-now", it.instance)], _settings("")),
    Case("do-form", "certificates.create", lambda it: [*PASSWORDS, act("do-form")], _certificates("create")),
    Case("do-form", "certificates.import_file",
         lambda it: [type_in("files", '[{"name": "a.pfx", "content": "MAA="}]'), act("do-form")],
         _certificates("import")),
    Case("do-form", "certificates.export", lambda it: [*PASSWORDS, act("do-form")], _certificates("export")),
    Case("do-form", "certificates.import_to_server", lambda it: [*_files(it), *PASSWORDS, act("do-form")],
         _certificates("bring")),
    Case("remove-now", "certificates.remove", lambda it: [act("remove-now", "one")], lambda it: on("certificates")),
    Case("export", "reports.export_audit", lambda it: [act("export")], lambda it: on("audit")),
    Case("verify", "audit.verify", lambda it: [act("verify")], lambda it: on("audit")),
    Case("export", "reports.export", lambda it: [act("export", "csv")], lambda it: on("runs", profile=it.profile)),
    Case("restore-now", "restores.begin", lambda it: [type_in("confirm", it.database), act("restore-now")], _restore,
         frozenset({RESTORES}), asks=(False, False)),
    Case("cancel-restore-now", "restores.cancel", lambda it: [
         act("cancel-restore", it.restore), act("cancel-restore-now", it.restore)], _restore,
         frozenset({RESTORES}), asks=(False, False)),
    Case("open-path", "databases.browse", lambda it: [type_in("path", it.directory), act("open-path")],
         lambda it: on("restore", instance=it.instance, database=it.database, view="file"), asks=(True, False)),
    Case("delete-now", "profiles.delete", lambda it: [act("delete", it.profile), act("delete-now", it.profile)],
         changes=frozenset({PROFILES, RUNS})),
]  # fmt: skip
ASKING = {case.action for case in CASES}
GOING = {
    "select", "select-all", "month", "open-run", "open-runs", "go", "edit", "restore-other", "step", "next", "leave",
    "import", "create", "bring", "leave-form", "add-instance", "edit-instance", "leave-instance", "sort", "turn",
    "unfold", "clear", "older", "newest", "restore-again", "choose", "continue", "change-point",
    "more-profiles", "day", "week", "today", "back", "clean-up", "edit-policy",
}  # fmt: skip
"""These lead from one page, or part of one, to another."""
SHOWING = {
    "dismiss", "delete", "keep", "remove", "look", "recommend", "use-directory", "again", "discard-settings",
    "remove-instance", "keep-instance", "look-again", "read-file", "more-sources", "give-login", "use-login",
    "drop-login", "unask", "confirm", "keep-restoring", "cancel-restore", "apply",
    "more-sets", "prune-ask", "prune-not", "hold", "hold-not", "release-ask", "release-not",
}  # fmt: skip
"""These change what a page shows, or ask a server anew."""
OF_TABLES = {"self._actions[…]", "self._actions()[…]"}
"""Tables that a handler looks into: `Session.act` has one, which is asked for what it knows, and each `Page` another,
which is read where it is written."""


@dataclass
class Person:
    """Somebody with a role for one instance; what shows the server who they are."""

    name: str
    role: Role
    headers: dict[str, str]
    way: str = "signed in just now"
    noted: int = 0
    """Up to which entry of the audit log it was looked at."""


@dataclass
class Scene:
    """A server with two instances, and people who are given one of them."""

    places: Places
    served: Served
    people: list[Person] = field(default_factory=list)
    operations: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    """What there was at the last look."""
    _seen: str = ""

    def state(self) -> dict[str, Any]:
        """Return all that somebody could have changed, by what it is."""
        home, ops = self.places.home, self.places.home.ops
        profiles, runs = ops.profiles.list(), ops.runs.list(limit=None)
        found: dict[str, Any] = {
            "settings": {key: value for key, value in ops.settings.get().param.values().items() if key != "name"},
            "service": (ops.service.status().running, ops.service.status().why_not),
            "certificates": ops.certificates.list(),
            "people": (ops.people.users(), ops.people.tokens()),
            "names": [one.name for one in ops.instances.list()],
            "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _kept_files(home.path)},
        }
        for name in (MINE, ELSEWHERE):
            own = [view for view in profiles if view.instance == name]
            named = {view.name for view in own}
            found |= {
                f"{PROFILES} {name}": [(view.name, view.state, view.directory, view.databases) for view in own],
                f"{RUNS} {name}": [(run.id, run.status) for run in runs if run.profile in named],
                f"{RESTORES} {name}": ops.restores.list(limit=None, instance=name),
                f"{INSTANCES} {name}": [one for one in ops.instances.list() if one.name == name],
            }
        return found

    def look(self, person: Person) -> tuple[dict[str, Any], set[str]]:
        """Return what there is now, and what was noted since the last look; see `state` and `denied`."""
        if self._rows() != self._seen:
            self._seen, self.before = self._rows(), self.state()
        return self.before, self.denied(person)

    def _rows(self) -> str:
        """Return a digest of the catalogue without the audit log, and of the files: most tries change nothing."""
        home = self.places.home.path
        with closing(sqlite3.connect(home / "catalogue.sqlite3")) as catalogue:
            rows = [
                catalogue.execute(f'SELECT * FROM "{table}"').fetchall()
                for table in metadata.tables
                if table not in ("audit", "audit_instances")
            ]
        return repr((rows, [path.read_bytes() for path in _kept_files(home)]))

    def denied(self, person: Person) -> set[str]:
        """Return what was noted anew that somebody may not do, and forget it."""
        entries = [one for one in self.places.home.ops.audit.list(limit=100) if one.id > person.noted]
        person.noted = max([person.noted, *(one.id for one in entries)])
        names = {f"{way}:{person.name}" for way in ("user", "token")}
        return {one.detail for one in entries if one.action == DENIED and one.actor in names}


def _kept_files(home: Path) -> Iterator[Path]:
    """What only operations write that none of these people may ask for."""
    for name in ("users.json", "tokens.json", "access.toml", "secret.key", "oidc.toml"):
        if (home / name).is_file():
            yield home / name


@pytest.fixture
def scene(places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    home = places.home
    # Runs may be started, and nobody does them: what a schedule does while time stands still is another matter.
    monkeypatch.setattr(Service, "attach", lambda self: None)
    monkeypatch.setattr("pwsops.operations.runs.is_running", lambda home: True)
    # What nobody recorded belongs to nobody.
    for it in (places.mine, places.elsewhere):
        home.record(it.laid, it.instance)
    # Each denial is written down, however many there are: that they are counted is another test's.
    monkeypatch.setattr("pwsops.operations.events.WINDOW_S", 0.0)
    with home.core.catalogue.write() as connection:
        # One that goes on would be all that the page of its database shows.
        service_state.want(connection, True)
        restores.end(connection, places.mine.restore, RunStatus.FAILED, now=home.clock.now())
    listed = [f'[[person]]\nsubject = "{role}"\nrole = "{role}"\ninstances = ["{MINE}"]\n' for role in ROLES]
    (home.path / "access.toml").write_text("".join(listed))
    for name in (*ROLES, "unlisted"):
        home.ops.people.add_user(str(name), GOOD)
    machine = home.ops.people.create_token(
        "machine", role=Role.ADMINISTRATOR, instances=[MINE], lasts=timedelta(days=1)
    )
    with ExitStack() as stack:
        gate = SignInGate(
            home.ops.people.authentication(), lambda session: home.ops.acting_as(session.principal).account
        )
        stack.callback(gate.close)
        served = stack.enter_context(serving(home.ops, gate=gate, limits=PATIENT))  # type: ignore[arg-type]  # the real ones
        scene = Scene(places, served, operations=everything(home.ops))
        for role in ROLES:
            browser = Browser(served.port)
            assert browser.sign_in(role.value).status == 303
            scene.people.append(Person(role.value, role, {"Cookie": browser.cookie()}))
        bearer = {"Authorization": f"Bearer {machine}"}
        scene.people.append(Person("machine", Role.ADMINISTRATOR, bearer, way="by a token"))
        yield scene


def test_the_list_knows_every_action_that_a_handler_can_be_asked_for(places: Places) -> None:
    session = Session(Store(places.home.ops, clock=places.home.clock), None)
    asked_for = (known_actions() - OF_TABLES) | session._actions.keys() | set(ACTIONS)
    assert len(asked_for) > 60
    assert asked_for == ASKING | GOING | SHOWING
    assert not ASKING & (GOING | SHOWING)
    assert {case.operation for case in CASES} <= TABLE.keys()


def test_what_is_forged_is_done_for_those_alone_who_may_do_it_and_each_refusal_is_noted(scene: Scene) -> None:
    done: set[tuple[str, str]] = set()
    amiss: list[object] = []
    for person in scene.people:
        with opened(scene.served, **person.headers) as page:
            scene.look(person)
            for it in (scene.places.mine, scene.places.elsewhere):
                for case in CASES:
                    amiss += _tried(scene, page, person, case, it, done)
    assert not amiss, "\n".join(map(str, amiss))
    assert {role for role, _ in done} == {role.value for role in ROLES} | {"machine"}


def _tried(
    scene: Scene, page: Page, person: Person, case: Case, it: Any, done: set[tuple[str, str]]
) -> Iterator[object]:
    """Try one case; yield what is not as it must be."""
    which = (person.name, case.action, case.operation, it.instance)
    search = case.at(it)
    is_open = _is_open(person, search)
    refused = expected(TABLE[case.operation], person.role, person.way, frozenset({MINE})) == "denied"
    if it is scene.places.elsewhere and case.at is not anywhere and (refused or not is_open):
        return  # refused, or closed, as a whole: as was seen with what is theirs
    if case.at is not anywhere or page.at != search:
        page.go(search)
    if ("This page is not for you" in page.shown()) == is_open:
        yield (*which, "the page is open" if not is_open else "the page is closed")
    before = scene.before
    page.send(*case.messages(it), framing=case.at is anywhere)
    page.settle()
    found, noted = scene.look(person)
    wanted = expected(TABLE[case.operation], person.role, person.way, frozenset({MINE}))
    is_elsewhere = it is scene.places.elsewhere and TABLE[case.operation].concerns == OBJECT
    if wanted != "denied" and is_elsewhere:
        wanted = "not found"
    may_change = {f"{what} {MINE}" for what in case.changes} if is_open and wanted == "done" else set()
    if changed := {name for name in found if found[name] != before[name]} - may_change:
        yield (*which, "changed", changed)
    if is_open and wanted == "done":
        done.add((person.name, case.action))
        if noted:
            yield (*which, "denied", noted)
    elif is_open and case.asks[is_elsewhere]:
        said = f"may not {scene.operations[case.operation].needs.action}"
        # Where something is of another instance, the page may have asked for less on the way, and given up.
        if not (noted if is_elsewhere else any(one.startswith(said) for one in noted)):
            yield (*which, wanted, "not noted", noted)


def _is_open(person: Person, search: str) -> bool:
    there = Nav()
    there.read(search)
    return RIGHTS.get(there.page, Right.LOOK) in GRANTS[person.role]


def test_nobody_has_no_websocket_whatever_they_show(scene: Scene) -> None:
    before, port = scene.state(), scene.served.port
    person = scene.people[0]
    token = token_of(ask(port, "/", **person.headers).text)
    unlisted = Browser(port)
    assert unlisted.sign_in("unlisted").status != 303
    for headers in (
        {},
        {"Cookie": unlisted.cookie()},
        {"Authorization": "Bearer pwsops_made-up"},
        scene.people[1].headers,
    ):
        with websocket(port, token, **headers) as refused:
            assert refused in (401, 403), headers
    with websocket(port, token, **person.headers) as socket:
        assert isinstance(socket, Socket)
        assert socket.kinds("ACK") == ["ACK"]
        (scene.places.home.path / "access.toml").write_text("")
        socket.message("PATCH-DOC", {"events": []})
        assert socket.closed() == 4401
    assert {name for name, value in scene.state().items() if value != before[name]} == {"files"}
