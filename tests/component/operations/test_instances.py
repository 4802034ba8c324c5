"""Instances that are added and edited: login data, options, and two people at once."""

from __future__ import annotations

import pytest

from pwsops.engines.records import Credentials, Instance
from pwsops.engines.sqlserver.options import OPTIONS
from pwsops.errors import Conflict, Denied, EngineError, InvalidInput, NotFound
from pwsops.operations import Role
from tests.homes import Home
from tests.people import acting_as

SECRET = "pa55 wörd"


@pytest.fixture(autouse=True)
def _knows_logins_and_options(home: Home) -> None:
    home.server.login = True
    home.server.options = OPTIONS


def add(home: Home, **values: object) -> Instance:
    told = {"address": "db1", "login": "ops", "password": SECRET, "options": {"encrypt": "strict"}} | values
    return home.ops.instances.add("sql", engine="fake", **told)  # type: ignore[arg-type]


def last_note(home: Home) -> tuple[str, str, str]:
    entry = home.ops.audit.list(limit=1)[0]
    return entry.action, entry.subject, entry.detail


def test_what_an_engine_can_be_told_is_known_before_there_is_an_instance(home: Home) -> None:
    assert home.ops.instances.offers("fake").login
    assert [option.key for option in home.ops.instances.offers("fake").options][:1] == ["encrypt"]
    sqlite = home.ops.instances.offers("sqlite")
    assert not sqlite.login
    assert not any(option.asked for option in sqlite.options)
    with pytest.raises(InvalidInput, match="does not exist"):
        home.ops.instances.offers("oracle")


def test_an_instance_is_reached_as_it_will_be(home: Home) -> None:
    add(home)
    assert home.server.opened_as[-1] == ("ops", SECRET)
    assert home.ops.instances.list()[0].options == {"encrypt": "strict"}


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"password": None}, "no password"),
        ({"password": ""}, "no password"),
        ({"login": None}, "password but no login"),
        ({"login": " ops"}, "cannot have the login"),
        ({"login": "o\nps"}, "cannot have the login"),
        ({"login": "o" * 129}, "cannot have the login"),
        ({"options": {"encrypt": "maybe"}}, "cannot be 'maybe'"),
        ({"options": {"colour": "blue"}}, "'colour'"),
        ({"address": "  "}, "no address"),
    ],
)
def test_what_does_not_fit_is_refused_before_anybody_is_asked(home: Home, values: dict[str, object], part: str) -> None:
    asked: list[Instance] = []
    home.server.probe_error = asked.append  # type: ignore[assignment]
    with pytest.raises(InvalidInput, match=part) as refusal:
        add(home, **values)
    assert refusal.value.hint
    assert SECRET not in f"{refusal.value!r} {refusal.value.hint}"
    assert asked == []
    assert [one.name for one in home.ops.instances.list()] == ["srv"]


def test_databases_that_know_no_login_take_none(home: Home) -> None:
    home.server.login = False
    with pytest.raises(InvalidInput, match="cannot have a login"):
        add(home)
    with pytest.raises(InvalidInput, match="cannot have a login"):
        home.ops.media.read("/media/a.bak", "srv", credentials=Credentials(login="dba", password=SECRET))


def test_an_edit_changes_what_it_is_told_and_keeps_the_rest(home: Home) -> None:
    add(home)
    saved = home.ops.instances.edit(
        "sql", address="db2", password=SECRET, options={"encrypt": None, "driver": "FreeTDS"}
    )
    assert saved == Instance(name="sql", engine="fake", address="db2", login="ops", options={"driver": "FreeTDS"})
    assert home.ops.instances.list()[0] == saved
    assert home.server.opened_as[-1] == ("ops", SECRET)
    assert last_note(home) == (
        "edit instance",
        "sql",
        "address from db1 to db2; password; driver from the default to FreeTDS; encrypt from strict to the default",
    )


def test_a_password_that_expired_is_replaced_and_told_to_nobody(home: Home) -> None:
    add(home)
    home.ops.instances.edit("sql", password="n3w one")
    assert home.core.instance("sql").password == "n3w one"
    assert last_note(home) == ("edit instance", "sql", "password")
    for file in home.path.glob("catalogue*"):
        assert b"n3w one" not in file.read_bytes()


def test_another_login_needs_its_own_password(home: Home) -> None:
    add(home)
    with pytest.raises(InvalidInput, match="'dba' has no password"):
        home.ops.instances.edit("sql", login="dba")
    home.ops.instances.edit("sql", login="dba", password="x")
    assert last_note(home)[2] == "login from ops to dba; password"


def test_a_login_that_is_taken_away_takes_its_password_along(home: Home) -> None:
    add(home)
    assert home.ops.instances.edit("sql", login="").login is None
    assert home.core.instance("sql").password is None
    assert last_note(home)[2] == "login from ops to service user"
    with pytest.raises(InvalidInput, match="password but no login"):
        home.ops.instances.edit("sql", password="x")


def test_an_edit_that_does_not_reach_the_server_changes_nothing(home: Home) -> None:
    before = add(home)
    home.server.probe_error = lambda instance: EngineError("Login failed.", hint="Look.") if instance.login else None
    with pytest.raises(EngineError, match="Login failed"):
        home.ops.instances.edit("sql", password="wrong")
    assert home.ops.instances.list()[0] == before
    assert home.core.instance("sql").password == SECRET


def test_of_two_who_edit_an_instance_the_second_is_told(home: Home) -> None:
    seen = add(home)
    home.ops.instances.edit("sql", address="db2", password=SECRET, seen=seen)
    with pytest.raises(Conflict, match="somebody else"):
        home.ops.instances.edit("sql", address="db3", seen=seen)
    assert home.ops.instances.list()[0].address == "db2"


def test_who_saves_while_another_is_still_reaching_the_server_wins(home: Home) -> None:
    add(home)

    def meanwhile(instance: Instance) -> None:
        home.server.probe_error = lambda instance: None
        home.ops.instances.edit("sql", address="theirs", password=SECRET)

    home.server.probe_error = meanwhile
    with pytest.raises(Conflict, match="somebody else"):
        home.ops.instances.edit("sql", address="mine", password=SECRET)
    assert home.ops.instances.list()[0].address == "theirs"


def test_only_an_administrator_edits_and_only_what_is_there(home: Home) -> None:
    with pytest.raises(NotFound, match="'gone'"):
        home.ops.instances.edit("gone", address="x")
    with pytest.raises(Denied, match="edit an instance"):
        acting_as(home.ops, Role.OPERATOR, "eve").instances.edit("srv", address="x")


def test_files_are_read_and_listed_as_the_login_that_is_given(home: Home) -> None:
    dba = Credentials(login="dba", password=SECRET)
    home.server.media["/media/a.bak"] = []
    home.server.opened_as.clear()
    home.ops.media.read("/media/a.bak", "srv", credentials=dba)
    home.ops.databases.browse("srv", "/media", credentials=dba)
    home.ops.restores.sources("srv", "one", credentials=dba)
    assert home.server.opened_as == [("dba", SECRET)] * 3


def test_a_password_without_a_login_is_no_profiles(home: Home) -> None:
    with pytest.raises(InvalidInput, match="password but no login"):
        home.ops.profiles.create(home.profile(), password=SECRET)
