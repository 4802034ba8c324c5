"""The settings page over a real home and an engine that does what it is told, without a browser."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from unittest.mock import Mock

import pytest

from pwsops.engines.records import MissingRight
from pwsops.engines.sqlserver.options import OPTIONS
from pwsops.errors import EngineError
from pwsops.web.app import Frame
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.nav import SETTINGS
from pwsops.web.pages.settings.page import as_settings, as_text
from pwsops.web.ui.markup import Markup
from tests.component.web.conftest import hold, hold_answers
from tests.fake_engine import FakeServer
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


def test_the_zone_of_the_pages_is_another_setting_than_that_of_new_profiles(page: Page, home: Home) -> None:
    home.ops.settings.set("timezone", "Asia/Tokyo")
    page.type("display_timezone", "Europe/Berlin")
    page.click("save-settings")
    assert "Saved: Time zone of the pages." in page.text()
    assert str(page.session.store.snapshot().zone) == "Europe/Berlin"
    assert home.ops.profiles.new().timezone == "Asia/Tokyo"
    page.type("display_timezone", "Mars/Olympus")
    assert "Cannot be saved yet: Time zone of the pages." in page.text()


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


def test_settings_that_are_refused_late_say_so_where_somebody_is(
    page: Page, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.type("every", "2")
    with monkeypatch.context() as waits:
        waiting = hold(page.session, waits)
        page.click("save-settings")
    page.session.nav.go()
    refusal = EngineError("The catalogue is full.", hint="Make room.")
    monkeypatch.setattr(home.ops.settings, "change", Mock(side_effect=refusal))
    waiting[0]()
    assert page.session.notice is not None
    assert "The catalogue is full." in page.text()


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
    home.server.missing_rights = [MissingRight(right="write in <b>nowhere</b>", grant="chmod <i>", without="Restore")]
    page.click("probe", "srv")
    assert "rights are missing" in page.text()
    assert "It may not: write in &lt;b&gt;nowhere&lt;/b&gt; (needed for Restore)." in page.html()
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
    page.click("leave-instance")
    assert 'data-field="address"' not in page.html()
    page.click("add-instance")
    assert page.shown("name") == ""


def add_slowly(page: Page, name: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Press Add, and give what lets the server answer."""
    page.click("add-instance")
    for field, value in {"name": name, "engine": "fake", "address": "there"}.items():
        page.type(field, value)
    with monkeypatch.context() as waits:
        waiting = hold(page.session, waits)
        page.click("save-instance")
    return waiting[0]


def test_an_instance_that_is_added_late_takes_nobody_off_another_page(
    page: Page, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = add_slowly(page, "mine", monkeypatch)
    page.session.nav.go(page="databases", instance="srv")
    answered()
    assert "mine" in [one.name for one in home.ops.instances.list()]
    assert page.session.nav.search() == "?page=databases&instance=srv"


def test_an_instance_that_is_added_late_closes_no_other_form(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = add_slowly(page, "mine", monkeypatch)
    page.session.nav.go(page=SETTINGS, view="edit", instance="srv")
    page.type("address", "half ty")
    answered()
    assert page.session.nav.view == "edit"
    assert page.shown("address") == "half ty"


@pytest.mark.parametrize("elsewhere", [{"page": "runs"}, {"page": SETTINGS, "view": "edit", "instance": "srv"}])
def test_what_is_refused_late_is_said_above_whatever_is_shown(
    page: Page, monkeypatch: pytest.MonkeyPatch, elsewhere: dict[str, str]
) -> None:
    answered = add_slowly(page, "srv", monkeypatch)
    page.session.nav.go(**elsewhere)
    answered()
    assert page.session.notice is not None
    assert page.html().count("exists already") == 1
    assert page.session.nav.page == elsewhere["page"]


def test_of_two_questions_how_an_instance_is_the_later_answer_counts(
    page: Page, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as waits:
        waiting = hold_answers(page.session, waits)
        page.click("probe", "srv")
        home.server.missing_rights = [MissingRight(right="write", grant="chmod", without="Restore")]
        page.click("probe", "srv")
    earlier, later = waiting
    later()
    earlier()
    assert "rights are missing" in page.text()


SECRET = "pa55 <wörd>"


@pytest.fixture
def server(home: Home) -> FakeServer:
    """An engine that knows logins and SQL Server's options."""
    home.server.login = True
    home.server.options = OPTIONS
    return home.server


def fill(page: Page, **values: str | bool) -> None:
    for field, value in values.items():
        page.type(field.replace("option_", "option-"), value)


def test_what_an_engine_cannot_do_is_not_offered(page: Page, server: FakeServer) -> None:
    page.click("add-instance")
    fill(page, engine="sqlite")
    for field in ("login", "password", "option-encrypt"):
        assert f'data-field="{field}"' not in page.html()
    fill(page, engine="fake")
    for field in ("login", "password", "option-encrypt", "option-trust_server_certificate", "option-driver"):
        assert f'data-field="{field}"' in page.html()


def test_an_instance_is_added_with_login_and_options(page: Page, server: FakeServer, home: Home) -> None:
    page.click("add-instance")
    fill(page, name="sql", engine="fake", address="db1", login="ops", password=SECRET, option_encrypt="strict")
    fill(page, option_trust_server_certificate=True, option_login_timeout_s="20")
    assert "can pretend to be it" in page.text()
    page.click("save-instance")
    added = home.core.instance("sql")
    assert (added.login, added.password) == ("ops", SECRET)
    assert added.options == {"encrypt": "strict", "trust_server_certificate": True, "login_timeout_s": 20.0}
    told = page.text()
    assert "as ops Encryption: strict: SQL Server 2022 and newer Login timeout in seconds: 20" in told
    assert "can pretend to be it" in told


def test_no_page_ever_holds_a_password(page: Page, server: FakeServer, home: Home) -> None:
    frames: list[str] = []

    def look() -> None:
        frames.append(page.html())

    page.session.on_change = lambda: (page.frame.refresh(), look())[1]
    page.click("add-instance")
    fill(page, name="sql", engine="fake", address="db1", login="ops", password=SECRET)
    look()
    server.probe_error = lambda instance: EngineError("Login failed.", hint="Look.")
    page.click("save-instance")
    look()
    fill(page, password=SECRET)
    server.probe_error = lambda instance: None
    page.click("save-instance")
    page.click("edit-instance", "sql")
    fill(page, password=SECRET)
    look()
    assert len(frames) > 5
    assert not any("pa55" in frame for frame in frames)
    assert "pa55" not in repr(page.session.snapshot)


def test_a_password_is_forgotten_as_soon_as_it_was_tried(page: Page, server: FakeServer, home: Home) -> None:
    page.click("add-instance")
    fill(page, name="sql", engine="fake", address="db1", login="ops", password=SECRET)
    assert "data-empty" not in page.field("password")
    server.probe_error = lambda instance: EngineError("Login failed.", hint="Look at the password.")
    page.click("save-instance")
    assert "Login failed. Look at the password." in page.text()
    assert "data-empty" in page.field("password")
    page.click("save-instance")
    assert "Give the password of this login." in page.field("password")
    assert page.shown("login") == "ops"


def test_half_of_the_login_data_is_said_beside_its_field(page: Page, server: FakeServer) -> None:
    page.click("add-instance")
    fill(page, name="sql", engine="fake", address="db1", password="x", option_login_timeout_s="0")
    page.click("save-instance")
    assert "Say whose password it is" in page.field("login")
    assert "Give a number from 1 to 300." in page.field("option-login_timeout_s")


def test_an_instance_is_edited_and_keeps_what_is_not_changed(page: Page, server: FakeServer, home: Home) -> None:
    options = {"encrypt": "strict", "driver": "FreeTDS"}
    home.ops.instances.add("sql", engine="fake", address="db1", login="ops", password=SECRET, options=options)
    page.look_again()
    page.click("edit-instance", "sql")
    assert page.session.nav.search() == "?page=settings&instance=sql&view=edit"
    assert 'data-field="name"' not in page.html()
    assert (page.shown("address"), page.shown("login"), page.shown("option-encrypt")) == ("db1", "ops", "strict")
    assert "the one it has stays" in page.field("password")
    fill(page, address="db2", option_driver="")
    page.click("save-instance")
    assert "Give the password of this login." in page.field("password"), "the stored one is for another address"
    fill(page, password=SECRET)
    page.click("save-instance")
    kept = home.core.instance("sql")
    assert (kept.address, kept.login, kept.password) == ("db2", "ops", SECRET)
    assert kept.options == {"encrypt": "strict"}
    assert (
        home.ops.audit.list(limit=1)[0].detail
        == "address from db1 to db2; password; driver from FreeTDS to the default"
    )
    assert "sql is saved." in page.text()


def test_an_expired_password_is_replaced_and_the_server_asked_anew(page: Page, server: FakeServer, home: Home) -> None:
    home.ops.instances.add("sql", engine="fake", address="db1", login="ops", password="old")
    expired = EngineError("The password has expired.", hint="Change it.")
    server.probe_error = lambda instance: expired if instance.password == "old" else None
    page.look_again()
    assert "The password has expired." in page.text()
    page.click("edit-instance", "sql")
    fill(page, password="new")
    page.click("save-instance")
    assert home.core.instance("sql").password == "new"
    assert "The password has expired." not in page.text()


def test_another_login_wants_its_password_and_none_takes_it_away(page: Page, server: FakeServer, home: Home) -> None:
    home.ops.instances.add("sql", engine="fake", address="db1", login="ops", password=SECRET)
    page.look_again()
    page.click("edit-instance", "sql")
    fill(page, login="dba")
    page.click("save-instance")
    assert "Give the password of this login." in page.field("password")
    fill(page, login="")
    page.click("save-instance")
    assert home.core.instance("sql").password is None
    assert "as the service user" in page.text()


def test_of_two_who_edit_an_instance_the_second_is_told(page: Page, server: FakeServer, home: Home) -> None:
    page.click("edit-instance", "srv")
    home.ops.instances.edit("srv", address="theirs")
    page.look_again()
    fill(page, address="mine")
    page.click("save-instance")
    assert "was saved or removed by somebody else" in page.text()
    page.click("leave-instance")
    page.click("edit-instance", "srv")
    assert page.shown("address") == "theirs"


def test_an_instance_that_is_gone_is_not_edited(page: Page) -> None:
    page.session.nav.go(page=SETTINGS, view="edit", instance=HOSTILE)
    assert 'data-field="address"' not in page.html()
    page.click("edit-instance", "srv")
    for field, value in (("name", "x"), ("engine", "sqlite"), ("option-colour", "blue"), ("address", True)):
        page._piece("instances-title").take({"field": field, "key": "", "value": value})
    assert page.shown("address") == "nowhere"


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
