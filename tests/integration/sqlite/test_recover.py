"""The script beside the media restores without this product."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import blake3
import cryptography
import pytest
import zstandard

from pwsops.certificates import archive
from pwsops.engines.requests import Encryption, RestoreRequest
from pwsops.engines.sqlite import recover as recovery
from pwsops.engines.sqlite import recovery_kit
from pwsops.rules.model import BackupSet
from tests.integration.sqlite.support import Place, is_whole, query
from tests.integration.sqlite.test_encryption import (
    Forger,
    change_the_time,
    change_the_wrapped_key,
    drop_the_last_frame,
    swap_frames,
)
from tests.pairs import pair

CRYPTOGRAPHY = (Path(cryptography.__file__).parent, *Path(cryptography.__file__).parents[1].glob("*cffi*"))


def modules(directory: Path, *packages: Path) -> Mapping[str, str]:
    """Make only these packages importable."""
    directory.mkdir()
    for package in packages:
        os.symlink(package, directory / package.name)
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(directory)}


ZSTANDARD = Path(zstandard.__file__).parent
BLAKE3 = Path(blake3.__file__).parent


def recover(
    script: Path, environment: Mapping[str, str], *arguments: object, given: str = ""
) -> subprocess.CompletedProcess[str]:
    # -S leaves site-packages out: nothing but the standard library and what `environment` names.
    command = [sys.executable, "-S", "-P", str(script), *map(str, arguments)]
    return subprocess.run(
        command, env=environment, cwd=script.parent, input=given, check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("packages", [(ZSTANDARD,), (ZSTANDARD, BLAKE3)])
def test_full_and_incremental_come_back_without_this_product(
    place: Place, tmp_path: Path, packages: tuple[Path, ...]
) -> None:
    path = place.vault(size_mb=5)
    full = place.take("full.bak").backup_set
    query(path, "UPDATE ciphers SET user = 'later' WHERE id % 3 = 0")
    query(path, "DELETE FROM ciphers WHERE id > 2000")
    query(path, "VACUUM")
    incremental = place.take("incremental.bak", base=full).backup_set
    script, environment = place.media / "recover.py", modules(tmp_path / "modules", *packages)

    for media, name in (([full], "a.db"), ([full, incremental], "b.db")):
        done = recover(script, environment, *[one.path for one in media], tmp_path / name)
        assert (done.returncode, done.stderr) == (0, "")
        is_whole(tmp_path / name)
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    expected = query(path, "SELECT * FROM ciphers")
    assert query(tmp_path / "b.db", "SELECT * FROM ciphers") == expected
    place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[full]))
    assert query(tmp_path / "a.db", "SELECT * FROM ciphers") == query(path, "SELECT * FROM ciphers")


def test_a_name_that_is_no_text_is_no_failure_of_what_was_recovered(place: Place, tmp_path: Path) -> None:
    place.vault()
    taken = place.take().backup_set
    environment = {**modules(tmp_path / "m", ZSTANDARD), "PYTHONIOENCODING": "utf-8:strict"}
    done = recover(place.media / "recover.py", environment, taken.path, tmp_path / "d\udce4b.sqlite3")
    assert (done.returncode, done.stderr) == (0, "")
    is_whole(tmp_path / "d\udce4b.sqlite3")


def test_what_cannot_be_recovered_is_said_without_a_traceback(place: Place, tmp_path: Path) -> None:
    place.vault(size_mb=3)
    full, other = (Path(place.take(name).backup_set.path) for name in ("full.bak", "other.bak"))
    [base] = place.engine.read_media(str(full))
    incremental = Path(place.take("incremental.bak", base=base).backup_set.path)
    script, environment, out = place.media / "recover.py", modules(tmp_path / "m", ZSTANDARD), tmp_path / "new.db"
    exists = tmp_path / "exists.db"
    exists.write_text("x")
    whole = full.read_bytes()
    cut, flipped, longer = (tmp_path / name for name in ("cut.bak", "flipped.bak", "longer.bak"))
    cut.write_bytes(whole[: len(whole) // 2])
    flipped.write_bytes(whole[:9000] + bytes([whole[9000] ^ 4]) + whole[9001:])
    longer.write_bytes(whole + b"x")
    for arguments, words in (
        ([], "usage:"),
        ([full], "usage:"),
        ([full, exists], "exists.db: this file exists already"),
        ([incremental, out], "incremental.bak: the first file must be a full backup"),
        ([other, incremental, out], "is not an incremental of"),
        ([cut, out], "cut.bak"),
        ([flipped, out], "flipped.bak"),
        ([longer, out], "longer.bak"),
        ([exists, out], "exists.db: the file is cut short"),
        ([tmp_path / "none.bak", out], "none.bak: No such file"),
        ([full, tmp_path / "nowhere" / "new.db"], "No such file"),
    ):
        done = recover(script, environment, *arguments)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert not out.exists()
    assert not [entry for entry in tmp_path.iterdir() if entry.name.endswith(".part")]


PASSWORD = "pä55word"


@pytest.fixture
def sealed_chain(place: Place, tmp_path: Path) -> list[BackupSet]:
    """An encrypted full and incremental, and the `.pfx` of their certificate."""
    place.keys[pair().facts().thumbprint] = pair().key_der()
    (tmp_path / "mine.pfx").write_bytes(archive.pack([pair()], PASSWORD))
    encryption = Encryption(name="backups", certificate=pair().certificate_der())
    path = place.vault(size_mb=3)
    full = place.take("full.bak", encryption=encryption).backup_set
    query(path, "UPDATE ciphers SET user = 'later' WHERE id % 3 = 0")
    return [full, place.take("incremental.bak", base=full, encryption=encryption).backup_set]


def test_encrypted_media_come_back_with_their_certificate(
    place: Place, tmp_path: Path, sealed_chain: list[BackupSet]
) -> None:
    environment = modules(tmp_path / "m", ZSTANDARD, *CRYPTOGRAPHY)
    paths = [one.path for one in sealed_chain]
    script, out = place.media / "recover.py", tmp_path / "new.db"
    done = recover(script, environment, "--pfx", tmp_path / "mine.pfx", *paths, out, given=f"{PASSWORD}\n")
    assert (done.returncode, done.stderr) == (0, "")
    is_whole(out)
    assert query(out, "SELECT * FROM ciphers") == query(place.path(), "SELECT * FROM ciphers")


def test_what_is_missing_for_encrypted_media_is_said(
    place: Place, tmp_path: Path, sealed_chain: list[BackupSet]
) -> None:
    full, out = sealed_chain[0].path, tmp_path / "new.db"
    script = place.media / "recover.py"
    whole = modules(tmp_path / "m", ZSTANDARD, *CRYPTOGRAPHY)
    without = modules(tmp_path / "n", ZSTANDARD)
    other = tmp_path / "other.pfx"
    other.write_bytes(archive.pack([pair("other")], PASSWORD))
    mine = tmp_path / "mine.pfx"
    needs = f"encrypted for the certificate CN=backups (thumbprint {pair().facts().thumbprint})"
    for environment, arguments, given, words in (
        (whole, [full, out], "", needs),
        (whole, ["--pfx", other, full, out], PASSWORD, needs),
        (whole, ["--pfx", mine, full, out], "wrong", "the password is wrong"),
        (whole, ["--pfx", full, full, out], PASSWORD, "the password is wrong, or the file is damaged"),
        (whole, ["--pfx", tmp_path / "none.pfx", full, out], PASSWORD, "none.pfx: No such file"),
        (whole, ["--pfx", mine], PASSWORD, "usage:"),
        (without, ["--pfx", mine, full, out], PASSWORD, "pip install cryptography"),
    ):
        done = recover(script, environment, *arguments, given=given)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert not out.exists()


def test_the_script_reads_encrypted_media_inside_this_process(
    tmp_path: Path, sealed_chain: list[BackupSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, mine = [one.path for one in sealed_chain], str(tmp_path / "mine.pfx")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    recovery.main(["--pfx", mine, *paths, str(tmp_path / "new.db")])
    is_whole(tmp_path / "new.db")

    keys = {pair().facts().thumbprint: pair().private_key}
    whole, flipped = Path(paths[0]).read_bytes(), tmp_path / "flipped.bak"
    for at in range(0, len(whole), len(whole) // 60):
        flipped.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        monkeypatch.setattr(recovery, "read_pfx", lambda path: next(iter(keys.items())))
        with pytest.raises(SystemExit, match=r"error: .*flipped\.bak"):
            recovery.main(["--pfx", mine, str(flipped), str(tmp_path / "other.db")])


def test_the_script_asks_for_the_password_at_a_terminal(
    tmp_path: Path, sealed_chain: list[BackupSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda question: PASSWORD)
    thumbprint, _ = recovery.read_pfx(str(tmp_path / "mine.pfx"))
    assert thumbprint == pair().facts().thumbprint


@pytest.mark.parametrize("change", [swap_frames, drop_the_last_frame, change_the_time, change_the_wrapped_key])
def test_the_script_refuses_what_a_forger_mended(
    tmp_path: Path, sealed_chain: list[BackupSet], change: Callable[[Forger], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(sealed_chain[0].path)
    forger = Forger(path)
    change(forger)
    forger.write(path)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    with pytest.raises(SystemExit, match=r"error: .*full\.bak"):
        recovery.main(["--pfx", str(tmp_path / "mine.pfx"), str(path), str(tmp_path / "new.db")])


def test_without_a_zstd_module_the_script_says_which_one_to_install(place: Place, tmp_path: Path) -> None:
    script = tmp_path / "recover.py"
    shutil.copy(recovery_kit.SOURCE, script)
    done = recover(script, modules(tmp_path / "m"), "a", "b")
    if sys.version_info < (3, 14):
        assert done.returncode == 1
        assert "zstandard" in done.stderr


def test_the_script_lies_beside_the_media_and_is_renewed(place: Place) -> None:
    place.vault()
    place.take("one.bak")
    script = place.media / "recover.py"
    assert script.read_bytes() == recovery_kit.SOURCE.read_bytes()
    script.write_bytes(b"# pwsops recovery script\nan older one\n")
    assert all("recover" not in message.text for message in place.take("two.bak").messages)
    assert script.read_bytes() == recovery_kit.SOURCE.read_bytes()


def test_a_script_that_says_to_be_newer_stays_and_is_said_and_a_link_is_not_followed(place: Place) -> None:
    place.vault()
    script = place.media / "recover.py"
    script.write_bytes(b"# pwsops recovery script, version 99\nof another pwsops\n")
    (told,) = [message.text for message in place.take("one.bak").messages if "recover.py" in message.text]
    assert "says that it is version 99 of our recovery script" in told
    assert hashlib.sha256(script.read_bytes()).hexdigest() in told
    assert recovery_kit.digest() in told
    assert "remove it" in told
    assert script.read_bytes().endswith(b"of another pwsops\n")
    script.unlink()
    precious = place.vaults / "precious.txt"
    precious.write_bytes(b"# pwsops recovery script\n")
    script.symlink_to(precious)
    assert any("not our recovery script" in message.text for message in place.take("two.bak").messages)
    assert precious.read_bytes() == b"# pwsops recovery script\n"


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_database_is_never_recovered_beside_what_sqlite_left_of_another(place: Place, suffix: str) -> None:
    place.vault()
    taken = place.take().backup_set
    new = place.vaults / "new.db"
    left = Path(f"{new}{suffix}")
    left.write_bytes(b"the last changes of the lost database")
    with pytest.raises(SystemExit, match=f"new.db{suffix}.*move it to another directory"):
        recovery.main([taken.path, str(new)])
    assert left.read_bytes() == b"the last changes of the lost database"
    assert not new.exists()


def test_a_long_name_is_recovered_to_and_one_taken_meanwhile_is_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.vault()
    taken = place.take().backup_set
    new = place.vaults / ("n" * 240 + ".db")
    recovery.main([taken.path, str(new)])
    is_whole(new)
    other = place.vaults / "other.db"
    write = recovery.write

    def meanwhile(*given: Any) -> int:
        size = write(*given)
        other.write_text("precious")
        return size

    monkeypatch.setattr(recovery, "write", meanwhile)
    with pytest.raises(SystemExit, match="exists already"):
        recovery.main([taken.path, str(other)])
    assert other.read_text() == "precious"


def test_a_strangers_file_of_that_name_stays(place: Place) -> None:
    place.vault()
    (place.media / "recover.py").write_text("mine")
    message = place.take("one.bak").messages[-1]
    assert "not our recovery script" in message.text
    assert (place.media / "recover.py").read_text() == "mine"


def test_a_directory_in_its_place_does_not_fail_the_backup(place: Place) -> None:
    place.vault()
    (place.media / "recover.py").mkdir()
    message = place.take("one.bak").messages[-1]
    assert "not our recovery script" in message.text


def test_the_script_says_the_same_inside_this_process(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.vault(size_mb=3)
    full = place.take("full.bak").backup_set
    query(path, "UPDATE ciphers SET user = 'later' WHERE id % 3 = 0")
    incremental = place.take("incremental.bak", base=full).backup_set
    whole, out = Path(full.path).read_bytes(), tmp_path / "new.db"
    recovery.main([full.path, incremental.path, str(out)])
    assert "as of" in capsys.readouterr().out
    is_whole(out)
    for arguments in (["x"], [full.path, str(out)], [incremental.path, str(out) + "2"], ["/none", str(out) + "2"]):
        with pytest.raises(SystemExit):
            recovery.main(arguments)
    flipped = tmp_path / "flipped.bak"
    for at in range(0, len(whole), len(whole) // 60):
        flipped.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(SystemExit, match=r"error: .*flipped\.bak"):
            recovery.main([str(flipped), str(out) + "2"])
    monkeypatch.setattr(recovery, "BLAKE3", None)
    recovery.main([full.path, str(out) + "2"])
    is_whole(Path(str(out) + "2"))
