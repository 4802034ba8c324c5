"""Every kind of password and secret is used, over real requests and websockets, and then searched for byte by byte."""

from __future__ import annotations

import json
import logging
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pwsops.certificates import archive
from pwsops.operations.reports import ReportFormat
from pwsops.rules.rights import Role
from pwsops.runs.scheduler import Service
from pwsops.signin import private_file
from pwsops.web.door import Limits
from pwsops.web.nav import PAGES, Nav
from pwsops.web.signin import SignInGate
from tests import canary, oidc_provider
from tests.component.web.door.conftest import Served, serving
from tests.component.web.signin.conftest import Browser
from tests.component.web.signin.test_pages import _there_and_back
from tests.homes import Home
from tests.integration.command_line import CommandLine
from tests.integration.forging import Page, opened
from tests.pairs import pair
from tests.raw import ask

GUEST = "corp:7d1c"
LISTED = "".join(f'[[person]]\nsubject = "{name}"\nrole = "administrator"\n' for name in ("ada", GUEST))
CALLBACK = "/signin/callback"


@pytest.fixture
def served(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server on a home with one instance, whose engine knows logins and encrypts."""
    monkeypatch.setattr(Service, "attach", lambda self: None)
    monkeypatch.setattr(oidc_provider, "SECRET", canary.CLIENT_SECRET)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", canary.PASSWORD)
    home.server.login = home.server.encryption = True
    home.add(name="p")
    home.run("p")
    private_file.write(home.path / "access.toml", LISTED.encode())
    gate = SignInGate(home.ops.people.authentication(), lambda session: home.ops.acting_as(session.principal).account)
    try:
        with serving(home.ops, gate=gate, limits=Limits(ping_s=600.0)) as served:  # type: ignore[arg-type]  # the real ones
            yield served
    finally:
        gate.close()


def test_no_password_or_secret_is_found_anywhere(
    home: Home, served: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    watch, told = canary.Processes(), []
    with watch.watched(), _noted_at(home):
        told += _on_the_command_line(home)
        token = home.ops.people.create_token("m", role=Role.VIEWER, instances=None, lasts=timedelta(days=1))
        told += _at_the_door(home, served, token)
        browser = Browser(served.port)
        assert browser.sign_in("ada", canary.SIGN_IN).status == 303
        with opened(served, Cookie=browser.cookie()) as page:
            _on_pages(home, page)
            received, shown = page.received, _all_pages(page)
    assert {canary.OTHER_LOGIN, canary.OWN_LOGIN, canary.PASSWORD} <= {one for _, one in home.server.opened_as}
    assert len(received) > 50
    printed = "".join(capfd.readouterr())
    for place, data in {
        "frames": b"".join(received), "pages": shown.encode(), "answers": "".join(told).encode(),
        "output": printed.encode(), "log": caplog.text.encode(), "exports": b"".join(_exports(home)),
        "processes": b"".join(line for lines in watch.seen.values() for line in lines),
        "audit log": repr(home.ops.audit.list(limit=500)).encode(),
        "media": repr((home.server.media, home.server.requests, home.server.restored)).encode(),
    }.items():  # fmt: skip
        assert canary.traces(data, token) == [], place
    readers = [pid for pid, lines in watch.seen.items() if any(b"certificates.reader" in line for line in lines)]
    assert readers, "a process that reads a certificate was seen"
    assert not any(canary.traces(watch.environments.get(pid, b""), token) for pid in readers)
    # The one file that is given a secret plainly, by its owner.
    assert canary.traces_in(home.path, token) == {str(home.path / "oidc.toml"): [canary.CLIENT_SECRET]}
    with closing(sqlite3.connect(home.path / "catalogue.sqlite3")) as catalogue:
        assert canary.traces("".join(catalogue.iterdump()).encode(), token) == []


@contextmanager
def _noted_at(home: Home) -> Iterator[None]:
    """Let a look at the instance fail in a way that nobody foresaw, with all that it knows in its frames."""

    def fail(instance: Any) -> Exception:
        seen = instance
        return RuntimeError(f"broken at {seen.name}")

    home.server.probe_error = fail
    try:
        yield
    finally:
        home.server.probe_error = lambda instance: None


def _on_the_command_line(home: Home) -> list[str]:
    line = CommandLine(home.path)
    done = line.run("user", "add", "ada", "--password-stdin", given=f"{canary.SIGN_IN}\n")
    assert done.returncode == 0, done
    refused = line.run("user", "add", "ada", "--password-stdin", given=f"{canary.WRONG}\n")
    assert refused.returncode != 0
    return [done.stdout + done.stderr, refused.stdout + refused.stderr]


def _at_the_door(home: Home, served: Served, token: str) -> list[str]:
    """Sign in rightly and wrongly, by name, by a provider and by a token; return all answers."""
    stranger = Browser(served.port)
    wrong = stranger.sign_in("ada", canary.WRONG)
    misplaced = stranger.sign_in(canary.SIGN_IN, canary.WRONG)
    home.clock.advance(minutes=1)
    answers = [wrong, misplaced, ask(served.port, "/", Authorization=f"Bearer {token}")]
    answers += [ask(served.port, "/", Authorization=f"Bearer {token}x")]
    assert [one.status for one in answers] == [403, 403, 200, 303]
    with oidc_provider.provider() as provider:
        provider.clock = lambda: home.clock.now().timestamp()
        callback = f"http://127.0.0.1:{served.port}{CALLBACK}"
        private_file.write(home.path / "oidc.toml", oidc_provider.settings(provider, callback).encode())
        guest = Browser(served.port)
        back = _there_and_back(guest, provider, "/signin/provider?name=corp")
        provider.claims = lambda claims: claims | {"nonce": "forged"}
        refused = _there_and_back(Browser(served.port), provider, "/signin/provider?name=corp")
        assert "not to be believed" in refused
    return [back, refused, *(f"{one.headers} {one.text}" for one in answers)]


def _on_pages(home: Home, page: Page) -> None:
    """Type every password that pages ask for, so that it is taken, and so that it is refused."""
    pfx = archive.pack([pair()], canary.PASSPHRASE)
    files = json.dumps([{"name": "own.pfx", "content": b64encode(pfx).decode()}])
    for word in (canary.WRONG, canary.PASSPHRASE):
        _fill(page, "certificates", "do-form", view="import", files=files, password=word)
    assert home.ops.certificates.list()
    _fill(page, "certificates", "do-form", view="export", q="all", password=canary.PASSPHRASE, again=canary.PASSPHRASE)
    login = {"login": "ops", "password": canary.PASSWORD}
    _fill(page, "settings", "save-instance", view="add", name="office", engine="fake", address="there", **login)
    _fill(page, "settings", "save-instance", view="edit", instance="srv", **login)
    own = {"who": "named", "login": "taker", "password": canary.OWN_LOGIN}
    saved = {"save_certificates": True, "certificate_password": canary.PASSPHRASE}
    _fill(page, "wizard", "save", profile="p", **own, **saved)
    home.run("p")
    source = home.ops.restores.sources("srv", "one")[0].path
    home.server.restore_error = RuntimeError("broken off")
    page.go(Nav(page="restore", instance="srv", database="one", file=source).search())
    _type(page, "restore/login.html", "give-login")
    _type(page, "restore/login.html", "use-login", login="dba", password=canary.OTHER_LOGIN)
    _type(page, "restore/plan.html", "restore-now", confirm="one")


def _fill(page: Page, name: str, press: str, /, **fields: Any) -> None:
    where = {key: fields.pop(key) for key in ("view", "q", "instance", "profile") if key in fields}
    page.go(Nav(page=name, **where).search())
    _type(page, {"settings": "settings/instances.html"}.get(name, f"{name}/{name}.html"), press, **fields)


def _type(page: Page, piece: str, press: str, /, **fields: Any) -> None:
    typed = [{"field": field, "key": "", "value": value} for field, value in fields.items()]
    page.send(*typed, {"action": press, "key": ""}, piece=piece)
    page.settle()


def _all_pages(page: Page) -> str:
    shown = []
    for name in PAGES:
        page.go(Nav(page=name, instance="srv", database="one", run=1, profile="p").search())
        shown.append(page.shown())
    return "\n".join(shown)


def _exports(home: Home) -> Iterator[bytes]:
    for form in (ReportFormat.CSV, ReportFormat.HTML, ReportFormat.EVIDENCE):
        with home.ops.reports.export(form) as file:
            yield file.read()
    with home.ops.reports.export_audit() as file:
        yield file.read()
