"""What pages offer to whom, and that what is not offered is not done either, whatever a browser sends."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from pwsops.engines import registry
from pwsops.errors import Denied, EngineError
from pwsops.operations import Operations, Role
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.rights import Principal
from pwsops.web.app import Frame
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.nav import PAGES, Nav
from pwsops.web.ui.markup import WEB, Markup
from tests.clocks import NOON
from tests.fake_engine import FakeServer
from tests.homes import Home
from tests.people import person

ACTIONS = sorted(
    {
        action
        for file in WEB.rglob("*.html")
        for pattern in (r'data-(?:action|double)="([\w-]+)"', r'\baction\("([\w-]+)"')
        for action in re.findall(pattern, file.read_text())
    }
)
KEYS = ("p", "1", "srv", "csv", "evidence", "0", "-1", "9" * 40, "one", "", "\x00", "?page=settings")


@dataclass
class Visit:
    """One open page of somebody, over the operations of a home."""

    home: Home
    who: Principal

    def __post_init__(self) -> None:
        self.store = Store(self.home.ops, clock=self.home.clock)
        self.session = Session(self.store, None, who=lambda: self.who)
        self.frame = Frame(self.session)

    def pieces(self) -> list[Markup]:
        return [self.frame._service, self.frame._menu, *self.frame._main.select(Markup)]

    def show(self, page: str, **where: Any) -> str:
        self.session.nav.go(page=page, **where)
        self.session._take(self.store.snapshot(self.who))
        return self.text()

    def text(self) -> str:
        return "\n".join(piece.html for piece in self.pieces() if piece.visible)


@pytest.fixture
def home_with_all(home: Home) -> Home:
    home.add()
    home.run()
    home.ops.databases.list("srv")
    return home


@pytest.fixture
def visits(home_with_all: Home) -> Iterator[Any]:
    opened = []

    def visit(role: Role, **values: Any) -> Visit:
        opened.append(Visit(home_with_all, person(role, **values)))
        return opened[-1]

    yield visit
    for one in opened:
        one.session.close()


def kept(ops: Operations) -> list[Any]:
    """All that somebody could have changed; that they were denied something is noted, and no change."""
    return [
        ops.profiles.list(),
        ops.runs.list(),
        ops.restores.list(),
        ops.instances.list(),
        ops.certificates.list(),
        {key: value for key, value in ops.settings.get().param.values().items() if key != "name"},
        ops.service.status(),
        [entry for entry in ops.audit.list(10_000) if entry.action not in ("denied", "export history")],
    ]


def test_whatever_a_browser_of_a_viewer_sends_changes_nothing(home_with_all: Home, visits: Any) -> None:
    assert len(ACTIONS) > 40
    before = kept(home_with_all.ops)
    visit = visits(Role.VIEWER)
    for action in [*ACTIONS, "made-up"]:
        visit.session.act(action, "p")
    for action, key in itertools.product(("start", "cancel", "delete-now", "open-run", "month", "go"), KEYS):
        visit.session.act(action, key)
    for page, action in itertools.product(PAGES, sorted(set(ACTIONS) - visit.session._actions.keys())):
        if visit.session.nav.page != page:
            visit.session.nav.go(page=page, profile="p", instance="srv", database="one", run=1)
        for piece in visit.frame._main.select(Markup):
            piece.take({"action": action, "key": "p"})
    for page in PAGES:
        visit.session.nav.go(page=page, profile="p", instance="srv", database="one", run=1)
        for piece in visit.frame._main.select(Markup):
            piece.take({"field": "name", "key": "", "value": "x"})
    assert kept(home_with_all.ops) == before
    denied = {entry.detail for entry in home_with_all.ops.audit.list(10_000) if entry.action == "denied"}
    assert denied >= {"may not start a run", "may not stop the service", "may not deactivate a profile"}


def test_restores_that_no_page_offers_are_refused_and_each_refusal_is_noted(home_with_all: Home, visits: Any) -> None:
    visit = visits(Role.OPERATOR)
    visit.show("restore", instance="srv", database="one")
    for action, key in (("restore-now", ""), ("cancel-restore", "7"), ("cancel-restore", "9" * 40)):
        for piece in visit.frame._main.select(Markup):
            piece.take({"action": action, "key": key})
    denied = [(entry.subject, entry.detail) for entry in home_with_all.ops.audit.list() if entry.action == "denied"]
    assert set(denied) == {("srv", "may not restore a database"), ("7", "may not cancel a restore")}


def test_a_wizard_about_an_instance_that_is_not_theirs_goes_on_without_its_runs(
    home_with_all: Home, visits: Any
) -> None:
    visit = visits(Role.ADMINISTRATOR, instances=frozenset({"other"}))
    visit.show("wizard")
    for field, value in (("instance", "srv"), ("every", "1"), ("name", "forged")):
        for piece in visit.frame._main.select(Markup):
            piece.take({"field": field, "key": "", "value": value})
    assert 'value="forged"' in visit.text()


def test_a_profile_is_deleted_only_after_the_question_about_it(home_with_all: Home, visits: Any) -> None:
    visit = visits(Role.ADMINISTRATOR)
    visit.session.act("delete-now", "p")
    visit.session.act("delete", "q")
    visit.session.act("delete-now", "p")
    assert visit.session.notice is not None
    assert "nobody was asked first" in visit.session.notice.message
    assert [view.name for view in home_with_all.ops.profiles.list()] == ["p"]
    visit.session.act("delete", "p")
    visit.session.act("delete-now", "p")
    assert home_with_all.ops.profiles.list() == []


def test_a_number_that_is_none_is_answered_with_a_message(visits: Any) -> None:
    visit = visits(Role.OPERATOR)
    visit.session.act("cancel", "nonsense")
    assert "what was sent is no number" in visit.session.notice.message


@pytest.mark.parametrize(
    ("role", "pages"),
    [
        (Role.VIEWER, {"overview", "runs", "databases"}),
        (Role.OPERATOR, {"overview", "runs", "databases"}),
        (Role.AUDITOR, {"overview", "runs", "databases", "audit"}),
        (Role.ADMINISTRATOR, {"overview", "runs", "databases", "certificates", "settings", "audit"}),
    ],
)
def test_the_menu_has_the_pages_that_somebody_may_open(visits: Any, role: Role, pages: set[str]) -> None:
    menu = visits(role).frame._menu.html
    assert set(re.findall(r'href="\?page=(\w+)"', menu)) == pages


@pytest.mark.parametrize("page", ["wizard", "settings", "certificates", "restore"])
def test_a_page_that_is_not_for_somebody_says_why_and_what_to_do(visits: Any, page: str) -> None:
    shown = visits(Role.VIEWER).show(page, instance="srv", database="one")
    assert "This page is not for you. Your role is viewer: that needs the role" in shown
    assert "Ask an administrator." in shown


def refused(shown: str) -> set[str]:
    """The actions of the buttons that cannot be pressed because of somebody's role or instances."""
    buttons = re.findall(r'data-action="([\w-]+)"[^>]*aria-disabled="true" title="([^"]*)"', shown)
    return {action for action, why in buttons if why.startswith(("Your role is", "It concerns all"))}


def test_what_somebody_may_not_do_is_offered_with_the_reason_that_they_may_not(visits: Any) -> None:
    viewer, operator = visits(Role.VIEWER), visits(Role.OPERATOR)
    toolbar = {"edit", "start", "start-full", "deactivate", "delete", "service-start"}
    assert refused(viewer.show("overview")) == toolbar
    assert refused(operator.show("overview")) == toolbar - {"start", "start-full"}
    assert refused(visits(Role.ADMINISTRATOR).show("overview")) == set()
    some = visits(Role.ADMINISTRATOR, instances=frozenset({"srv"}))
    assert refused(some.show("overview")) == {"service-start"}
    assert "Restore …" not in viewer.show("databases")
    shown = operator.show("databases")
    assert "Restore …" not in shown
    assert "A database that is not in the list" not in shown
    assert "Backups …" in shown
    assert "Restore …" in visits(Role.RESTORER).show("databases")
    assert "New" not in re.findall(r">(\w+)</a>", viewer.show("overview"))


def test_no_way_leads_from_what_is_wrong_to_a_page_that_is_not_for_somebody(home_with_all: Home, visits: Any) -> None:
    home_with_all.ops.profiles.deactivate("p")
    assert "Fix this profile" in visits(Role.ADMINISTRATOR).show("overview")
    shown = visits(Role.OPERATOR).show("overview")
    assert "is switched off" in shown or "inactive" in shown
    assert "Fix this profile" not in shown


def test_evidence_is_offered_to_those_who_may_have_it(visits: Any) -> None:
    assert 'data-key="evidence"' in visits(Role.AUDITOR).show("runs")
    assert 'data-key="evidence"' not in visits(Role.OPERATOR).show("runs")


def test_who_may_read_backups_and_not_restore_sees_them_and_no_plan(home_with_all: Home, visits: Any) -> None:
    taken = home_with_all.ops.restores.sources("srv", "one")[0].path
    shown = visits(Role.OPERATOR).show("restore", instance="srv", database="one", file=taken)
    assert taken in shown
    assert "You may not restore here. Your role is operator" in shown
    assert "give-login" not in shown


def test_who_is_given_nothing_is_told_whom_to_ask(visits: Any) -> None:
    assert "An administrator makes profiles" in visits(Role.VIEWER, instances=frozenset()).show("overview")


@pytest.fixture
def elsewhere(home_with_all: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home = home_with_all
    server = FakeServer(home.clock, sizes={"canary-database": 7})
    monkeypatch.setattr(registry, "ENGINES", {**registry.ENGINES, "other": server.open})
    home.ops.instances.add("canary-instance", engine="other", address="x")
    values = {"instance": "canary-instance", "databases": ["canary-database"], "directory": "/canary"}
    home.add(name="canary-profile", **values)
    home.run("canary-profile")
    home.ops.databases.list("canary-instance")


@pytest.mark.usefixtures("elsewhere")
def test_no_page_tells_of_an_instance_that_is_not_theirs(home_with_all: Home, visits: Any) -> None:
    everybody, some = visits(Role.ADMINISTRATOR), visits(Role.ADMINISTRATOR, instances=frozenset({"srv"}))
    told = 0
    theirs = {"instance": "canary-instance", "database": "canary-database", "run": 2, "profile": "canary-profile"}
    mine = {"instance": "srv", "database": "one", "run": 1}
    for page, where in [
        *((page, theirs) for page in PAGES),
        *((page, mine) for page in ("databases", "restore", "certificates", "settings", "wizard")),
        *((page, {}) for page in ("overview", "runs")),
        ("runs", {"view": "restores"}),
        ("runs", {"q": "canary"}),
    ]:
        told += "canary" in everybody.show(page, **where)
        # What the address itself says is no news.
        asked = {re.escape(str(value)) for value in where.values() if "canary" in str(value)}
        shown = re.sub("|".join(asked) or "$^", "", some.show(page, **where))
        assert "canary" not in shown, (page, where)
    assert told > 8


@pytest.mark.usefixtures("elsewhere")
def test_each_page_is_told_its_own_part_of_what_changed(home_with_all: Home, visits: Any) -> None:
    everybody, some = visits(Role.VIEWER), visits(Role.VIEWER, instances=frozenset({"srv"}))
    snapshots = some.store.snapshots()
    for visit in (everybody, some):
        visit.session._on_snapshots(snapshots)
    assert [view.name for view in everybody.session.snapshot.profiles] == ["canary-profile", "p"]
    assert [view.name for view in some.session.snapshot.profiles] == ["p"]
    assert {row.instance for row in some.session.snapshot.databases} == {"srv"}
    assert snapshots.of(frozenset({"srv"}), addresses=False) is some.session.snapshot


def test_a_page_whose_session_has_ended_is_told_nothing_more(home_with_all: Home) -> None:
    ended = False

    def who() -> Principal:
        if ended:
            raise Denied("bob is signed in no more.", hint="Sign in.")
        return person(Role.ADMINISTRATOR)

    store = Store(home_with_all.ops, clock=home_with_all.clock)
    session = Session(store, None, who=who)
    before, ended = session.snapshot, True
    session._on_snapshots(store.snapshots())
    assert session.snapshot is before
    session.act("deactivate", "p")
    assert session.notice is not None
    assert session.notice.message == "bob is signed in no more."
    assert session.why_not(Role) == "bob is signed in no more."  # type: ignore[arg-type]


def test_no_page_tells_an_address_to_who_is_not_told_it(home_with_all: Home, visits: Any) -> None:
    home_with_all.server.databases_error = EngineError("canary-server does not answer.", hint="Look at canary-server.")
    home_with_all.server.probe_error = lambda instance: None
    home_with_all.ops.instances.edit("srv", address="canary-server")
    for role, told in ((Role.VIEWER, False), (Role.OPERATOR, False), (Role.ADMINISTRATOR, True)):
        visit = visits(role)
        pages = "".join(visit.show(page, instance="srv") for page in ("databases", "overview"))
        assert ("canary-server" in pages) is told, (role, pages[pages.find("canary-server") - 200 :][:300])
        assert "srv could not be asked" in pages or told


def test_no_page_tells_where_the_home_is_to_who_is_not_told_it(home_with_all: Home, visits: Any) -> None:
    (home_with_all.path / "audit.toml").write_text("heads = 'gone/heads.log'")
    home_with_all.ops.audit.record("export history", "a.csv")
    for role, instances, told in (
        (Role.VIEWER, None, False), (Role.ADMINISTRATOR, frozenset({"srv"}), False), (Role.ADMINISTRATOR, None, True),
    ):  # fmt: skip
        page = visits(role, instances=instances).show("overview")
        assert "its head does not leave the home" in page
        assert (str(home_with_all.path) in page) is told, role


# A link is not a click


def lay(home: Home, path: str) -> None:
    home.server.put(
        BackupSet(set_id=path, database="one", kind=BackupKind.FULL, path=path, finished_at=NOON, base_id=None)
    )


@pytest.mark.parametrize("view", ["", "file"])
def test_a_link_makes_no_server_open_a_path_before_somebody_says_so(
    home_with_all: Home, visits: Any, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = r"\\evil\share\a.bak"
    lay(home_with_all, share)
    asked: list[str] = []
    read = home_with_all.server.media.__getitem__
    monkeypatch.setattr(
        "tests.fake_engine.FakeEngine.read_media", lambda self, path: asked.append(path) or list(read(path))
    )
    browse = "tests.fake_engine.FakeEngine.browse"
    monkeypatch.setattr(browse, lambda self, path: asked.append(path) or [])
    visit = visits(Role.ADMINISTRATOR)
    location: Any = SimpleNamespace(
        search=Nav(page="restore", instance="srv", database="one", file=share, view=view).search(),
        param=SimpleNamespace(watch=lambda told, name: watching.append(told)),
    )
    watching: list[Any] = []
    visit.session.nav.follow(location)
    assert asked == []
    assert "has not been asked to read it yet" in visit.text()
    [piece] = [one for one in visit.pieces() if 'data-action="read-file"' in one.html]
    piece.take({"action": "read-file", "key": ""})
    assert share in asked
    # Going on and back again leads to what was chosen before; another address does not.
    asked.clear()
    watching[0](SimpleNamespace(new=Nav(page="restore", instance="srv", database="one", file=share + "2").search()))
    assert asked == []
