"""The heads of the audit log outside of the catalogue: the file that only grows, and the system's journal."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pwsops.heads import Heads, journal
from pwsops.heads.file import HeadFile
from pwsops.heads.places import read_places
from pwsops.rules.audit import Head

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def head(entry: int, first: int | None = None) -> Head:
    return Head(first=first or entry, entry=entry, digest=f"digest {entry}", at=AT + timedelta(minutes=entry))


def write(heads: Heads, *entries: int) -> None:
    for entry in entries:
        heads.write(head(entry))


def set_up(home: Path, text: str) -> None:
    (home / "audit.toml").write_text(text)


@pytest.fixture(autouse=True)
def no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "JOURNALD", tmp_path / "no-journald")
    monkeypatch.setattr(journal, "SYSLOG", tmp_path / "no-syslog")


def test_what_is_written_is_read_again_and_is_private(tmp_path: Path) -> None:
    heads = Heads(tmp_path)
    assert not heads.is_known()
    write(heads, 1, 2)
    assert heads.is_known()
    (source,) = heads.read()
    assert (source.heads, source.lost, source.complete) == ([head(1), head(2)], [], True)
    assert stat.S_IMODE((tmp_path / "audit-heads.log").stat().st_mode) == 0o600
    assert heads.problem == ""


def test_a_head_is_on_the_disk_before_it_counts_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").read_text())

    monkeypatch.setattr(os, "fdatasync", sync)
    HeadFile(tmp_path / "heads").append(tmp_path, head(1))
    assert synced == [(tmp_path / "heads").read_text()]
    assert '"digest 1"' in synced[0]


def test_a_head_that_does_not_reach_the_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    heads = Heads(tmp_path)
    write(heads, 1)
    assert "Input/output error" in heads.problem


def test_a_file_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    (tmp_path / "audit-heads.log").touch(mode=0o644)
    write(Heads(tmp_path), 1)
    assert stat.S_IMODE((tmp_path / "audit-heads.log").stat().st_mode) == 0o600


def test_the_file_can_lie_elsewhere_and_the_former_one_is_compared_still(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    heads = Heads(home)
    write(heads, 1)
    set_up(home, f"heads = '{elsewhere / 'pwsops.log'}'\njournal = false\n")
    write(heads, 2)
    assert [(one.name, [each.entry for each in one.heads], one.complete) for one in heads.read()] == [
        (str(elsewhere / "pwsops.log"), [2], True),
        (str(home / "audit-heads.log"), [1], False),
    ]


def test_heads_of_several_homes_share_a_file(tmp_path: Path) -> None:
    shared = tmp_path / "heads.log"
    for number in (1, 2):
        home = tmp_path / f"home{number}"
        home.mkdir()
        set_up(home, f"heads = '{shared}'")
        write(Heads(home), number)
    (source,) = Heads(tmp_path / "home2").read()
    assert [one.entry for one in source.heads] == [2]
    linked = tmp_path / "linked"
    linked.symlink_to(tmp_path / "home2")
    assert [one.entry for one in Heads(linked).read()[0].heads] == [2], "however the home's path is spelled"


@pytest.mark.parametrize("text", ["heads = 1", "heads = ''", "journal = 'yes'", "place = 'x'", "nonsense"])
def test_a_configuration_that_cannot_be_used_is_told_and_the_default_is_in_force(tmp_path: Path, text: str) -> None:
    set_up(tmp_path, text)
    places = read_places(tmp_path)
    assert (places.file, places.journal) == (tmp_path / "audit-heads.log", True)
    assert str(tmp_path / "audit.toml") in places.problem


def test_an_instant_that_leaves_heads_aside_counts_no_more_and_that_is_told(tmp_path: Path) -> None:
    set_up(tmp_path, "heads = 'elsewhere.log'\nsince = 2026-03-02T12:00:00")
    places = read_places(tmp_path)
    assert (places.file, "`since` in audit.toml counts no more" in places.problem) == (tmp_path / "elsewhere.log", True)


def test_a_former_file_that_is_gone_could_not_be_asked(tmp_path: Path) -> None:
    write(Heads(tmp_path), 1)
    _, gone = Heads(tmp_path).read(noted=[str(tmp_path / "former.log")])
    assert (gone.name, gone.not_asked) == (str(tmp_path / "former.log"), "it is gone, or was moved.")


def test_a_file_that_is_given_has_the_heads_of_its_one_home_wherever_that_lies_now(tmp_path: Path) -> None:
    home, copy, kept = tmp_path / "home", tmp_path / "copy", tmp_path / "kept.log"
    home.mkdir()
    copy.mkdir()
    HeadFile(kept).append(home, head(1))
    assert [len(one.heads) for one in Heads(copy).read(given=[kept])] == [0, 1]
    assert [len(one.heads) for one in Heads(copy).read(noted=[str(kept)])] == [0, 0]
    HeadFile(kept).append(tmp_path / "another", head(1))
    assert [len(one.heads) for one in Heads(copy).read(given=[kept])] == [0, 0], "whose they are is not known"


def test_whether_a_file_only_grows_is_asked_of_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = HeadFile(tmp_path / "heads.log")
    assert file.only_grows() is None
    (tmp_path / "heads.log").touch()
    flags = 0

    def ioctl(_descriptor: int, _request: int, found: bytearray) -> None:
        found[:] = flags.to_bytes(8, sys.byteorder)

    monkeypatch.setattr("fcntl.ioctl", ioctl)
    monkeypatch.setattr("pwsops.heads.file.os.geteuid", lambda: 1000)
    assert file.only_grows() is False
    flags = 0x20
    assert file.only_grows() is True
    monkeypatch.setattr("pwsops.heads.file.os.geteuid", lambda: 0)
    assert file.only_grows() is False, "root takes the flag away"

    def unable(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("fcntl.ioctl", unable)
    assert file.only_grows() is None


def test_a_head_that_could_not_be_written_is_told_and_the_next_covers_it(tmp_path: Path) -> None:
    heads, file = Heads(tmp_path), tmp_path / "audit-heads.log"
    write(heads, 1)
    kept = file.read_bytes()
    file.unlink()
    file.mkdir()
    write(heads, 2, 3)
    assert heads.problem.startswith(f"{file} cannot be written: ")
    file.rmdir()
    file.write_bytes(kept)
    write(heads, 4)
    assert heads.problem == ""
    assert [(one.first, one.entry) for one in heads.read()[0].heads] == [(1, 1), (2, 4)]


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_plain_file_is_neither_written_nor_read(tmp_path: Path, kind: str) -> None:
    file, target = tmp_path / "audit-heads.log", tmp_path / "target"
    target.write_text("")
    file.symlink_to(target) if kind == "link" else os.mkfifo(file)
    heads = Heads(tmp_path)
    write(heads, 1)
    assert "cannot be written" in heads.problem
    assert target.read_text() == ""
    (source,) = heads.read()
    assert source.not_asked


def test_a_write_that_ends_halfway_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwsops.heads.file.os.write", lambda _descriptor, _content: 3)
    heads = Heads(tmp_path)
    write(heads, 1)
    assert "in part only" in heads.problem


def test_a_mode_that_is_not_ours_to_mend_does_not_keep_a_head_from_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    (tmp_path / "audit-heads.log").touch(mode=0o640)
    monkeypatch.setattr("pwsops.heads.file.os.fchmod", refuse)
    write(Heads(tmp_path), 1)
    assert len(Heads(tmp_path).read()[0].heads) == 1


def test_lines_that_were_taken_out_show(tmp_path: Path) -> None:
    file = tmp_path / "audit-heads.log"
    write(Heads(tmp_path), 1, 2, 3)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[2])
    (lost,) = Heads(tmp_path).read()[0].lost
    assert "was shortened before its line at byte" in lost


def test_a_file_that_is_shorter_than_the_journal_says_shows(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "audit-heads.log")
    size = file.append(tmp_path, head(1))
    file.append(tmp_path, head(2))
    os.truncate(tmp_path / "audit-heads.log", size)
    assert file.read(tmp_path).lost == []
    (lost,) = file.read(tmp_path, at_least_bytes=2 * size).lost
    assert f"was shortened: it held {2 * size} bytes and holds {size}" in lost
    (tmp_path / "audit-heads.log").unlink()
    (lost,) = file.read(tmp_path, at_least_bytes=size).lost
    assert "is gone" in lost


@pytest.mark.parametrize("line", ["nonsense", "[]", "{}", '{"at": "2026-03-02T12:00:00", "home": "x"}'])
def test_a_damaged_line_is_told_and_the_others_are_read(tmp_path: Path, line: str) -> None:
    file = tmp_path / "audit-heads.log"
    write(Heads(tmp_path), 1)
    with file.open("a") as stream:
        stream.write(f"{line}\n")
    write(Heads(tmp_path), 2)
    (source,) = Heads(tmp_path).read()
    assert [one.entry for one in source.heads] == [1, 2]
    assert "is damaged" in source.lost[0]


@pytest.mark.parametrize("change", [{"at": "2026-03-02T12:00:00"}, {"first": 3}, {"first": 0, "entry": 0}])
def test_a_line_that_no_head_can_have_is_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    file = tmp_path / "audit-heads.log"
    write(Heads(tmp_path), 1)
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    (source,) = Heads(tmp_path).read()
    assert (source.heads, len(source.lost)) == ([], 1)


# The journal


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "socket"))
        channel.settimeout(10)
        yield channel


def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "journalctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(journal, "JOURNALCTL", str(program))


def test_a_head_goes_to_journald_with_the_size_of_the_file(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "JOURNALD", tmp_path / "socket")
    home = tmp_path / "home"
    home.mkdir()
    write(Heads(home), 1)
    fields = dict(line.split("=", 1) for line in listening.recv(10_000).decode().splitlines())
    told = json.loads(fields["MESSAGE"])
    assert (told["entry"], told["digest"], told["home"]) == (1, "digest 1", str(home))
    assert told["bytes"] == (home / "audit-heads.log").stat().st_size
    assert fields["SYSLOG_IDENTIFIER"] == "pwsops-audit"


def test_a_head_goes_to_syslog_where_there_is_no_journald(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SYSLOG", tmp_path / "socket")
    write(Heads(tmp_path), 1)
    said = listening.recv(10_000).decode()
    assert said.startswith("<85>pwsops-audit: {")
    assert len(Heads(tmp_path).read()) == 1, "syslog cannot be read back"


def test_a_journal_that_does_not_take_a_head_is_trouble_and_the_file_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "socket").touch()
    monkeypatch.setattr(journal, "JOURNALD", tmp_path / "socket")
    heads = Heads(tmp_path)
    write(heads, 1)
    assert heads.problem.startswith("journald did not take it: ")
    set_up(tmp_path, "journal = false")
    write(heads, 2)
    assert heads.problem == ""
    assert [one.entry for one in heads.read()[0].heads] == [1, 2]


def test_heads_of_this_home_are_read_back_and_foreign_words_are_left_aside(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "JOURNALD", tmp_path / "socket")
    home, other = tmp_path / "home", tmp_path / "other"
    for each in (home, other):
        each.mkdir()
        write(Heads(each), 1, 2)
    messages = [listening.recv(10_000).decode().splitlines()[0].removeprefix("MESSAGE=") for _ in range(4)]
    said = [*(json.dumps({"MESSAGE": one}) for one in messages), '{"MESSAGE": "hello"}', '{"MESSAGE": [1]}', "{", "{}"]
    (tmp_path / "said").write_text("\n".join(said))
    journalctl(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/asked; cat {tmp_path}/said')
    os.truncate(home / "audit-heads.log", 0)
    file, told = Heads(home).read()
    assert [one.entry for one in told.heads] == [1, 2]
    assert "was shortened" in file.lost[0]
    assert f"_UID={home.stat().st_uid}" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    ("script", "why"), [("echo no right >&2; exit 1", "no right."), ("exit 2", "journalctl ended with 2.")]
)
def test_a_journal_that_cannot_be_read_is_not_taken_for_empty(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    monkeypatch.setattr(journal, "JOURNALD", tmp_path / "socket")
    journalctl(tmp_path, monkeypatch, script)
    assert Heads(tmp_path).read()[1].not_asked == why


def test_a_reader_that_cannot_be_started_is_told(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "JOURNALD", tmp_path / "socket")
    journalctl(tmp_path, monkeypatch, "")
    (tmp_path / "journalctl").write_text("#!/no/such/program\n")
    assert Heads(tmp_path).read()[1].not_asked


def test_where_nothing_reads_the_journal_only_the_file_is_compared(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "JOURNALD", tmp_path / "socket")
    monkeypatch.setattr(journal, "JOURNALCTL", "no-such-program")
    assert len(Heads(tmp_path).read()) == 1
