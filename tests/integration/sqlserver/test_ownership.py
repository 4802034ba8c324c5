"""Only what is provably ours is ever replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from pwsops.engines.requests import Encryption
from pwsops.engines.sqlserver.targets import NAMES
from pwsops.errors import Conflict, EngineError, PwsopsError
from tests.integration.sqlserver.bench import Bench
from tests.standin.events import Said
from tests.standin.server.client import Client
from tests.standin.server.media import StoredSet
from tests.standin.server.messages import said

Change = Callable[[StoredSet, Bench], StoredSet]


def done(bench: Bench, statement: str) -> None:
    assert not Client(bench.server).ask(statement).errors


def spoil(bench: Bench, path: str, **fields: Any) -> None:
    """Let the last set of a file say something else of itself."""
    sets = bench.server.files.media(path).sets
    stored = sets[-1]
    assert stored is not None
    sets[-1] = replace(stored, **fields)


def assert_it_stays(bench: Bench, why: str, name: str = "v.bak") -> None:
    """Let the next run find another name, say why, and leave the file as it is, twice."""
    media = bench.server.files.media(bench.path(name))
    before = list(media.sets)
    for run in (7, 8):
        result = bench.overwrite(run)
        assert result.backup_set.path != bench.path(name)
        assert name not in [bench.engine.split(path)[1] for path in result.replaced]
        assert any(f"{name} stays as it is" in each.text and why in each.text for each in result.messages)
    assert bench.server.files.media(bench.path(name)).sets == before


FOREIGN: dict[str, tuple[dict[str, Any], str]] = {
    "of another server with a share in common": ({"server_name": "OTHER"}, "took on OTHER"),
    "of another tool": ({"description": "nightly"}, "it holds a backup of vault"),
    "without a description": ({"description": None}, "it holds a backup of vault"),
    "of another database": ({"database": "Vault2", "family": uuid4()}, "it holds a backup of Vault2"),
    "of the database as it was before a restore": ({"fork": uuid4()}, "before it was restored or made anew"),
    "of a database of that name that is gone": ({"family": uuid4()}, "before it was restored or made anew"),
}


@pytest.mark.parametrize(("fields", "why"), FOREIGN.values(), ids=FOREIGN.keys())
def test_a_file_that_is_not_provably_ours_is_never_replaced(bench: Bench, fields: dict[str, Any], why: str) -> None:
    bench.overwrite(1)
    spoil(bench, bench.path("v.bak"), **fields)
    assert_it_stays(bench, why)


def test_a_set_that_the_profile_is_not_known_to_have_taken_is_not_replaced(bench: Bench) -> None:
    bench.overwrite(1)
    bench.known.clear()
    assert_it_stays(bench, "not known to have taken")


def test_an_expiry_date_counts_though_format_ignores_it(bench: Bench) -> None:
    bench.overwrite(1)
    spoil(bench, bench.path("v.bak"), expires_at=bench.server.clock.now() + timedelta(days=9))
    assert_it_stays(bench, "is to be kept until")


def test_a_set_whose_expiry_date_is_over_may_be_replaced(bench: Bench) -> None:
    bench.overwrite(1)
    spoil(bench, bench.path("v.bak"), expires_at=bench.server.clock.now() - timedelta(days=9))
    assert list(bench.overwrite(2).replaced) == [bench.path("v.bak")]


@pytest.mark.parametrize("what", ["DATABASE", "LOG"])
def test_what_somebody_appended_to_our_file_is_not_lost_with_it(bench: Bench, what: str) -> None:
    bench.overwrite(1)
    done(bench, f"BACKUP {what} vault TO DISK = N'{bench.path('v.bak')}'")
    assert_it_stays(bench, "it holds a backup of vault")


@pytest.mark.parametrize(
    ("said_of_it", "why"),
    [
        (said(33111, "0xAB"), "certificate"),
        (said(3169, "17.00.1000", "16.00.4100"), "newer version"),
        (said(3241, "v.bak"), "is no backup"),
        (said(3201, "v.bak", "5(Access is denied.)"), "may not read"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_replaced(bench: Bench, said_of_it: Said, why: str) -> None:
    bench.overwrite(1)
    for label in ("HEADERONLY", "LABELONLY"):
        bench.server.faults.on(
            f"RESTORE {label}", containing="v.bak", raise_=[said_of_it, said(3013, f"RESTORE {label}")], times=None
        )
    assert_it_stays(bench, why)


def test_where_the_incarnation_cannot_be_seen_nothing_is_replaced(bench: Bench) -> None:
    bench.overwrite(1)
    bench.server.faults.on("SELECT", containing="database_recovery_status", raise_=[said(1205, 51, "lock")], times=None)
    assert_it_stays(bench, "which incarnation of vault it holds cannot be seen")


def test_each_stripe_is_looked_at(bench: Bench) -> None:
    bench.overwrite(1, stripes=2)
    done(bench, f"BACKUP DATABASE master TO DISK = N'{bench.path('x.bak')}'")
    theirs = bench.server.files.get(bench.path("x.bak"))
    assert theirs is not None
    bench.server.files.put(bench.path("v~2of2.bak"), theirs.size_bytes, theirs.content)
    for run in (2, 3):
        result = bench.overwrite(run, stripes=2)
        assert result.backup_set.path != bench.path("v~1of2.bak")
    kept = bench.server.files.get(bench.path("v~2of2.bak"))
    assert kept is not None
    assert kept.content is theirs.content


def test_names_that_differ_in_case_only_are_two_databases(bench: Bench) -> None:
    bench.server.add_database("other")
    bench.overwrite(1, file_name="V.BAK", database="other")
    bench.known.clear()
    result = bench.overwrite(2)
    assert result.backup_set.path == bench.path("v~2.bak")
    assert bench.engine.read_media(bench.path("V.BAK"))[0].database == "other"


def test_an_older_file_that_was_changed_meanwhile_is_not_deleted(bench: Bench) -> None:
    first = bench.overwrite(1).backup_set

    def append(*_: object) -> None:
        if bench.server.files.media(first.path).sets[1:] == []:
            done(bench, f"BACKUP DATABASE master TO DISK = N'{first.path}'")

    request = bench.request(
        file_name="v.bak", overwrite=True, replaceable=list(bench.known), description="pwsops run 2 (home)"
    )
    result = bench.engine.backup(request, on_progress=append)
    assert not result.replaced
    assert any("stays until it is overwritten" in each.text for each in result.messages)
    assert len(bench.engine.read_media(first.path)) == 2


def test_an_unfinished_file_of_ours_makes_way_for_the_next_run(bench: Bench) -> None:
    least = bench.engine_with(roles={"dbcreator"})
    for run in (1, 2, 3):
        bench.fail("BACKUP DATABASE", said(3202, "x", "112(full)"), said(3013, "BACKUP DATABASE"), after_messages=5)
        with pytest.raises(EngineError, match="is full") as full:
            bench.overwrite(run, least)
        assert "v.bak" in full.value.hint
    assert bench.overwrite(4, least).backup_set.path == bench.path("v.bak")
    assert len(bench.engine.browse(bench.directory)) == 1


def test_the_last_backup_is_not_written_over_where_no_other_name_is_left(bench: Bench) -> None:
    for number in range(1, NAMES):
        path = bench.path("v.bak" if number == 1 else f"v~{number}.bak")
        done(bench, f"BACKUP DATABASE master TO DISK = N'{path}'")
    good = bench.overwrite(1).backup_set
    assert good.path == bench.path(f"v~{NAMES}.bak")
    with pytest.raises(Conflict, match=rf"no second name to go to: .*v~{NAMES}\.bak has the last one"):
        bench.overwrite(2)
    assert len(bench.sent("BACKUP DATABASE [vault]")) == 1
    bench.engine.verify(good)
    # One of which nothing can be restored is no loss.
    assert bench.overwrite(3, lost=[good.set_id]).backup_set.path == good.path


def test_a_good_backup_is_not_written_over_before_one_that_is_known_to_be_lost(bench: Bench) -> None:
    least = bench.engine_with(roles={"dbcreator"})  # it deletes nothing, so that two files stay
    good, bad = (bench.overwrite(run, least).backup_set for run in (1, 2))
    bench.server.files.damage(bad.path)
    bench.fail("BACKUP DATABASE", said(3202, "x", "112(full)"), said(3013, "BACKUP DATABASE"), after_messages=5)
    with pytest.raises(EngineError, match="is full"):
        bench.overwrite(3, least, lost=[bad.set_id])
    least.verify(good)
    assert bench.overwrite(4, least, lost=[bad.set_id]).backup_set.path == bad.path


def test_what_failed_to_be_written_over_by_mistake_is_not_deleted(bench: Bench) -> None:
    """The directory does not show a file that is there: the backup ends at it, and it stays."""
    bench.server.files.put(bench.path("one.bak"), 10)
    bench.server.files.denied.add(bench.path("one.bak"))
    with pytest.raises(PwsopsError):
        bench.take()
    assert bench.path("one.bak") in bench.server.files


def test_a_certificate_that_is_gone_hides_whose_a_set_is(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    first = bench.overwrite(1, encryption=Encryption(name="keeper")).backup_set
    bench.server.files.damage_header(first.path)
    result = bench.overwrite(2)
    assert not result.replaced
    assert first.path in bench.server.files
