"""What a home says of itself beside its backups: written after runs, and merged when homes are lost."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pwsops.certificates import archive
from pwsops.engines.sqlite import layout, statement_file
from pwsops.errors import EngineError
from pwsops.operations import Operations
from pwsops.profile import BackupProfile
from pwsops.rules.model import BackupKind, ProfileState, RunStatus
from tests.integration.sqlite.test_rebuild import NAMES, Site, points, restored
from tests.pairs import pair

PASSWORD = "pä55 word"
PROFILES = [f"of {name}" for name in NAMES]
CANARY = "canary-vault.db"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close_all()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that took a full and an incremental of each database, and holds one; taken once."""
    made = Site(tmp_path_factory.mktemp("prepared"))
    ops = made.begin(keep_last=7)
    for database in NAMES:
        for kind in (BackupKind.FULL, BackupKind.DIFFERENTIAL):
            run = made.run(ops, database, kind)
        ops.holds.add_run(run, reason=f"an audit of {database}", until=made.clock.now() + timedelta(days=9))
        made.clock.advance(hours=5)
        made.run(ops, database, BackupKind.DIFFERENTIAL)
    made.close(ops)
    return made.root


@pytest.fixture
def lost(site: Site, prepared: Path) -> Site:
    """A site of which the media are left, and which finds them somewhere else."""
    shutil.copytree(prepared / "media", site.media, dirs_exist_ok=True)
    site.clock.advance(days=2)  # it is later than whatever the lost home did
    return site


def statements(site: Site) -> list[Path]:
    return sorted(site.media.rglob("*.pwsops"))


def content(path: Path, key: bytes | None = None) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(statement_file.unpack(path.read_bytes(), key))
    return values


def rewrite(path: Path, **changed: Any) -> None:
    """Say something else in a statement; its digest holds."""
    values = content(path) | changed
    head = statement_file.head_of(path.read_bytes())
    made = statement_file.pack(
        json.dumps(values).encode(), home_id=head.home_id, profile_id=head.profile_id, recipient=None
    )
    path.write_bytes(made)


def test_all_that_was_known_is_there_again(lost: Site, prepared: Path) -> None:
    laid = lost.files()
    ops = lost.home("b")
    found = lost.rebuild(ops)
    assert (found.sets_new, found.unassigned, found.unread, found.conflicts) == (6, [], [], [])
    assert (found.instances, sorted(found.profiles), found.runs, found.holds) == (["own"], PROFILES, 6, 2)
    assert lost.files() == laid
    (instance,) = ops.instances.list()
    assert (instance.name, instance.address) == ("own", str(prepared / "vaults"))
    for view in ops.profiles.list():
        assert view.state is ProfileState.INACTIVE, "two services must not both run it"
        fields = ops.profiles.get(view.name)
        assert (fields.keep_last, fields.every, fields.unit, fields.start) == (7, 1, "d", datetime(2026, 3, 1))
        assert len(ops.runs.list(profile=view.name)) == 3
        assert any(f"activate '{view.name}'" in note for note in found.missing)
        assert any(view.directory in note and "were found in" in note for note in found.missing)
    held = {one.database: one for one in ops.holds.list("own")}
    assert {name: one.reason for name, one in held.items()} == {name: f"an audit of {name}" for name in NAMES}
    assert all(Path(one.path).is_relative_to(lost.media) for one in held.values())
    again = points(ops)
    assert [one.run is not None and one.restorable for one in again] == [True] * 6
    kept = ops.retention.preview(f"of {NAMES[0]}").sets
    assert len(kept) == 3, "what is its own is under its policy again"


def test_it_is_found_again_and_no_second_time(lost: Site) -> None:
    ops = lost.home("b")
    lost.rebuild(ops)
    ops.holds.remove(ops.holds.list("own")[0].id)
    before = (points(ops), ops.runs.list(), ops.holds.list("own"), ops.profiles.list())
    again = lost.rebuild(ops)
    assert (again.sets_new, again.sets_known, again.profiles, again.runs, again.holds) == (0, 6, [], 0, 0)
    assert (points(ops), ops.runs.list(), ops.holds.list("own"), ops.profiles.list()) == before
    assert sum("is known here" in note for note in again.missing) == 2


def test_a_profile_goes_on_where_it_stopped_once_it_is_put_in_force(lost: Site, prepared: Path) -> None:
    ops = lost.home("b")
    lost.rebuild(ops)
    name = f"of {NAMES[0]}"
    moved: BackupProfile = ops.profiles.get(name)
    moved.directory = str(lost.media / name)
    shutil.copytree(prepared / "vaults", lost.vaults, dirs_exist_ok=True)
    ops.instances.edit("own", address=str(prepared / "vaults"))
    ops.profiles.save(name, moved)
    lost.clock.advance(minutes=5)
    run = ops.runs.run_here(name, BackupKind.DIFFERENTIAL)
    assert run.status is RunStatus.SUCCEEDED
    newest = ops.points.list("own", NAMES[0])[0]
    assert (newest.run, newest.kind) == (run.id, BackupKind.DIFFERENTIAL), run.items[0].reason


def test_two_homes_merge_into_one(lost: Site, prepared: Path) -> None:
    """One of them was made anew after the other was lost, and ran for a while."""
    second = lost.home("b")
    lost.rebuild(second)
    name = f"of {NAMES[0]}"
    amended = second.profiles.get(name)
    amended.keep_last, amended.directory = 9, str(lost.directory("later"))
    second.profiles.save(name, amended)
    shutil.copytree(prepared / "vaults", lost.vaults, dirs_exist_ok=True)
    lost.clock.advance(minutes=5)
    run = second.runs.run_here(name, BackupKind.FULL)
    assert run.status is RunStatus.SUCCEEDED, run.items[0].error
    second.holds.add_run(run.id, reason="the second home's")
    lost.clock.advance(hours=9)
    assert second.runs.run_here(name, BackupKind.FULL).status is RunStatus.SUCCEEDED
    lost.lose(second)
    assert len({content(each)["home_id"] for each in statements(lost)}) == 2
    third = lost.home("c")
    found = lost.rebuild(third)
    assert (found.conflicts, sorted(found.profiles), found.sets_new) == ([], PROFILES, 8)
    assert third.profiles.get(name).keep_last == 9, "what was saved last counts"
    assert {one.reason for one in third.holds.list("own")} == {
        *(f"an audit of {n}" for n in NAMES),
        "the second home's",
    }
    mine = [one for one in third.runs.list() if one.profile == name]
    assert len(mine) == 5
    own = third.points.list("own", NAMES[0])
    assert [one.at for one in own] == sorted((one.at for one in own), reverse=True)
    assert len(restored(third, "own", own[:1], lost.root / "out")) == 1


def test_a_statement_holds_what_concerns_its_directory_and_no_secret(site: Site, prepared: Path) -> None:
    shutil.copytree(prepared / "media", site.media, dirs_exist_ok=True)
    for each in statements(site):
        text = json.dumps(content(each))
        other = next(name for name in NAMES if name not in str(each.parent))
        assert other not in text
        assert "password" not in text
        assert stat.S_IMODE(os.stat(next(iter(prepared.rglob(each.name)))).st_mode) == 0o600


def encrypting(site: Site) -> Operations:
    ops = site.home("a")
    ops.instances.add("own", engine="sqlite", address=str(site.vaults))
    ops.certificates.import_file(archive.pack([pair()], "import"), "import")
    site.write(CANARY)
    profile = site.profile("vault", CANARY, encrypt_with="backups", save_certificates=True, active=False)
    ops.profiles.create(profile, certificate_password=PASSWORD)
    site.clock.advance(minutes=1)
    assert ops.runs.run_here("vault").status is RunStatus.SUCCEEDED
    return ops


def test_what_is_encrypted_is_not_told_without_the_key_and_all_is_there_with_it(site: Site) -> None:
    first = encrypting(site)
    (before,) = first.points.list("own", CANARY)
    truth = restored(first, "own", [before], site.root / "before")
    site.lose(first)
    (saved,) = statements(site)
    assert CANARY.encode() not in saved.read_bytes()
    ops = site.home("b")
    found = site.rebuild(ops)
    assert (found.sets_found, found.sets_new, found.profiles) == (1, 0, [])
    assert [each.path for each in found.unread] == [str(saved)]
    assert any(pair().facts().thumbprint in note and "certificate import" in note for note in found.missing)
    ops.certificates.import_file(next(iter(site.media.rglob("*.pfx"))).read_bytes(), PASSWORD)
    found = site.rebuild(ops)
    assert (found.sets_new, found.profiles, found.unread) == (1, ["vault"], [])
    assert not ops.profiles.get("vault").save_certificates
    assert any("under which certificates are saved" in note for note in found.missing)
    assert restored(ops, "own", ops.points.list("own", CANARY), site.root / "after") == truth


def test_without_the_key_what_is_encrypted_is_listed_where_somebody_says_whose_it_is(site: Site) -> None:
    site.lose(encrypting(site))
    ops = site.home("b")
    assert site.rebuild(ops, instance="own", address=str(site.vaults)).sets_new == 1
    (point,) = ops.points.list("own", CANARY)
    assert point.restorable is False
    assert pair().facts().thumbprint in point.why


def _digest(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def _huge(path: Path) -> None:
    whole = path.read_bytes()
    head = statement_file.head_of(whole)
    values = {"home_id": head.home_id, "profile_id": head.profile_id, "content_bytes": 1 << 30}
    block = layout.pack_block(statement_file.MAGIC, values)
    payload = whole[len(head.block) : -layout.DIGEST_BYTES]
    path.write_bytes(block + payload + layout.sha256(block, payload))


def _bomb(path: Path) -> None:
    whole = path.read_bytes()
    head = statement_file.head_of(whole)
    import zstandard

    payload = zstandard.ZstdCompressor().compress(bytes(100 << 20))
    path.write_bytes(head.block + payload + layout.sha256(head.block, payload))


def _nested(path: Path) -> None:
    head = statement_file.head_of(path.read_bytes())
    deep = b"[" * 100_000 + b"]" * 100_000
    path.write_bytes(statement_file.pack(deep, home_id=head.home_id, profile_id=head.profile_id, recipient=None))


HOSTILE: dict[str, Callable[[Path], None]] = {
    "checksum": _digest,
    "cut short": _cut,
    "none of ours has more": _huge,
    "longer or shorter than it says": _bomb,
    "no statement of a home": _nested,
    "another version": lambda path: rewrite(path, version=2),
    "control characters": lambda path: rewrite(path, instance="own\x1b[31m"),
    "plain absolute path": lambda path: rewrite(path, address="/srv/../etc"),
    "no object": lambda path: rewrite(path, profile=[]),
    "no list": lambda path: rewrite(path, holds={}),
    "no instant": lambda path: rewrite(path, saved_at="2026-01-01T00:00"),
    "no possible number": lambda path: rewrite(path, profile_id=True),
}


@pytest.mark.parametrize("why", list(HOSTILE))
def test_a_statement_that_is_not_as_it_must_be_is_refused_and_the_rest_is_read(lost: Site, why: str) -> None:
    hostile = next(each for each in statements(lost) if NAMES[0] in str(each.parent))
    HOSTILE[why](hostile)
    found = lost.rebuild(lost.home("b"))
    assert [each.path for each in found.unread] == [str(hostile)]
    assert why in found.unread[0].reason
    assert (found.profiles, found.sets_new, len(found.unassigned)) == ([f"of {NAMES[1]}"], 3, 3)


FORGED: dict[str, dict[str, Any]] = {
    "control characters": {"name": "p\n[31m"},
    "cannot be read": {"keep_last": "all"},
    "names no database": {"databases": []},
    "absolute path": {"directory": "media"},
}


@pytest.mark.parametrize("why", list(FORGED))
def test_a_profile_that_cannot_be_one_is_not_taken_over(lost: Site, why: str) -> None:
    hostile = next(each for each in statements(lost) if NAMES[0] in str(each.parent))
    rewrite(hostile, profile=content(hostile)["profile"] | FORGED[why])
    ops = lost.home("b")
    found = lost.rebuild(ops)
    refused = [(each.path, each.reason) for each in (*found.conflicts, *found.unread)]
    assert [path for path, _ in refused] == [str(hostile)]
    assert why in refused[0][1]
    assert [one.name for one in ops.profiles.list()] == [f"of {NAMES[1]}"]


def test_an_instance_that_a_statement_names_reaches_nothing_that_is_not_its_own(lost: Site) -> None:
    ops = lost.home("b")
    other, one = statements(lost)  # the one that was saved last counts first
    rewrite(one, address=str(ops.home))
    rewrite(other, options={"follow_links": True, "busy_s": 2.0, "made_up": 1})
    found = lost.rebuild(ops)
    assert [each.path for each in found.conflicts] == [str(one)]
    assert "its own catalogue" in found.conflicts[0].reason
    (instance,) = ops.instances.list()
    assert dict(instance.options) == {"busy_s": 2.0}
    assert any("followed links" in note for note in found.missing)


def test_another_instance_of_that_name_is_not_taken_for_this_one_unless_somebody_says_so(lost: Site) -> None:
    ops = lost.home("b")
    ops.instances.add("own", engine="sqlite", address=str(lost.vaults))
    found = lost.rebuild(ops)
    assert sorted(each.path for each in found.conflicts) == [str(each) for each in statements(lost)]
    assert (found.sets_new, found.profiles, len(found.unassigned)) == (0, [], 6)
    told = lost.rebuild(ops, instance="own")
    assert (told.sets_new, len(told.profiles), told.conflicts) == (6, 2, [])


def test_no_instance_is_made_for_backups_of_which_each_has_one(lost: Site) -> None:
    ops = lost.home("b")
    found = lost.rebuild(ops, instance="found")
    assert (found.instances, found.sets_new) == (["own"], 6)
    assert [each.name for each in ops.instances.list()] == ["own"]


def test_where_its_databases_go_now_is_said_at_the_rebuild(lost: Site) -> None:
    ops = lost.home("b")
    found = lost.rebuild(ops, instance="own", address=str(lost.vaults))
    assert (found.instances, found.sets_new, found.conflicts) == (["own"], 6, [])
    assert [each.address for each in ops.instances.list()] == [str(lost.vaults)]
    newest = ops.points.list("own", NAMES[0])[0]
    ops.restores.restore("own", NAMES[0], newest.path, newest.position, create=True)
    assert (lost.vaults / NAMES[0]).exists()


def test_a_profile_of_another_instance_keeps_its_name(lost: Site) -> None:
    ops = lost.home("b")
    ops.instances.add("mine", engine="sqlite", address=str(lost.vaults))
    lost.write(NAMES[0])
    ops.profiles.create(lost.profile(f"of {NAMES[0]}", NAMES[0], instance="mine"))
    found = lost.rebuild(ops)
    home_id = content(statements(lost)[0])["home_id"]
    assert f"of {NAMES[0]} ({home_id[:8]})" in found.profiles
    assert lost.rebuild(ops).profiles == []


def test_a_run_each_minute_does_not_write_it_each_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ops = site.begin()
    site.run(ops, NAMES[0], BackupKind.FULL)
    (saved,) = statements(site)
    before = saved.read_bytes()
    monkeypatch.setattr("pwsops.runs.statements.BYTES_PER_S", 1)
    site.run(ops, NAMES[0], BackupKind.FULL)
    assert saved.read_bytes() == before
    site.clock.advance(hours=2)
    site.run(ops, NAMES[0], BackupKind.FULL)
    assert len(content(saved)["runs"]) == 3


def test_where_it_cannot_be_saved_the_run_says_so_and_has_succeeded(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops = site.begin()
    site.run(ops, NAMES[0], BackupKind.FULL)
    (saved,) = statements(site)
    saved.write_bytes(b"mine")
    site.clock.advance(hours=5)
    assert "is not a statement of this home" in told(ops, site.run(ops, NAMES[0], BackupKind.FULL))
    assert saved.read_bytes() == b"mine"
    saved.unlink()
    saved.symlink_to(site.root / "elsewhere")
    assert "is not a statement of this home" in told(ops, site.run(ops, NAMES[0], BackupKind.FULL))
    assert not (site.root / "elsewhere").exists()
    for error, said in (
        (EngineError("It hangs.", hint="Wait."), "It hangs. Wait."),
        (ZeroDivisionError(), "unforeseen"),
    ):

        def fail(*given: Any, error: Exception = error) -> str:
            raise error

        monkeypatch.setattr("pwsops.engines.sqlite.statement_saving.save", fail)
        assert said in told(ops, site.run(ops, NAMES[0], BackupKind.FULL))


def told(ops: Operations, run_id: int) -> str:
    return " ".join(each.text for each in ops.runs.get(run_id).items[0].messages)


def test_the_time_of_a_statement_is_the_homes(site: Site) -> None:
    ops = site.begin()
    site.run(ops, NAMES[0], BackupKind.FULL)
    (saved,) = statements(site)
    assert abs(datetime.fromisoformat(content(saved)["saved_at"]) - datetime.now(UTC)) < timedelta(hours=1)


def test_backups_that_are_found_later_come_under_no_policy_that_would_take_them_for_the_oldest(
    lost: Site, tmp_path: Path
) -> None:
    """A mirror that is behind is read first, and the backups themselves after that."""
    mirror, directory = tmp_path / "mirror", statements(lost)[0].parent
    (newest,) = sorted(directory.glob("*.bak"), key=lambda path: path.stat().st_mtime_ns)[-1:]
    shutil.copytree(lost.media, mirror)
    (behind,) = (path for path in mirror.rglob("*.pwsops") if path.parent.name == directory.name)
    (behind.parent / newest.name).unlink()
    runs = sorted(content(behind)["runs"], key=lambda run: str(run["claimed_at"]))[:-1]
    its = {item["set_id"] for run in runs for item in run["items"]}
    rewrite(behind, runs=runs, sets=sorted(its))
    ops = lost.home("b")
    ops.rebuild([str(each) for each in mirror.iterdir()])
    name = next(view.name for view in ops.profiles.list() if view.directory.endswith(directory.name))
    lost.rebuild(ops)
    known = {Path(one.path).name for one in points(ops) if one.path}
    assert newest.name in known
    judged = {Path(one.path).name for one in ops.retention.preview(name).sets}
    assert newest.name not in judged
    assert judged


def test_what_two_homes_claim_is_under_the_policy_of_neither(lost: Site) -> None:
    first, second = statements(lost)
    rewrite(second, sets=[*content(second)["sets"], *content(first)["sets"]])
    ops = lost.home("b")
    lost.rebuild(ops)
    of_first = content(first)["profile"]["name"]
    assert ops.retention.preview(of_first).sets == []
    assert len(points(ops)) == 6, "they can be restored all the same"


def test_nothing_comes_under_a_policy_that_is_in_force(lost: Site) -> None:
    first, second = statements(lost)
    ops = lost.home("b")
    ops.rebuild([str(second.parent)])
    in_force = content(second)["profile"]["name"]
    ops.profiles.activate(in_force)
    before = {one.set_id for one in ops.retention.preview(in_force).sets}
    rewrite(second, sets=[*content(second)["sets"], *content(first)["sets"]])
    first.unlink()
    lost.rebuild(ops)
    assert {one.set_id for one in ops.retention.preview(in_force).sets} == before


def test_a_hold_that_somebody_else_says_has_ended_stays(lost: Site) -> None:
    first, _ = statements(lost)
    values = content(first)
    (hold,) = values["holds"]
    forged = hold | {"until": "2026-01-01T00:00:00+00:00"}
    rewrite(first, holds=[hold, forged], home_id="another", saved_at=values["saved_at"])
    ops = lost.home("b")
    lost.rebuild(ops)
    assert len(ops.holds.list("own")) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [({"saved_at": "2090-01-01T00:00:00+00:00"}, "which is yet to come"), ({"on_day": "1" * 5000}, "cannot be read")],
)
def test_a_statement_that_cannot_be_true_ends_no_rebuild(lost: Site, change: dict[str, Any], words: str) -> None:
    first, _ = statements(lost)
    values = content(first)
    if "on_day" in change:
        change = {"profile": values["profile"] | change}
    rewrite(first, **change)
    ops = lost.home("b")
    found = lost.rebuild(ops)
    reasons = [*(reason for _, reason in found.unread), *(reason for _, reason in found.conflicts)]
    assert any(words in reason for reason in reasons), reasons
    assert len(found.profiles) == 1


def test_a_statement_that_would_be_too_large_leaves_old_runs_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwsops.runs.statements.MOST_BYTES", 4000)
    monkeypatch.setattr("pwsops.runs.statements.BYTES_PER_S", 1 << 30)
    ops = site.begin()
    for _ in range(8):
        site.clock.advance(hours=1)
        site.run(ops, NAMES[0], BackupKind.FULL)
    (path,) = (each for each in statements(site) if content(each)["profile"]["databases"] == [NAMES[0]])
    values = content(path)
    assert values["is_cut"]
    assert 0 < len(values["runs"]) < 8
    assert set(values["sets"]) == {one.set_id for one in ops.retention.preview(f"of {NAMES[0]}").sets}
