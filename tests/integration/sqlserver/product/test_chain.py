"""Whose full an incremental builds on, which databases can be backed up how, and files that are overwritten."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pwsops.errors import PwsopsError
from pwsops.rules.model import BackupKind, RunStatus
from tests.integration.sqlserver.product.home import ROWS, Product, Work, opened
from tests.standin.drivers import Driver
from tests.standin.server.client import Client
from tests.standin.server.others import take_full, take_snapshot

DIFFERENTIAL, FULL = BackupKind.DIFFERENTIAL, BackupKind.FULL
LATER = (3, "later")


def file_gone(work: Work) -> None:
    work.server.files.remove(work.path)


def file_damaged(work: Work) -> None:
    work.server.files.damage_header(work.path)


def file_is_another_backup(work: Work) -> None:
    elsewhere = f"{work.directory}\\other.bak"
    work.server.add_database(f"{work.database}-other")
    take_full(work.server, f"{work.database}-other", elsewhere)
    other = work.server.files.get(elsewhere)
    assert other is not None
    work.server.files.put(work.path, other.size_bytes, other.content)


BASES: dict[str, tuple[Callable[[Work], object], str]] = {
    "another tool's": (
        lambda work: take_full(work.server, work.database, f"{work.directory}\\nightly.bak"),
        r"another tool took a full backup on .* by CORP\\nightly .*nightly\.bak",
    ),
    "a snapshot": (lambda work: take_snapshot(work.server, work.database), "a snapshot of the server's disks"),
    "gone": (file_gone, "its base is not to be had"),
    "damaged": (file_damaged, "its base is not to be had"),
    "overwritten": (file_is_another_backup, "its base is not to be had"),
    "none": (
        lambda work: setattr(work.on_server, "base", None),
        "the server has no full backup of the database to build on",
    ),
}


@pytest.mark.parametrize(("happens", "reason"), BASES.values(), ids=BASES.keys())
def test_where_the_base_is_of_no_use_the_next_incremental_is_full_and_says_why(
    work: Work, happens: Callable[[Work], object], reason: str
) -> None:
    work.profile(incremental=True)
    first = work.succeeds()
    assert first.path is not None
    work.path = first.path
    work.on_server.write_rows([LATER])
    happens(work)
    item = work.succeeds(DIFFERENTIAL)
    assert item.kind is FULL
    assert re.search(reason, item.reason), item.reason
    work.restores(item, [*ROWS, LATER])
    after = work.succeeds(DIFFERENTIAL)
    assert (after.kind, work.set_of(after).base_id) == (DIFFERENTIAL, item.set_id)


def test_an_incremental_builds_on_the_full_of_another_profile(work: Work) -> None:
    work.profile(incremental=True)
    work.profile("weekly " + work.name)
    work.succeeds()
    base = work.succeeds(FULL, "weekly " + work.name)
    work.on_server.write_rows([LATER])
    item = work.succeeds(DIFFERENTIAL)
    assert (item.kind, item.reason) == (DIFFERENTIAL, "")
    assert work.set_of(item).base_id == base.set_id
    work.restores(item, [*ROWS, LATER])


def test_a_copy_that_somebody_takes_disturbs_nothing(work: Work) -> None:
    work.profile(incremental=True)
    base = work.succeeds()
    Client(work.server).done(
        f"BACKUP DATABASE [{work.database}] TO DISK = N'{work.directory}\\copy.bak' WITH COPY_ONLY"
    )
    item = work.succeeds(DIFFERENTIAL)
    assert item.kind is DIFFERENTIAL
    assert work.set_of(item).base_id == base.set_id


@pytest.mark.parametrize("model", ["SIMPLE", "FULL", "BULK_LOGGED"])
def test_every_recovery_model_has_fulls_and_incrementals(work: Work, model: str) -> None:
    work.on_server.recovery_model = model
    work.profile(incremental=True)
    work.succeeds()
    work.on_server.write_rows([LATER])
    item = work.succeeds(DIFFERENTIAL)
    assert item.kind is DIFFERENTIAL
    work.restores(item, [*ROWS, LATER])


def test_a_log_that_nobody_backs_up_is_pointed_out_with_its_size_and_what_to_do(work: Work) -> None:
    def warnings() -> str:
        [view] = [one for one in work.product.ops.databases.list("srv") if one.name == work.database]
        return " ".join(view.warnings)

    assert "Nobody has backed up its log" in warnings()
    assert "MB" in warnings()
    assert "change the recovery model to SIMPLE" in warnings()
    work.on_server.recovery_model = "SIMPLE"
    assert warnings() == ""


def test_a_read_only_database_is_backed_up(work: Work) -> None:
    work.on_server.read_only = True
    work.profile()
    work.succeeds()


def test_master_is_always_full_and_says_why(work: Work) -> None:
    work.profile(databases=["master"], incremental=True)
    work.succeeds()
    item = work.succeeds(DIFFERENTIAL)
    assert item.kind is FULL
    assert "full backups of master only" in item.reason


def test_a_secondary_copy_is_refused_with_where_to_go(work: Work) -> None:
    work.on_server.replica_role = "SECONDARY"
    work.profile()
    item = work.item()
    assert item.status is RunStatus.FAILED
    assert "secondary copy in the availability group" in item.error
    assert "primary" in item.hint


def test_tempdb_is_in_no_list_and_in_no_profile(work: Work) -> None:
    assert "tempdb" not in [one.name for one in work.product.ops.databases.list("srv")]
    with pytest.raises(PwsopsError, match="tempdb"):
        work.profile(databases=["tempdb"])


def test_a_broken_database_fails_alone(work: Work) -> None:
    other = Work(work.product, f"{work.name}-too")
    work.profile(databases=[work.database, other.database])
    work.on_server.state = "OFFLINE"
    run = work.run()
    assert [item.status for item in run.items] == [RunStatus.FAILED, RunStatus.SUCCEEDED]
    assert run.status is RunStatus.FAILED
    assert "1 of 2 failed" in run.summary
    work.assert_whole(run.items[1])


NAMES = ("it's [odd]] ", "Zeile\nzwei", "\U0001f5c4 archive", "x" * 128, "a;b--c/*d*/", "100%_.bak")


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_database_is_called_it_is_backed_up_and_restored(product: Product, name: str) -> None:
    work = Work(product, name, directory="D:\\It's a ]place[ \U0001f5c4")
    for number, timestamp in enumerate((True, False)):
        profile = f"{NAMES.index(name)}-{timestamp}"
        work.profile(profile, timestamp=timestamp, incremental=True)
        work.succeeds(FULL, profile)
        work.on_server.write_rows([(10 + number, "later")])
        rows = work.on_server.read_rows()
        item = work.succeeds(DIFFERENTIAL, profile)
        assert item.kind is DIFFERENTIAL
        work.restores(item, rows)


PLACES = [
    ("posix", "/", "/backup/it's here"),
    ("windows", "\\\\nas\\share", "\\\\nas\\share\\sql"),
    ("windows", "E:\\", "E:\\"),
]


@pytest.mark.parametrize(("flavour", "volume", "directory"), PLACES, ids=["Linux", "a share", "the root of a drive"])
def test_wherever_the_server_has_its_directory_backups_go_there_and_come_back(
    tmp_path: Path, driver: Driver, flavour: str, volume: str, directory: str
) -> None:
    with opened(tmp_path, driver, flavour=flavour) as product:
        if not product.server.files.is_directory(volume):
            product.server.files.add_volume(volume)
        work = Work(product, "vault", directory=directory)
        work.profile(incremental=True)
        work.succeeds()
        work.on_server.write_rows([LATER])
        work.restores(work.succeeds(DIFFERENTIAL), [*ROWS, LATER])
        assert [name[:10] for name in work.media()] == ["vault_DIFF", "vault_FULL"]


# Overwriting


def whole_sets(work: Work) -> int:
    """Count the files that a restore could use at this very moment."""
    files = [f"{work.directory}\\{name}" for name in work.media()]
    media = [work.server.files.media(path) for path in files]
    return sum(one.sets[-1] is not None and not one.damaged and not one.header_damaged for one in media)


def test_while_a_backup_is_overwritten_there_is_a_whole_one_at_every_moment(shaped_work: Work) -> None:
    work = shaped_work
    work.profile(timestamp=False)
    work.succeeds()
    seen: list[int] = []
    work.product.overhearing.watch = lambda: seen.append(whole_sets(work))
    try:
        for number in range(3):
            work.on_server.write_rows([(10 + number, "newer")])
            newer = work.succeeds()
            assert len(work.media()) == 1, "the older is gone when the newer is proven"
    finally:
        work.product.overhearing.watch = lambda: None
    assert len(seen) > 3 * 103
    assert min(seen) >= 1
    work.restores(newer, [*ROWS, (10, "newer"), (11, "newer"), (12, "newer")])


@pytest.mark.parametrize("after", [0, 50, 101])
def test_a_backup_that_is_cut_off_never_costs_the_one_it_would_replace(shaped_work: Work, after: int) -> None:
    work = shaped_work
    work.profile(timestamp=False)
    for _ in range(2):  # the second time the other of the two files is the older
        older = work.succeeds()
        work.server.faults.cut(after=after, times=3)
        assert work.item().status is RunStatus.FAILED
        work.server.faults.clear()
        work.assert_whole(older)
        work.restores(older)
    work.succeeds()
    assert len(work.media()) == 3, "what was taken before a restore is of another incarnation, and never replaced"
