"""The list of databases, as a person sees it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from pwsops.catalogue.schema import backup_sets
from pwsops.cli.app import app
from pwsops.operations.records import DatabaseView
from pwsops.rules.model import BackupKind, RunStatus
from pwsops.rules.protection import Cause, Protection
from tests.integration.sqlserver.product.home import LOGIN, Work
from tests.integration.sqlserver.product.mishaps import READER, account, share, strong
from tests.standin.server import others
from tests.standin.server.client import Client
from tests.standin.server.messages import said


def listed(work: Work) -> DatabaseView:
    return next(view for view in work.product.ops.databases.list("srv") if view.name == work.database)


def printed(work: Work, *words: str) -> str:
    command = ["--home", str(work.product.home), "databases", "srv", *words]
    return CliRunner(env={"COLUMNS": "1000"}).invoke(app, command).stdout


def test_without_rights_in_msdb_the_databases_are_listed_with_what_could_not_be_asked(work: Work) -> None:
    work.profile()
    item = work.succeeds()
    account(roles=set(), grants={"CREATE ANY DATABASE"}, databases={work.database: {"db_backupoperator"}})(work)
    try:
        view = listed(work)
    finally:
        strong(work)
    assert view.last_full_at is not None, "the catalogue knows that one"
    assert view.last_full_at == work.set_of(item).finished_at
    told = " ".join(view.warnings)
    assert "What other tools backed up could not be looked up." in told
    assert "Whether anybody backs up its log could not be looked up, because" in told
    assert "Nobody has backed up its log" not in told
    assert LOGIN in told


def agent_backs_up_the_log(work: Work, name: str) -> None:
    client = Client(work.server)
    work.on_server.write_rows([(len(name), name)])
    client.done(f"BACKUP LOG [{work.database}] TO DISK = N'{work.directory}\\{name}'")
    client.close()


def age(work: Work, *minutes: int) -> None:
    """Let the newest backups of the database have been taken so many minutes ago, the newest first; ours too."""
    entries = work.server.history.backups
    ages = iter(minutes)
    for place in reversed(range(len(entries))):
        stored = entries[place].stored
        if stored.database == work.database and (ago := next(ages, None)) is not None:
            at = work.server.clock.now() - timedelta(minutes=ago)
            entries[place] = replace(entries[place], stored=replace(stored, started_at=at, finished_at=at))
            ours = update(backup_sets).where(backup_sets.c.set_id == str(stored.guid).upper())
            with work.product.ops._core.catalogue.write() as connection:
                connection.execute(ours.values(started_at=at, finished_at=at))


def lost_minutes(view: DatabaseView) -> float:
    assert view.exposure_s is not None
    return round(view.exposure_s / 60)


def test_log_backups_of_another_tool_lessen_what_would_be_lost_and_that_is_said(work: Work) -> None:
    work.profile()
    taken = work.succeeds()
    agent_backs_up_the_log(work, "first.trn")
    agent_backs_up_the_log(work, "later.trn")
    age(work, 10, 25, 40)
    assert lost_minutes(listed(work)) == 10
    [shown] = [one for one in json.loads(printed(work, "--json")) if one["name"] == work.database]
    assert shown["logs_until"] is not None
    assert round(shown["exposure_s"] / 60) == 10
    [line] = [line for line in printed(work).splitlines() if line.startswith(f"{work.database} ")]
    assert "10 min" in line
    assert "Another tool's log backups count up to" in line
    assert "their files were not looked for" in line

    assert taken.path is not None
    work.server.files.remove(taken.path)
    view = listed(work)
    assert (view.exposure_s, view.logs_until) == (None, None), "the logs are of no use without their full"


def test_behind_a_gap_the_logs_of_another_tool_lessen_nothing(work: Work) -> None:
    work.profile()
    work.succeeds()
    for name in ("first.trn", "later.trn", "last.trn"):
        agent_backs_up_the_log(work, name)
    age(work, 5, 10, 25, 40)
    del work.server.history.backups[-2]
    assert lost_minutes(listed(work)) == 25
    del work.server.history.backups[-2]
    view = listed(work)
    assert (lost_minutes(view), view.logs_until) == (40, None)


def test_logs_that_follow_a_full_of_another_tool_do_not_lessen_what_is_lost_without_that_full(work: Work) -> None:
    """They do not give back what was between our full and the other one."""
    work.profile()
    work.succeeds()
    path = f"{work.directory}\\theirs.bak"
    others.take_full(work.server, work.database, path)
    for number in range(4):
        client = Client(work.server)
        client.done(
            f"BACKUP DATABASE [{work.database}] TO DISK = N'{work.directory}\\theirs{number}.dif' WITH DIFFERENTIAL"
        )
        client.close()
    agent_backs_up_the_log(work, "first.trn")
    age(work, 10, 11, 12, 13, 14, 30, 40)
    assert lost_minutes(listed(work)) == 10
    work.server.files.remove(path)
    view = listed(work)
    assert (lost_minutes(view), view.logs_until) == (40, None)
    assert any(finding.cause is Cause.BASE_MISSING for finding in view.verdict.findings)
    assert {one.kind for one in work.product.ops.media.read(f"{work.directory}\\theirs3.dif", "srv")} == {
        BackupKind.DIFFERENTIAL
    }


@pytest.mark.parametrize(
    "place", ["https://backups.example.com/box/theirs.bak", "{6F5A3D14-2A5B-4C53-9E3F-0F6A2B1C7D11}1"]
)
def test_a_backup_by_url_or_through_a_virtual_device_is_told_as_elsewhere_and_not_as_none(
    work: Work, place: str
) -> None:
    work.profile()
    record = others.take_full(work.server, work.database, f"{work.directory}\\theirs.bak")
    media_set = replace(record.media_set, paths=(place,))
    work.server.history.media_sets[-1] = media_set
    work.server.history.backups[-1] = replace(record, media_set=media_set)
    verdict = listed(work).verdict
    causes = {finding.cause for finding in verdict.findings}
    assert Cause.ELSEWHERE in causes
    assert not causes & {Cause.NEVER_BACKED_UP, Cause.FILES_GONE}
    assert verdict.protection is not Protection.PROTECTED
    assert "lies elsewhere" in printed(work)


def test_a_share_that_is_away_makes_no_backup_gone(work: Work) -> None:
    share("\\\\far\\away")(work)
    work.profile(directory="\\\\far\\away\\sql")
    work.succeeds()
    volume = work.server.files.volume_of("\\\\far\\away\\sql")
    assert volume is not None
    work.server.files.volumes.remove(volume)
    view = listed(work)
    causes = {finding.cause for finding in view.verdict.findings}
    assert Cause.PLACE_UNKNOWN in causes
    assert not causes & {Cause.NEVER_BACKED_UP, Cause.FILES_GONE}
    assert view.verdict.protection is not Protection.PROTECTED


def test_a_set_that_failed_its_verification_and_could_not_be_deleted_protects_nothing(work: Work) -> None:
    work.profile()
    work.server.faults.on(
        "RESTORE VERIFYONLY", containing=work.directory, raise_=[said(3189, 1, 1), said(3013, "VERIFY DATABASE")]
    )
    databases = {work.database: {"db_backupoperator"}, "msdb": {"db_datareader"}}
    account(roles=set(), grants=READER, databases=databases)(work)
    try:
        item = work.item()
    finally:
        strong(work)
    assert item.status is RunStatus.FAILED
    assert work.media(), "the file is still there"
    view = listed(work)
    assert (view.last_full_at, view.exposure_s) == (None, None)
    assert view.verdict.protection is Protection.UNPROTECTED
    assert Cause.FAILED_ITEM in {finding.cause for finding in view.verdict.findings}
