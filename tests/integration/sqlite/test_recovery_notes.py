"""RECOVER.md beside the media: true after each backup, followed with nothing but Python, and never a failure."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pwsops.engines.requests import Encryption
from pwsops.engines.sqlite import recovery_kit, recovery_notes, recovery_states
from pwsops.errors import MediaError
from pwsops.rules.run_mark import safety_description
from tests.clocks import ManualClock
from tests.integration.sqlite.support import Place, is_whole, query
from tests.integration.sqlite.test_declared import forge
from tests.integration.sqlite.test_recover import CRYPTOGRAPHY, ZSTANDARD, modules
from tests.pairs import pair

COUNT = "SELECT count(*) FROM ciphers"
COMMANDS = re.compile(r"^    (python3 .*)$", re.MULTILINE)


def notes(place: Place) -> str:
    return (place.media / "RECOVER.md").read_text()


def follow(directory: Path, command: str, scratch: Path, *packages: Path) -> subprocess.CompletedProcess[str]:
    """Type a command of the notes in their directory, where python3 has nothing but these packages."""
    programs = scratch / "programs"
    programs.mkdir(parents=True)
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -P "$@"\n')
    (programs / "python3").chmod(0o755)
    environment = modules(scratch / "modules", *packages)
    return subprocess.run(
        ["sh", "-c", command],
        cwd=directory,
        env={**environment, "PATH": f"{programs}:/usr/bin:/bin"},
        check=False,
        capture_output=True,
        text=True,
        input="",
        timeout=120,
    )


def forged(path: Path, **content: str) -> None:
    """Change what a file says of itself; its checksums hold."""
    forge(str(path), lambda known: known.update(content), "trailer" if "finished_at" in content else "header")


def test_whoever_follows_the_notes_has_the_newest_state_of_each_database(place: Place, tmp_path: Path) -> None:
    one, other = place.vault("it's one.db"), place.vault("other.db")
    full = place.take("it's one.db_FULL_20260101T000000Z_aa.bak", database=one.name).backup_set
    query(one, "DELETE FROM ciphers WHERE id > 5")
    place.take("it's one.db_DIFF_20260102T000000Z_bb.bak", base=full, database=one.name)
    place.take("other.db_FULL_20260101T000000Z_cc.bak", database=other.name)
    count = query(other, COUNT)
    one.unlink()
    other.unlink()
    commands = COMMANDS.findall(notes(place))
    assert len(commands) == 2
    for number, command in enumerate(commands):
        done = follow(place.media, command, tmp_path / str(number), ZSTANDARD)
        assert done.returncode == 0, done.stderr
    assert query(place.media / "restored-it's one.db", COUNT) == [(5,)]
    assert query(place.media / "restored-other.db", COUNT) == count
    is_whole(place.media / "restored-it's one.db")


def test_the_notes_follow_what_lies_there(place: Place) -> None:
    path = place.vault()
    full = place.take("db_FULL_1.bak").backup_set
    assert "./db_FULL_1.bak" in notes(place)
    place.take("db_DIFF_2.bak", base=full)
    assert "./db_FULL_1.bak ./db_DIFF_2.bak ./restored-db.sqlite3" in notes(place)
    place.take("db_FULL_3.bak")
    assert "./db_FULL_3.bak ./restored-db.sqlite3" in notes(place)
    (place.media / "db_FULL_3.bak").unlink()
    (place.media / "db_FULL_1.bak").unlink()
    assert recovery_notes.place(str(place.media), "0" * 32) == ""
    assert "No backup that is whole was found here." in notes(place)
    assert path.exists()


def test_encrypted_media_say_which_certificate_they_need(place: Place, tmp_path: Path) -> None:
    place.vault()
    certificate = pair("vault").certificate_der()
    taken = place.take(encryption=Encryption(name="vault", certificate=certificate)).backup_set
    assert f"thumbprint {taken.thumbprint}" in notes(place)
    (command,) = COMMANDS.findall(notes(place))
    assert "--pfx CERTIFICATE.pfx" in command
    done = follow(place.media, command, tmp_path / "x", ZSTANDARD, *CRYPTOGRAPHY)
    assert "CERTIFICATE.pfx" in done.stderr


def test_a_file_of_that_name_that_is_not_ours_stays_and_is_said(place: Place) -> None:
    place.vault()
    (place.media / "RECOVER.md").write_text("mine")
    messages = [one.text for one in place.take().messages]
    assert any("RECOVER.md is not our recovery notes; it was left as it is." in text for text in messages)
    assert notes(place) == "mine"


@pytest.mark.parametrize("kind", ["directory", "link", "pipe"])
def test_what_is_no_plain_file_is_neither_read_nor_followed(place: Place, tmp_path: Path, kind: str) -> None:
    place.vault()
    target = place.media / "RECOVER.md"
    if kind == "directory":
        target.mkdir()
    elif kind == "link":
        target.symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(target)
    assert any("not our recovery notes" in one.text for one in place.take().messages)
    assert not (tmp_path / "elsewhere").exists()


def test_notes_of_a_newer_version_stay(place: Place) -> None:
    place.vault()
    newer = "<!-- pwsops recovery notes, version 99 -->\nnewer\n"
    (place.media / "RECOVER.md").write_text(newer)
    assert any("says that it is version 99 of our recovery notes" in one.text for one in place.take().messages)
    assert notes(place) == newer


def test_whatever_lies_there_is_not_trusted(place: Place, tmp_path: Path) -> None:
    place.vault()
    (place.media / "strange_FULL.bak").write_bytes(b"PWSOPS\x1a\x01" + b"\xff" * 500)
    os.mkfifo(place.media / "pipe_FULL.bak")
    (place.media / "link_FULL.bak").symlink_to("/etc/passwd")
    (place.media / "directory_FULL.bak").mkdir()
    place.take("db_FULL.bak")
    assert COMMANDS.findall(notes(place)) == ["python3 recover.py ./db_FULL.bak ./restored-db.sqlite3"]


def test_a_name_that_steers_a_terminal_is_in_no_command_and_makes_no_heading(place: Place) -> None:
    name = "x\x1b[2J\n    python3 evil.py.db"
    place.vault(name)
    place.take(database=name)
    text = notes(place)
    assert COMMANDS.findall(text) == []
    assert "\x1b" not in text
    assert "cannot be written here" in text


def test_an_incremental_whose_full_is_gone_is_passed_over_for_what_is_whole(place: Place) -> None:
    path = place.vault()
    place.take("db_FULL_1.bak")
    second = place.take("db_FULL_2.bak").backup_set
    query(path, "DELETE FROM ciphers WHERE id > 5")
    place.take("db_DIFF_3.bak", base=second)
    (place.media / "db_FULL_2.bak").unlink()
    recovery_notes.place(str(place.media), "0" * 32)
    assert "./db_FULL_1.bak ./restored-db.sqlite3" in notes(place)


def test_what_a_restore_has_replaced_is_not_the_newest_state(place: Place) -> None:
    place.vault()
    place.take("db_FULL_1.bak")
    place.take("db_SAFETY_2.bak", description=safety_description(7, "home"))
    first, second = COMMANDS.findall(notes(place))
    assert first == "python3 recover.py ./db_FULL_1.bak ./restored-db.sqlite3"
    assert second == "python3 recover.py ./db_SAFETY_2.bak ./restored-2-db.sqlite3"
    assert notes(place).index(first) < notes(place).index("It is what a restore replaced") < notes(place).index(second)


def test_where_only_what_a_restore_replaced_is_left_it_is_told(place: Place) -> None:
    place.vault()
    place.take("db_SAFETY_2.bak", description=safety_description(7, "home"))
    assert COMMANDS.findall(notes(place)) == ["python3 recover.py ./db_SAFETY_2.bak ./restored-db.sqlite3"]


def test_a_full_behind_many_incrementals_is_found(place: Place) -> None:
    path = place.vault()
    full = place.take("db_FULL_0.bak").backup_set
    for number in range(1, 25):
        shutil.copy(place.media / "db_FULL_0.bak", place.media / f"db_DIFF_{number}_of_nobody.bak")
        (place.media / f"db_DIFF_{number}_of_nobody.bak").write_bytes(b"PWSOPS")
    query(path, "DELETE FROM ciphers WHERE id = 1")
    place.take("db_DIFF_1.bak", base=full)
    for name in ("db_FULL_0.bak", "db_DIFF_1.bak"):
        os.utime(place.media / name, (1, 1))
    assert recovery_notes.place(str(place.media), "0" * 32) == ""
    assert COMMANDS.findall(notes(place)) == [
        "python3 recover.py ./db_FULL_0.bak ./db_DIFF_1.bak ./restored-db.sqlite3"
    ]


# No database is left out


@pytest.mark.parametrize("stem", ["my_FULL_thing", "my_DIFF_2026", "my_SAFETY.x", "my_DAMAGED~1", "no kind at all"])
def test_a_name_with_the_word_for_a_kind_hides_no_other_database(place: Place, stem: str) -> None:
    for name, file in ((f"{stem}.db", f"{stem}.db_FULL_1.bak"), ("my.db", "my_FULL_2.bak"), ("my_FULL_y.db", "x.bak")):
        place.vault(name)
        place.take(file, database=name)
        query(place.path(name), "DELETE FROM ciphers")
    for name in (f"{stem}.db", "my.db", "my_FULL_y.db"):
        assert shlex.quote(f"./restored-{name}") in notes(place)


def test_two_databases_of_one_name_are_both_told(place: Place, tmp_path: Path) -> None:
    """Of two instances, in one directory: nothing in a backup tells whose it is."""
    path = place.vault()
    query(path, "DELETE FROM ciphers WHERE id > 7")
    place.take("db.sqlite3_FULL_20260101T000000Z_aa.bak")
    query(path, "DELETE FROM ciphers")
    for number in range(2, 5):
        place.take(f"db.sqlite3_FULL_2026010{number}T000000Z_bb.bak")
    commands = COMMANDS.findall(notes(place))
    assert len(commands) == len(set(commands)) == 4
    assert commands[-1] == ("python3 recover.py ./db.sqlite3_FULL_20260101T000000Z_aa.bak ./restored-4-db.sqlite3")
    for number, command in enumerate(commands):
        done = follow(place.media, command, tmp_path / str(number), ZSTANDARD)
        assert done.returncode == 0, done.stderr
    assert query(place.media / "restored-4-db.sqlite3", COUNT) == [(7,)]


def test_a_date_in_the_future_hides_nothing(place: Place) -> None:
    path = place.vault()
    full = place.take("db_FULL_1.bak").backup_set
    query(path, "DELETE FROM ciphers WHERE id > 5")
    place.take("db_DIFF_2.bak", base=full)
    place.take("db_FULL_3.bak")
    for name in ("db_FULL_3.bak", "db_DIFF_2.bak"):
        forged(place.media / name, finished_at="2999-01-01T00:00:00+00:00")
    os.utime(place.media / "db_FULL_3.bak", (1 << 33, 1 << 33))
    recovery_notes.place(str(place.media), "0" * 32)
    commands = COMMANDS.findall(notes(place))
    assert commands[0] == "python3 recover.py ./db_FULL_1.bak ./restored-db.sqlite3"
    assert {command.split(" ./restored")[0] for command in commands[1:]} == {
        "python3 recover.py ./db_FULL_1.bak ./db_DIFF_2.bak",
        "python3 recover.py ./db_FULL_3.bak",
    }
    assert notes(place).count("2999-01-01 00:00:00 UTC. That was still to come when this was written") == 2


@pytest.mark.parametrize(
    "at", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999+00:00"]
)
def test_a_date_that_no_clock_shows_hides_nothing(place: Place, at: str) -> None:
    place.vault()
    place.take("db_FULL_1.bak")
    place.take("db_FULL_2.bak")
    forged(place.media / "db_FULL_2.bak", finished_at=at)
    assert recovery_notes.place(str(place.media), "0" * 32) == ""
    assert COMMANDS.findall(notes(place)) == ["python3 recover.py ./db_FULL_1.bak ./restored-db.sqlite3"]
    assert re.search(r"^- db\\_FULL\\_2.bak: .*finished\\_at is no instant", notes(place), re.MULTILINE)
    with pytest.raises(MediaError, match="finished_at is no instant"):
        place.engine.read_media(str(place.media / "db_FULL_2.bak"))


def test_each_file_that_brings_nothing_back_is_named_with_the_reason(place: Place) -> None:
    path = place.vault()
    full = place.take("db_FULL_1.bak").backup_set
    query(path, "DELETE FROM ciphers WHERE id > 5")
    place.take("db_DIFF_2.bak", base=full)
    (place.media / "db_FULL_1.bak").unlink()
    for number in range(30):
        (place.media / f"db_FULL_9{number:02}.bak").write_bytes(b"TAPE")
    (place.media / "link.bak").symlink_to("db_DIFF_2.bak")
    recovery_notes.place(str(place.media), "0" * 32)
    _, _, listed = notes(place).partition("## These files bring nothing back")
    assert listed.count("is a SQL Server backup") == 30
    assert "- link.bak: It is no plain file." in listed
    assert "- db\\_DIFF\\_2.bak: It is an incremental of db.sqlite3 whose full does not lie here." in listed


def test_a_name_that_is_no_text_keeps_no_other_from_being_told(place: Place) -> None:
    place.vault()
    place.take("db_FULL_1.bak")
    place.take("db_FULL_2.bak")
    forged(place.media / "db_FULL_2.bak", database="half of a pair \ud800 / x")
    assert recovery_notes.place(str(place.media), "0" * 32) == ""
    assert COMMANDS.findall(notes(place)) == ["python3 recover.py ./db_FULL_1.bak ./restored-db.sqlite3"]
    assert "type the command by hand, with db\\_FULL\\_2.bak" in notes(place)


def test_of_two_copies_of_a_full_both_are_told(place: Place) -> None:
    place.vault()
    place.take("db_FULL_1.bak")
    shutil.copy(place.media / "db_FULL_1.bak", place.media / "copy.bak")
    recovery_notes.place(str(place.media), "0" * 32)
    assert len(COMMANDS.findall(notes(place))) == 2


def test_a_file_that_vanishes_meanwhile_keeps_no_other_from_being_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Vanished:
        name = "gone_FULL.bak"

        def is_file(self, *, follow_symlinks: bool) -> bool:
            raise FileNotFoundError

    place.vault()
    place.take("db_FULL_1.bak")
    scandir = os.scandir

    @contextmanager
    def listed(directory: str) -> Iterator[list[object]]:
        with scandir(directory) as entries:
            yield [Vanished(), *entries]

    monkeypatch.setattr(recovery_states.os, "scandir", listed)
    found = recovery_states.look(str(place.media), ManualClock())
    assert ([one.files for one in found.states], found.unusable) == ([("db_FULL_1.bak",)], [])


def test_what_there_was_no_time_for_is_named(place: Place) -> None:
    class Hasty(ManualClock):
        def monotonic(self) -> float:
            self.turn = getattr(self, "turn", 0.0) + recovery_states.LIMIT_S / 2
            return self.turn

    place.vault()
    place.vault("other.db")
    for number in range(3):
        place.take(f"a_FULL_{number}.bak")
        os.utime(place.media / f"a_FULL_{number}.bak", (number + 10, number + 10))
    place.take("b_FULL_1.bak", database="other.db")
    os.utime(place.media / "b_FULL_1.bak", (1, 1))
    recovery_notes.place(str(place.media), "0" * 32, Hasty())
    assert COMMANDS.findall(notes(place)) == [
        "python3 recover.py ./a_FULL_2.bak ./restored-db.sqlite3",
        "python3 recover.py ./b_FULL_1.bak ./restored-other.db",
    ]
    assert notes(place).endswith(
        "## There was no time to look at these files; each may be a backup\n\n- a\\_FULL\\_1.bak\n- a\\_FULL\\_0.bak\n"
    )


def test_what_is_left_out_is_counted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.db", "b.db", "c.db"):
        place.vault(name)
        for number in range(1 if name == "c.db" else 4):
            place.take(f"{name}_FULL_{number}.bak", database=name)
    (place.media / "x.bak").write_bytes(b"")
    (place.media / "y.bak").write_bytes(b"")
    monkeypatch.setattr(recovery_notes, "OTHERS", 5)
    monkeypatch.setattr(recovery_notes, "NAMED", 1)
    recovery_notes.place(str(place.media), "0" * 32)
    assert len(COMMANDS.findall(notes(place))) == 3 + 5
    assert notes(place).count("Not told of here: 1 older state of that name.") == 1
    assert "\n- and 1 more\n" in notes(place)


def test_a_moment_is_told_exactly(place: Place) -> None:
    place.vault()
    place.take("db_FULL_1.bak")
    forged(place.media / "db_FULL_1.bak", finished_at="2026-03-01T23:59:59.000001+00:00")
    recovery_notes.place(str(place.media), "0" * 32)
    assert "The newest state is of 2026-03-01 23:59:59.000001 UTC." in notes(place)


def test_a_long_name_has_a_command_that_works(place: Place, tmp_path: Path) -> None:
    name = "x" * 243 + ".db"
    place.vault(name)
    place.take("db_FULL_1.bak", database=name)
    (command,) = COMMANDS.findall(notes(place))
    assert follow(place.media, command, tmp_path / "x", ZSTANDARD).returncode == 0


def test_the_notes_name_the_recover_py_that_they_mean(place: Place) -> None:
    place.vault()
    place.take("db_FULL_1.bak")
    printed = subprocess.run(
        ["sha256sum", "recover.py"], cwd=place.media, check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert f"`{printed.split()[0]}`" in notes(place)


def test_nothing_that_goes_wrong_is_raised(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "could not be written" in recovery_notes.place(str(tmp_path / "none"), "0" * 32)

    def broken(*given: object) -> str:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(recovery_kit, "put", broken)
    assert "unforeseen" in recovery_notes.place(str(place.media), "0" * 32)
