"""What is told of the files of sets: seen, gone, or not to be seen. The last is never told as the second."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pwsops.engines.sqlserver import sighting
from pwsops.errors import EngineError
from pwsops.rules.model import BackupSet, MediaState
from tests.integration.sqlserver.bench import Bench, open_bench
from tests.standin import drivers
from tests.standin.server.messages import os_error, said

OLD = "13.0.5026.0"
SHARE = "\\\\nas\\backup"


def state(bench: Bench, backup_set: BackupSet, engine: object = None) -> MediaState:
    return (engine or bench.engine).look_for([backup_set])[backup_set.set_id].state  # type: ignore[attr-defined]


def series(bench: Bench, count: int) -> list[BackupSet]:
    """Return the set of one file and of others that look like it, the first the newest."""
    taken = bench.full("0.bak")
    file = bench.server.files.get(taken.path)
    assert file is not None
    for number in range(1, count):
        bench.server.files.put(bench.path(f"{number}.bak"), file.size_bytes, file.content)
    return [
        replace(
            taken, set_id=taken.set_id if number == 0 else str(number), path=bench.path(f"{number}.bak"),
            finished_at=taken.finished_at - timedelta(hours=number),
        )
        for number in range(count)
    ]  # fmt: skip


def test_a_set_is_there_where_its_file_says_so_at_its_position(bench: Bench) -> None:
    taken = bench.full()
    assert state(bench, taken) is MediaState.PRESENT
    assert state(bench, replace(taken, position=2)) is MediaState.OTHER
    assert state(bench, replace(taken, set_id="X")) is MediaState.OTHER


def test_a_file_that_is_gone_is_missing_also_to_a_login_that_may_not_list(driver: drivers.Driver) -> None:
    with open_bench(driver, version=OLD) as bench:
        kept, gone = bench.full("kept.bak"), bench.full("gone.bak", description="pwsops run 2 (home)")
        least = bench.engine_with()
        bench.server.files.remove(gone.path)
        for engine in (bench.engine, least):
            found = engine.look_for([kept, gone])
            assert found[kept.set_id].state is MediaState.PRESENT
            assert found[gone.set_id].state is MediaState.MISSING
            assert gone.path in found[gone.set_id].reason


def test_a_login_that_may_not_list_is_told_so_and_not_that_nothing_is_there(driver: drivers.Driver) -> None:
    with open_bench(driver, version=OLD) as bench:
        bench.full()
        with pytest.raises(EngineError, match="shows this login nothing") as hidden:
            bench.engine_with().browse(bench.directory)
        assert "sysadmin" in hidden.value.hint
        bench.server.files.make_directory(bench.path("empty"))
        assert bench.engine.browse(bench.path("empty")) == []
        with pytest.raises(EngineError, match="shows this login nothing"):
            bench.engine.browse(bench.path("nowhere"))


def test_a_share_that_is_away_is_not_empty(bench: Bench) -> None:
    bench.server.files.add_volume(SHARE)
    directory = SHARE + "\\sql"
    bench.server.files.make_directory(directory)
    taken = bench.take(directory=directory).backup_set
    assert state(bench, taken) is MediaState.PRESENT
    bench.server.files.remove(SHARE)
    bench.server.files.volumes.pop()
    found = bench.engine.look_for([taken])[taken.set_id]
    assert found.state is MediaState.UNKNOWN
    assert "does not see the directory" in found.reason


def test_a_file_that_cannot_be_opened_now_is_unknown(bench: Bench) -> None:
    taken = bench.full()
    said_of_it = [said(3201, taken.path, os_error(32)), said(3013, "RESTORE HEADERONLY")]
    bench.server.faults.on("RESTORE HEADERONLY", raise_=said_of_it)
    found = bench.engine.look_for([taken])[taken.set_id]
    assert (found.state, "in use" in found.reason) == (MediaState.UNKNOWN, True)


def test_each_file_is_opened_where_there_is_time(bench: Bench) -> None:
    sets = series(bench, 30)
    found = bench.engine.look_for(sets)
    assert found[sets[0].set_id].state is MediaState.PRESENT
    assert {found[one.set_id].state for one in sets[1:]} == {MediaState.OTHER}, "each holds the first one's set"


def test_of_a_file_that_was_not_opened_nothing_is_known_but_that_it_is_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sighting, "OPENING_S", 0.0)
    sets = series(bench, 30)
    bench.server.files.remove(sets[15].path)
    before = len(bench.sent("RESTORE HEADERONLY"))
    found = bench.engine.look_for(list(reversed(sets)))
    assert len(bench.sent("RESTORE HEADERONLY")) - before == 12, "those that were asked for first"
    assert found[sets[29].set_id].state is MediaState.OTHER
    assert found[sets[15].set_id].state is MediaState.MISSING, "which is known without opening it"
    assert not {one.set_id for one in (*sets[:15], *sets[16:18])} & set(found)


def test_a_set_whose_stripes_were_not_all_opened_is_not_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sighting, "OPENING_S", 0.0)
    monkeypatch.setattr(sighting, "FILES_OPENED", 2)
    taken = bench.full("s.bak", stripes=3)
    assert bench.engine.look_for([taken]) == {}
    bench.server.files.remove(bench.path("s~3of3.bak"))
    assert state(bench, taken) is MediaState.MISSING


def test_of_files_that_are_not_opened_a_login_without_sight_knows_nothing(
    driver: drivers.Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sighting, "OPENING_S", 0.0)
    with open_bench(driver, version=OLD) as bench:
        sets = series(bench, 14)
        found = bench.engine_with().look_for(sets)
        assert found[sets[0].set_id].state is MediaState.PRESENT
        assert found[sets[13].set_id].state is MediaState.UNKNOWN


def test_a_login_that_may_not_read_backup_files_knows_nothing_of_them(bench: Bench) -> None:
    sets = series(bench, 3)
    before = len(bench.sent("RESTORE HEADERONLY"))
    found = bench.engine_with(reads_media=False).look_for(sets)
    assert {each.state for each in found.values()} == {MediaState.UNKNOWN}
    assert "may not read backup files" in found[sets[0].set_id].reason
    assert len(bench.sent("RESTORE HEADERONLY")) == before + 1


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_set_with_a_missing_stripe_is_lost(bench: Bench, lost: int) -> None:
    taken = bench.full("s.bak", stripes=3)
    assert state(bench, taken) is MediaState.PRESENT
    bench.server.files.remove(bench.path(f"s~{lost}of3.bak"))
    assert state(bench, taken) is MediaState.MISSING
    (remembered,) = bench.engine.history()
    assert state(bench, remembered) is MediaState.MISSING


@pytest.mark.parametrize(
    "change",
    [{"device_type": 7}, {"device_type": 9}, {"device_type": 105}, {"is_snapshot": True}],
)
def test_what_lies_elsewhere_is_told_as_that(bench: Bench, change: dict[str, object]) -> None:
    taken = bench.full()
    elsewhere = replace(taken, details={**taken.details, **change})
    assert state(bench, elsewhere) is MediaState.ELSEWHERE
    assert state(bench, replace(taken, path="https://backups.example.com/x.bak")) is MediaState.ELSEWHERE
    assert state(bench, replace(taken, details={**taken.details, "device_type": 102})) is MediaState.PRESENT


def test_damage_that_shows_without_reading_is_told(bench: Bench) -> None:
    taken = bench.full()
    assert state(bench, replace(taken, details={**taken.details, "is_damaged": True})) is MediaState.DAMAGED
    media = bench.server.files.media(taken.path)
    stored = media.sets[0]
    assert stored is not None
    media.sets[0] = replace(stored, holds_damage=True)
    assert state(bench, taken) is MediaState.DAMAGED
    bench.server.files.damage_header(taken.path)
    assert state(bench, taken) is MediaState.DAMAGED


def test_a_server_that_cannot_be_asked_says_nothing_of_its_files(bench: Bench) -> None:
    taken = bench.full()
    bench.server.faults.on("RESTORE HEADERONLY", cut_after=0, times=None)
    with pytest.raises(EngineError) as lost:
        bench.engine.look_for([taken])
    assert lost.value.transient
