"""The settings page over a real home and an engine that does what it is told, without a browser."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest

from pwsops.engines.base import MissingRight
from pwsops.errors import EngineError
from pwsops.views.app import Frame
from pwsops.views.markup import Markup
from pwsops.views.nav import SETTINGS
from pwsops.views.pages.settings import as_settings, as_text
from pwsops.views.session import Session
from pwsops.views.store import Store
from tests.homes import Home

HOSTILE = "<script>alert(1)</script>"


class Page:
    """One open settings page, and shorthands for what people do on it."""

    def __init__(self, home: Home) -> None:
        self.ops = home.ops
        self.session = Session(Store(home.ops, clock=home.clock), None)
        self.frame = Frame(self.session)
        self.session.nav.go(page=SETTINGS)

    def html(self) -> str:
        return "\n".join(piece.html for piece in self.frame._main.select(Markup))

    def text(self) -> str:
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", self.html())))

    def _piece(self, holding: str) -> Markup:
        return next(piece for piece in self.frame._main.select(Markup) if holding in piece.html)

    def click(self, action: str, key: str = "") -> None:
        self._piece(f'data-action="{action}"').take({"action": action, "key": key})

    def type(self, field: str, value: str | bool) -> None:
        self._piece(f'data-field="{field}"').take({"field": field, "key": "", "value": value})

    def field(self, name: str) -> str:
        """The markup of one field, with what is said under it."""
        return self.html().partition(f'data-field="{name}"')[2].partition("</div>")[0]

    def shown(self, name: str) -> str:
        """What one field holds."""
        field = self.field(name)
        found = re.search(r' value="([^"]*)" selected', field) or re.search(r' value="([^"]*)"', field)
        assert found is not None
        return found.group(1)

    def look_again(self) -> None:
        """What the watcher does when something has changed."""
        self.session._take(self.session.store.snapshot())


@pytest.fixture
def page(home: Home) -> Iterator[Page]:
    page = Page(home)
    yield page
    page.session.close()


def saved(home: Home) -> dict[str, object]:
    return home.ops.settings.get().as_dict()


# Defaults


def test_every_setting_has_a_field(page: Page) -> None:
    page.type("renew", "monthly")
    for field in as_text(page.ops.settings.get()):
        assert field == "renew_weekday" or f'data-field="{field}"' in page.html(), field
    assert as_settings(as_text(page.ops.settings.get())).keys() == page.ops.settings.get().as_dict().keys()
    assert "changes no existing profile" in page.text()


def test_nothing_is_saved_before_save_and_then_all_of_it(page: Page, home: Home) -> None:
    before = saved(home)
    for field, value in {"every": "6", "unit": "d", "timezone": "Europe/Berlin", "timestamp": False}.items():
        page.type(field, value)
    assert saved(home) == before
    assert "Not saved yet: Every, Unit, Time zone, Date and time in the file name." in page.text()
    page.click("save-settings")
    assert saved(home) == {**before, "every": 6, "unit": "d", "timezone": "Europe/Berlin", "timestamp": False}
    assert "Saved: Every, Unit, Time zone, Date and time in the file name." in page.text()
    page.type("every", "7")
    assert "Saved:" not in page.text()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ({"renew": "never"}, "never"),
        ({"renew_weekday": "wed"}, "weekly:wed"),
        ({"renew": "monthly", "renew_day": "15"}, "monthly:15"),
    ],
)
def test_when_a_full_is_taken_anew_is_put_together(page: Page, home: Home, typed: dict[str, str], meant: str) -> None:
    for field, value in typed.items():
        page.type(field, value)
    page.click("save-settings")
    assert home.ops.settings.get().renew_full == meant
    assert all(page.shown(field) == value for field, value in typed.items())


def test_what_cannot_be_is_said_beside_its_field_and_nothing_is_lost(page: Page, home: Home) -> None:
    before = saved(home)
    page.type("every", "0")
    page.type("directory", "/media")
    assert "Give a whole number of at least 1." in page.field("every")
    assert 'aria-invalid="true"' in page.field("every")
    assert 'aria-invalid="true"' not in page.field("directory")
    assert "Cannot be saved yet: Every." in page.text()
    page.click("save-settings")
    assert saved(home) == before
    assert (page.shown("every"), page.shown("directory")) == ("0", "/media")
    page.type("every", "2")
    page.click("save-settings")
    assert saved(home) == {**before, "every": 2, "directory": "/media"}


def test_with_nothing_changed_there_is_nothing_to_save(page: Page) -> None:
    page.type("every", "2")
    page.type("every", "1")
    assert "Not saved yet" not in page.text()
    page.click("save-settings")
    assert "Nothing is changed." in page.text()
    assert page.ops.audit.list()[0].action != "change setting"


def test_what_somebody_else_saved_appears_unless_it_is_edited_here(page: Page, home: Home) -> None:
    page.type("every", "2")
    home.ops.settings.change({"every": "3", "parallel_runs": "5"})
    page.look_again()
    assert (page.shown("every"), page.shown("parallel_runs")) == ("2", "5")
    assert "Somebody else has saved another value meanwhile" in page.field("every")
    assert "Somebody else" not in page.field("parallel_runs")
    page.click("save-settings")
    assert (saved(home)["every"], saved(home)["parallel_runs"]) == (2, 5)


def test_what_is_not_saved_waits_while_one_looks_elsewhere_and_can_be_discarded(page: Page) -> None:
    page.type("directory", "/elsewhere")
    page.session.nav.go()
    page.session.nav.go(page=SETTINGS)
    assert page.shown("directory") == "/elsewhere"
    page.click("discard-settings")
    assert page.shown("directory") == ""


def test_a_refusal_is_shown_and_keeps_what_was_typed(page: Page, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(values: object) -> None:
        raise EngineError("The disk is full.", hint="Make room.")

    page.type("every", "2")
    monkeypatch.setattr(page.ops.settings, "change", refuse)
    page.click("save-settings")
    assert "The disk is full. Make room." in page.text()
    assert page.shown("every") == "2"


def test_a_default_instance_that_is_gone_is_said_to_be(page: Page, home: Home) -> None:
    home.ops.settings.set("instance", "srv")
    home.ops.instances.remove("srv")
    page.look_again()
    assert "srv (no longer there)" in page.text()
    page.type("every", "2")
    page.click("save-settings")
    assert home.ops.settings.get().every == 2


def test_made_up_messages_change_nothing(page: Page) -> None:
    before = page.html()
    for title in ("defaults-title", "instances-title"):
        for field, value in (("colour", "red"), ("every", True), ("incremental", "x"), ("name", True)):
            page._piece(title).take({"field": field, "key": "", "value": value})
    assert page.html() == before


# Instances


def test_an_instance_says_of_itself_what_it_is(page: Page) -> None:
    assert "srv fake nowhere answers" in page.text()
    assert "no profile" in page.text()


def test_what_does_not_answer_and_what_lacks_rights_is_said(page: Page, home: Home) -> None:
    home.server.missing_rights = [MissingRight(right="write in <b>nowhere</b>", grant="chmod <i>", without="Insert")]
    page.click("probe", "srv")
    assert "rights are missing" in page.text()
    assert "It may not: write in &lt;b&gt;nowhere&lt;/b&gt; (needed for Insert)." in page.html()
    assert "<code>chmod &lt;i&gt;</code>" in page.html()
    home.server.unreachable = EngineError("No route.", hint="Look at the cable.")
    page.click("probe", "srv")
    assert "does not answer No route. Look at the cable." in page.text()
    home.server.unreachable = None
    page.look_again()
    assert "does not answer" in page.text(), "nobody is asked anew at every change"


def test_an_instance_is_added_on_the_page(page: Page, home: Home) -> None:
    page.click("add-instance")
    assert page.session.nav.search() == "?page=settings&view=add"
    page.type("name", " mine ")
    page.type("engine", "fake")
    assert "Say where it is." not in page.text()
    page.click("save-instance")
    assert "Say where it is." in page.field("address")
    assert "Give it a name." not in page.text()
    page.type("address", "there")
    page.click("save-instance")
    assert next((one.name, one.engine, one.address) for one in home.ops.instances.list()) == ("mine", "fake", "there")
    assert page.session.nav.search() == "?page=settings"
    assert "mine is added." in page.text()
    page.click("add-instance")
    assert page.shown("name") == ""


def test_what_is_refused_while_adding_is_said_there_and_nothing_is_lost(page: Page, home: Home) -> None:
    page.click("add-instance")
    for field, value in {"name": "srv", "engine": "fake", "address": "there"}.items():
        page.type(field, value)
    page.click("save-instance")
    assert "The instance 'srv' exists already. Choose another name" in page.text()
    assert (page.shown("name"), page.shown("address")) == ("srv", "there")
    page.type("name", "other")
    assert "exists already" not in page.text()
    page.click("leave-adding")
    assert 'data-field="address"' not in page.html()
    page.click("add-instance")
    assert page.shown("name") == ""


def test_an_instance_is_removed_after_a_yes(page: Page, home: Home) -> None:
    page.click("remove-instance", "srv")
    assert "Remove srv?" in page.text()
    page.click("keep-instance")
    assert "Remove srv?" not in page.text()
    page.click("remove-instance", "srv")
    page.click("remove-now", "srv")
    assert home.ops.instances.list() == []
    assert "srv is removed." in page.text()


def test_an_instance_in_use_is_not_removed_and_the_reason_is_shown(page: Page, home: Home) -> None:
    home.add()
    page.look_again()
    page.click("remove-instance", "srv")
    page.click("remove-now", "srv")
    assert "cannot be removed: a profile uses it (p). Delete those profiles first" in page.text()
    assert [one.name for one in home.ops.instances.list()] == ["srv"]
    page.click("dismiss")
    assert "cannot be removed" not in page.text()


def test_a_newcomer_makes_the_samples_and_is_led_on(page: Page, home: Home) -> None:
    assert 'data-action="make-samples"' not in page.html()
    home.ops.instances.remove("srv")
    page.look_again()
    page.click("make-samples")
    assert [one.name for one in home.ops.instances.list()] == ["samples"]
    assert "The sample vaults are there." in page.text()
    assert 'data-key="?page=wizard"' in page.html()
    assert 'data-action="make-samples"' not in page.html()


def test_the_first_page_leads_a_newcomer_here(page: Page, home: Home) -> None:
    home.ops.instances.remove("srv")
    page.look_again()
    page.session.nav.go()
    page.click("go", "?page=settings&view=add")
    assert 'data-field="address"' in page.html()


def test_names_from_outside_are_escaped(page: Page, home: Home) -> None:
    home.ops.instances.add(HOSTILE, engine="fake", address=HOSTILE)
    home.ops.settings.change({"directory": HOSTILE, "instance": HOSTILE})
    page.look_again()
    page.click("remove-instance", HOSTILE)
    assert "alert(1)" in page.html()
    assert "<script" not in page.html()
