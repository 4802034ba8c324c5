"""Directories that others may write: what is planted there leads no worker elsewhere."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from pwsops import confinement, foreign, system_calls
from pwsops.engines.records import DatabaseState
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import backup, connect, contents, files, journals, limits, reach, recovery_kit, snapshot
from pwsops.engines.sqlite.own_files import own_files
from pwsops.errors import EngineError, MediaError, Refused
from tests.integration.sqlite.support import HOLD, SILENT, Place, elsewhere, is_whole, order, query
from tests.needs import require

MAGIC = bytes.fromhex("d9d505f920a163d7")


@pytest.fixture
def victim(place: Place) -> Path:
    """A file of ours elsewhere. SQLite since 3.5x deletes only what looks like a super-journal of the database."""
    path = place.vaults.parent / "precious-mjC0C5AC940"
    path.write_bytes(os.fsencode(place.path()) + b"-journal\0")
    return path


def plant(database: Path, named: Path, page_size: int = 4096) -> Path:
    """Put a hot journal beside a database, as a crash in a transaction over several databases leaves it."""
    name = os.fsencode(named)
    head = MAGIC + struct.pack(">5I", 0, 0, database.stat().st_size // page_size, 512, page_size)
    tail = struct.pack(">I", (1 << 30) // page_size + 1) + name + struct.pack(">II", len(name), sum(name)) + MAGIC
    journal = Path(f"{database}-journal")
    journal.write_bytes(head.ljust(512, b"\0") + tail)
    return journal


DELETES = """
import sys, apsw
print(apsw.Connection(sys.argv[1], flags=apsw.SQLITE_OPEN_READWRITE).execute("SELECT count(*) FROM ledger").get)
"""


def test_a_planted_journal_has_a_bare_sqlite_delete_a_file_elsewhere(place: Place, victim: Path) -> None:
    path = place.vault(journal_mode="DELETE")
    plant(path, victim)
    assert run(DELETES, path) == "64"
    assert not victim.exists(), "what the tests below prevent"


def test_a_journal_that_names_a_super_journal_is_refused_before_the_database_is_opened(
    place: Place, victim: Path
) -> None:
    path = place.vault(journal_mode="DELETE")
    taken = place.take().backup_set
    journal = plant(path, victim)
    before = journal.read_bytes()
    asked: list[Callable[[], object]] = [
        lambda: place.take("two.bak"),
        lambda: place.engine.contents("db.sqlite3"),
        lambda: place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken])),
    ]
    for ask in asked:
        with pytest.raises(EngineError, match=f"names the super-journal {victim}") as refused:
            ask()
        assert str(journal) in refused.value.message
        assert "remove the journal" in refused.value.hint
    place.engine.probe()
    place.engine.databases()
    assert victim.exists()
    assert journal.read_bytes() == before
    journal.unlink()
    place.take("two.bak")


def test_a_look_that_was_outrun_opens_and_deletes_nothing_elsewhere_either(
    place: Place, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.vault(journal_mode="DELETE")
    plant(path, victim)
    monkeypatch.setattr(journals, "inspect", lambda path, operation: None)
    with pytest.raises(EngineError, match=f"leads to {victim}, which belongs to no database") as refused:
        contents.tables(str(path))
    assert refused.value.transient
    assert victim.exists()
    is_whole(path)


@pytest.mark.parametrize("mode", ["DELETE", "TRUNCATE", "PERSIST"])
def test_a_name_put_into_the_journal_of_our_own_transaction_deletes_nothing(
    place: Place, victim: Path, mode: str
) -> None:
    """SQLite looks for one there at every rollback, and whoever owns the database may write into its journal."""
    path = place.vault(journal_mode="DELETE")
    query(path, "CREATE TABLE bulk AS SELECT zeroblob(3000) AS x FROM ledger a, ledger b LIMIT 500")
    with closing(connect.connect(str(path))) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE bulk SET x = zeroblob(2999)")
        name = os.fsencode(victim)
        tail = struct.pack(">I", (1 << 30) // 4096 + 1) + name + struct.pack(">II", len(name), sum(name)) + MAGIC
        with Path(f"{path}-journal").open("ab") as journal:
            journal.write(tail)
        connection.execute("ROLLBACK")
        assert own_files().refused == str(victim)
    assert victim.exists()
    is_whole(path)


def test_sqlite_opens_and_deletes_nothing_that_it_was_not_told_of(place: Place, tmp_path: Path) -> None:
    path = place.vault()
    other = tmp_path / "other.db"
    other.touch()
    with closing(connect.connect(str(path))) as connection:
        with pytest.raises(apsw.CantOpenError):
            connection.execute(f"ATTACH DATABASE '{other}' AS other")
        assert own_files().refused == str(other)
        assert (own_files()._unlink(os.fsencode(path)), path.exists()) == (-1, True)


def test_reading_and_writing_stay_sqlites_own(place: Place) -> None:
    path = place.vault()
    with closing(connect.connect(str(path))) as guarded, closing(connect.connect_immutable(str(path))) as immutable:
        assert (guarded.open_vfs, immutable.open_vfs) == ("unix", "unix")
    deep = place.vaults / ("a" * 250) / ("b" * 250)
    deep.mkdir(parents=True)
    path.rename(deep / "long.db")
    with closing(connect.connect_immutable(str(deep / "long.db"))) as immutable:
        assert connect.scalar(immutable, "SELECT count(*) FROM ledger") == 64
        assert immutable.open_vfs != "unix"


def confined(code: str, *arguments: object) -> str:
    """Do as `run` does, where the system can confine the process."""
    if not confinement.abi():
        require("Landlock", None, "Linux 5.13 or newer, with landlock among its security modules")
    return run(code, *arguments)


def run(code: str, *arguments: object) -> str:
    """Run a few lines in a process of its own, and return what it printed."""
    command = [sys.executable, "-P", "-c", code, *map(str, arguments)]
    variables = {**os.environ, "PYTHONPATH": str(Path(confinement.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=variables, check=True)
    return done.stdout.strip()


BARE = """
import sys, apsw
from pwsops import confinement
print(confinement.confine([], [sys.argv[2]]))
try:
    apsw.Connection(sys.argv[1], flags=apsw.SQLITE_OPEN_READWRITE).execute("SELECT count(*) FROM ledger").get
except apsw.Error as error:
    print(type(error).__name__)
"""


def test_where_the_kernel_can_a_bare_sqlite_deletes_nothing_elsewhere_either(place: Place, victim: Path) -> None:
    path = place.vault(journal_mode="DELETE")
    plant(path, victim)
    assert confined(BARE, path, place.vaults).startswith("True")
    assert victim.exists()


TRY = """
import os, socket, sys
from pwsops import confinement
read, write, other = sys.argv[1:]
confinement.confine([read], [write])
def can(what):
    try:
        what()
    except OSError:
        return False
    return True
print(*(int(can(what)) for what in (
    lambda: open(read + "/a").read(),
    lambda: open(write + "/b", "w").write("b"),
    lambda: os.rename(write + "/b", write + "/c"),
    lambda: os.unlink(write + "/c"),
    lambda: open(other + "/a").read(),
    lambda: open(other + "/b", "w"),
    lambda: open(read + "/a", "a"),
    lambda: os.unlink(read + "/a"),
    lambda: os.truncate(read + "/a", 0),
    lambda: os.symlink("/", write + "/link"),
    lambda: os.mkfifo(write + "/pipe"),
)))
"""


def test_a_confined_process_reads_and_writes_where_it_may_and_nowhere_else(tmp_path: Path) -> None:
    for name in ("read", "write", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text("a")
    told = confined(TRY, tmp_path / "read", tmp_path / "write", tmp_path / "other")
    assert told.split() == list("11110000000")


ANSWERS = """
import os, signal, socket, subprocess, sys, threading, ctypes
from pwsops import confinement
if sys.argv[2] == "without":
    confinement.abi = lambda: 0
read, other = sys.argv[1] + "/read", sys.argv[1] + "/other"
tcp, udp, path, hidden = (socket.socket(*kind) for kind in (
    (socket.AF_INET,), (socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_UNIX,), (socket.AF_UNIX, socket.SOCK_DGRAM)))
os.chdir(read)
for one, at in ((tcp, ("127.0.0.1", 0)), (udp, ("127.0.0.1", 0)), (path, "here"), (hidden, "")):
    one.bind(at)
tcp.listen(1)
path.listen(1)
addresses = tcp.getsockname(), udp.getsockname(), "here", hidden.getsockname()
def send(kind, at):
    if kind == socket.SOCK_DGRAM:
        socket.socket(socket.AF_UNIX if isinstance(at, bytes) else socket.AF_INET, kind).sendto(b"secret", at)
    else:
        socket.socket(socket.AF_UNIX if isinstance(at, str) else socket.AF_INET, kind).connect(at)
def fork():
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)
opened = open(read + "/a")
tried = {
    "tcp": lambda: send(socket.SOCK_STREAM, addresses[0]),
    "udp": lambda: send(socket.SOCK_DGRAM, addresses[1]),
    "socket by path": lambda: send(socket.SOCK_STREAM, addresses[2]),
    "abstract socket": lambda: send(socket.SOCK_DGRAM, addresses[3]),
    "open socket": lambda: udp.sendto(b"secret", addresses[1]),
    "pair of sockets": socket.socketpair,
    "program": lambda: subprocess.run(["/usr/bin/id"], check=True, stdout=subprocess.DEVNULL),
    "program in its place": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "fork": fork,
    "signal": lambda: os.kill(os.getppid(), 0),
    "pipe elsewhere": lambda: os.open(other + "/pipe", os.O_RDONLY | os.O_NONBLOCK),
    "new pipe": lambda: os.mkfifo(read + "/pipe"),
    "link": lambda: os.symlink("/", read + "/link"),
    "mode": lambda: os.chmod(other + "/a", 0o644),
    "owner": lambda: os.chown(other + "/a", -1, -1),
    "times": lambda: os.utime(other + "/a"),
    "attribute": lambda: os.setxattr(other + "/a", "user.a", b"a"),
    "read": lambda: open(read + "/a").read(),
    "thread": lambda: [one.start() or one.join() for one in [threading.Thread(target=int)]],
    "pipe of our own": os.pipe,
    "library": lambda: __import__("_json"),
}
def can(what):
    try:
        what()
    except OSError:
        return False
    return True
print(*sorted(name for name, what in tried.items() if can(what)), sep=", ")
print(confinement.confine([read], []))
print(*sorted(name for name, what in tried.items() if can(what)), sep=", ")
signal.pthread_kill(threading.get_ident(), 0)
"""


@pytest.mark.parametrize("landlock", ["with", "without"])
def test_a_confined_process_sends_nothing_runs_nothing_and_changes_nothing_by_name(
    tmp_path: Path, landlock: str
) -> None:
    if not system_calls.known():
        require("seccomp", None, "a kernel with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64")
    for name in ("read", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text("a")
    os.mkfifo(tmp_path / "other" / "pipe")
    before, whole, after = confined(ANSWERS, tmp_path, landlock).splitlines()
    assert {"tcp", "udp", "socket by path", "abstract socket", "program", "fork", "pipe elsewhere"} <= set(
        before.split(", ")
    ), "what is refused below is possible otherwise"
    assert whole == str(landlock == "with")
    left = {"library", "pipe of our own", "read", "thread"} | ({"pipe elsewhere"} if landlock == "without" else set())
    assert set(after.split(", ")) == left


ALL_THE_SAME = """
from pwsops import confinement, system_calls
confinement.abi = lambda: 0
system_calls._here = lambda: None
print(confinement.confine(["/"], []), len(open("/proc/self/status").read()) > 0)
"""


def test_without_landlock_and_filter_a_worker_does_its_work_all_the_same() -> None:
    assert run(ALL_THE_SAME) == "False True"


def test_a_system_that_is_no_linux_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert confinement.abi() == 0


def test_each_operation_reaches_only_what_its_request_names() -> None:
    sets = [["/media/a.bak", "id", None, None]]
    reached = {
        "backup": {"address": "/db", "database": "a", "directory": "/media", "base_path": "/old/a.bak"},
        "restore": {"address": "/db", "database": "a", "sets": sets},
        "verify": {"path": "/media/a.bak"},
        "find": {"database": "a", "directory": "/media"},
        "save_certificate": {"path": "/media/a.pfx"},
        "delete": {"sets": sets},
    }
    assert {name: tuple(map(sorted, reach.of(name, given)[:2])) for name, given in reached.items()} == {
        "backup": (["/old"], ["/db", "/media"]),
        "restore": (["/media"], ["/db"]),
        "verify": (["/media"], []),
        "find": ([], ["/media"]),
        "save_certificate": (["/media"], ["/media"]),
        "delete": (["/media"], ["/media"]),
    }
    assert reach.of("look_for", {"sets": sets}) == ({"/"}, set(), set())


def test_followed_links_are_reached_where_they_lead(place: Place, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    place.vault("made.db").rename(tmp_path / "real" / "made.db")
    place.path("linked.db").symlink_to(tmp_path / "real" / "made.db")
    given = {"address": str(place.vaults), "follow_links": True}
    assert str(tmp_path / "real") in reach.of("survey", given).write
    assert str(tmp_path / "real") in reach.of("contents", {**given, "database": "linked.db"}).write
    assert reach.of("survey", given).linked == {str(tmp_path / "real")}
    assert reach.of("survey", {**given, "address": "/not/there"}).write == {"/not/there"}
    assert reach.of("contents", {**given, "follow_links": False, "database": "linked.db"}).write == {str(place.vaults)}


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: path.symlink_to("/etc/passwd"), "a symbolic link"),
        (os.mkfifo, "a pipe"),
        (Path.mkdir, "a directory"),
    ],
)
def test_what_is_no_plain_file_beside_a_database_hangs_nothing_and_is_named(
    place: Place, suffix: str, make: Callable[[Path], None], what: str
) -> None:
    path = place.vault(journal_mode="DELETE")
    make(Path(f"{path}{suffix}"))
    with pytest.raises(EngineError, match=f"{path}{suffix} is {what}, not a plain file"):
        connect.connect(str(path))


def test_the_database_itself_as_its_journal_is_refused(place: Place) -> None:
    path = place.vault(journal_mode="DELETE")
    os.link(path, f"{path}-journal")
    with pytest.raises(EngineError, match="is the database itself under another name"):
        place.take()


def test_a_pipe_in_the_place_of_a_database_or_of_media_hangs_nothing(place: Place) -> None:
    os.mkfifo(place.path())
    os.mkfifo(place.media / "pipe.bak")
    with pytest.raises(EngineError, match="it is a pipe"):
        place.take()
    with pytest.raises(MediaError, match="it is a pipe"):
        place.engine.read_media(str(place.media / "pipe.bak"))
    assert place.engine.databases() == []


def test_journals_that_are_over_or_name_nothing_are_no_matter(place: Place, victim: Path) -> None:
    path = place.vault(journal_mode="DELETE")
    journal = plant(path, victim)
    whole = journal.read_bytes()
    for content in (b"\0" + whole[1:], whole[:-1], whole[:-16] + struct.pack(">II", 0, 0) + MAGIC, b"", whole[-16:]):
        journal.write_bytes(content)
        assert journals.super_journal(str(journal)) is None
    journal.write_bytes(whole)
    assert journals.super_journal(str(journal)) == str(victim)


def test_a_journal_that_becomes_shorter_meanwhile_names_nothing(
    place: Place, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = plant(place.vault(journal_mode="DELETE"), victim)
    monkeypatch.setattr(os, "pread", lambda fd, size, at: b"x")
    assert journals.super_journal(str(journal)) is None


def test_a_database_that_is_a_link_is_neither_backed_up_nor_restored_through_unless_told(
    place: Place, tmp_path: Path
) -> None:
    real = tmp_path / "real.sqlite3"
    place.vault("made.sqlite3")
    taken = place.take(database="made.sqlite3").backup_set
    place.path("made.sqlite3").rename(real)
    place.path().symlink_to(real)
    content = real.read_bytes()
    [listed] = place.engine.databases()
    assert listed.state is DatabaseState.UNREADABLE
    assert "follow_links" in str(listed.reason)
    asked: list[Callable[[], object]] = [
        lambda: place.take("two.bak"),
        lambda: place.engine.contents("db.sqlite3"),
        lambda: place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken])),
    ]
    for ask in asked:
        with pytest.raises(EngineError, match=f"is a symbolic link to {real}") as refused:
            ask()
        assert "follow_links" in refused.value.hint
    assert real.read_bytes() == content
    place.follow_links()
    assert place.engine.databases()[0].state is DatabaseState.ONLINE
    place.take("two.bak")
    is_whole(real)


def test_media_that_are_links_are_not_read(place: Place) -> None:
    place.vault()
    taken = place.take().backup_set
    (place.media / "link.bak").symlink_to(taken.path)
    with pytest.raises(MediaError, match="it is a symbolic link") as refused:
        place.engine.read_media(str(place.media / "link.bak"))
    assert "the file that it leads to" in refused.value.hint


def test_a_link_at_the_recovery_scripts_temporary_name_overwrites_nothing(place: Place, tmp_path: Path) -> None:
    secret = tmp_path / "secret.key"
    secret.write_text("the key")
    temp = place.media / files.temp_name("kit", files.key(recovery_kit.NAME, "kit"), "0" * 32)
    temp.symlink_to(secret)
    assert "could not be put" in recovery_kit.place(str(place.media), "0" * 32)
    assert secret.read_text() == "the key"
    assert temp.is_symlink(), "it is not ours, and stays"
    temp.unlink()
    assert recovery_kit.place(str(place.media), "0" * 32) == ""
    assert secret.read_text() == "the key"


def test_names_are_looked_up_in_the_directory_that_was_opened_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "_held", {})
    ours, elsewhere = tmp_path / "ours", tmp_path / "elsewhere"
    ours.mkdir()
    elsewhere.mkdir()
    foreign.hold(str(ours))
    ours.rename(tmp_path / "moved")
    ours.symlink_to(elsewhere)
    os.close(foreign.create(str(ours / "a")))
    assert (tmp_path / "moved" / "a").exists()
    assert list(elsewhere.iterdir()) == []
    with pytest.raises(OSError, match="cross-device"):
        foreign.rename(str(ours / "a"), str(elsewhere / "a"))


@pytest.mark.parametrize("leads_home", ["when opened", "afterwards"])
def test_a_directory_is_judged_by_what_was_opened_whatever_has_its_name_by_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leads_home: str
) -> None:
    monkeypatch.setattr(foreign, "_held", {})
    allowed: list[str] = []
    monkeypatch.setattr(
        confinement, "confine", lambda read, write: allowed.extend(os.readlink(f"/proc/self/fd/{fd}") for fd in read)
    )
    monkeypatch.setattr(confinement, "limit_memory", lambda size: None)
    home, honest, name = tmp_path / "home", tmp_path / "honest", tmp_path / "media"
    home.mkdir()
    honest.mkdir()
    first, then = (home, honest) if leads_home == "when opened" else (honest, home)
    given = {"path": str(name / "a.bak"), "off_limits": {"home": str(home)}}
    name.symlink_to(first)
    reach.give_up_the_rest("verify", given)
    name.unlink()
    name.symlink_to(then)
    if leads_home == "when opened":
        with pytest.raises(Refused, match=r"it is the home .*, or leads into it"):
            reach.refuse_home("verify", given)
        assert allowed == []
    else:
        reach.refuse_home("verify", given)
        assert allowed == [str(honest)]
        assert not foreign.exists(str(name / "a.bak"))
        (honest / "a.bak").touch()
        assert foreign.exists(str(name / "a.bak")), "names are looked up in what was judged"


def test_where_a_link_leads_is_judged_once_more_when_it_was_opened(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may exchange what a link leads to leads no worker into another instance's directory."""
    monkeypatch.setattr(foreign, "_held", {})
    monkeypatch.setattr(confinement, "limit_memory", lambda size: None)
    allowed: list[str] = []
    monkeypatch.setattr(
        confinement, "confine", lambda read, write: allowed.extend(os.readlink(f"/proc/self/fd/{fd}") for fd in write)
    )
    real, others = tmp_path / "real", tmp_path / "others"
    real.mkdir()
    others.mkdir()
    place.vault("made.db").rename(real / "made.db")
    place.path("linked.db").symlink_to(real / "made.db")
    hold = foreign.hold

    def outrun(directory: str) -> int:
        if directory == str(real):
            real.rename(tmp_path / "moved")
            real.symlink_to(others)
        return hold(directory)

    monkeypatch.setattr(foreign, "hold", outrun)
    given = {"address": str(place.vaults), "database": "linked.db", "follow_links": True}
    reach.give_up_the_rest("contents", {**given, "off_limits": {"others": [str(others)]}})
    assert allowed == [str(place.vaults)]


def test_a_file_that_is_exchanged_for_a_pipe_after_the_look_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "plain").write_text("a")
    plain = os.stat(tmp_path / "plain")
    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", lambda *given, **more: plain)
        with pytest.raises(foreign.NotPlain, match="it is a pipe"):
            foreign.open_plain(str(tmp_path / "pipe"))
    assert not foreign.exists(str(tmp_path / "gone" / "a"))
    assert not foreign.is_at(0, str(tmp_path / "gone"))


@pytest.mark.parametrize("late", [False, True])
def test_a_copy_whose_file_was_exchanged_is_not_taken(
    place: Place, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """By a file that whoever exchanged it reads along."""
    path = place.vault()
    limits.apply({"current_s": 0.1})
    real = snapshot.connect
    theirs = place.media / "theirs"

    def exchanged(name: str, **more: object) -> object:
        if str(place.media) not in name:
            return real(name, **more)  # type: ignore[arg-type]
        os.rename(name, place.media / "ours")
        theirs.touch()
        os.rename(theirs, name)
        opened = real(name)
        if late:
            opened.execute("PRAGMA schema_version").fetchall()
            os.rename(name, theirs)
            os.rename(place.media / "ours", name)
        return opened

    monkeypatch.setattr(snapshot, "connect", exchanged)
    with elsewhere(HOLD, path, "BEGIN IMMEDIATE"), pytest.raises(EngineError, match="exchanged a temporary file"):
        backup.take(order(path, place.media, "one.bak"), SILENT)
