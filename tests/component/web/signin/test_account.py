"""The page "Account" and the code at the sign-in, over real sockets, behind the real door, on a real home."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pyotp
import pytest

from pwsops.operations import Operations
from pwsops.signin import private_file
from pwsops.signin.start_token import Links
from pwsops.web.signin import SignInGate, browsers
from tests.component.signin.conftest import GOOD, OTHER
from tests.component.web.conftest import FakeOperations, ops
from tests.component.web.door.conftest import serving
from tests.component.web.signin.conftest import Browser
from tests.homes import Home
from tests.raw import Answer

__all__ = ["ops"]
ROLES = '[[person]]\nsubject = "ada"\nrole = "viewer"\n[[person]]\nsubject = "bob"\nrole = "administrator"\n'
STEP = timedelta(seconds=30)


@pytest.fixture
def real(home: Home) -> Operations:
    for name in ("ada", "bob"):
        home.ops.people.add_user(name, GOOD)
    roles(home, ROLES)
    return home.ops


@pytest.fixture
def port(real: Operations, ops: FakeOperations) -> Iterator[int]:
    with ExitStack() as stack:
        gate = SignInGate(real.people.authentication(), lambda session: real.acting_as(session.principal).account)
        stack.callback(gate.close)
        yield stack.enter_context(serving(ops, gate=gate)).port


@pytest.fixture
def browser(port: int) -> Browser:
    return Browser(port, {"User_Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"})


def roles(home: Home, text: str) -> None:
    private_file.write(home.path / "access.toml", text.encode())


def account(browser: Browser) -> str:
    answer = browser.get("/account")
    assert answer.status == 200, answer
    return answer.text


def post(browser: Browser, path: str, **fields: str) -> Answer:
    return browser.post(path, {"csrf": browser.form("/account")["csrf"], **fields})


def enrol(home: Home, browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    text = browser.get("/account/second-factor").text
    secret = re.findall(r'<code class="long"[^>]*>([A-Z2-7 ]+)</code>', text)[0].replace(" ", "")
    app = pyotp.TOTP(secret)
    csrf = re.findall(r'name="csrf" value="([^"]+)"', text)[0]
    answer = browser.post("/account/second-factor", {"csrf": csrf, "code": app.at(home.clock.now())})
    assert (answer.status, "The second factor is set up." in answer.text) == (200, True), answer
    home.clock.advance(STEP)
    return app, re.findall(r"<code>([A-Z2-7-]{29})</code>", answer.text)


def test_a_stranger_is_led_to_the_sign_in_and_back(browser: Browser) -> None:
    for path, back in (("/account", "%2Faccount"), ("/account/second-factor", "%2Faccount%2Fsecond-factor")):
        answer = browser.get(path)
        assert (answer.status, answer.headers["Location"]) == (303, f"/signin?next={back}")
    for path in ("/account/password", "/account/sessions", "/account/people", "/account/recovery-codes"):
        assert browser.post(path, {"csrf": "x"}).status == 303
    assert browser.sign_in(path="/signin?next=%2Faccount").headers["Location"] == "/account"


def test_the_page_wants_no_script_and_helps_a_password_manager(browser: Browser) -> None:
    browser.sign_in()
    answer = browser.get("/account")
    assert "<script" not in answer.text
    for kind in ("username", "current-password", "new-password"):
        assert f'autocomplete="{kind}"' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "Firefox on Linux" in answer.text


def test_a_form_of_another_browser_does_nothing(browser: Browser) -> None:
    browser.sign_in()
    fields = {"old": GOOD, "new": OTHER, "again": OTHER}
    for path in ("/account/password", "/account/second-factor", "/account/sessions", "/account/second-factor/remove"):
        answer = browser.post(path, {"csrf": "0" * 43, **fields})
        assert (answer.status, "This form was made for another visit" in answer.text) == (403, True), path
    assert browser.inside()
    for path in ("/account/password", "/account/sessions"):
        assert browser.get(path).headers["Location"] == "/account"


def test_the_code_is_asked_after_the_password_and_each_counts_once(home: Home, browser: Browser) -> None:
    browser.sign_in()
    app, codes = enrol(home, browser)
    assert browser.inside()
    browser.post("/signout", {"csrf": browser.csrf()})
    answer = browser.sign_in(path="/signin?next=%2F%3Fpage%3Druns")
    assert answer.headers["Location"] == "/signin/code?next=%2F%3Fpage%3Druns"
    assert not browser.inside()
    form = browser.form(answer.headers["Location"])
    wrong = browser.post("/signin/code", {**form, "code": "x"})
    assert (wrong.status, "The code is wrong." in wrong.text) == (403, True)
    assert browser.post("/signin/code", {**form, "csrf": "x", "code": codes[0]}).status == 403
    answer = browser.post("/signin/code", {**form, "code": app.at(home.clock.now())})
    assert (answer.status, answer.headers["Location"]) == (303, "/?page=runs")
    assert browser.inside()
    assert f"pwsops-half-{browser.port}" not in browser.jar
    assert browser.get("/signin/code").headers["Location"] == "/signin"
    browser.post("/signout", {"csrf": browser.csrf()})
    browser.sign_in()
    used = browser.post("/signin/code", {**browser.form("/signin/code"), "code": app.at(home.clock.now())})
    assert "The code was used before." in used.text
    browser.post("/signin/code", {**browser.form("/signin/code"), "code": codes[0]})
    assert browser.inside()
    assert "7 recovery codes left" in account(browser)


def test_the_secret_is_a_picture_and_text_and_a_wrong_code_keeps_it(home: Home, browser: Browser) -> None:
    browser.sign_in()
    text = browser.get("/account/second-factor").text
    assert '<svg role="img" aria-label="The secret as a QR code"' in text
    secret = re.findall(r'<code class="long"[^>]*>([A-Z2-7 ]+)</code>', text)[0]
    assert len(secret.replace(" ", "")) == 32
    answer = post(browser, "/account/second-factor", code="x")
    assert (answer.status, "does not fit" in answer.text, secret in answer.text) == (400, True, True)
    assert "You have none" in account(browser)


def test_after_five_minutes_the_password_is_asked_for_and_then_one_goes_on(home: Home, browser: Browser) -> None:
    browser.sign_in()
    home.clock.advance(minutes=6)
    answer = browser.get("/account/second-factor")
    assert answer.headers["Location"] == "/signin/anew?next=%2Faccount%2Fsecond-factor"
    form = browser.form(answer.headers["Location"])
    answer = browser.post("/signin/anew", {**form, "password": GOOD})
    assert answer.headers["Location"] == "/account/second-factor"
    app, _ = enrol(home, browser)
    home.clock.advance(minutes=6)
    text = browser.get("/signin/anew").text
    assert 'name="code"' in text
    form = browser.form("/signin/anew")
    assert "The code is wrong." in browser.post("/signin/anew", {**form, "password": GOOD, "code": "x"}).text
    code = app.at(home.clock.now())
    assert browser.post("/signin/anew", {**form, "password": GOOD, "code": code}).status == 303


def test_where_it_is_required_there_is_no_page_but_that_until_it_is_set_up(home: Home, browser: Browser) -> None:
    roles(home, "require_second_factor = true\n" + ROLES)
    assert browser.sign_in().headers["Location"] == "/account/second-factor"
    assert not browser.inside()
    assert browser.get("/signin?next=%2F").headers["Location"] == "/account/second-factor"
    for path in ("/account", "/account/second-factor"):
        text = browser.get(path).text
        assert "Here everybody who has a password needs a second factor." in text
        assert "Sessions" not in text
    csrf = browser.form("/account")["csrf"]
    assert "Here everybody" not in browser.post("/account/recovery-codes", {"csrf": csrf}).text
    enrol(home, browser)
    assert browser.inside()
    assert "Remove" not in account(browser)
    refused = post(browser, "/account/second-factor/remove")
    assert (refused.status, "here all who have a password need one" in refused.text) == (503, True)


def test_recovery_codes_are_made_anew_and_the_second_factor_is_removed(home: Home, browser: Browser) -> None:
    browser.sign_in()
    enrol(home, browser)
    answer = post(browser, "/account/recovery-codes")
    assert "The former ones are good for nothing any more." in answer.text
    assert len(re.findall(r"<code>[A-Z2-7-]{29}</code>", answer.text)) == 8
    assert post(browser, "/account/second-factor/remove").headers["Location"] == "/account?done=removed"
    assert browser.inside()
    assert "You have no second factor any more." in browser.get("/account?done=removed").text


def test_a_password_is_changed_and_the_other_browser_is_signed_out(port: int, browser: Browser) -> None:
    other = Browser(port)
    for one in (browser, other):
        one.sign_in()
    for fields, said in (
        ({"old": GOOD, "new": OTHER, "again": GOOD}, "typed in two ways"),
        ({"old": OTHER, "new": OTHER, "again": OTHER}, "The password is wrong."),
        ({"old": GOOD, "new": "short", "again": "short"}, "too short"),
    ):
        answer = post(browser, "/account/password", **fields)
        assert answer.status in (400, 403)
        assert said in html.unescape(answer.text)
        assert OTHER not in answer.text
    assert other.inside()
    answer = post(browser, "/account/password", old=GOOD, new=OTHER, again=OTHER)
    assert answer.headers["Location"] == "/account?done=password"
    assert browser.inside()
    assert not other.inside()
    assert other.sign_in(password=OTHER).status == 303


def test_one_s_own_sessions_are_listed_and_ended(port: int, browser: Browser) -> None:
    others = [Browser(port), Browser(port), Browser(port)]
    for one in (browser, *others):
        one.sign_in()
    found = re.findall(r'name="session" value="([0-9a-f]{64})"', account(browser))
    assert len(found) == 3
    assert post(browser, "/account/sessions", session=found[0]).headers["Location"] == "/account?done=ended"
    assert sum(one.inside() for one in others) == 2
    gone = post(browser, "/account/sessions", session=found[0])
    assert (gone.status, "has ended already" in gone.text) == (404, True)
    assert post(browser, "/account/sessions").headers["Location"] == "/account?done=others"
    assert [one.inside() for one in (browser, *others)] == [True, False, False, False]
    assert "All your other sessions have ended." in browser.get("/account?done=others").text


def test_an_administrator_ends_the_sessions_of_somebody_else(port: int, browser: Browser) -> None:
    bob = Browser(port)
    browser.sign_in()
    assert "Sessions of others" not in account(browser)
    bob.sign_in("bob")
    assert "Sessions of others" in account(bob)
    denied = post(browser, "/account/people", name="bob")
    assert (denied.status, "may not end" in denied.text) == (403, True)
    assert post(bob, "/account/people", name="ada").headers["Location"] == "/account?done=theirs"
    assert not browser.inside()
    assert post(bob, "/account/people", name="ada").status == 404


def test_who_came_by_a_link_sees_sessions_and_no_password(home: Home, browser: Browser) -> None:
    browser.get(f"/signin?token={Links(home.path, clock=home.clock).make()}")
    text = account(browser)
    assert "You came in by a link" in text
    assert 'type="password"' not in text
    refused = post(browser, "/account/second-factor", code="1")
    assert "did not come in by a password" in html.unescape(refused.text)


def test_while_the_people_cannot_be_read_the_page_says_so(home: Home, browser: Browser) -> None:
    browser.sign_in()
    form = {"csrf": browser.csrf()}
    private_file.write(home.path / "users.json", b"nonsense")
    assert browser.get("/account").status in (303, 503)
    assert browser.post("/account/sessions", form).status in (303, 503)


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
         "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15.1; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on macOS"),
        ("curl/8", "unknown browser"),
        ("<script>", "unknown browser"),
    ],
)  # fmt: skip
def test_a_browser_is_called_what_its_owner_calls_it(agent: str, said: str) -> None:
    assert browsers.named(agent) == said
