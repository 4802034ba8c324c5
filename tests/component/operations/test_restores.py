"""Restores as they are asked for: which set, into which database, by whom; and those that were done, in a list."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pwsops.catalogue import restores as rows
from pwsops.errors import (
    Conflict,
    Denied,
    MediaError,
    NotFound,
    Refused,
)
from pwsops.operations import Role
from pwsops.rules.model import BackupKind, RunStatus
from tests.homes import Home
from tests.people import acting_as
from tests.restores import FILE, actions, ended, held, lay


def test_what_cannot_be_read_is_refused_before_anything_is_written_down(home: Home) -> None:
    with pytest.raises(MediaError):
        home.ops.restores.begin("srv", "one", "/media/nothing.bak")
    lay(home, "/media/d.bak", BackupKind.DIFFERENTIAL, base="f")
    with pytest.raises(MediaError, match="was not found"):
        home.ops.restores.begin("srv", "one", "/media/d.bak")
    assert home.ops.restores.list() == []
    assert actions(home) == []


def test_a_file_that_was_overwritten_since_it_was_chosen_is_not_restored(home: Home) -> None:
    lay(home)
    with pytest.raises(Conflict, match="overwritten") as refused:
        home.ops.restores.begin("srv", "one", FILE, set_id="another")
    assert "choose" in refused.value.hint
    assert home.ops.restores.list() == []
    assert ended(home, home.ops.restores.begin("srv", "one", FILE, set_id=FILE).id).status is RunStatus.SUCCEEDED


def test_another_plan_than_the_one_that_was_agreed_to_is_not_carried_out(home: Home) -> None:
    home.server.put(replace(lay(home, "/media/original.bak"), path=FILE))  # a copy
    plan = home.ops.restores.plan("srv", "one", FILE)
    (chosen,) = home.server.media[FILE]
    home.server.media[FILE] = [replace(chosen, set_id="another")]
    with pytest.raises(Conflict, match="was overwritten since it was chosen"):
        home.ops.restores.restore("srv", "one", FILE, plan=plan)
    assert home.server.restored == []
    home.server.media[FILE] = [chosen]
    assert home.ops.restores.restore("srv", "one", FILE, plan=plan)


def test_the_list_is_newest_first_in_parts_and_by_place(home: Home) -> None:
    lay(home)
    numbers = [ended(home, home.ops.restores.begin("srv", name, FILE).id).id for name in ("one", "two", "one")]
    listed = home.ops.restores.list
    assert [view.id for view in listed()] == numbers[::-1]
    assert [view.id for view in listed(limit=1, offset=1)] == [numbers[1]]
    assert [view.id for view in listed(instance="srv", database="one")] == [numbers[2], numbers[0]]
    assert listed(instance="other") == []


def test_a_restore_that_nobody_began_is_not_found(home: Home) -> None:
    with pytest.raises(NotFound, match="no restore 9"):
        home.ops.restores.get(9)
    home.core.restorer.cancel(9)


def test_who_may_not_restore_may_not_cancel_and_may_look(home: Home) -> None:
    lay(home)
    bob = acting_as(home.ops, Role.OPERATOR, "bob")
    for refused in (lambda: bob.restores.begin("srv", "one", FILE), lambda: bob.restores.cancel(1)):
        with pytest.raises(Denied):
            refused()
    assert bob.restores.list() == []


def test_sources_are_the_known_backups_whose_files_are_there(home: Home) -> None:
    home.add(databases=["one", "two"])
    for _ in range(3):
        home.run()
    first, second, third = reversed([run.items[0].path for run in home.ops.runs.list()])
    assert [one.path for one in home.ops.restores.sources("srv", "one")] == [third, second, first]
    del home.server.media[str(second)]
    assert [one.path for one in home.ops.restores.sources("srv", "one")] == [third, first]
    home.server.unlistable.add("/media")  # nobody can say, so nothing is hidden
    assert len(home.ops.restores.sources("srv", "one")) == 3
    assert home.ops.restores.sources("srv", "three") == []


def test_what_is_in_a_database_is_told(home: Home) -> None:
    assert [tuple(table) for table in home.ops.databases.contents("srv", "one").tables] == [("rows", 100)]
    with pytest.raises(NotFound):
        home.ops.databases.contents("srv", "lost")


def test_the_directory_above_a_path_is_told_in_the_server_s_own_way(home: Home) -> None:
    assert home.ops.databases.parent("srv", "/media/sub") == "/media"
    assert home.ops.databases.parent("srv", "/") == "/"


def test_a_database_is_one_and_the_same_by_its_short_name(home: Home) -> None:
    home.server.sizes["vault.db"] = 1
    lay(home)
    with held(home):
        first = home.ops.restores.begin("srv", "vault", FILE)
        assert first.database == "vault.db"
        with pytest.raises(Conflict, match=r"vault\.db"):
            home.ops.restores.begin("srv", "vault.db", FILE)
    assert ended(home, first.id).status is RunStatus.SUCCEEDED


def test_a_database_that_is_to_be_created_is_no_other_whose_name_begins_so(home: Home) -> None:
    home.server.sizes["vault.db"] = 1
    lay(home)
    begun = home.ops.restores.begin("srv", "vault", FILE, create=True)
    assert ended(home, begun.id).status is RunStatus.SUCCEEDED
    assert home.server.created == ["vault"]


def test_a_database_that_is_known_and_gone_is_no_other_whose_name_begins_so(home: Home) -> None:
    home.server.sizes["notes"] = 1
    home.add(databases=["notes"])
    assert home.run() is RunStatus.SUCCEEDED
    del home.server.sizes["notes"]
    home.server.sizes["notes.db"] = 1
    path = next(iter(home.server.media))
    begun = home.ops.restores.begin("srv", "notes", path)
    assert ended(home, begun.id).status is RunStatus.FAILED
    home.ops.profiles.delete("p")
    with pytest.raises(NotFound, match="There is no database notes"):
        home.ops.restores.restore("srv", "notes", path)
    assert home.server.restored == []


def test_a_database_has_one_name_in_the_history_however_it_is_spelled(home: Home) -> None:
    lay(home)
    with held(home):
        first = home.ops.restores.begin("srv", "ONE", FILE)
        assert first.database == "one"
        with pytest.raises(Conflict):
            home.ops.restores.begin("srv", "One", FILE, create=True)
    assert ended(home, first.id).status is RunStatus.SUCCEEDED
    with home.core.catalogue.read() as connection:
        assert [one.set_id for one in rows.into(connection, "srv", "one")] == [FILE]


@pytest.mark.parametrize("thumbprint", [None, "AB" * 20])
def test_a_backup_that_nobody_recorded_is_restored_only_by_an_audited_choice(
    home: Home, thumbprint: str | None
) -> None:
    """Whom a backup is encrypted for is no secret: whoever may write there makes an encrypted one as well."""
    recorded = replace(lay(home), thumbprint=thumbprint)
    forged = home.server.put(replace(recorded, set_id="forged", path="/media/forged.bak"))
    for database in ("one", "two"):  # under another database's name it is the same forgery
        with pytest.raises(Refused, match=r"Nobody recorded the backup in /media/forged\.bak") as refused:
            home.ops.restores.begin("srv", database, forged.path)
        assert "--accept-unrecorded" in refused.value.hint
    assert home.ops.restores.list() == []
    begun = home.ops.restores.begin("srv", "one", forged.path, accept_unrecorded=True)
    assert ended(home, begun.id).status is RunStatus.SUCCEEDED
    [noted] = [entry for entry in home.ops.audit.list() if entry.action == "accept unrecorded backup"]
    assert (noted.subject, noted.detail) == ("srv/one", forged.path)


def test_a_copy_of_a_backup_whose_own_file_was_replaced_is_a_recorded_one(home: Home) -> None:
    former = replace(lay(home), details={"digest": "as it was written"})
    home.record(replace(former, set_id="former", path="/media/one.bak"))
    home.record(replace(former, set_id="newer", path="/media/one.bak"))
    home.server.put(replace(former, set_id="former", path="/usb/one.bak", details={"digest": "as it is"}))
    home.ops.restores.restore("srv", "one", "/usb/one.bak")
    assert home.server.restored[-1].sets[-1].details == {"digest": "as it was written"}
