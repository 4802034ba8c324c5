"""The certificates of servers, on the page of the certificates and in the wizard, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from pwsops.engines import registry
from pwsops.errors import EngineError
from pwsops.operations.certificate_records import ServerCertificateView
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.pages.certificates.form import BRING, CertificateForm
from pwsops.web.pages.certificates.rows import mark
from tests.clocks import NOON
from tests.component.web.test_certificates_page import Page
from tests.component.web.test_wizard import Shown
from tests.fake_keeper import Keeper, kept
from tests.homes import Home

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def keeper(home: Home, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    keeper = Keeper(home.clock, kept=[kept("keeper")])
    monkeypatch.setitem(registry.ENGINES, "fake", keeper.open)  # type: ignore[arg-type]
    home.server = keeper
    return keeper


@pytest.fixture
def page(home: Home, keeper: Keeper) -> Iterator[Page]:
    page = Page(home)
    yield page
    page.session.close()


def test_each_server_has_a_part_that_is_looked_up_when_the_page_opens(page: Page) -> None:
    assert "On srv" in page.text()
    assert "keeper" in page.text()
    assert "on the server" in page.text()


def test_a_look_is_taken_again_when_asked(page: Page, keeper: Keeper) -> None:
    keeper.kept.append(kept("new one"))
    page.session.changed()
    assert "new one" not in page.text()
    page.click("look", "srv")
    assert "new one" in page.text()


def test_a_server_that_does_not_answer_is_said_beside_what_was_seen(page: Page, keeper: Keeper) -> None:
    keeper.looking_error = EngineError("srv is gone.", hint="Look.", transient=True)
    page.click("look", "srv")
    assert "srv is gone. This is how it was when it last answered." in page.text()
    assert "keeper" in page.text()


def test_a_server_without_any_says_so(page: Page, keeper: Keeper) -> None:
    keeper.kept = []
    page.click("look", "srv")
    assert "None was seen there." in page.text()
    page.session.nav.go(page="certificates", status="required")
    assert "It needs none." in page.text()


def test_a_name_from_a_server_is_text(page: Page, keeper: Keeper) -> None:
    keeper.kept = [kept(HOSTILE)]
    page.click("look", "srv")
    assert HOSTILE not in page.html()
    assert HOSTILE in page.text()


def test_a_certificate_is_brought_to_a_server_and_the_passwords_let_go(page: Page, keeper: Keeper) -> None:
    page.click("bring", "srv")
    assert "Import a certificate to srv" in page.text()
    page.click("do-form")
    assert "Give the path of its private key (.pvk) on the server." in page.text()
    assert "Give the password that the key is under." in page.text()
    page.type("certificate_file", " D:\\in\\theirs.cer ")
    page.type("key_file", "D:\\in\\theirs.pvk")
    page.type("password", "S3cret")
    page.type("master_password", "M4ster")
    page.type("name", "theirs")
    page.click("do-form")
    assert "theirs is imported to srv." in page.text()
    [(name, files, password, master)] = keeper.taken
    assert (name, files.certificate, password, master) == ("theirs", "D:\\in\\theirs.cer", "S3cret", "M4ster")
    assert "S3cret" not in page.html()
    assert "M4ster" not in page.html()


def test_a_form_that_was_used_has_let_go_of_every_password() -> None:
    form = CertificateForm(BRING, "srv")
    for field in ("password", "master_password"):
        form.set(field, "S3cret")
    form.forget_passwords()
    assert "S3cret" not in form.text.values()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "on the server"),
        ({"needed_by": "x"}, "saved nowhere else"),
        ({"needed_by": "x", "saved_at": NOON}, "on the server"),
        ({"needed_by": "x", "in_store": True}, "on the server"),
        ({"has_private_key": False}, "no private key"),
        ({"encrypts_backups": True, "near_expiry": True, "needed_by": "x"}, "expires soon"),
        ({"encrypts_backups": True, "near_expiry": True, "doubts": ("expired on 2026-03-01",)}, "expired"),
        ({"near_expiry": True, "doubts": ("expired on 2026-03-01",)}, "on the server"),
    ],
)
def test_the_worst_that_can_be_said_of_one_is_its_state(fields: dict[str, Any], word: str) -> None:
    known: dict[str, Any] = {
        "name": "a",
        "thumbprint": "A" * 40,
        "subject": "",
        "needed_by": "",
        "instance": "srv",
        "begins_at": NOON,
        "expires_at": NOON + timedelta(days=9),
        "has_private_key": True,
        "encrypts_backups": False,
        "in_store": False,
        "seen_at": NOON,
    }
    assert mark(ServerCertificateView(**(known | fields))).word == word


def test_the_wizard_saves_the_certificates_of_encrypted_databases_without_encrypting_itself(
    home: Home, keeper: Keeper
) -> None:
    keeper.kept = [kept("whole", encrypts=("one",))]
    session = Session(Store(home.ops, clock=home.clock), None)
    shown = Shown(session, step=3)
    shown.fill(save_certificates=True)
    assert "Those of encrypted databases too." in shown.form
    shown.press("save")
    assert "Give a password to protect them with." in shown.form
    shown.type(certificate_password="S3cret")
    shown.press("save")
    assert home.ops.profiles.get("New one").save_certificates
    assert home.run("New one")
    assert "S3cret" in keeper.saved.values()
    session.close()
