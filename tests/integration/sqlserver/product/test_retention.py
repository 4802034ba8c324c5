"""Policies on a SQL Server: the server deletes, if the login may."""

from __future__ import annotations

from pwsops.operations.retention import Action
from pwsops.rules.model import BackupKind, RunStatus
from tests.integration.sqlserver.product.home import Product, Work
from tests.integration.sqlserver.product.mishaps import READER, account, strong
from tests.standin.server.others import take_full

DIFFERENTIAL, FULL = BackupKind.DIFFERENTIAL, BackupKind.FULL


def test_what_a_policy_keeps_no_longer_goes_from_the_server(product: Product, work: Work) -> None:
    work.profile(incremental=True)
    old = [work.succeeds(), work.succeeds(DIFFERENTIAL)]
    new = [work.succeeds(FULL), work.succeeds(DIFFERENTIAL)]
    work.edit(keep_last=1)
    found = product.ops.retention.preview(work.name)
    assert {one.path: one.action for one in found.sets} == {
        **{item.path: Action.REMOVE for item in old},
        **{item.path: Action.KEEP for item in new},
    }
    done = product.ops.retention.prune(work.name)
    assert [one.path for one in done.having(Action.REMOVE)] == [item.path for item in reversed(old)]
    assert len(work.media()) == 2
    work.restores(new[1])


def test_a_login_that_may_not_delete_keeps_every_file_and_says_so_in_the_run(product: Product, work: Work) -> None:
    work.profile(incremental=False, keep_last=1)
    first = work.succeeds()
    granted = {work.database: {"db_backupoperator"}, "msdb": {"db_datareader"}}
    try:
        account(roles=set(), grants=READER, databases=granted)(work)
        second = work.item()
    finally:
        strong(work)
    assert second.status is RunStatus.SUCCEEDED
    [said] = [one.text for one in second.messages if one.text.startswith("Retained")]
    assert str(first.path) in said
    assert len(work.media()) == 2
    [shown] = product.ops.retention.preview(work.name).having(Action.RETAINED)
    assert shown.path == first.path
    assert "could not be deleted" in shown.reason
    done = product.ops.retention.prune(work.name)
    assert [one.path for one in done.having(Action.REMOVE)] == [first.path]
    assert len(work.media()) == 1


def test_a_file_that_holds_another_tool_s_backup_stays(product: Product, work: Work) -> None:
    work.profile(incremental=False)
    first, _ = work.succeeds(), work.succeeds()
    work.edit(keep_last=1)
    work.server.add_database(f"{work.database}-other")
    elsewhere = f"{work.directory}\\other.bak"
    take_full(work.server, f"{work.database}-other", elsewhere)
    other = work.server.files.get(elsewhere)
    assert other is not None
    work.server.files.put(str(first.path), other.size_bytes, other.content)
    product.ops.retention.prune(work.name)
    assert first.path is not None
    assert first.path.rpartition("\\")[2] in work.media()


def test_nothing_goes_while_the_newest_backup_is_not_seen(product: Product, work: Work) -> None:
    work.profile(incremental=False)
    _, newest = work.succeeds(), work.succeeds()
    work.edit(keep_last=1)
    work.server.files.remove(str(newest.path))
    found = product.ops.retention.prune(work.name)
    assert "was not seen" in found.hindrances[work.database]
    assert len(work.media()) == 1
