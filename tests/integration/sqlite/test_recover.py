"""The script beside the media restores without this product."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import blake3
import pytest
import zstandard

from pwsops.engines.base import RestoreRequest
from pwsops.engines.sqlite import recover as recovery
from pwsops.engines.sqlite import recovery_kit
from tests.integration.sqlite.support import Place, is_whole, query


def modules(directory: Path, *packages: Path) -> Mapping[str, str]:
    """Make only these packages importable."""
    directory.mkdir()
    for package in packages:
        os.symlink(package, directory / package.name)
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(directory)}


ZSTANDARD = Path(zstandard.__file__).parent
BLAKE3 = Path(blake3.__file__).parent


def recover(script: Path, environment: Mapping[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    # -S leaves site-packages out: nothing but the standard library and what `environment` names.
    command = [sys.executable, "-S", "-P", str(script), *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd=script.parent, check=False, capture_output=True, text=True)


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
    expected = query(path, "SELECT * FROM ciphers")
    assert query(tmp_path / "b.db", "SELECT * FROM ciphers") == expected
    place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[full]))
    assert query(tmp_path / "a.db", "SELECT * FROM ciphers") == query(path, "SELECT * FROM ciphers")


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
    script.write_bytes(recovery_kit.MARK + b"\nan older one\n")
    assert place.take("two.bak").messages == ()
    assert script.read_bytes() == recovery_kit.SOURCE.read_bytes()


def test_a_strangers_file_of_that_name_stays(place: Place) -> None:
    place.vault()
    (place.media / "recover.py").write_text("mine")
    [message] = place.take("one.bak").messages
    assert "not our recovery script" in message.text
    assert (place.media / "recover.py").read_text() == "mine"


def test_a_directory_in_its_place_does_not_fail_the_backup(place: Place) -> None:
    place.vault()
    (place.media / "recover.py").mkdir()
    [message] = place.take("one.bak").messages
    assert "could not be put" in message.text


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
