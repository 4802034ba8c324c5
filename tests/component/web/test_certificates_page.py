"""The page of the certificates over a real home, without a browser."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, BinaryIO
from unittest.mock import Mock

import pytest
from cryptography.fernet import Fernet

from pwsops.certificates import archive, reading
from pwsops.errors import PwsopsError
from pwsops.key_file import KEY_FILE
from pwsops.operations import Role
from pwsops.rules.certificates import Purpose
from pwsops.web.app import Frame
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.nav import CERTIFICATES, RESTORE
from pwsops.web.pages.certificates.form import CREATE, EXPORT, IMPORT, CertificateForm
from pwsops.web.ui import verdict_texts
from pwsops.web.ui.markup import Markup
from tests.clocks import NOON
from tests.component.web.conftest import hold
from tests.homes import Home
from tests.pairs import certificate_pem, key_pem, pair
from tests.people import acting_as

PASSWORD = "pä55word"
HOSTILE = "<script>alert(1)</script>"
ONE = pair("one").facts().thumbprint


class Page:
    """One open page, and shorthands for what people do on it."""

    def __init__(self, home: Home, **where: Any) -> None:
        self.home = home
        self.session = Session(Store(home.ops, clock=home.clock), None)
        self.frame = Frame(self.session)
        self.offered: list[tuple[str, bytes]] = []
        self.session.nav.go(page=CERTIFICATES, **where)
        self.session.download.offer = self._offer  # type: ignore[method-assign]

    def _offer(self, name: str, file: BinaryIO) -> None:
        self.offered.append((name, file.read()))

    def html(self) -> str:
        return "\n".join(piece.html for piece in self.frame._main.select(Markup))

    def text(self) -> str:
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", self.html())))

    def _piece(self) -> Markup:
        return next(piece for piece in self.frame._main.select(Markup) if "certificates-title" in piece.html)

    def click(self, action: str, key: str = "") -> None:
        assert f'data-action="{action}"' in self._piece().html
        self._piece().take({"action": action, "key": key})

    def type(self, field: str, value: str) -> None:
        assert f'data-field="{field}"' in self._piece().html
        self._piece().take({"field": field, "key": "", "value": value})

    def choose(self, **files: bytes) -> None:
        told = [{"name": name, "content": b64encode(content).decode()} for name, content in files.items()]
        self.type("files", json.dumps(told))


@pytest.fixture
def page(home: Home) -> Iterator[Page]:
    home.server.encryption = True
    page = Page(home)
    yield page
    page.session.close()


def test_while_the_list_is_awaited_it_is_asked_for_once_more_however_much_has_changed(
    home: Home, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = hold(page.session, monkeypatch)
    for name in ("one", "two", "three"):
        home.ops.certificates.create(name)
        page.session.changed()
    assert len(waiting) == 1
    home.ops.certificates.remove("one")
    page.session.changed()
    waiting[0]()
    assert len(waiting) == 2
    waiting[1]()
    page.session.changed()
    assert len(waiting) == 2
    assert "CN=one" not in page.text()
    assert "CN=three" in page.text()


def test_a_list_that_could_be_read_takes_back_that_it_could_not_but_no_refusal(
    home: Home, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        gone = PwsopsError("The disk is gone.", hint="Mount it.")
        broken.setattr(home.ops.certificates, "keepers", Mock(side_effect=gone))
        home.ops.certificates.create("one")
        page.session.changed()
    assert "The disk is gone." in page.text()
    page.click("import")
    page.choose(mine=archive.pack([pair("one")], PASSWORD))
    page.type("password", "wrong")
    page.click("do-form")
    home.ops.certificates.create("two")
    page.session.changed()
    assert "the password is wrong" in page.text()
    page.click("leave-form")
    assert "The disk is gone." not in page.text()


def test_an_empty_store_says_what_to_do(page: Page) -> None:
    assert "There is none yet. Make one, or import yours" in page.text()
    page.session.nav.go(page=CERTIFICATES, status="required")
    assert "No profile and no backup needs a certificate." in page.text()


def test_a_pfx_is_imported_and_its_password_let_go(page: Page, home: Home) -> None:
    page.click("import")
    page.choose(mine=archive.pack([pair("one")], PASSWORD))
    page.type("password", "wrong")
    page.click("do-form")
    assert "the password is wrong" in page.text()
    page.type("password", PASSWORD)
    page.type("purpose", "master-key")
    page.click("do-form")
    assert "one is imported." in page.text()
    assert page.session.nav.view == ""
    [view] = home.ops.certificates.list()
    assert (view.name, view.purpose) == ("one", Purpose.MASTER_KEY)
    assert ONE in page.text()
    assert PASSWORD not in page.html()


def test_the_two_halves_of_pem_may_come_in_two_files(page: Page, home: Home) -> None:
    page.click("import")
    page.choose(crt=certificate_pem(pair("one")))
    page.click("do-form")
    assert "crt is half a pair" in page.text()
    page.choose(crt=certificate_pem(pair("one")), key=key_pem(pair("one")))
    page.click("do-form")
    assert len(home.ops.certificates.list()) == 1


def test_a_doubtful_certificate_is_imported_with_a_word(page: Page) -> None:
    expired = pair("expired", until=NOON - timedelta(days=1))
    page.click("import")
    page.choose(x=archive.pack([expired], PASSWORD))
    page.type("password", PASSWORD)
    page.click("do-form")
    assert "Beware: expired expired on 2026-03-01." in page.text()
    assert "It expired on 2026-03-01." in page.text()


def test_what_is_missing_is_said_beside_its_field(page: Page) -> None:
    page.click("import")
    page.click("do-form")
    assert "Choose a .pfx file" in page.text()
    page.choose(huge=b"")
    assert "larger than a certificate can be" in page.text()
    page.type("files", "no JSON")
    assert "Choose a .pfx file" in page.text()
    page.click("leave-form")
    page.click("create")
    page.type("years", "x")
    page.click("do-form")
    assert "Give it a name." in page.text()
    assert "Give a whole number of years" in page.text()


def test_one_is_made(page: Page, home: Home) -> None:
    page.click("create")
    page.type("name", "Vaults")
    page.type("years", "3")
    page.click("do-form")
    assert "Vaults is made. Export it and keep the copy on another machine." in page.text()
    [view] = home.ops.certificates.list()
    assert view.facts is not None
    assert 1094 <= (view.facts.not_after - NOON).days <= 1097


def take_in(home: Home, *names: str) -> None:
    home.ops.certificates.import_file(archive.pack([pair(name) for name in names], PASSWORD), PASSWORD)


def test_one_is_exported_under_a_password(page: Page, home: Home) -> None:
    take_in(home, "one", "two")
    page.frame.refresh()
    page.click("export", ONE)
    assert "Export one" in page.text()
    page.click("do-form")
    assert "give a password" in page.text()
    page.type("password", PASSWORD)
    page.click("do-form")
    assert "The two passwords differ." in page.text()
    page.type("again", PASSWORD)
    page.click("do-form")
    [(name, content)] = page.offered
    assert name == f"one_{ONE}.pfx"
    assert [one.name for one in reading.read_pfx(content, PASSWORD, source="x")] == ["one"]
    assert "1 file handed to the browser." in page.text()


def export_slowly(page: Page, home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Press Export, and give what lets the file be written."""
    take_in(home, "one")
    page.frame.refresh()
    page.click("export", ONE)
    page.type("password", PASSWORD)
    page.type("again", PASSWORD)
    with monkeypatch.context() as slow:
        waiting = hold(page.session, slow)
        page.click("do-form")
    return waiting[0]


def test_an_export_reaches_somebody_who_has_left_the_page_and_leaves_him_where_he_is(
    page: Page, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = export_slowly(page, home, monkeypatch)
    page.session.nav.go(page=RESTORE, instance="srv", database="one")
    written()
    assert [name for name, _ in page.offered] == [f"one_{ONE}.pfx"]
    assert (page.session.nav.page, page.session.nav.database) == (RESTORE, "one")


def test_an_export_that_ends_late_closes_no_other_form(page: Page, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    written = export_slowly(page, home, monkeypatch)
    page.session.nav.go()
    page.session.nav.go(page=CERTIFICATES)
    page.click("export", ONE)
    page.type("password", "half ty")
    written()
    assert page.session.nav.view == EXPORT
    assert "Export one" in page.text()
    assert page.frame._page._form.text["password"] == "half ty"


def test_an_export_that_is_refused_late_says_so_where_somebody_is(
    page: Page, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = export_slowly(page, home, monkeypatch)
    home.ops.certificates.remove(ONE)
    page.session.nav.go()
    written()
    assert "There is no certificate" in page.text()


@pytest.mark.parametrize(("how", "files"), [("one", [2]), ("each", [1, 1])])
def test_all_are_exported_in_one_file_or_in_one_each(page: Page, home: Home, how: str, files: list[int]) -> None:
    take_in(home, "one", "two")
    page.frame.refresh()
    page.click("export", "all")
    assert "Export 2 certificates" in page.text()
    for field, value in (("password", PASSWORD), ("again", PASSWORD), ("as", how)):
        page.type(field, value)
    page.click("do-form")
    assert [len(reading.read_pfx(content, PASSWORD, source="x")) for _, content in page.offered] == files


def test_one_is_removed_after_a_question_and_stays_where_it_is_needed(page: Page, home: Home) -> None:
    take_in(home, "one")
    home.add(encrypt_with="one")
    page.frame.refresh()
    page.click("remove", ONE)
    assert "Remove one and its private key?" in page.text()
    page.click("keep")
    assert "Remove one and" not in page.text()
    page.click("remove", ONE)
    page.click("remove-now", ONE)
    assert "it is needed by the profile p" in page.text()
    home.ops.profiles.delete("p")
    page.click("remove", ONE)
    page.click("remove-now", ONE)
    assert "It is removed." in page.text()
    assert home.ops.certificates.list() == []


def test_each_state_has_a_word(page: Page, home: Home) -> None:
    take_in(home, "one", "two")
    soon = pair("soon", until=NOON + timedelta(days=10))
    expired = pair("expired", until=NOON - timedelta(days=1))
    for one in (soon, expired, pair("small", bits=1024)):
        home.ops.certificates.import_file(archive.pack([one], PASSWORD), PASSWORD)
    home.add(encrypt_with="two")
    page.frame.refresh()
    rows = {
        re.search(r'class="name break">([^<]*)', row)[1]: row  # type: ignore[index]
        for row in page.html().partition("<tbody>")[2].split("<tr>")[1:]
    }
    words = {
        "one": ("tone-ok", "in the store"),
        "two": ("tone-orange", "saved nowhere else"),
        "soon": ("tone-orange", "expires soon"),
        "expired": ("tone-orange", "expired"),
        "small": ("tone-orange", "weak"),
    }
    for name, (tone, word) in words.items():
        assert f'class="state {tone}"' in rows[name]
        assert word in rows[name]
    page.session.nav.go(page=CERTIFICATES, status="required")
    assert "two" in page.text()
    assert "expires soon" not in page.text()


def test_one_that_the_home_s_key_does_not_open_is_red(page: Page, home: Home) -> None:
    take_in(home, "one")
    (home.path / KEY_FILE).write_text(Fernet.generate_key().decode())
    page.frame.refresh()
    assert re.search(r'class="state tone-red">.*does not open<', page.html())


def test_what_is_needed_and_not_here_is_listed_and_told_on_the_first_page(page: Page, home: Home) -> None:
    take_in(home, "one")
    home.add(encrypt_with="one")
    from pwsops.catalogue import certificates

    with home.core.catalogue.write() as connection:
        certificates.remove(connection, ONE)
    page.frame.refresh()
    assert "not here" in page.text()
    verdict = verdict_texts.answer(page.session.store.snapshot())
    [finding] = [one for one in verdict.findings if one.page]
    assert (finding.tone, finding.page) == ("orange", CERTIFICATES)
    assert f"The certificate {ONE} is not in the store" in finding.what
    assert finding.why == "It is needed by the profile p."


def test_hostile_names_are_text(page: Page, home: Home) -> None:
    home.ops.certificates.create(HOSTILE)
    page.frame.refresh()
    assert HOSTILE not in page.html()
    assert HOSTILE in page.text()


def test_somebody_who_may_only_look_is_told_so(page: Page, home: Home) -> None:
    page.session.ops = acting_as(home.ops, Role.VIEWER, "bob")
    page.session.changed()
    [refusal] = page.frame._body
    assert "This page is not for you. Your role is viewer: that needs the role administrator." in refusal.html


def test_a_form_takes_what_is_its_own_and_forgets_passwords() -> None:
    form = CertificateForm(EXPORT, "all")
    assert form.set("password", "x")
    assert not form.set("other", "x")
    assert not form.set("years", True)
    form.forget_passwords()
    assert form.text["password"] == ""
    assert CertificateForm(IMPORT).source == ""
    assert CertificateForm(CREATE).years == 5
