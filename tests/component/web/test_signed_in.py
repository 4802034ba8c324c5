"""What a page makes of who is signed in: their name, the way out, the way to sign in anew, and what counts as use."""

from __future__ import annotations

from types import SimpleNamespace

import panel as pn
import pytest

from pwsops.errors import Denied, SignInAnew
from pwsops.rules.rights import Role
from pwsops.signin.authentication import Authentication
from pwsops.signin.sessions import IDLE, Grant
from pwsops.signin.sessions import Session as SignedIn
from pwsops.web import app, door
from pwsops.web.app import Frame
from pwsops.web.live import process
from pwsops.web.live.query import in_background
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.ui.markup import Markup
from tests.clocks import ManualClock
from tests.component.signin.conftest import GOOD, Listed, attempt
from tests.component.web.conftest import FakeOperations
from tests.fake_sealer import FakeSealer


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ada(ops: FakeOperations, clock: ManualClock) -> SignedIn:
    listed = Listed()
    listed.grants["ada"] = Grant(role=Role.RESTORER)
    authentication = Authentication(
        ops.home, clock=clock, roles=listed, record=lambda *words: None, sealer=FakeSealer(), system_user="service"
    )
    authentication.users.add("ada", GOOD)
    return authentication.by_password(GOOD, attempt()).session


def test_the_menu_has_the_name_and_the_way_out(store: Store, ada: SignedIn) -> None:
    frame = Frame(Session(store, None, who=ada.principal), ada)
    assert "Signed in as <strong>ada</strong>" in frame._menu.html
    assert f'name="csrf" value="{ada.csrf}"' in frame._menu.html
    assert 'method="post" action="/signout"' in frame._menu.html


def test_on_one_s_own_machine_there_is_no_way_out(store: Store) -> None:
    assert "signout" not in Frame(Session(store, None))._menu.html


NEEDED = SignInAnew("ada may restore only shortly after signing in.", hint="Sign in once more, and do it again.")


def test_what_needs_the_password_anew_leads_there_in_another_tab(store: Store, ops: FakeOperations) -> None:
    session = Session(store, None)
    frame = Frame(session)
    ops.refusal = NEEDED
    session.act("activate", "Vaults")
    assert 'href="/signin/anew" target="_blank"' in frame._notice.html
    ops.refusal = Denied("ada may not.", hint="Ask.")
    session.act("activate", "Vaults")
    assert "/signin/anew" not in frame._notice.html


def test_so_does_what_a_page_asks_by_itself(store: Store) -> None:
    session = Session(store, None)
    frame = Frame(session)
    heard: list[object] = []

    def refuse() -> None:
        raise NEEDED

    in_background(session, "Planning", refuse, heard.append)
    assert getattr(heard[0], "anew", False)
    assert "/signin/anew" in frame._notice.html


def test_typing_and_clicking_is_use(ada: SignedIn, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "visit_of", lambda context: ada)
    monkeypatch.setattr("pwsops.web.ui.markup.pn.state", SimpleNamespace(curdoc=SimpleNamespace(session_context=None)))
    clock.advance(IDLE - IDLE / 10)
    Markup().take({"field": "x", "value": "y"})
    clock.advance(IDLE / 2)
    ada.touch()
    clock.advance(IDLE / 2)
    with pytest.raises(Denied):
        ada.touch()


def test_behind_the_door_nobody_gets_a_page_without_a_visit(
    ops: FakeOperations, ada: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_store", None)
    with pytest.raises(Denied, match="Nobody is signed in"):
        app._visit(guarded=True)
    assert app._visit(guarded=False) is None
    monkeypatch.setattr(door, "visit_of", lambda context: ada)
    assert app._visit(guarded=True) is ada
    assert pn.state.curdoc is None
