"""The pages for signing in and out over real sockets, behind the real door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pwsops.errors import CatalogueDamaged, PwsopsError, Refused
from pwsops.rules.rights import Right, Role
from pwsops.signin import oidc, private_file, users
from pwsops.signin.sessions import Grant
from pwsops.web.signin.handlers import own_address
from tests import oidc_provider
from tests.component.signin.conftest import GOOD, OTHER
from tests.component.web.conftest import FakeOperations
from tests.component.web.signin.conftest import Browser, Site
from tests.raw import Socket, ask, token_of, websocket


def test_a_stranger_is_led_to_the_form_and_back(browser: Browser) -> None:
    answer = browser.get("/?page=runs&q=a%20b")
    assert answer.status == 303
    form = browser.form(answer.headers["Location"])
    assert form["next"] == "/?page=runs&q=a%20b"
    answer = browser.post("/signin", {**form, "name": "ada", "password": GOOD})
    assert (answer.status, answer.headers["Location"]) == (303, "/?page=runs&q=a%20b")
    assert browser.inside()


def test_the_form_wants_no_script_and_helps_a_password_manager(browser: Browser) -> None:
    answer = browser.get("/signin")
    assert answer.status == 200
    assert "<script" not in answer.text
    assert "http" not in answer.text.replace("http-equiv", "")
    assert 'autocomplete="username"' in answer.text
    assert 'autocomplete="current-password"' in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_no_script_and_no_other_site_gets_the_cookie(browser: Browser) -> None:
    browser.sign_in()
    morsel = browser.jar[f"pwsops-session-{browser.port}"]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (True, "Strict", "/", "")
    assert morsel["expires"] == ""
    assert morsel["secure"] == ""


def test_behind_tls_the_cookie_is_this_host_s_alone(behind: Callable[..., Site]) -> None:
    site = behind(proxies=["127.0.0.1"], hosts=["backups.example"])
    browser = site.browser(X_Forwarded_Proto="https", X_Forwarded_For="192.0.2.7")
    origin = {"Origin": f"https://127.0.0.1:{site.port}"}
    answer = browser.post("/signin", {**browser.form("/signin"), "name": "ada", "password": GOOD}, **origin)
    assert answer.status == 303
    morsel = browser.jar["__Host-pwsops-session"]
    assert (morsel["secure"], morsel["path"], morsel["domain"]) == (True, "/", "")
    assert browser.inside()


@pytest.mark.parametrize(("name", "password"), [("ada", OTHER), ("eve", GOOD), ('"><script>alert(1)</script>', "x")])
def test_what_is_wrong_is_said_alike_and_nothing_typed_comes_back(browser: Browser, name: str, password: str) -> None:
    answer = browser.sign_in(name, password)
    assert answer.status == 403
    assert "Name or password is wrong." in answer.text
    assert "<script" not in answer.text
    assert f'value="{name}"' not in answer.text
    assert len(password) < 2 or password not in answer.text
    assert not browser.inside()


def test_a_form_of_another_browser_signs_nobody_in(site: Site) -> None:
    """Else a page could sign its visitor in as somebody else."""
    ours, theirs = site.browser(), site.browser()
    good = {"name": "ada", "password": GOOD}
    for csrf in (ours.form("/signin")["csrf"], "", "0" * 64):
        theirs.form("/signin")
        assert theirs.post("/signin", {**good, "csrf": csrf}).status == 403
    assert ask(site.port, "/signin", method="POST", body=b"name=ada", Sec_Fetch_Site="same-origin").status == 403
    assert not theirs.inside()
    assert site.recorded == []


def test_another_origin_s_page_cannot_post(browser: Browser) -> None:
    form = {**browser.form("/signin"), "name": "ada", "password": GOOD}
    assert browser.post("/signin", form, Origin="https://evil.example", Sec_Fetch_Site="cross-site").status == 403
    assert browser.post("/signin", form, Origin="null").status == 403
    assert not browser.inside()


def test_an_id_that_somebody_else_chose_is_not_taken_over(site: Site) -> None:
    victim = site.browser()
    name = f"pwsops-session-{site.port}"
    answer = victim.get("/signin", Cookie=f"{name}={'A' * 43}")
    assert name not in (answer.headers.get("Set-Cookie") or "")
    victim.sign_in()
    assert victim.jar[name].value != "A" * 43
    stranger = site.browser(Cookie=f"{name}={'A' * 43}")
    assert not stranger.inside()


def again(site: Site, browser: Browser, name: str, password: str) -> None:
    """Sign in by a form that was open since before."""
    form = site.browser()
    fields = form.form("/signin")
    browser.jar.update(form.jar)
    assert browser.post("/signin", {**fields, "name": name, "password": password}).status == 303


def test_signing_in_again_gives_another_id_and_pages_go_on_until_the_sign_out(site: Site, browser: Browser) -> None:
    browser.sign_in()
    former = browser.cookie()
    with browser.page() as page:
        again(site, browser, "ada", GOOD)
        assert browser.cookie() != former
        page.message("PULL-DOC-REQ", {})
        assert "PULL-DOC-REPLY" in page.kinds("PULL-DOC-REPLY")
        browser.post("/signout", {"csrf": browser.csrf()})
        assert page.closed() == 4401
    assert not site.browser(Cookie=former).inside()


def test_signing_in_as_another_ends_the_former_session(site: Site, browser: Browser) -> None:
    site.authentication.users.add("eve", OTHER)
    site.listed.grants["eve"] = Grant(role=Role.VIEWER)
    browser.sign_in()
    former = browser.cookie()
    with browser.page() as page:
        again(site, browser, "eve", OTHER)
        assert page.closed() == 4401
    assert browser.inside()
    assert not site.browser(Cookie=former).inside()


def test_signing_out_closes_every_page_and_the_cookie_is_worth_nothing(site: Site, browser: Browser) -> None:
    browser.sign_in()
    stolen = browser.cookie()
    csrf = browser.csrf()
    with browser.page() as first, browser.page() as second:
        answer = browser.post("/signout", {"csrf": csrf})
        assert (answer.status, answer.headers["Location"]) == (303, "/signin?signed-out=1")
        for page in (first, second):
            assert page.closed() == 4401
    assert not browser.inside()
    assert not site.browser(Cookie=stolen).inside()
    # Whoever comes with a session that is none any more is told so, and nobody else.
    assert "Your session has ended" in site.browser(Cookie=stolen).get("/signin").text
    assert "Your session has ended" not in browser.get("/signin").text
    assert "You have signed out" in browser.get("/signin?signed-out=1").text


def test_nobody_else_can_sign_somebody_out(browser: Browser) -> None:
    browser.sign_in()
    assert browser.get("/signout").status == 303
    for csrf in ("", "0" * 43):
        assert browser.post("/signout", {"csrf": csrf}).status == 403
    assert browser.post("/signout", {}, Origin="https://evil.example").status == 403
    assert browser.inside()
    browser.jar.clear()
    assert browser.post("/signout", {}).status == 303


CHANGES: dict[str, Callable[[Site], None]] = {
    "removed": lambda site: site.authentication.users.remove("ada"),
    "a new password": lambda site: site.authentication.users.set_password("ada", OTHER),
    "another role": lambda site: site.listed.grants.update(ada=Grant(role=Role.VIEWER)),
    "too long without use": lambda site: site.clock.advance(minutes=30) and None,
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_open_page_ends_with_what_it_rests_on(site: Site, browser: Browser, change: str) -> None:
    browser.sign_in()
    with browser.page() as silent:
        CHANGES[change](site)
        site.authentication.sessions.sweep()
        assert silent.closed() == 4401
    assert not browser.inside()


def test_a_message_after_the_end_is_not_heard_even_before_the_sweep(site: Site, browser: Browser) -> None:
    browser.sign_in()
    with browser.page() as page:
        site.authentication.users.remove("ada")
        page.message("PULL-DOC-REQ", {})
        assert page.closed() == 4401


def test_a_link_signs_in_once_and_leaves_no_token_in_the_address(site: Site, browser: Browser) -> None:
    path = urlsplit(site.authentication.links.address(f"http://127.0.0.1:{site.port}/"))
    there = f"{path.path}?{path.query}"
    answer = browser.get(there, Sec_Fetch_Site="none")
    assert answer.status == 200
    assert '<meta http-equiv="refresh" content="0;url=/">' in answer.text
    assert parse_qs(path.query)["token"][0] not in answer.text
    # Else the token would stand in the next page's referrer.
    assert '<meta name="referrer" content="no-referrer">' in answer.text
    assert browser.inside()
    assert site.recorded == [("link:service", "sign in", "link:service", "by link")]
    again = site.browser()
    assert again.get(there).status == 403
    assert not again.inside()


def test_a_link_that_was_used_before_lets_those_stay_who_are_in_already(site: Site, browser: Browser) -> None:
    path = urlsplit(site.authentication.links.address(f"http://127.0.0.1:{site.port}/"))
    there = f"{path.path}?{path.query}"
    browser.sign_in()
    browser.get(there, Sec_Fetch_Site="none")
    answer = browser.get(there, Sec_Fetch_Site="none")
    assert answer.status == 200
    assert '<meta http-equiv="refresh" content="0;url=/">' in answer.text
    assert browser.inside()


def test_the_code_of_a_link_can_be_typed(site: Site, browser: Browser) -> None:
    fields = browser.form("/signin")
    answer = browser.post("/signin", {**fields, "token": site.authentication.links.address("http://127.0.0.1:1/")})
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert browser.inside()


@pytest.mark.parametrize(
    "there",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/signout", "", "javascript:alert(1)", "/?a\nb",
     "/?ä", "/ ", "/?" + "x" * 3000, "/../x"],
)  # fmt: skip
def test_nobody_is_led_elsewhere(browser: Browser, there: str) -> None:
    assert own_address(there) == "/"
    form = browser.form("/signin")
    answer = browser.post("/signin", {**form, "next": there, "name": "ada", "password": GOOD})
    assert answer.headers["Location"] == "/"


def test_a_link_from_elsewhere_leads_on_by_a_page_of_ours(browser: Browser) -> None:
    """A browser sends our cookies only from there on."""
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    answer = browser.get("/signin?next=%2F%3Fpage%3Druns", **link)
    assert answer.status == 200
    assert 'content="0;url=/?page=runs"' in answer.text


def test_who_is_signed_in_is_not_asked_again(browser: Browser) -> None:
    browser.sign_in()
    assert browser.get("/signin?next=%2F%3Fpage%3Druns").headers["Location"] == "/?page=runs"


def test_guessing_is_slowed_down(site: Site, browser: Browser) -> None:
    for _ in range(4):
        assert browser.sign_in(password=OTHER).status == 403
    answer = browser.sign_in()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert "Wait 1 second, then" in answer.text
    site.clock.advance(seconds=1)
    assert browser.sign_in().status == 303
    # From now on it is known here: what others fail at does not hinder it.
    stranger = site.browser()
    for _ in range(40):
        stranger.sign_in(password=OTHER)
    browser.post("/signout", {"csrf": browser.csrf()})
    assert browser.sign_in().status == 303


def test_the_password_is_given_once_more(site: Site, browser: Browser) -> None:
    browser.sign_in()
    (session,) = site.authentication.sessions._known.values()
    site.clock.advance(minutes=6)

    def must() -> bool:
        return session.principal().must_sign_in_anew(Right.RESTORE, site.clock.now())

    assert must()
    form = browser.form("/signin/anew")
    wrong = browser.post("/signin/anew", {**form, "password": OTHER})
    assert wrong.status == 403
    assert "The password is wrong." in wrong.text
    assert browser.post("/signin/anew", {"csrf": "x", "password": GOOD}).status == 403
    assert must()
    answer = browser.post("/signin/anew", {**form, "password": GOOD})
    assert (answer.status, answer.headers["Location"]) == (303, "/signin/anew?done=1")
    assert "Close this tab" in browser.get("/signin/anew?done=1").text
    assert not must()


def test_nobody_gives_a_password_once_more_who_is_not_signed_in(browser: Browser) -> None:
    assert browser.get("/signin/anew").headers["Location"] == "/signin"
    assert browser.post("/signin/anew", {"password": GOOD}).headers["Location"] == "/signin"


def test_a_machine_reads_the_page_by_its_token(site: Site) -> None:
    text = site.authentication.tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=timedelta(days=1))
    assert ask(site.port, "/", Authorization=f"Bearer {text}").status == 200
    assert ask(site.port, "/", Authorization=f"Bearer {text}x").status == 303
    assert ask(site.port, "/", Authorization=f"Basic {text}").status == 303
    site.authentication.tokens.revoke("monitor")
    assert ask(site.port, "/", Authorization=f"Bearer {text}").status == 303


def test_while_the_users_cannot_be_read_nobody_signs_in_but_by_a_link(
    site: Site, browser: Browser, ops: FakeOperations
) -> None:
    form = browser.form("/signin")
    (ops.home / users.FILE).write_text("nonsense")
    answer = browser.post("/signin", {**form, "name": "ada", "password": GOOD})
    assert answer.status == 503
    assert "cannot be used" in answer.text
    # Strangers read that, too.
    assert str(ops.home) not in answer.text
    assert str(ops.home) not in browser.get("/signin").text
    assert not browser.inside()
    browser.post("/signin", {**form, "token": site.authentication.links.make()})
    assert browser.inside()


def test_an_open_page_is_told_that_it_cannot_be_known_and_comes_back(
    site: Site, browser: Browser, ops: FakeOperations
) -> None:
    browser.sign_in()
    path = ops.home / users.FILE
    content = path.read_bytes()
    with browser.page() as page:
        private_file.write(path, b"{")
        page.message("PULL-DOC-REQ", {})
        assert page.closed() == 4503
    answer = browser.get("/")
    assert answer.status == 503
    assert "a file of the home cannot be used" in answer.text
    assert str(ops.home) not in answer.text
    private_file.write(path, content)
    assert browser.inside()


@pytest.mark.parametrize(
    "error",
    [
        CatalogueDamaged("The catalogue at /srv/pwsops/catalogue.sqlite3 is damaged.", hint="See /srv/pwsops."),
        Refused("/srv/pwsops/users.json cannot be written: No space left.", hint="Let /srv/pwsops have room."),
        private_file.unusable(Path("/srv/pwsops/users.json"), "it is damaged"),
    ],
)
def test_strangers_are_told_nothing_of_the_home(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch, error: PwsopsError
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    form = browser.form("/signin")
    for name in ("by_password", "by_link", "identity"):
        monkeypatch.setattr(site.authentication, name, fail)
    monkeypatch.setattr(site.authentication.providers, "begin", fail)
    for answer in (
        browser.post("/signin", {**form, "name": "ada", "password": GOOD}),
        browser.get("/signin?token=x"),
        browser.get("/signin/provider?name=corp"),
        browser.get("/signin/callback?state=x&code=y"),
    ):
        assert answer.status == 503
        assert "Nobody can sign in just now" in answer.text
        assert "/srv" not in answer.text


def test_nor_is_somebody_who_is_signed_in(site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise CatalogueDamaged("The catalogue at /srv/pwsops is damaged.", hint="See /srv/pwsops.")

    browser.sign_in()
    monkeypatch.setattr(site.authentication, "anew_by_secret", fail)
    answer = browser.post("/signin/anew", {**browser.form("/signin/anew"), "password": GOOD})
    assert answer.status == 503
    assert "/srv" not in answer.text


def test_the_silent_page_of_a_token_that_was_revoked_is_closed(site: Site) -> None:
    text = site.authentication.tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=timedelta(days=1))
    bearer = {"Authorization": f"Bearer {text}"}
    token = token_of(ask(site.port, "/", **bearer).text)
    with websocket(site.port, token, **bearer) as page:
        assert isinstance(page, Socket)
        assert page.kinds("ACK") == ["ACK"]
        site.authentication.tokens.revoke("monitor")
        site.authentication.sweep()
        assert page.closed() == 4401


def test_what_strangers_try_at_the_door_is_recorded_once_a_minute(site: Site) -> None:
    for _ in range(30):
        ask(site.port, "/", Authorization="Bearer pwsops_" + "y" * 43)
        ask(site.port, "/signin", host="evil.example")
    door, token = ("service", "request refused", "another Host"), ("service", "token refused", "machine token")
    first = "from 127.0.0.0/24"
    assert sorted(site.recorded) == [(*door, first), (*token, first)]
    site.clock.advance(minutes=1)
    site.authentication.sweep()
    rest = "29 more within a minute, from 127.0.0.0/24"
    assert sorted(site.recorded[2:]) == [(*door, rest), (*token, rest)]


def test_insides_of_an_error_are_not_told(site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.authentication, "by_password", lambda *_: 1 / 0)
    answer = browser.sign_in()
    assert (answer.status, answer.text.strip()) == (500, "500")


def test_somebody_comes_from_a_provider_and_proves_themselves_there_anew(
    site: Site, browser: Browser, ops: FakeOperations
) -> None:
    with oidc_provider.provider() as provider:
        provider.clock = lambda: site.clock.now().timestamp()
        callback = f"http://127.0.0.1:{site.port}/signin/callback"
        private_file.write(ops.home / oidc.FILE, oidc_provider.settings(provider, callback).encode())
        site.listed.grants["corp:7d1c"] = Grant(role=Role.RESTORER)
        page = browser.get("/signin?next=%2F%3Fpage%3Druns").text
        assert "Sign in with Corp" in page
        back = _there_and_back(browser, provider, "/signin/provider?name=corp&next=%2F%3Fpage%3Druns")
        assert 'content="0;url=/?page=runs"' in back
        assert browser.inside()
        (session,) = site.authentication.sessions._known.values()
        assert session.principal().name == "corp:7d1c"
        assert session.principal().anew_until is None
        assert "Give the password there" in browser.get("/signin/anew").text
        back = _there_and_back(browser, provider, "/signin/provider?name=corp&anew=1")
        assert 'content="0;url=/signin/anew?done=1"' in back
        assert session.principal().anew_until is not None
        assert "Not signed in" in browser.get("/signin/callback?error=access_denied").text
        assert browser.get("/signin/provider?name=none").status == 503
        provider.claims = lambda claims: claims | {"nonce": "forged"}
        assert "not to be believed" in _there_and_back(browser, provider, "/signin/provider?name=corp")


def _there_and_back(browser: Browser, provider: oidc_provider.Provider, path: str) -> str:
    answer = browser.get(path)
    assert answer.status == 303, answer
    back = urlsplit(provider.authorize(urlsplit(answer.headers["Location"]).query))
    elsewhere = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    # Of our cookies only that one comes along.
    kept = f"pwsops-provider-{browser.port}"
    others = {name: browser.jar.pop(name) for name in list(browser.jar) if name != kept}
    text = browser.get(f"{back.path}?{back.query}", **elsewhere).text
    browser.jar.update({**others, **browser.jar})
    return text


def test_the_users_file_s_path_is_nobody_s_password(browser: Browser, ops: FakeOperations, site: Site) -> None:
    path: Path = ops.home / users.FILE
    path.unlink()
    fields = site.browser().form("/signin")
    for password in (str(path), path.name, "", "secret"):
        browser.post("/signin", {**fields, "name": "ada", "password": password})
    assert not browser.inside()


def test_a_link_always_helps_whatever_strangers_fail_at(site: Site, browser: Browser) -> None:
    """They have one address with whoever sits at the machine."""
    stranger = site.browser()
    for number in range(40):
        stranger.get(f"/signin?token={number:043}")
        stranger.sign_in(name=f"n{number}", password=OTHER)
    answer = browser.get(f"/signin?token={site.authentication.links.make()}")
    assert (answer.status, browser.inside()) == (200, True)
    assert stranger.get(f"/signin?token={'a' * 43}").status == 429
    anew = browser.post("/signin/anew", {"csrf": browser.csrf(), "password": site.authentication.links.make()})
    assert anew.status == 303
