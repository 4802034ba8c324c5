"""A damaged database is held against it, whoever finds it and whatever dies in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from pwsops.catalogue import damage as known_damage
from pwsops.catalogue import runs
from pwsops.engines.sqlserver import damage, verify
from pwsops.operations.records import RunView
from pwsops.rules.model import BackupKind, RunStatus
from pwsops.rules.protection import Cause
from tests.integration.sqlserver.product.home import Work


class Died(BaseException):
    """Stands for the end of the process."""


def dies(*given: object, **more: object) -> NoReturn:
    raise Died


def known(work: Work) -> list[str]:
    with work.product.ops._core.catalogue.read() as connection:
        found = known_damage.known(connection)
    return [one.found for (_, database), one in found.items() if database == work.database]


def causes(work: Work) -> list[Cause]:
    work.product.ops.databases.list("srv")
    (verdict,) = [one for one in work.product.ops.databases.verdicts() if one.database == work.database]
    return [one.cause for one in verdict.findings]


def killed(work: Work) -> int:
    """Run until the process dies; give the run."""
    core = work.product.ops._core
    run_id: int = work.product.ops.runs._queue(work.name, None, owner=core.liveness.token)
    with pytest.raises(Died):
        core.runner.execute(run_id)
    return run_id


def settled(work: Work, run_id: int) -> RunView:
    work.product.ops._core.runner.reconcile_now()
    return work.product.ops.runs.get(run_id)


def test_a_page_that_the_server_came_upon_is_held_against_the_database_until_a_full_is_whole(work: Work) -> None:
    work.profile(incremental=True)
    work.succeeds()
    work.on_server.suspect_page = 77
    failed = work.item(BackupKind.FULL)
    assert "page 77" in failed.error
    assert ["page 77" in one for one in known(work)] == [True]
    assert work.item().kind is BackupKind.DIFFERENTIAL
    assert Cause.DATABASE_DAMAGED in causes(work)
    work.on_server.suspect_page = None
    work.succeeds(BackupKind.FULL)
    assert known(work) == []
    assert Cause.DATABASE_DAMAGED not in causes(work)


def test_a_page_whose_checksum_fails_is_held_against_the_database(work: Work) -> None:
    work.profile()
    work.on_server.damaged_page = 78
    assert work.item().status is RunStatus.FAILED
    assert len(known(work)) == 1


def test_a_set_whose_file_is_damaged_is_not_taken_over_from_a_dead_process(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.profile()
    honest = verify.prove

    def spoils(link: object, found: Any, *more: object, **options: object) -> NoReturn:
        work.server.files.damage(found.path)
        raise Died

    monkeypatch.setattr(verify, "prove", spoils)
    run_id = killed(work)
    monkeypatch.setattr(verify, "prove", honest)
    (item,) = settled(work, run_id).items
    assert item.status is RunStatus.FAILED
    assert "whether it was finished, and is whole, could not be told" in item.error
    with work.product.ops._core.catalogue.read() as connection:
        later = work.product.ops._core.clock.now() + timedelta(days=1)
        assert [one["run_id"] for one in runs.to_look_at_again(connection, later)] == [run_id]
    assert Cause.FAILED_ITEM in causes(work)


def spoil_before(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.on_server.suspect_page = 77
    monkeypatch.setattr(damage, "error", dies)


def spoil_meanwhile(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    honest, asked = damage.known, []

    def known_pages(link: Any, database: str) -> Any:
        asked.append(database)
        if len(asked) == 2:
            work.on_server.suspect_page = 77
            raise Died
        return honest(link, database)

    monkeypatch.setattr(damage, "known", known_pages)


@pytest.mark.parametrize("spoil", [spoil_before, spoil_meanwhile])
def test_a_set_of_a_damaged_database_is_not_taken_over_from_a_dead_process(
    work: Work, spoil: Callable[[Work, pytest.MonkeyPatch], None]
) -> None:
    work.profile(timestamp=False)
    good = work.succeeds()
    with pytest.MonkeyPatch.context() as patch:
        spoil(work, patch)
        run_id = killed(work)
    (item,) = settled(work, run_id).items
    assert (item.status, item.set_id) == (RunStatus.FAILED, None)
    assert "the database is damaged" in item.error
    assert len(known(work)) == 1
    assert Cause.DATABASE_DAMAGED in causes(work)
    work.assert_whole(good)
