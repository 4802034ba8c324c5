"""RECOVER.md beside the media: true after each backup, followed with nothing but Python, and never a failure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pwsops.engines.requests import Encryption
from pwsops.engines.sqlite import recovery_kit, recovery_notes
from pwsops.rules.run_mark import safety_description
from tests.integration.sqlite.support import Place, is_whole, query
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
    assert COMMANDS.findall(notes(place)) == ["python3 recover.py ./db_FULL_1.bak ./restored-db.sqlite3"]


def test_a_full_behind_many_incrementals_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.vault()
    full = place.take("db_FULL_0.bak").backup_set
    monkeypatch.setattr(recovery_notes, "FILES", 2)
    for number in range(1, 5):
        query(path, f"DELETE FROM ciphers WHERE id = {number}")
        place.take(f"db_DIFF_{number}.bak", base=full)
    for number, name in enumerate(sorted(os.listdir(place.media))):
        if name.endswith(".bak"):
            os.utime(place.media / name, (number, number + int("FULL" not in name) * 100))
    assert recovery_notes.place(str(place.media), "0" * 32) == ""
    assert "./db_FULL_0.bak ./db_DIFF_4.bak" in notes(place)


def test_more_than_can_be_looked_at_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.vault()
    place.take("a_FULL.bak")
    place.vault("other.db")
    place.take("b_FULL.bak", database="other.db")
    monkeypatch.setattr(recovery_notes, "DATABASES", 1)
    recovery_notes.place(str(place.media), "0" * 32)
    assert "More databases lie here than are told of." in notes(place)


def test_nothing_that_goes_wrong_is_raised(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "could not be written" in recovery_notes.place(str(tmp_path / "none"), "0" * 32)

    def broken(*given: object) -> str:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(recovery_kit, "put", broken)
    assert "unforeseen" in recovery_notes.place(str(place.media), "0" * 32)
