from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest

from pwsops.engines.records import Capabilities
from pwsops.errors import InvalidInput
from pwsops.profile import BackupProfile
from pwsops.web.pages.wizard import draft as draft_module
from pwsops.web.pages.wizard.draft import Draft


def make(**fields: Any) -> BackupProfile:
    values: dict[str, Any] = {
        "name": "Vaults",
        "instance": "samples",
        "databases": ["a.db"],
        "directory": "/backups",
        "start": datetime(2026, 3, 1, 2, 30),
        "timezone": "Europe/Berlin",
    }
    return BackupProfile(**{**values, **fields})


def typed(draft: Draft, **values: str | bool) -> Draft:
    for field, value in values.items():
        draft.set(field, "", value)
    return draft


PROFILES = [
    make(),
    make(every=15, unit="m", between_from=time(6), between_to=time(22, 30), weekdays=[0, 4]),
    make(every=2, unit="d", at=time(4, 5), until=date(2027, 1, 31)),
    make(unit="w", weekdays=[6], renew_full="monthly:15"),
    make(unit="mo", on_day="15", renew_full="never"),
    make(unit="mo", on_day="last:fri", incremental=False, renew_full="weekly:wed"),
    make(active=False, timestamp=False, time_limit_h=0.5, check_structure=False),
    make(keep_within="30d", keep_last=7, keep_daily=14, keep_weekly=8, keep_monthly=12, keep_yearly=3),
]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.summary())
def test_what_is_opened_and_not_changed_is_saved_as_it_was(profile: BackupProfile) -> None:
    draft = Draft(profile, profile)
    assert draft.problems() == {}
    assert draft.profile().fields() == profile.fields()
    assert not draft.changed


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", " ", "Give it a name"),
        ("directory", "", "Name a directory"),
        ("directory", "backups/vaults", "from the root on"),
        ("every", "0", "whole number"),
        ("every", "1.5", "whole number"),
        ("every", "99999999999999999999", "whole number"),
        ("every", "", "whole number"),
        ("between_from", "25:00", "time of day"),
        ("between_from", "06:00", ""),
        ("start", "yesterday", "a date and a time"),
        ("until", "31.12.2026", "Give a date"),
        ("timezone", "Berlin", "Europe/Berlin"),
        ("time_limit_h", "-1", "0.01 to 720"),
        ("time_limit_h", "nan", "0.01 to 720"),
        ("keep_within", "30", "30d"),
        ("keep_within", "a while", "m is months"),
        ("keep_last", "-1", "whole number up to 100,000"),
        ("keep_daily", "1.5", "whole number"),
        ("keep_weekly", "100001", "whole number"),
        ("keep_monthly", "\N{SUPERSCRIPT TWO}", "whole number"),
        ("keep_yearly", "9" * 20, "whole number"),
        ("instance", "", "where the databases live"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(field: str, value: str, said: str) -> None:
    draft = typed(Draft(make()), **{field: value})
    where = {"between_from": "between_from" if said else "between_to"}.get(field, field)
    assert said in draft.problems()[where]
    with pytest.raises(InvalidInput):
        draft.profile().check()


def test_a_policy_is_typed_and_said_in_words() -> None:
    draft = Draft(make())
    assert draft.kept.startswith("Keeps every backup: no rule is set")
    profile = typed(draft, keep_within=" 30D ", keep_monthly="12", keep_daily="0", timezone="Ber").profile()
    assert (profile.keep_within, profile.keep_monthly, profile.keep_daily) == ("30d", 12, 0)
    assert draft.kept.startswith("Keeps every backup of the last 30 days and one of each of the last 12 months. Fulls")
    assert "Fulls" not in typed(draft, incremental=False).kept
    assert typed(draft, keep_within="", keep_monthly="").profile().policy().is_empty


def test_a_policy_that_cannot_be_read_says_so_and_hides_no_calendar() -> None:
    draft = typed(Draft(make()), keep_last="many")
    assert draft.kept == "What is kept cannot be read yet."
    assert draft.schedule() is not None


def test_a_taken_name_is_refused_but_not_one_s_own() -> None:
    profile = make()
    assert "Another profile has this name" in Draft(profile).problems(lambda name: name == "Vaults")["name"]
    assert Draft(profile, profile).problems(lambda name: name == "Vaults") == {}


def test_a_name_that_cannot_be_is_said_at_the_name() -> None:
    assert "begins or ends with a space" in typed(Draft(make()), name="Vaults ").problems()["name"]


def test_what_contradicts_itself_is_said_at_the_field_that_mends_it() -> None:
    draft = typed(Draft(make()), until="2020-01-01")
    assert draft.problems().keys() == {"until"}
    assert "its last day (2020-01-01) is before its start" in draft.problems()["until"]
    assert draft.schedule() is None


def test_fields_that_the_interval_does_not_have_are_not_used() -> None:
    draft = Draft(make(every=15, unit="m", between_from=time(6), between_to=time(22), weekdays=[0]))
    profile = typed(draft, unit="mo", month_day="31", at="04:00").profile()
    assert (profile.between_from, profile.weekdays, profile.on_day, profile.at) == (None, [], "31", time(4))
    profile = typed(draft, month_which="first", month_weekday="tue").profile()
    assert profile.on_day == "first:tue"
    profile = typed(draft, unit="h").profile()
    assert (profile.between_from, profile.weekdays, profile.on_day, profile.at) == (time(6), [0], "", None)


@pytest.mark.parametrize(("field", "value"), [("month_day", "32"), ("month_day", "x")])
def test_a_day_that_no_month_has_is_refused(field: str, value: str) -> None:
    assert field in typed(Draft(make(unit="mo")), **{field: value}).problems()


def test_the_renewal_is_read_from_its_parts() -> None:
    draft = typed(Draft(make()), renew="monthly", renew_day="31")
    assert draft.profile().renew_full == "monthly:31"
    assert "renew_day" in typed(draft, renew_day="").problems()
    assert draft.schedule() is None
    assert typed(draft, renew="weekly", renew_weekday="wed").profile().renew_full == "weekly:wed"


def test_boxes_are_ticked_and_unticked() -> None:
    draft = Draft(make())
    for name, ticked in (("b.db", True), ("b.db", True), ("a.db", False), ("c.db", False)):
        draft.set("databases", name, ticked)
    draft.set("weekdays", "fri", True)
    draft.set("weekdays", "noday", True)
    assert (draft.databases, draft.weekdays) == (["b.db"], {4})
    draft.set("weekdays", "fri", False)
    assert draft.weekdays == set()


def test_another_instance_has_other_databases() -> None:
    draft = Draft(make())
    draft.set("instance", "", "samples")
    assert draft.databases == ["a.db"]
    draft.set("instance", "", "other")
    assert draft.databases == []
    assert "databases" in draft.problems()


def test_what_no_form_has_is_passed_over() -> None:
    draft = Draft(make())
    draft.set("state", "", "tripped")
    draft.set("incremental", "", "yes")
    assert draft.profile().fields() == make().fields()


def test_the_recommended_concept_is_one_click() -> None:
    draft = Draft(make(every=3, unit="w", weekdays=[1], incremental=False, renew_full="never"))
    draft.recommend()
    assert draft.profile().summary() == "every hour, full on Sundays, Europe/Berlin"


def test_a_schedule_can_be_previewed_before_anything_else_is_typed() -> None:
    draft = Draft(BackupProfile(start=datetime(2026, 3, 1)))
    assert set(draft.problems()) == {"name", "instance", "databases", "directory"}
    profile = draft.schedule()
    assert profile is not None
    assert profile.summary() == "every hour, full on Sundays, UTC"
    assert typed(draft, every="x").schedule() is None
    assert draft.changed


def test_a_draft_that_cannot_be_read_counts_as_changed() -> None:
    profile = make()
    assert typed(Draft(profile, profile), every="x").changed
    assert not Draft(profile, profile).changed
    assert typed(Draft(profile, profile), name="Other").changed


# Who takes the backup


def able(draft: Draft) -> Draft:
    draft.able = Capabilities(login=True)
    return draft


def test_a_named_user_takes_the_backup_where_the_engine_knows_logins() -> None:
    draft = typed(able(Draft(make())), who="named", login=" backup ", password=" x ")
    assert (draft.profile().login, draft.password()) == ("backup", " x ")
    draft.able = Capabilities()
    assert (draft.profile().login, draft.password(), draft.problems()) == ("", None, {})


def test_without_a_named_user_what_was_typed_for_one_means_nothing() -> None:
    draft = typed(able(Draft(make())), who="named", login="backup", password="x")
    typed(draft, who="")
    assert (draft.profile().login, draft.password(), draft.problems()) == ("", None, {})


def test_a_named_user_needs_a_name_and_a_password() -> None:
    draft = typed(able(Draft(make())), who="named")
    assert draft.problems().keys() == {"login"}
    typed(draft, login="backup")
    assert draft.problems().keys() == {"password"}
    typed(draft, password="x")
    assert draft.problems() == {}
    typed(draft, login="b" * 129)
    assert draft.problems().keys() == {"login"}


def test_a_password_that_is_kept_stays_until_another_is_typed() -> None:
    stored = make(login="backup")
    draft = able(Draft(stored, stored))
    assert (draft.keeps_password, draft.password(), draft.problems(), draft.changed) == (True, None, {}, False)
    assert not able(Draft(make(login="backup", instance="another"), stored)).keeps_password
    typed(draft, password="new")
    assert (draft.password(), draft.changed) == ("new", True)
    typed(draft, password="", login="other")
    assert draft.problems().keys() == {"password"}


# Whom backups are encrypted for


def encrypting(draft: Draft) -> Draft:
    draft.able = Capabilities(encryption=True)
    return draft


def test_a_certificate_is_chosen_where_the_engine_can_encrypt() -> None:
    draft = typed(encrypting(Draft(make())), encrypt_with="ABC")
    assert (draft.profile().encrypt_with, draft.profile().save_certificates) == ("ABC", False)
    draft.able = Capabilities()
    assert draft.profile().encrypt_with == ""


def test_saving_a_certificate_needs_one_and_a_password() -> None:
    draft = typed(encrypting(Draft(make())), save_certificates=True)
    assert (draft.profile().save_certificates, draft.problems()) == (False, {})
    typed(draft, encrypt_with="ABC")
    assert draft.problems().keys() == {"certificate_password"}
    typed(draft, certificate_password=" x ")
    assert (draft.profile().save_certificates, draft.certificate_password(), draft.problems()) == (True, " x ", {})
    draft.forget_passwords()
    assert draft.certificate_password() is None


def test_the_password_of_saved_certificates_stays_until_another_is_typed() -> None:
    stored = make(encrypt_with="ABC", save_certificates=True)
    draft = encrypting(Draft(stored, stored))
    assert (draft.keeps_certificate_password, draft.problems(), draft.changed) == (True, {}, False)
    typed(draft, certificate_password="new")
    assert (draft.certificate_password(), draft.changed) == ("new", True)


def test_what_no_form_has_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_module, "_MOST_DATABASES", 3)
    draft = Draft(make())
    for number in range(10):
        draft.set(f"made up {number}", "", "x")
        draft.set("databases", f"{number}.db", True)
    assert draft.touched == {"databases"}
    assert draft.databases == ["a.db", "0.db", "1.db"]
