"""A file is ours by what is inside: what a backup may take the place of, and what stays."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pwsops import foreign
from pwsops.engines.requests import BackupResult, RestoreRequest
from pwsops.engines.sqlite import birth, files, publishing, sweeping
from pwsops.engines.sqlite import place as placing
from pwsops.engines.sqlite.identity import recorded
from pwsops.engines.sqlite.layout import Envelope
from pwsops.engines.sqlite.media import Media
from pwsops.engines.sqlite.publishing import Changed, Lock
from pwsops.errors import Conflict, MediaError
from pwsops.rules.model import BackupSet
from pwsops.rules.naming import ALTERNATIVES
from tests.integration.sqlite.support import Place, query


def over(place: Place, *former: BackupSet, **more: Any) -> BackupResult:
    """Take a full without a date in its name; only `former` may go for it."""
    return place.take("one.bak", overwrite=True, replaceable=former, **more)


def names(place: Place) -> list[str]:
    return place.left_in_media()


def texts(result: BackupResult) -> str:
    return " ".join(message.text for message in result.messages)


def test_an_older_set_of_ours_goes_for_the_new_one(place: Place) -> None:
    place.vault()
    first = over(place).backup_set
    second = over(place, first)
    assert "stays as it is" not in texts(second)
    assert names(place) == ["one.bak"]
    assert place.engine.read_media(first.path) == [second.backup_set]


def test_a_set_that_the_catalogue_does_not_know_stays_and_the_next_run_finds_its_own_again(place: Place) -> None:
    place.vault()
    theirs = over(place, description="pwsops run 1 (another home)").backup_set
    ours = over(place)
    assert ours.backup_set.path == str(place.media / "one~2.bak")
    assert "one.bak stays as it is: it holds a full of db.sqlite3" in texts(ours)
    assert "'pwsops run 1 (another home)', which this profile did not take" in texts(ours)
    assert "was written as" in texts(ours)
    again = over(place, ours.backup_set).backup_set
    assert again.path == ours.backup_set.path
    assert names(place) == ["one.bak", "one~2.bak"]
    assert place.engine.read_media(theirs.path) == [theirs]


def stranger(path: Path) -> None:
    path.write_text("precious")


def damaged(path: Path) -> None:
    path.write_bytes(b"PWSOPS\x1a\x01 and then something else")


def link(path: Path) -> None:
    (path.parent.parent / "precious.txt").write_text("precious")
    path.symlink_to(path.parent.parent / "precious.txt")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (stranger, "it is not one of our backups|is not one of our backups"),
        (damaged, "is damaged"),
        (link, "it is a symbolic link"),
        (Path.mkdir, "it is a directory"),
        (os.mkfifo, "it is a pipe"),
        (Path.touch, "is empty"),
    ],
)
def test_whatever_else_has_the_name_stays_and_is_named(place: Place, make: Callable[[Path], object], what: str) -> None:
    place.vault()
    path = place.media / "one.bak"
    make(path)
    before = os.lstat(path)
    taken = over(place)
    assert taken.backup_set.path == str(place.media / "one~2.bak")
    assert any(word in texts(taken) for word in what.split("|"))
    assert os.lstat(path).st_ino == before.st_ino
    place.engine.verify(taken.backup_set)


def test_a_set_of_another_database_stays_even_where_it_is_said_to_be_replaceable(place: Place) -> None:
    place.vault()
    place.vault("other.sqlite3")
    other = over(place, database="other.sqlite3").backup_set
    taken = over(place, other)
    assert "of another database" in texts(taken)
    assert taken.backup_set.path != other.path


def test_a_dated_name_that_is_taken_is_refused(place: Place) -> None:
    place.vault()
    first = place.take().backup_set
    with pytest.raises(Conflict, match="exists already"):
        place.take(replaceable=[first])
    assert place.engine.read_media(first.path) == [first]


def recreate(path: Path) -> None:
    """What an application does that finds no database: it makes one with its tables, and goes on."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    query(path, "CREATE TABLE t (x)")


def test_the_last_backup_of_a_database_that_was_created_anew_is_never_replaced(place: Place) -> None:
    path = place.path()
    query(path, "CREATE TABLE t (x)")
    query(path, "INSERT INTO t VALUES ('precious')")
    good = over(place).backup_set
    recreate(path)
    anew = over(place, good)
    assert anew.backup_set.path == str(place.media / "one~2.bak")
    assert "the last backup of what db.sqlite3 held before" in texts(anew)
    assert "created anew since" in texts(anew) or "went back from" in texts(anew)
    later = over(place, good, anew.backup_set)
    assert later.backup_set.path == anew.backup_set.path
    place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[good]))
    assert query(path, "SELECT x FROM t") == [("precious",)]


def test_a_counter_that_went_back_is_enough_where_no_file_tells_its_birth(place: Place) -> None:
    path = place.path()
    query(path, "CREATE TABLE t (x)")
    for number in range(5):
        query(path, f"INSERT INTO t VALUES ({number})")
    good = over(place).backup_set
    wanted = wanted_name(place, good)
    for traces in (FUTURE, None):
        free = placing.look(good.path, wanted, source_now(traces))
        assert free is not None
        assert (free.set_id, free.why_kept) == (good.set_id, "")
    kept = placing.look(good.path, wanted, source_now(PAST))
    assert kept is not None
    assert "change counter went back from" in kept.why_kept


PAST, FUTURE = placing.Traces(changes=1, schema=1), placing.Traces(changes=10**6, schema=10**6)


def source_now(shown: placing.Traces | None = None) -> placing.Source:
    """A database whose file system tells no birth, and whose contents are those of any other."""
    origin = placing.Origin(inode=1, born_at=None, traces=shown)
    return placing.Source(database="db.sqlite3", origin=origin, is_checked=True, unlike=lambda *asked: "")


def wanted_name(place: Place, *former: BackupSet, overwrite: bool = True) -> placing.NameRequest:
    return placing.NameRequest(
        directory=str(place.media),
        file_name="one.bak",
        key="0" * 16,
        token="1" * 32,
        overwrite=overwrite,
        replaceable={one.set_id: placing.Former(recorded(one), None, False) for one in former},
    )


def test_the_pile_is_bounded_and_its_end_is_an_error_that_names_what_is_in_the_way(place: Place) -> None:
    place.vault()
    for _ in range(ALTERNATIVES):
        over(place)
    with pytest.raises(Conflict, match=f"All {ALTERNATIVES} names .*one~9.bak stays as it is") as refused:
        over(place)
    assert "Delete or move" in refused.value.hint
    assert len(names(place)) == ALTERNATIVES


def test_an_encrypted_or_copied_backup_shows_less_and_is_judged_by_what_it_shows(place: Place) -> None:
    place.vault()
    full = place.take("full.bak").backup_set
    query(place.path(), "UPDATE ciphers SET user = 'x'")
    with Media(full.path) as media:
        assert placing._first_page(media) is not None
    incremental = place.take("incremental.bak", base=full).backup_set
    with Media(incremental.path) as media:
        media.header = replace(media.header, encryption=Envelope(thumbprint="AB", subject="CN=x", wrapped_key=""))
        assert placing._first_page(media) is None


def test_a_name_that_is_taken_between_the_look_and_the_step_is_left_for_the_next(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.vault()
    former = over(place).backup_set
    source = source_now()
    monkeypatch.setattr(placing, "look", lambda path, wanted, source: None)
    temp = place.media / "temp"
    temp.write_text("ours")
    said: list[str] = []
    found = placing.publish(str(temp), wanted_name(place, former), source, said.append)
    assert found == str(place.media / "one~2.bak")
    assert "another program put a file there at this moment" in said[-1]
    temp.write_text("ours again")
    with pytest.raises(Conflict, match="exists already"):
        placing.publish(str(temp), wanted_name(place, former, overwrite=False), source, said.append)
    stale = placing.Occupant(facts=os.lstat(temp), set_id=former.set_id)
    monkeypatch.setattr(placing, "look", lambda path, wanted, source: stale)
    # Another file has each of the two names; what had the third one was removed since.
    found = placing.publish(str(temp), wanted_name(place, former), source, said.append)
    assert found == str(place.media / "one~3.bak")
    assert said[-1].count("another run put its backup there at this moment") == 2
    assert place.engine.read_media(former.path) == [former]


def test_a_look_at_a_file_that_changes_or_cannot_be_read_keeps_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.vault()
    former = over(place).backup_set
    source = replace(source_now(), database="another")

    def kept(wanted: placing.NameRequest) -> str:
        found = placing.look(former.path, wanted, source)
        assert found is not None
        return found.why_kept

    assert "names with a date" in kept(wanted_name(place, former, overwrite=False))
    assert "of another database" in kept(wanted_name(place, former))
    with monkeypatch.context() as patched:
        patched.setattr(Media, "is_at", lambda self, path: False)
        assert "replaced while it was looked at" in kept(wanted_name(place, former))
        patched.setattr(Media, "is_at", no_swap)
        assert "cannot be looked at" in kept(wanted_name(place, former))


# At the same instant -----------------------------------------------------------------------------------------------


def test_two_homes_that_publish_one_name_at_once_both_keep_their_backup(place: Place) -> None:
    place.vault()
    results: list[BackupResult] = []
    ready = threading.Barrier(4)

    def take(home: str) -> None:
        ready.wait(30)
        results.append(over(place, description=f"pwsops run 1 ({home})"))

    threads = [threading.Thread(target=take, args=(f"home {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert names(place) == ["one.bak", "one~2.bak", "one~3.bak", "one~4.bak"]
    for result in results:
        assert place.engine.read_media(result.backup_set.path) == [result.backup_set]


def three(place: Place) -> tuple[str, str, str, str]:
    """Lay the file of another home where ours is expected, and a finished one of ours."""
    temp, final, aside, other = (str(place.media / name) for name in ("temp", "final", ".aside", "other"))
    for path in (temp, final, other):
        Path(path).write_text(path)
    return temp, final, aside, other


def test_what_somebody_else_published_since_the_look_comes_back_and_ours_is_kept(place: Place) -> None:
    temp, final, aside, other = three(place)
    looked_at = os.lstat(final)
    os.replace(other, final)
    with pytest.raises(Changed):
        publishing.replace(temp, final, looked_at, aside, Lock.NONE, print)
    assert (Path(final).read_text(), Path(temp).read_text()) == (other, temp)
    assert sorted(os.listdir(place.media)) == ["final", "temp"]


def no_swap(*given: str, **more: object) -> None:
    raise OSError(errno.EINVAL, "no swap here")


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("lock", Lock)
def test_without_a_swap_of_names_a_lock_does_it_and_without_both_that_is_said(
    place: Place, monkeypatch: pytest.MonkeyPatch, lock: Lock, links: bool
) -> None:
    monkeypatch.setattr(foreign, "exchange", no_swap)
    if not links:
        monkeypatch.setattr(foreign, "link", no_swap)
    temp, final, aside, other = three(place)
    said: list[str] = []
    if lock is Lock.BUSY:
        with pytest.raises(Changed):
            publishing.replace(temp, final, os.lstat(final), aside, lock, said.append)
        assert (Path(final).read_text(), Path(temp).read_text()) == (final, temp)
        return
    publishing.replace(temp, final, os.lstat(final), aside, lock, said.append)
    assert Path(final).read_text() == temp
    assert sorted(os.listdir(place.media)) == ["final", "other"]
    assert any("without locks and without a swap" in text for text in said) is (lock is Lock.NONE)
    Path(temp).write_text("next")
    with pytest.raises(Changed):
        publishing.replace(temp, final, os.lstat(other), aside, lock, said.append)
    assert Path(final).read_text() == temp


def test_where_nothing_but_a_rename_works_a_name_is_reserved_first(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "link", no_swap)
    monkeypatch.setattr(foreign, "rename_new", no_swap)
    temp, final, _, other = three(place)
    with pytest.raises(FileExistsError):
        publishing.new(temp, final, print)
    os.unlink(final)
    publishing.new(temp, final, print)
    assert Path(final).read_text() == temp
    monkeypatch.setattr(foreign, "replace", no_swap)
    with pytest.raises(OSError, match="no swap"):
        publishing.new(other, temp, print)
    assert sorted(os.listdir(place.media)) == ["final", "other"]


def test_a_lock_that_is_held_is_waited_for_and_one_that_stays_is_busy(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "WAIT_S", 0.05)
    with publishing.locked(str(place.media)) as first:
        assert first is Lock.HELD
        with publishing.locked(str(place.media)) as second:
            assert second is Lock.BUSY
    with publishing.locked(str(place.media)) as third:
        assert third is Lock.HELD
    with publishing.locked("/proc/self") as none:
        assert none is Lock.NONE
    assert names(place) == []


# What a crash leaves -----------------------------------------------------------------------------------------------


def test_what_a_crash_left_under_the_name_of_a_former_backup_goes_only_where_it_may(place: Place) -> None:
    place.vault()
    old, mine, theirs = (
        place.take(name, description=f"pwsops run {number}").backup_set
        for number, name in enumerate(("old.bak", "mine.bak", "theirs.bak"), start=1)
    )
    key = files.key("db.sqlite3", "pwsops run 2")
    for number, one in enumerate((old, mine, theirs)):
        os.rename(one.path, place.media / files.former_name(key, f"{number}" * 32, old.set_id))
    (place.media / files.former_name(key, "9" * 32, old.set_id)).write_text("whatever")
    assert sweeping.sweep(str(place.media), key=key) == []
    assert names(place) == [files.former_name(key, "9" * 32, old.set_id), "db.sqlite3_FULL.bak"]
    assert [one.set_id for one in place.engine.read_media(str(place.media / "db.sqlite3_FULL.bak"))] == [theirs.set_id]


def test_a_file_that_is_restored_from_is_compared_with_the_record(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    query(path, "DELETE FROM ciphers")
    for forged, why in (
        (replace(taken, details={**taken.details, "digest": "0" * 64}), "not the ones that were recorded"),
        (replace(taken, thumbprint="AB" * 20), "not encrypted for the certificate that was recorded"),
        (replace(taken, set_id="another"), "another backup"),
    ):
        with pytest.raises(MediaError, match=why):
            place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[forged]))
        with pytest.raises(MediaError, match=why):
            place.engine.verify(forged)
    assert query(path, "SELECT count(*) FROM ciphers") == [(0,)]


# Ends that are true ------------------------------------------------------------------------------------------------


def test_what_fails_after_a_file_has_its_name_is_said_and_no_failure(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    temp, final, *_ = three(place)
    os.unlink(final)
    said: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(foreign, "unlink", no_swap)
        patched.setattr(files, "sync_directory", no_swap)
        publishing.new(temp, final, said.append)
    assert Path(final).read_text() == temp
    assert [any(word in text for text in said) for word in ("could not be removed", "could not be synced")] == [
        True
    ] * 2


def test_an_answer_that_was_lost_on_the_way_is_found_by_looking(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    link, exchange = foreign.link, foreign.exchange

    def done_and_then(call: Callable[..., object]) -> Callable[..., None]:
        def failing(*given: object, **more: object) -> None:
            call(*given, **more)
            raise OSError(errno.EIO, "the answer was lost")

        return failing

    monkeypatch.setattr(foreign, "link", done_and_then(link))
    monkeypatch.setattr(foreign, "exchange", done_and_then(exchange))
    temp, final, aside, other = three(place)
    os.unlink(final)
    publishing.new(temp, final, print)
    publishing.replace(other, final, os.lstat(final), aside, Lock.HELD, print)
    assert Path(final).read_text() == other
    assert sorted(os.listdir(place.media)) == ["final"]


def test_a_swap_that_fails_for_another_reason_leaves_both_where_they_were(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: str) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(foreign, "exchange", broken)
    temp, final, aside, _ = three(place)
    with pytest.raises(OSError, match="broken"):
        publishing.replace(temp, final, os.lstat(final), aside, Lock.HELD, print)
    assert (Path(temp).read_text(), Path(final).read_text()) == (temp, final)
    monkeypatch.setattr(foreign, "exchange", no_swap)
    monkeypatch.setattr(foreign, "replace", broken)
    with pytest.raises(OSError, match="broken"):
        publishing.replace(temp, final, os.lstat(final), aside, Lock.HELD, print)
    assert (Path(temp).read_text(), Path(final).read_text()) == (temp, final)
    assert sorted(os.listdir(place.media)) == ["final", "other", "temp"]


def test_where_locks_do_not_work_a_file_that_was_written_to_lately_is_alive(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", no_swap)
    path = place.media / files.temp_name("backup", "0" * 16, "1" * 32)
    path.touch()
    assert sweeping.sweep(str(place.media), key="0" * 16) == [str(path)]
    os.utime(path, (1, 1))
    assert sweeping.sweep(str(place.media), key="0" * 16) == []
    assert names(place) == []
    assert not sweeping._is_alive(str(path))
    with publishing.locked(str(place.media)) as lock:
        assert lock is Lock.NONE
    assert names(place) == []


def test_a_system_without_these_calls_says_so(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    temp, final, *_ = three(place)
    with pytest.raises(FileExistsError):
        foreign.rename_new(temp, final)
    monkeypatch.setattr(ctypes, "CDLL", lambda *given, **more: object())
    with pytest.raises(OSError, match="not implemented"):
        foreign.exchange(temp, final)
    assert birth.born_at(temp) is None


def test_a_file_tells_when_it_came_into_being(place: Place) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    path = place.vault()
    born = birth.born_at(str(path))
    os.utime(path, (1, 1))
    assert birth.born_at(str(path)) == born
    assert born is None or before <= born <= datetime.now(UTC)
