"""Restores into new names and files, told before they are done, and with what is there saved first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update

from pwsops.catalogue import sets, sightings
from pwsops.catalogue.schema import restores
from pwsops.engines.records import DatabaseState, DirectoryCheck, DirectoryStatus
from pwsops.engines.requests import Encryption
from pwsops.errors import (
    Cancelled,
    CertificateNeeded,
    Conflict,
    DatabaseUnreadable,
    Denied,
    EngineError,
    InvalidInput,
    LoginRefused,
    MediaError,
    NotFound,
    Refused,
)
from pwsops.operations import Role, json_shapes
from pwsops.operations.restoring import Target
from pwsops.rules.model import BackupKind, BackupSet, RunStatus
from tests.clocks import NOON, wait_until
from tests.fake_engine import FakeEngine
from tests.homes import Home
from tests.pairs import certificate_pem, key_pem, pair
from tests.people import acting_as
from tests.restores import FILE, actions, held, lay


def ran(home: Home, **profile: object) -> BackupSet:
    """Let a profile back the database up; return the set."""
    home.add(**profile)
    home.run()
    return home.ops.restores.sources("srv", "one")[0]


# A new name, a plain file


def test_a_new_name_is_made_and_an_old_one_stays(home: Home) -> None:
    lay(home)
    result = home.ops.restores.restore("srv", "fresh", FILE, new=True)
    assert (result.created, home.server.created) == (True, ["fresh"])
    assert home.server.restored[-1].must_be_new
    with pytest.raises(Conflict, match="has the database one already"):
        home.ops.restores.restore("srv", "ONE", FILE, new=True)
    assert len(home.server.restored) == 1


def test_a_plain_file_is_made_in_no_database_of_the_instance(home: Home) -> None:
    lay(home)
    home.ops.restores.restore("srv", "one", FILE, to_file="/out/x.db", safety_copy=True)
    (asked,) = home.server.restored
    assert (asked.to_file, asked.database, asked.must_be_new) == ("/out/x.db", "/out/x.db", True)
    assert home.server.requests == [], "nothing is there that is to be saved"
    assert home.ops.restores.list()[0].database == "/out/x.db"


def test_an_engine_that_restores_into_no_files_says_so(home: Home) -> None:
    lay(home)
    home.server.shared_base = True
    for ask in (home.ops.restores.restore, home.ops.restores.preview, home.ops.restores.script):
        with pytest.raises(InvalidInput, match="plain file"):
            ask("srv", "one", FILE, to_file="/out/x.db")


@pytest.mark.parametrize("instances", [None, frozenset({"srv"})])
def test_a_file_is_made_only_where_theirs_are_kept(home: Home, instances: frozenset[str] | None) -> None:
    taken = ran(home)
    bob = acting_as(home.ops, Role.RESTORER, "bob", instances=instances)
    for ask in (bob.restores.restore, bob.restores.script):
        with pytest.raises(Denied):
            ask("srv", "one", taken.path, to_file="/etc/cron.d/x.db")
    assert home.server.restored == []
    assert "/media/x.db" in bob.restores.script("srv", "one", taken.path, to_file="/media/x.db")
    bob.restores.restore("srv", "one", taken.path, to_file="/media/x.db")
    assert len(home.server.restored) == 1


# As a script


def test_a_backup_that_nobody_recorded_is_in_a_script_only_by_an_audited_choice(home: Home) -> None:
    forged = home.server.put(replace(lay(home), set_id="forged", path="/media/forged.bak"))
    with pytest.raises(Refused, match=r"Nobody recorded the backup in /media/forged\.bak"):
        home.ops.restores.script("srv", "one", forged.path)
    assert forged.path in home.ops.restores.script("srv", "one", forged.path, accept_unrecorded=True)
    [noted] = [entry for entry in home.ops.audit.list() if entry.action == "accept unrecorded backup"]
    assert (noted.subject, noted.detail) == ("srv/one", forged.path)


def test_no_script_is_of_what_is_none_of_theirs(home: Home) -> None:
    home.ops.instances.add("theirs", engine="fake", address="elsewhere")
    bob = acting_as(home.ops, Role.RESTORER, "bob", instances=frozenset({"theirs"}))
    with pytest.raises(NotFound):
        bob.restores.script("srv", "one", lay(home).path)
    for ask in (bob.restores.restore, bob.restores.script):
        with pytest.raises(Denied):
            ask("theirs", "one", FILE)
    assert home.server.restored == []


# What is there is saved first


def test_what_is_there_is_saved_first_as_its_profile_saves_and_is_nobodys_base(home: Home) -> None:
    taken = ran(home, directory="/media/profile")
    result = home.ops.restores.restore("srv", "one", taken.path, safety_copy=True)
    asked = home.server.requests[-1]
    assert (asked.copy_only, asked.overwrite, asked.kind) == (True, False, BackupKind.FULL)
    assert asked.directory == "/media/profile"
    assert "one_SAFETY_" in asked.file_name
    copy = home.ops.restores.sources("srv", "one")[0]
    assert copy.path == f"/media/profile/{asked.file_name}"
    assert copy.copy_only
    kept = (
        f"What one held at {home.clock.now():%Y-%m-%d %H:%M:%S} UTC is kept as {copy.path}; what was written after that"
    )
    assert any(one.text.startswith(kept) for one in result.messages)
    assert ("ann", "safety copy") in actions(home)
    with home.core.catalogue.read() as connection:
        known = sets.of_database(connection, "srv", "one", profile_id=1)
    assert [one.set_id for one in known] == [taken.set_id], "it is of no profile"


def test_without_a_profile_it_goes_beside_the_backup_that_is_restored(home: Home) -> None:
    lay(home, "/elsewhere/a.bak")
    home.ops.restores.restore("srv", "one", "/elsewhere/a.bak", safety_copy=True)
    assert home.server.requests[-1].directory == "/elsewhere"


def test_an_active_profile_keeps_the_copy_before_one_that_is_switched_off(home: Home) -> None:
    home.add(name="a", directory="/media/a")
    home.ops.profiles.deactivate("a")
    home.add(name="b", directory="/media/b")
    lay(home)
    home.ops.restores.restore("srv", "one", FILE, safety_copy=True)
    assert home.server.requests[-1].directory == "/media/b"


def test_where_saving_fails_nothing_is_restored_and_the_way_on_is_named(home: Home) -> None:
    taken = ran(home)
    home.server.fail("one", EngineError("The disk is full.", hint="Free space."))
    with pytest.raises(Refused, match=r"one was not restored.*The disk is full") as refused:
        home.ops.restores.restore("srv", "one", taken.path, safety_copy=True)
    assert "--no-safety-copy" in refused.value.hint
    assert home.server.restored == []
    assert home.ops.restores.list()[0].status is RunStatus.FAILED
    home.ops.restores.restore("srv", "one", taken.path)
    assert len(home.server.restored) == 1


def test_who_cancels_while_it_is_saved_has_nothing_restored(home: Home) -> None:
    taken = ran(home)
    home.server.fail("one", Cancelled("The backup was cancelled.", hint="Start it again."))
    with pytest.raises(Cancelled):
        home.ops.restores.restore("srv", "one", taken.path, safety_copy=True)
    assert home.server.restored == []


def stored(home: Home) -> str:
    """Take a certificate into the store; return its thumbprint."""
    home.server.encryption = True
    [view] = home.ops.certificates.import_file(certificate_pem(pair("one")) + key_pem(pair("one")))
    return view.thumbprint


@pytest.mark.parametrize("has_profile", [False, True])
def test_an_encrypted_database_is_not_saved_in_the_clear(home: Home, has_profile: bool) -> None:
    older = lay(home, "/media/older.bak")
    home.record(home.server.put(sealed(FILE)))
    if has_profile:
        home.add()
    for file in (FILE, older.path):
        assert "not at hand" in home.ops.restores.preview("srv", "one", file, safety_copy=True).obstacle
        with pytest.raises(Refused, match=r"one was not restored.*is not at hand") as refused:
            home.ops.restores.restore("srv", "one", file, safety_copy=True)
        assert "pwsops certificate import FILE.pfx" in refused.value.hint
        assert "--no-safety-copy" in refused.value.hint
    assert (home.server.requests, home.server.restored) == ([], [])


@pytest.mark.parametrize("has_profile", [False, True])
def test_a_copy_is_encrypted_as_the_newest_backup_is(home: Home, has_profile: bool) -> None:
    thumbprint = stored(home)
    if has_profile:
        home.add()
    plain = lay(home)
    home.record(home.server.put(sealed("/media/sealed.bak", thumbprint)))
    assert home.ops.restores.preview("srv", "one", plain.path, safety_copy=True).obstacle == ""
    home.ops.restores.restore("srv", "one", plain.path, safety_copy=True)
    encryption = home.server.requests[-1].encryption
    assert encryption is not None
    assert encryption.certificate == pair("one").certificate_der()
    lay(home, "/media/newest.bak")
    home.ops.restores.restore("srv", "one", plain.path, safety_copy=True)
    assert home.server.requests[-1].encryption is None, "the newest backup of this database is in the clear"


def spoil(home: Home, table: str, which: str, **values: object) -> None:
    """Write into a row what it cannot hold."""
    with home.core.catalogue.write() as connection:
        for key, value in values.items():
            connection.exec_driver_sql(f"UPDATE {table} SET {key} = ? WHERE {which}", (value,))


def copied(home: Home) -> Encryption | None:
    """Restore a backup in the clear with a copy first; return whom that was encrypted for."""
    home.ops.restores.restore("srv", "one", FILE, safety_copy=True)
    return home.server.requests[-1].encryption


def not_saved(home: Home) -> str:
    home.server.requests.clear()
    with pytest.raises(Refused, match="could not be saved first") as refused:
        home.ops.restores.restore("srv", "one", FILE, safety_copy=True)
    assert home.ops.restores.preview("srv", "one", FILE, safety_copy=True).obstacle.startswith(refused.value.message)
    assert home.server.requests == []
    return refused.value.message


def test_a_copy_is_encrypted_as_a_backup_whose_record_cannot_be_read(home: Home) -> None:
    thumbprint = stored(home)
    lay(home)
    home.record(home.server.put(sealed("/media/sealed.bak", thumbprint)))
    which = "set_id = '/media/sealed.bak'"
    spoil(home, "backup_sets", which, finished_at="not a time")
    assert copied(home) is not None
    spoil(home, "backup_sets", which, thumbprint=b"no text")
    assert "`thumbprint` cannot be read" in not_saved(home)
    spoil(home, "backup_sets", which, finished_at=0)
    assert copied(home) is None, "the newest backup is in the clear, and that can be read"
    spoil(home, "backup_sets", which, finished_at="not a time", thumbprint=None)
    assert copied(home) is None, "that it is in the clear can be read"


@pytest.mark.parametrize("key", ["every", "databases", "instance"])
def test_a_copy_is_encrypted_as_a_profile_that_cannot_be_read_says(home: Home, key: str) -> None:
    thumbprint = stored(home)
    lay(home)
    home.add()
    spoil(home, "profiles", "1", encrypt_with=thumbprint)
    spoil(home, "profiles", "1", **{key: b"\xff"})
    assert copied(home) is not None
    spoil(home, "profiles", "1", encrypt_with=b"no text")
    assert "`encrypt_with`" in not_saved(home)


def test_a_copy_is_kept_in_no_directory_of_others(home: Home) -> None:
    home.ops.instances.add("theirs", engine="fake", address="elsewhere")
    home.add(name="q", instance="theirs", directory="/vault/theirs")
    path = lay(home, "/vault/theirs/a.bak").path
    bob = acting_as(home.ops, Role.RESTORER, "bob", instances=frozenset({"srv"}))
    assert "/vault/theirs is no directory that is theirs" in (
        bob.restores.preview("srv", "one", path, safety_copy=True).obstacle
    )
    with pytest.raises(Refused, match="bob may keep nothing beside the backup") as refused:
        bob.restores.restore("srv", "one", path, safety_copy=True)
    assert refused.value.hint.startswith("Ask an administrator to make a profile of it")
    assert (home.server.requests, home.server.restored) == ([], [])
    home.add(name="p", directory="/media/own")
    bob.restores.restore("srv", "one", path, safety_copy=True)
    assert home.server.requests[-1].directory == "/media/own"


def test_a_database_that_no_backup_is_known_of_is_saved_as_what_is_restored_was(home: Home) -> None:
    thumbprint = stored(home)
    home.server.sizes["two"] = 1
    home.record(home.server.put(sealed(FILE, thumbprint)))
    home.ops.restores.restore("srv", "two", FILE, safety_copy=True)
    assert home.server.requests[-1].encryption is not None


def test_a_directory_that_cannot_hold_the_copy_is_told_before(home: Home) -> None:
    taken = ran(home)
    home.server.directories["/media"] = DirectoryCheck(status=DirectoryStatus.MISSING, reason="it does not exist")
    assert (
        "/media cannot be used: it does not exist"
        in home.ops.restores.preview("srv", "one", taken.path, safety_copy=True).obstacle
    )
    with pytest.raises(Refused, match="/media cannot be used"):
        home.ops.restores.restore("srv", "one", taken.path, safety_copy=True)
    assert home.ops.restores.preview("srv", "one", taken.path).obstacle == ""


def test_what_turns_out_to_be_unreadable_is_kept_beside_and_the_restore_goes_on(home: Home) -> None:
    lay(home)
    home.server.fail("one", DatabaseUnreadable("It is malformed.", hint="Restore it."))
    result = home.ops.restores.restore("srv", "one", FILE, safety_copy=True)
    (asked,) = home.server.restored
    assert asked.keeps_beside
    assert "No copy could be taken first, so that the file is kept as it is: It is malformed." in [
        one.text for one in result.messages
    ]
    home.server.shared_base = True
    home.server.fail("one", DatabaseUnreadable("It is malformed.", hint="Restore it."))
    with pytest.raises(Refused, match=r"could not be saved first\. It is malformed"):
        home.ops.restores.restore("srv", "one", FILE, safety_copy=True)


def test_no_copy_is_taken_for_a_restore_that_cannot_be_done(home: Home) -> None:
    lay(home)
    home.server.obstacle = CertificateNeeded("It is locked.", hint="Bring the key.")
    with pytest.raises(CertificateNeeded, match="It is locked"):
        home.ops.restores.restore("srv", "one", FILE, safety_copy=True)
    assert (home.server.requests, home.server.restored) == ([], [])
    home.server.obstacle = EngineError("It is in use.", hint="Wait.", transient=True)
    home.ops.restores.restore("srv", "one", FILE, safety_copy=True)
    assert len(home.server.restored) == 1, "what passes is waited for by the restore itself"


@pytest.mark.parametrize(
    ("state", "reason"),
    [(DatabaseState.EMPTY, "is empty"), (DatabaseState.UNREADABLE, "kept beside under another name")],
)
def test_what_holds_nothing_or_is_kept_anyway_is_not_saved(home: Home, state: DatabaseState, reason: str) -> None:
    lay(home)
    home.server.states["one"] = state
    result = home.ops.restores.restore("srv", "one", FILE, safety_copy=True)
    assert home.server.requests == []
    assert any(reason in one.text for one in result.messages)
    assert home.server.restored[-1].keeps_beside, "what is there by now is in no copy"


def test_what_is_told_to_be_kept_beside_is_so_without_a_copy_as_well(home: Home) -> None:
    lay(home)
    restore = home.ops.restores.restore
    restore("srv", "one", FILE)
    restore("srv", "one", FILE, keeps_beside=True)
    for state in (DatabaseState.UNREADABLE, DatabaseState.EMPTY):
        home.server.states["one"] = state
        restore("srv", "one", FILE)
    restore("srv", "fresh", FILE, create=True)
    assert home.server.restored.pop().must_be_new
    home.server.databases_error = EngineError("Nobody can list it.", hint="Look.")
    restore("srv", "one", FILE, create=True)
    assert [one.keeps_beside for one in home.server.restored] == [False, True, True, True, False]


def test_on_a_server_what_cannot_be_read_is_not_taken_for_saved(home: Home) -> None:
    lay(home)
    home.server.shared_base = True
    home.server.states["one"] = DatabaseState.UNREADABLE
    home.server.fail("one", EngineError("It cannot be backed up.", hint="Repair it."))
    with pytest.raises(Refused, match="could not be saved first"):
        home.ops.restores.restore("srv", "one", FILE, safety_copy=True)


def test_a_database_that_is_created_has_nothing_to_be_saved(home: Home) -> None:
    lay(home)
    result = home.ops.restores.restore("srv", "fresh", FILE, create=True, safety_copy=True)
    assert home.server.requests == []
    assert any("does not exist yet" in one.text for one in result.messages)
    assert home.server.restored[-1].must_be_new, "what somebody makes meanwhile is in no copy"


# What it would do


def test_a_preview_names_each_step_what_it_takes_and_what_is_lost_and_does_nothing(home: Home) -> None:
    taken = ran(home)
    home.run(kind=BackupKind.DIFFERENTIAL)
    home.clock.advance(hours=2)
    newest = home.ops.restores.sources("srv", "one")[0]
    before = (len(home.server.requests), actions(home))
    found = home.ops.restores.preview("srv", "one", newest.path, safety_copy=True)
    assert [(step.action, step.path) for step in found.steps] == [
        ("save", "/media"),
        ("check", taken.path),
        ("check", newest.path),
        ("restore", taken.path),
        ("restore", newest.path),
    ]
    assert (found.obstacle, found.unrecorded, found.creates, found.source) == ("", "", False, "one")
    assert found.loss.seconds == 2 * 3600
    assert found.loss.copy_to == "/media"
    assert (len(home.server.requests), actions(home)) == before
    assert home.server.restored == []


def test_a_preview_of_what_is_gone_tells_which_file_and_how_it_would_go(home: Home) -> None:
    taken = ran(home)
    home.run(kind=BackupKind.DIFFERENTIAL)
    newest = home.ops.restores.sources("srv", "one")[0]
    del home.server.media[taken.path]
    found = home.ops.restores.preview("srv", "one", newest.path)
    assert "was not found" in found.obstacle
    assert [step.missing for step in found.steps if step.action == "check"] == [f"{taken.path} does not exist", ""]
    del home.server.media[newest.path]
    assert "cannot be read" in home.ops.restores.preview("srv", "one", newest.path).obstacle
    home.server.put(newest)
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM backup_sets WHERE set_id = '{taken.set_id}'")
    assert len(home.ops.restores.preview("srv", "one", newest.path).steps) == 2


def test_what_nobody_ever_recorded_and_is_not_there_has_no_preview(home: Home) -> None:
    with pytest.raises(MediaError):
        home.ops.restores.preview("srv", "one", "/media/never.bak")
    home.server.databases_error = LoginRefused("The login is refused.", hint="Give another.")
    lay(home)
    with pytest.raises(LoginRefused):
        home.ops.restores.preview("srv", "one", FILE)


def test_a_preview_tells_of_a_name_that_is_taken_and_of_a_copy_that_cannot_be(home: Home) -> None:
    lay(home)
    assert "has the database one already" in home.ops.restores.preview("srv", "one", FILE, new=True).obstacle
    fresh = home.ops.restores.preview("srv", "fresh", FILE, new=True, safety_copy=True)
    assert (fresh.obstacle, fresh.creates, fresh.loss.exists) == ("", True, False)
    assert home.ops.restores.preview("srv", "one", FILE, to_file="/out/x.db").database == "/out/x.db"
    home.record(home.server.put(sealed("/media/sealed.bak")))
    assert "not at hand" in home.ops.restores.preview("srv", "one", "/media/sealed.bak", safety_copy=True).obstacle


def sealed(path: str, thumbprint: str = "AB" * 20) -> BackupSet:
    return BackupSet(
        set_id=path, database="one", kind=BackupKind.FULL, path=path, finished_at=NOON, thumbprint=thumbprint
    )


def test_a_preview_promises_nothing_that_the_restore_refuses(home: Home) -> None:
    taken = ran(home)
    preview = partial(home.ops.restores.preview, "srv")
    gone = preview("fresh", taken.path)
    assert (gone.creates, "There is no database fresh" in gone.obstacle) == (False, True)
    assert preview("fresh", taken.path, create=True).creates
    home.server.obstacle = EngineError("The directory is missing.", hint="Make it.")
    for target in ({"create": True}, {"new": True}, {"to_file": "/out/x.db"}):
        found = preview("fresh", taken.path, **target)
        assert (found.creates, found.obstacle) == (False, "The directory is missing. Make it.")
    home.server.obstacle = None
    with held(home):
        home.ops.restores.begin("srv", "one", taken.path)
        assert "A restore of one on srv is under way already" in preview("one", taken.path).obstacle
    wait_until(lambda: home.ops.restores.list()[0].status.ended, "the restore's end")
    assert preview("one", taken.path).obstacle == ""
    home.server.obstacle = LoginRefused("The login is refused.", hint="Give another.")
    with pytest.raises(LoginRefused):
        preview("one", taken.path)


@pytest.mark.parametrize("target", [{}, {"new": True}, {"create": True}, {"to_file": "/out/x.db"}])
def test_what_nobody_recorded_is_refused_however_it_is_asked_for(home: Home, target: Target) -> None:
    home.server.put(replace(sealed(FILE), thumbprint=None))
    restores, name = home.ops.restores, "fresh" if target else "one"
    for ask in (restores.restore, restores.script, restores.begin):
        with pytest.raises(Refused, match="Nobody recorded") as refused:
            ask("srv", name, FILE, **target)
        assert "--accept-unrecorded" in refused.value.hint
    found = restores.preview("srv", name, FILE, **target)
    assert "Nobody recorded" in found.obstacle
    assert not found.creates
    assert home.ops.audit.list()[0].action != "accept unrecorded backup", "a preview notes nothing"
    accepted: Target = {**target, "accept_unrecorded": True}
    assert restores.preview("srv", name, FILE, **accepted).obstacle == ""
    assert restores.script("srv", name, FILE, **accepted)
    assert home.ops.audit.list()[0].action == "accept unrecorded backup"


def test_a_script_is_refused_where_the_restore_is_but_for_what_passes_and_for_keys(home: Home) -> None:
    taken = ran(home)
    home.server.obstacle = Refused("The target is off limits.", hint="Choose another.")
    with pytest.raises(Refused, match="off limits"):
        home.ops.restores.script("srv", "one", taken.path)
    for passing in (CertificateNeeded("Locked.", hint="x"), EngineError("In use.", hint="x", transient=True)):
        home.server.obstacle = passing
        assert home.ops.restores.script("srv", "one", taken.path)


def test_an_operator_is_told_no_address_by_a_restore_or_a_point(home: Home) -> None:
    home.ops.instances.edit("srv", address="/media/vault")
    taken = ran(home)
    home.server.restore_error = EngineError("/media/vault/one is locked.", hint="Look into /media/vault.")
    with pytest.raises(EngineError):
        home.ops.restores.restore("srv", "one", taken.path)
    home.server.told = ()
    viewer = acting_as(home.ops, Role.OPERATOR, instances=frozenset({"srv"}))
    (failed,) = viewer.restores.list()
    assert (failed.error, failed.hint) == ("(its address)/one is locked.", "Look into (its address).")
    assert "/media/vault" not in " ".join(one.text for one in failed.messages)
    with home.core.catalogue.write() as connection:
        sightings.disprove(connection, "srv", taken, "read beside /media/vault", now=home.clock.now())
    assert "read beside (its address)" in viewer.points.list("srv", "one")[0].why
    assert "read beside /media/vault" in home.ops.points.list("srv", "one")[0].why


def test_a_preview_tells_what_nobody_recorded(home: Home) -> None:
    home.server.put(sealed("/media/strange.bak"))
    assert "Nobody recorded" in home.ops.restores.preview("srv", "one", "/media/strange.bak").unrecorded


def test_the_time_expected_is_that_of_restores_before(home: Home) -> None:
    taken = ran(home)
    assert home.ops.restores.preview("srv", "one", taken.path).expected.seconds == 0.0
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET details = '{}'")
    assert home.ops.restores.preview("srv", "one", taken.path).expected.seconds is None
    home.ops.restores.restore("srv", "one", taken.path)
    with home.core.catalogue.write() as connection:
        connection.execute(update(restores).values(started_at=home.clock.now() - timedelta(seconds=7)))
    assert home.ops.restores.preview("srv", "one", taken.path).expected.seconds == pytest.approx(70.0)


def test_a_preview_as_json_has_plain_values(home: Home) -> None:
    taken = ran(home)
    record = json_shapes.restore_preview(home.ops.restores.preview("srv", "one", taken.path, safety_copy=True))
    assert [step["action"] for step in record["steps"]] == ["save", "check", "restore"]
    assert [step["kind"] for step in record["steps"]] == [None, "full", "full"]
    assert record["safety_copy"] == "/media"
    assert record["at"] == json_shapes.iso(taken.finished_at)


def test_a_script_is_what_the_engine_writes_for_the_same_target(home: Home) -> None:
    taken = ran(home)
    assert home.ops.restores.script("srv", "one", taken.path) == f"restore one from {taken.path}\n"
    assert home.ops.restores.script("srv", "n", taken.path, new=True) == f"restore n from {taken.path}\n"
    assert home.ops.restores.script("srv", "one", taken.path, to_file="/o.db").startswith("restore /o.db")
    assert home.server.restored == []


def test_a_copy_is_recorded_once_and_restored_like_any_other(home: Home) -> None:
    taken = ran(home)
    home.ops.restores.restore("srv", "one", taken.path, safety_copy=True)
    copy = home.ops.points.list("srv", "one")[0]
    assert (copy.run, copy.restorable) == (None, True)
    assert home.ops.restores.restore("srv", "one", copy.path).database == "one"


def test_no_file_of_others_is_opened_beside_an_incremental(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.ops.instances.add("other", engine="fake", address="far")
    home.record(home.server.put(replace(sealed("/media/theirs.bak"), database="two")), "other")
    lay(home, "/media/one_DIFF.bak", BackupKind.DIFFERENTIAL, base="lost")
    opened: list[str] = []
    read = FakeEngine.read_media

    def noting(engine: FakeEngine, path: str) -> list[BackupSet]:
        opened.append(path)
        return read(engine, path)

    monkeypatch.setattr(FakeEngine, "read_media", noting)
    bob = acting_as(home.ops, Role.RESTORER, instances=frozenset({"srv"}))
    for ops, opens in ((bob, False), (home.ops, True)):
        with pytest.raises(MediaError):
            ops.restores.plan("srv", "one", "/media/one_DIFF.bak")
        assert ("/media/theirs.bak" in opened) is opens
