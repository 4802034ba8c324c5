"""The wizard over real operations on a server that does as it is told."""

from __future__ import annotations

import html as escaping
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from pwsops.certificates import archive, reading
from pwsops.engines.records import DirectoryCheck, DirectoryEntry, DirectoryStatus
from pwsops.errors import EngineError
from pwsops.rules.model import Occurrence, ProfileState
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.pages.wizard.page import Wizard
from tests.clocks import NOON
from tests.component.web.conftest import hold
from tests.homes import Home
from tests.pairs import pair

Open = Callable[..., "Shown"]


class Shown:
    """An open wizard, and what somebody does in it."""

    def __init__(self, session: Session, **where: object) -> None:
        session.nav.go(page="wizard", **where)
        self.session = session
        self.page = Wizard(session)
        session.on_change = self.page.refresh

    @property
    def form(self) -> str:
        return escaping.unescape(self.page._form.html)

    @property
    def plan(self) -> str:
        calendar = self.page._preview._calendar
        return calendar._head.html + self.page._preview._sentence.html + calendar._words.html

    def type(self, key: str = "", **fields: str | bool) -> None:
        for field, value in fields.items():
            self.page._form.take({"field": field, "key": key, "value": value})

    def press(self, action: str, key: str = "") -> None:
        key = str(self.session.nav.step) if action == "next" else key
        self.page._form.take({"action": action, "key": key})

    def fill(self, **fields: str | bool) -> None:
        self.type("one", databases=True)
        self.type(**{"name": "New one", "directory": "/media", **fields})

    def heading(self) -> str:
        found = re.search(r"<h1[^>]*>([^<]*)</h1>", self.form)
        return "" if found is None else found.group(1)


@pytest.fixture
def wizard(home: Home) -> Open:
    store = Store(home.ops, clock=home.clock)
    return lambda **where: Shown(Session(store, None), **where)


def names(home: Home) -> list[str]:
    return [profile.name for profile in home.ops.profiles.list()]


def test_a_new_profile_starts_from_the_settings_and_the_only_instance(home: Home, wizard: Open) -> None:
    home.ops.settings.set("directory", "/preset")
    home.ops.settings.set("every", "3")
    shown = wizard()
    assert shown.heading() == "New profile"
    assert 'value="/preset"' in shown.form
    assert '<option value="srv" selected>' in shown.form
    assert "every 3 hours" in shown.plan


def test_three_steps_make_a_profile_and_lead_back_to_it(home: Home, wizard: Open) -> None:
    shown = wizard()
    shown.fill()
    shown.press("next")
    assert shown.session.nav.step == 2
    shown.type(every="2", unit="d", at="04:00")
    assert "every 2 days at 04:00" in shown.plan
    shown.press("next")
    shown.type(active=False)
    shown.press("save")
    made = home.ops.profiles.get("New one")
    assert (made.databases, made.every, made.unit, made.active) == (["one"], 2, "d", False)
    assert (shown.session.nav.page, shown.session.nav.profile) == ("overview", "New one")
    assert shown.session.drafts == {}


def test_the_last_step_takes_which_backups_are_kept(home: Home, wizard: Open) -> None:
    shown = wizard(step=3)
    shown.fill()
    assert "Keeps every backup: no rule is set" in shown.form
    shown.type(keep_last="x", keep_monthly="12")
    assert 'id="f-keep_last" data-field="keep_last" aria-invalid="true" aria-describedby="h-keep_last"' in shown.form
    shown.press("save")
    assert names(home) == []
    shown.type(keep_last="7", keep_within="30d")
    assert "every backup of the last 30 days, the last 7 backups and one of each of the last 12 months" in shown.form
    shown.press("save")
    made = home.ops.profiles.get("New one")
    assert (made.keep_within, made.keep_last, made.keep_monthly) == ("30d", 7, 12)


def test_a_step_with_gaps_is_not_left_and_says_what_is_missing(wizard: Open) -> None:
    shown = wizard()
    assert "Give it a name" not in shown.form
    shown.press("next")
    assert shown.session.nav.step == 1
    assert "Give it a name" in shown.form
    assert "Choose at least one database." in shown.form
    assert 'aria-invalid="true"' in shown.form


def test_a_schedule_that_contradicts_itself_marks_its_field_at_once_and_names_no_parameter(wizard: Open) -> None:
    shown = wizard()
    shown.press("step", "2")
    shown.type(start="2030-01-01T00:00")
    assert 'aria-invalid="true"' not in shown.form
    shown.type(until="2029-01-01")
    shown.type(start="2031-01-01T00:00")
    field = shown.form.partition('data-field="until"')[2].partition("</div>")[0]
    assert field.startswith(' aria-invalid="true"')
    assert "its last day (2029-01-01) is before its start (2031-01-01)" in field
    assert "`" not in shown.form


def test_a_step_may_be_chosen_by_itself_and_saving_leads_to_what_is_missing(home: Home, wizard: Open) -> None:
    shown = wizard()
    shown.press("step", "3")
    assert 'data-announce="blocked">Give it a name' in shown.form
    shown.press("save")
    assert names(home) == []
    assert shown.session.nav.step == 1
    assert "Choose at least one database." in shown.form
    shown.press("step", "9")
    assert shown.session.nav.step == 3


def test_the_calendar_follows_what_is_typed(wizard: Open) -> None:
    shown = wizard(step=2)
    hourly = shown.plan
    shown.type(every="x")
    assert "as soon as the fields of the interval can be read" in shown.plan
    assert "Give a whole number" in shown.form
    shown.type(every="1")
    assert shown.plan == hourly
    shown.type(unit="w")
    assert shown.plan != hourly
    shown.press("recommend")
    assert "every hour, full on Sundays" in shown.plan


def test_the_end_date_ends_the_calendar(wizard: Open) -> None:
    shown = wizard(step=2)
    shown.type(until="2026-03-03")
    days = re.findall(r'data-action="day" data-key="([^"]*)"', shown.plan)
    assert days[-1] == "2026-03-03"


def test_what_was_typed_waits_until_it_is_saved_or_left(home: Home, wizard: Open) -> None:
    shown = wizard()
    shown.type(name="Half done")
    again = Wizard(shown.session)
    assert 'value="Half done"' in again._form.html
    shown.press("leave")
    assert shown.session.nav.page == "overview"
    assert shown.session.drafts == {}


def test_a_directory_is_checked_without_being_in_the_way(home: Home, wizard: Open) -> None:
    home.server.directories["/gone"] = DirectoryCheck(status=DirectoryStatus.MISSING, reason="it does not exist")
    home.server.directories["/full"] = DirectoryCheck(status=DirectoryStatus.UNUSABLE, reason="a file fails")
    home.server.directories["/dark"] = DirectoryCheck(status=DirectoryStatus.UNKNOWN, reason="no rights to look")
    shown = wizard()
    shown.fill(directory="/media")
    assert "The server can write there" in shown.form
    seen = DirectoryCheck(status=DirectoryStatus.OK, reason="The server sees it")
    home.server.directories["/seen"] = seen
    shown.type(directory="/seen")
    assert "The server sees it" in shown.form
    assert "can write there" not in shown.form
    shown.type(directory="/gone")
    assert "Backups cannot be written there: it does not exist. A run does not create the directory." in shown.form
    shown.type(directory="/full")
    assert "Backups cannot be written there: a file fails" in shown.form
    shown.type(directory="/dark")
    assert "is not known: no rights to look" in shown.form
    shown.press("step", "3")
    shown.press("save")
    assert names(home) == ["New one"]


def test_an_instance_that_does_not_answer_is_said_and_stops_nobody(home: Home, wizard: Open) -> None:
    home.add(databases=["one"])
    home.server.databases_error = EngineError("The server is away.", hint="Look at its cable.", transient=True)
    shown = wizard(profile="p")
    assert "The server is away." in shown.form
    assert re.search(r'data-key="one" checked', shown.form)
    shown.type(directory="/elsewhere")
    assert "The server is away." in shown.form
    shown.press("save")
    assert home.ops.profiles.get("p").directory == "/elsewhere"


def test_the_server_is_browsed_for_a_directory(home: Home, wizard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [
        DirectoryEntry(name="vaults", path="/srv/vaults", is_directory=True),
        DirectoryEntry(name="notes.txt", path="/srv/notes.txt", is_directory=False),
    ]
    shown = wizard()
    monkeypatch.setattr(shown.session.ops.databases, "browse", lambda instance, path: listed)
    shown.press("browse", "/srv")
    assert 'data-key="/srv/vaults"' in shown.form
    assert "notes.txt" not in shown.form
    shown.press("use-directory", "/srv/vaults")
    assert 'value="/srv/vaults"' in shown.form
    assert "Directories in" not in shown.form
    shown.press("browse")
    shown.press("browse")
    assert "Directories in" not in shown.form


def test_a_listing_that_comes_late_replaces_none_that_was_asked_for_since(
    home: Home, wizard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add(name="a")
    shown = wizard()
    monkeypatch.setattr(
        shown.session.ops.databases,
        "browse",
        lambda instance, path: [DirectoryEntry(name="x", path=f"{path}/x", is_directory=True)],
    )
    with monkeypatch.context() as waits:
        waiting = hold(shown.session, waits)
        for path in ("/one", "/two", "/three"):
            shown.press("browse", path)
    first, second, third = waiting
    second()
    assert "/two/x" not in shown.form
    third()
    first()
    assert "/three/x" in shown.form
    assert "/one/x" not in shown.form
    with monkeypatch.context() as waits:
        waiting = hold(shown.session, waits)
        shown.press("browse", "/four")
        shown.session.nav.go(page="wizard", profile="a")
    waiting[0]()
    assert "/x" not in shown.form


def test_while_a_directory_is_checked_only_what_is_typed_last_is_checked_next(
    home: Home, wizard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = wizard()
    checked: list[str] = []
    check = shown.session.ops.databases.check_directory

    def note(instance: str, path: str) -> DirectoryCheck:
        checked.append(path)
        return check(instance, path)

    monkeypatch.setattr(shown.session.ops.databases, "check_directory", note)
    waiting = hold(shown.session, monkeypatch)
    for path in ("/m", "/me", "/med", "/media"):
        shown.type(directory=path)
    assert len(waiting) == 1
    waiting[0]()
    assert "The server can write there" not in shown.form
    assert len(waiting) == 2
    waiting[1]()
    assert checked == ["/media"]
    assert "The server can write there" in shown.form
    assert len(waiting) == 2


def test_what_lies_under_the_names_of_the_media_already_is_said_before_it_is_saved(home: Home, wizard: Open) -> None:
    home.add(name="other", databases=["one"], timestamp=False)
    home.run("other")
    home.ops.profiles.delete("other")
    path = "/media/one_FULL.bak"
    home.server.damaged.add(path)
    shown = wizard()
    shown.fill(directory="/media", timestamp=False)
    shown.press("step", "3")
    warning = f"{path} is there already and is no backup that can be read. It stays"
    assert warning in shown.form
    shown.type(timestamp=True)
    assert warning not in shown.form
    shown.type(timestamp=False)
    assert warning in shown.form
    shown.press("step", "1")
    shown.type(directory="/elsewhere")
    shown.press("step", "3")
    assert warning not in shown.form
    home.server.unlistable.add("/elsewhere")
    shown.type("two", databases=True)
    assert "the last backup is overwritten" in shown.form


def test_of_a_directory_that_is_named_no_more_nothing_is_said(wizard: Open) -> None:
    shown = wizard()
    shown.fill(directory="/media")
    assert "The server can write there" in shown.form
    shown.type(directory=" ")
    assert "The server can write there" not in shown.form


def test_a_directory_that_cannot_be_listed_is_a_message(wizard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(instance: str, path: str) -> None:
        raise EngineError("/root cannot be listed.", hint="Choose another.")

    shown = wizard()
    monkeypatch.setattr(shown.session.ops.databases, "browse", refuse)
    shown.press("browse", "/root")
    assert "/root cannot be listed." in shown.form


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(home: Home, wizard: Open) -> None:
    home.add()
    shown = wizard(profile="p")
    theirs = home.ops.profiles.get("p")
    theirs.every = 6
    home.ops.profiles.save("p", theirs)
    shown.type(directory="/mine")
    shown.press("save")
    assert "was saved by somebody else in the meantime (every)" in shown.form
    assert home.ops.profiles.get("p").directory == "/media"
    shown.press("again")
    assert "somebody else" not in shown.form
    shown.type(directory="/mine")
    shown.press("save")
    saved = home.ops.profiles.get("p")
    assert (saved.every, saved.directory) == (6, "/mine")


@pytest.fixture
def slow(home: Home, wizard: Open, monkeypatch: pytest.MonkeyPatch) -> tuple[Shown, Callable[[], None]]:
    """Profile a, edited, and what lets its save come to an end."""
    home.add(name="a")
    home.add(name="b")
    shown = wizard(profile="a")
    shown.type(directory="/new")
    with monkeypatch.context() as waits:
        waiting = hold(shown.session, waits)
        shown.press("save")
    return shown, waiting[0]


def test_a_save_that_ends_late_takes_nobody_off_the_profile_that_is_edited_now(
    home: Home, slow: tuple[Shown, Callable[[], None]]
) -> None:
    shown, saved = slow
    shown.session.nav.go(page="wizard", profile="b")
    shown.type(directory="/typed")
    saved()
    assert home.ops.profiles.get("a").directory == "/new"
    assert list(shown.session.drafts) == ["b"]
    assert 'value="/typed"' in shown.form
    assert (shown.session.nav.page, shown.session.nav.profile) == ("wizard", "b")


@pytest.mark.parametrize(
    "elsewhere", [{"page": "wizard", "profile": "b"}, {"page": "wizard", "profile": "gone"}, {"page": "runs"}]
)
def test_a_save_that_is_refused_late_is_said_above_whatever_is_shown(
    home: Home, slow: tuple[Shown, Callable[[], None]], elsewhere: dict[str, str]
) -> None:
    shown, saved = slow
    theirs = home.ops.profiles.get("a")
    theirs.every = 6
    home.ops.profiles.save("a", theirs)
    shown.session.nav.go(**elsewhere)
    saved()
    assert shown.session.notice is not None
    assert "was saved by somebody else in the meantime" in shown.session.notice.message
    assert "somebody else" not in shown.form
    assert shown.session.nav.page == elsewhere["page"]
    assert shown.session.drafts["a"].text["directory"] == "/new"


def test_a_new_profile_begun_while_another_is_saved_is_kept(
    home: Home, wizard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = wizard()
    shown.fill()
    with monkeypatch.context() as waits:
        waiting = hold(shown.session, waits)
        shown.press("save")
    shown.press("leave")
    shown.session.nav.go(page="wizard")
    shown.type(name="Next one")
    waiting[0]()
    assert names(home) == ["New one"]
    assert shown.session.drafts[""].text["name"] == "Next one"


def test_what_was_refused_of_one_profile_is_not_said_of_another(home: Home, wizard: Open) -> None:
    home.add(name="a")
    home.add(name="b")
    shown = wizard(profile="a")
    home.ops.profiles.delete("a")
    shown.press("save")
    assert "There is no profile" in shown.form
    shown.session.nav.go(page="wizard", profile="b")
    assert "There is no profile" not in shown.form


def test_a_tripped_profile_opens_on_its_diagnosis_and_wants_something_amended(home: Home, wizard: Open) -> None:
    home.add(databases=["one"])
    home.run()
    home.server.fail("one", EngineError("The disk is full.", hint="Free space."), times=5)
    for _ in range(5):
        home.run()
    assert home.ops.profiles.view("p").state is ProfileState.TRIPPED
    shown = wizard(profile="p", step=3)
    assert shown.form.count("The disk is full.") == 1
    assert shown.form.count('data-action="open-run"') == 5
    assert "it last worked" in shown.form
    assert "nothing about it was amended" not in shown.form
    assert "Change what made it fail" in shown.form
    shown.press("save")
    assert home.ops.profiles.view("p").state is ProfileState.TRIPPED
    shown.type(note="Moved the logs away")
    shown.press("save")
    assert home.ops.profiles.view("p").state is ProfileState.ACTIVE
    assert any("Moved the logs away" in entry.detail for entry in home.ops.audit.list())


def test_the_diagnosis_tells_what_was_changed_since_it_worked(home: Home) -> None:
    home.add(databases=["one"])
    home.run()
    home.clock.advance(timedelta(minutes=1))
    moved = home.ops.profiles.get("p")
    moved.directory = "/elsewhere"
    home.ops.profiles.save("p", moved)
    home.server.fail("one", EngineError("No.", hint="Yes."))
    home.run()
    found = home.ops.profiles.diagnose("p")
    assert len(found.failures) == 1
    assert found.last_success is not None
    assert [change.action for change in found.changes] == ["edit profile"]


def test_a_profile_that_is_not_there_is_a_message(wizard: Open) -> None:
    shown = wizard(profile="<b>nobody</b>")
    assert "There is no profile '<b>nobody</b>'." in shown.form
    shown.press("save")
    shown.type(name="x")
    assert "There is no profile" in shown.form


def test_an_unchanged_profile_shows_the_runs_as_they_really_come(home: Home, wizard: Open) -> None:
    home.add(databases=["one"], renew_full="never")
    home.run()
    shown = wizard(profile="p", step=2)
    assert "none of them full" in shown.plan
    shown.type(every="2")
    assert "none of them full" in shown.plan, "it goes on from the full that is there"
    shown.type(directory="/elsewhere")
    assert "1 of them full" in shown.plan, "no chain is continued in another place"


def test_of_a_month_to_come_nothing_before_it_is_worked_out(
    home: Home, wizard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, preview = wizard(step=2), home.ops.profiles.preview
    counts: list[int] = []

    def counted(*profile: Any, **where: Any) -> Sequence[Occurrence]:
        found = preview(*profile, **where)
        counts.append(len(found))
        return found

    monkeypatch.setattr(home.ops.profiles, "preview", counted)
    shown.type(renew="never")
    shown.session.nav.month = "2999-12"
    assert "to come in March 2028, none of them full" in shown.plan
    assert counts[-1] == 6 * 7 * 24


# Who takes the backup


def test_an_engine_without_logins_asks_for_none(wizard: Open) -> None:
    assert "Who takes the backup" not in wizard(step=3).form


def test_a_named_user_is_given_with_a_password_that_no_page_holds(home: Home, wizard: Open) -> None:
    home.server.login = True
    shown = wizard(step=3)
    shown.fill(who="named")
    shown.press("save")
    assert "Say who takes the backup." in shown.form
    shown.type(login="backup")
    assert "Give the password of this login." in shown.form
    shown.type(password="pa55 word")
    assert "pa55" not in shown.form + shown.plan
    assert 'placeholder="typed, not shown"' in shown.form, "the step may be drawn anew, with an empty field"
    assert "as backup into /media" in shown.plan
    shown.press("save")
    assert home.ops.profiles.get("New one").login == "backup"
    home.server.opened_as.clear()
    home.run("New one")
    assert home.server.opened_as == [("backup", "pa55 word")]


def test_an_edit_says_that_a_password_is_kept_and_lets_it_be_replaced(home: Home, wizard: Open) -> None:
    home.server.login = True
    home.ops.profiles.create(home.profile(login="backup"), password="old")
    shown = wizard(profile="p", step=3)
    assert "the one that is kept stays" in shown.form
    shown.type(time_limit_h="2")
    shown.press("save")
    shown = wizard(profile="p", step=3)
    shown.type(password="new")
    shown.press("save")
    home.server.opened_as.clear()
    home.run()
    assert home.server.opened_as == [("backup", "new")]


def test_a_password_is_forgotten_when_saving_was_tried(home: Home, wizard: Open) -> None:
    home.server.login = True
    shown = wizard(step=3)
    shown.fill(who="named", login="backup", password="x")
    home.server.databases_error = EngineError("Login failed.", hint="Look at the password.")
    shown.press("save")
    assert "Login failed." in shown.form
    assert "data-empty" in shown.form
    assert "Give the password of this login." in shown.form


def test_the_instance_s_own_login_is_named_where_it_has_one(home: Home, wizard: Open) -> None:
    home.server.login = True
    assert ">the service user<" in wizard(step=3).form
    home.ops.instances.edit("srv", login="ops", password="x")
    assert ">ops, as the instance is asked<" in wizard(step=3).form


def test_browsing_begins_where_the_server_puts_backups_by_itself(home: Home, wizard: Open) -> None:
    home.server.backup_directory = "/var/backups"
    shown = wizard()
    shown.press("browse")
    assert "Use this one: /var/backups" in shown.form
    assert 'data-key="/var/backups/sub"' in shown.form
    assert 'data-key="/var"' in shown.form
    shown.press("browse", "/")
    assert "Up to" not in shown.form


def test_an_engine_that_cannot_encrypt_offers_no_certificate(wizard: Open) -> None:
    assert "Encrypt for" not in wizard(step=3).form


def test_backups_are_encrypted_for_a_certificate_that_is_saved_with_them(home: Home, wizard: Open) -> None:
    home.server.encryption = True
    home.ops.certificates.import_file(archive.pack([pair("one")], "x"), "x")
    expired = pair("expired", until=NOON - timedelta(days=1))
    home.ops.certificates.import_file(archive.pack([expired], "x"), "x")
    thumbprint = pair("one").facts().thumbprint
    shown = wizard(step=3)
    shown.fill()
    assert f'value="{thumbprint}">one<' in shown.form
    assert ">expired<" not in shown.form
    shown.type(encrypt_with=thumbprint)
    shown.type(save_certificates=True)
    shown.press("save")
    assert "Give a password to protect them with." in shown.form
    shown.type(certificate_password="pa55 word")
    assert "pa55" not in shown.form + shown.plan
    assert "; encrypted." in shown.plan
    shown.press("save")
    assert home.ops.profiles.get("New one").encrypt_with == thumbprint
    home.run("New one")
    [(path, content)] = home.server.saved_certificates.items()
    assert path == f"/media/one_{thumbprint}.pfx"
    assert len(reading.read_pfx(content, "pa55 word", source="x")) == 1


def test_an_edit_keeps_a_certificate_that_can_no_longer_be_chosen(home: Home, wizard: Open) -> None:
    home.server.encryption = True
    soon = pair("soon", until=NOON + timedelta(days=10))
    home.ops.certificates.import_file(archive.pack([soon], "x"), "x")
    profile = home.profile(encrypt_with="soon", save_certificates=True)
    home.ops.profiles.create(profile, certificate_password="kept")
    home.clock.advance(timedelta(days=20))
    shown = wizard(profile="p", step=3)
    assert f"the one it has ({soon.facts().thumbprint[:8]}…)" in shown.form
    assert "the one that is kept stays" in shown.form
    shown.type(time_limit_h="2")
    shown.press("save")
    assert home.ops.profiles.get("p").encrypt_with == soon.facts().thumbprint


def test_a_server_with_certificates_of_its_own_is_told_a_name(home: Home, wizard: Open) -> None:
    home.server.certificates = True
    shown = wizard(step=3)
    shown.fill(encrypt_with="ServerCert")
    shown.press("save")
    assert home.ops.profiles.get("New one").encrypt_with == "ServerCert"


# The calendar


def test_the_other_profiles_are_beside_and_overlaps_with_them_are_told(home: Home, wizard: Open) -> None:
    home.add(name="other", databases=["one"])
    shown = wizard(step=2)
    assert "Runs overlap" in shown.plan
    assert "This profile, other" in shown.plan
    assert "of others" in shown.plan
    shown.type(unit="d")
    shown.type(at="03:30")
    assert "No runs overlap, as far as is known." in shown.plan
    assert "How long the runs of This profile, other take is not known before the first that succeeds." in shown.plan


def test_the_runs_of_many_others_are_worked_out_beside_and_typing_does_not_wait(
    home: Home, wizard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(11):
        home.add(name=f"p{number:02}", databases=["one"])
    waiting: list[Callable[[], None]] = []
    with monkeypatch.context() as waits:
        waits.setattr(Session, "later", lambda self, work: waiting.append(work))
        shown = wizard(step=2)
        assert "of others" not in shown.plan
    for answer in waiting:
        answer()
    assert "264 runs of others" in shown.plan


def test_the_month_and_a_day_of_it_are_opened_in_the_wizard(wizard: Open) -> None:
    shown = wizard(step=2)
    head = shown.page._preview._calendar._head
    head.take({"action": "month", "key": "2026-04"})
    assert (shown.session.nav.page, shown.session.nav.month) == ("wizard", "2026-04")
    assert "to come in April 2026" in shown.plan
    head.take({"action": "day", "key": "2026-04-05"})
    assert "Runs: 24 to come." in shown.plan
    head.take({"action": "back", "key": ""})
    assert "to come in April 2026" in shown.plan
