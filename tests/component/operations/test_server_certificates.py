"""Certificates that servers keep: what a run does for them, what is listed of them, and who has to care."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet

from pwsops.catalogue import sets
from pwsops.certificates import archive
from pwsops.engines import registry
from pwsops.engines.certificates import CertificateFiles
from pwsops.errors import CertificateNeeded, Denied, EngineError, InvalidInput, MediaError, Refused
from pwsops.key_file import KEY_FILE
from pwsops.operations import Role
from pwsops.operations.certificate_records import ServerCertificateView
from pwsops.operations.server_certificates import name_in
from pwsops.rules.model import BackupKind, BackupSet, RunStatus
from pwsops.runs.saved_copies import say_where
from tests.clocks import NOON
from tests.fake_keeper import Keeper, kept
from tests.homes import Home
from tests.pairs import key_pem, openssl, pair
from tests.people import acting_as

SECRET = "pä55word"


@pytest.fixture
def keeper(home: Home, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    keeper = Keeper(home.clock, kept=[kept("keeper")])
    monkeypatch.setitem(registry.ENGINES, "fake", keeper.open)  # type: ignore[arg-type]
    home.server = keeper
    return keeper


def add(home: Home, **fields: Any) -> None:
    profile = home.profile(**({"encrypt_with": "keeper", "save_certificates": True} | fields))
    home.ops.profiles.create(profile, certificate_password=SECRET if profile.save_certificates else None)


def run(home: Home) -> list[str]:
    """Run the profile, which must succeed, and give what was said."""
    assert home.run() is RunStatus.SUCCEEDED
    return [message.text for message in home.ops.runs.get(home.ops.runs.list(limit=1)[0].id).items[0].messages]


def view(home: Home, name: str = "keeper", **options: Any) -> ServerCertificateView:
    [found] = [one for one in home.ops.certificates.list(**options) if one.name == name]
    assert isinstance(found, ServerCertificateView)
    return found


def lay(home: Home, **fields: Any) -> BackupSet:
    """Let the home know a backup whose file is there."""
    values = {"set_id": "x", "path": "/media/x.bak", "finished_at": NOON} | fields
    laid = BackupSet(database="one", kind=BackupKind.FULL, **values)
    with home.core.catalogue.write() as connection:
        sets.add(connection, laid, instance="srv", profile_id=None, run_id=None, now=NOON)
    return home.record(home.server.put(laid))


def test_a_run_remembers_what_its_server_has(home: Home, keeper: Keeper) -> None:
    home.add()
    keeper.kept = [kept("a", encrypts=("one",)), kept("b", key=False)]
    run(home)
    a, b = view(home, "a"), view(home, "b")
    assert (a.instance, a.subject, a.seen_at) == ("srv", "About a", home.clock.now())
    assert (a.not_before, a.not_after) == (keeper.kept[0].not_before, keeper.kept[0].not_after)
    assert (a.needed_by, b.needed_by) == ("the database srv/one", "")
    assert (a.has_private_key, b.has_private_key, a.held) == (True, False, False)
    keeper.kept = []
    home.ops.certificates.look("srv")
    assert [one.name for one in home.ops.certificates.list() if one.name] == []


def test_nothing_is_saved_where_nobody_asked(home: Home, keeper: Keeper) -> None:
    add(home, save_certificates=False)
    assert run(home) == []
    assert keeper.saved == {}
    assert "is not known to be saved anywhere" in view(home).concerns[0]


def test_a_copy_is_made_once_and_again_when_it_is_gone_or_the_password_is_new(home: Home, keeper: Keeper) -> None:
    add(home)
    [first] = run(home)
    assert first.startswith("The certificate keeper was saved as /media/keeper_")
    assert list(keeper.saved.values()) == ["", SECRET]
    assert run(home) == []
    keeper.saved.popitem()
    assert len(run(home)) == 1
    home.ops.profiles.save("p", home.ops.profiles.get("p"), certificate_password="another")
    assert len(run(home)) == 1
    assert list(keeper.saved.values())[-1] == "another"


def test_a_copy_under_a_password_that_no_key_opens_any_more_is_made_anew(home: Home, keeper: Keeper) -> None:
    add(home)
    run(home)
    (home.path / KEY_FILE).write_text(Fernet.generate_key().decode())
    assert "cannot be decrypted" in run(home)[0]
    home.ops.key.begin_anew()
    home.ops.profiles.save("p", home.ops.profiles.get("p"), certificate_password=SECRET)
    assert run(home)[0].startswith("The certificate keeper was saved as /media/keeper_")
    assert run(home) == []


def test_where_files_cannot_be_seen_the_record_is_believed(home: Home, keeper: Keeper) -> None:
    add(home)
    keeper.sees_files = False
    assert len(run(home)) == 1
    assert run(home) == []


def test_a_server_that_cannot_be_asked_costs_the_copy_and_not_the_backup(home: Home, keeper: Keeper) -> None:
    add(home)
    keeper.looking_error = EngineError("The list is refused.", hint="Let it.")
    assert run(home) == ["The certificates were not saved with the backup: The list is refused. Let it."]


def test_a_certificate_without_its_key_is_not_saved_and_that_is_said(home: Home, keeper: Keeper) -> None:
    keeper.kept = [kept("whole", encrypts=("one",), key=False)]
    add(home, encrypt_with="")
    [told] = run(home)
    assert "srv has it without its private key" in told
    assert view(home, "whole").concerns[0].startswith("has no private key on srv")


def test_what_encrypts_a_database_unseen_is_known_from_its_last_backup(home: Home, keeper: Keeper) -> None:
    keeper.kept = [kept("unseen")]
    add(home, encrypt_with="")
    lay(home, database_thumbprint=keeper.kept[0].thumbprint)
    assert "The certificate unseen was saved" in run(home)[0]
    assert view(home, "unseen").needed_by == "1 backup of srv/one"


def test_a_copy_counts_as_long_as_its_files_are_there(home: Home, keeper: Keeper) -> None:
    add(home)
    run(home)
    assert not view(home).escrowed, "its files are not to be seen in the directory"
    assert home.ops.certificates.attention() == [], "the catalogue's word is taken"
    for path in keeper.saved:
        keeper.media[path] = []
    assert view(home).escrowed
    assert view(home).files == tuple(keeper.saved)


def test_a_certificate_that_our_store_has_as_well_is_escrowed(home: Home, keeper: Keeper) -> None:
    keeper.kept = [replace(kept("keeper"), thumbprint=pair("one").facts().thumbprint)]
    add(home, save_certificates=False)
    home.ops.certificates.import_file(archive.pack([pair("one")], SECRET), SECRET)
    assert view(home).in_store
    assert view(home).escrowed
    with pytest.raises(Refused, match="needed by the profile p"):
        home.ops.certificates.remove("one")


@pytest.mark.parametrize(
    ("left", "concern"),
    [
        (timedelta(days=10), "expires on 2026-03-12: from then on no backup can be encrypted"),
        (-timedelta(days=1), "expired on 2026-03-01: no backup can be encrypted with it any more"),
    ],
)
def test_expiry_matters_to_what_a_profile_encrypts_with_and_not_to_databases(
    home: Home, keeper: Keeper, left: timedelta, concern: str
) -> None:
    keeper.kept = [kept("keeper"), kept("whole", until=NOON + left, encrypts=("one",))]
    add(home, save_certificates=False)
    keeper.kept[0] = kept("keeper", until=NOON + left)
    home.ops.certificates.look()
    assert concern in view(home).concerns[0]
    assert len(view(home, "whole").concerns) == 1
    assert "saved anywhere" in view(home, "whole").concerns[0]


def test_a_backup_whose_certificate_left_the_server_is_pointed_out_there(home: Home, keeper: Keeper) -> None:
    lay(home, thumbprint="A" * 40)
    home.ops.certificates.look()
    [missing] = [one for one in home.ops.certificates.attention() if not one.name]
    assert (missing.instance, missing.thumbprint) == ("srv", "A" * 40)
    assert "neither on srv, as last seen, nor in the store" in missing.concerns[0]
    assert [one.name for one in home.ops.certificates.list(instance="srv")] == ["keeper", ""]
    assert home.ops.certificates.list(instance="another") == []


def test_a_set_that_needs_two_certificates_counts_for_both(home: Home, keeper: Keeper) -> None:
    keeper.kept = [kept("a"), kept("b")]
    lay(home, thumbprint=keeper.kept[0].thumbprint, database_thumbprint=keeper.kept[1].thumbprint)
    home.ops.certificates.look()
    assert [view(home, name).needed_by for name in "ab"] == ["1 backup of srv/one"] * 2
    assert {one.needed_by for one in home.ops.certificates.attention()} == {"1 backup of srv/one"}


def test_a_server_that_does_not_answer_is_told_and_no_directory_of_it_is_waited_for_twice(
    home: Home, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(home)
    run(home)
    gone = EngineError("srv is gone.", hint="Look.", transient=True)
    keeper.looking_error = gone
    assert home.ops.certificates.look() == {"srv": gone}
    asked = []

    def browse(engine: object, path: str) -> None:
        asked.append(path)
        raise gone

    monkeypatch.setattr("tests.fake_engine.FakeEngine.browse", browse)
    lay(home, thumbprint=keeper.kept[0].thumbprint)
    assert view(home).escrowed, "what nobody can tell counts as there"
    assert len(asked) == 1


def test_only_instances_whose_server_keeps_certificates_are_named(home: Home, keeper: Keeper, tmp_path: Any) -> None:
    home.ops.instances.add("own", engine="sqlite", address=str(tmp_path))
    assert home.ops.certificates.keepers() == ["srv"]
    assert home.ops.certificates.look() == {"own": None, "srv": None}


def test_a_profile_takes_the_servers_spelling(home: Home, keeper: Keeper) -> None:
    add(home, encrypt_with="KEEPER")
    assert home.ops.profiles.get("p").encrypt_with == "keeper"
    assert view(home).needed_by == "the profile p", "seen when the profile was saved"


def test_a_server_that_cannot_be_reached_stands_in_no_profiles_way(home: Home, keeper: Keeper) -> None:
    keeper.kept = []
    with pytest.raises(InvalidInput, match="'p' cannot be saved: keeper cannot encrypt"):
        add(home)
    keeper.looking_error = EngineError("srv is gone.", hint="Look.", transient=True)
    add(home)
    assert home.ops.profiles.get("p").encrypt_with == "keeper"


def test_bringing_a_certificate_is_noted_without_its_passwords(home: Home, keeper: Keeper) -> None:
    files = CertificateFiles(certificate="/in/theirs.cer", key="/in/theirs.pvk")
    taken = home.ops.certificates.import_to_server(
        "srv", certificate_file=files.certificate, key_file=files.key, password=SECRET, master_key_password="m4ster"
    )
    assert (taken.name, taken.instance) == ("theirs", "srv")
    assert keeper.taken == [("theirs", files, SECRET, "m4ster")]
    entry = home.ops.audit.list()[0]
    assert (entry.action, entry.subject) == ("import certificate to server", "srv/theirs")
    assert entry.detail == f"thumbprint {taken.thumbprint}, from /in/theirs.cer; made a master key"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (f"keeper_{'0A' * 20}_20260301T120000Z_1a2b3c4d.cer", "keeper"),
        (f"keeper_{'0A' * 20}.cer", "keeper"),
        ("My certificate.cer", "My certificate"),
        ("bare", "bare"),
    ],
)
def test_a_file_has_its_certificates_name_in_its_own(file: str, name: str) -> None:
    assert name_in(file) == name


def test_an_error_says_where_a_missing_certificate_was_saved(home: Home, keeper: Keeper) -> None:
    add(home)
    run(home)
    thumbprint = keeper.kept[0].thumbprint
    lacks = CertificateNeeded("It lacks the certificate.", hint="Bring it.", thumbprint=thumbprint)
    say_where(home.core.catalogue.read, lacks)
    certificate, key = keeper.saved
    assert lacks.hint == (
        f"Bring it. srv has it as keeper. A run saved it on srv as {certificate} and {key}, under the password of the "
        "profile."
    )
    say_where(home.core.catalogue.read, lacks)
    assert lacks.hint.count("srv has it") == 1
    for other in (
        MediaError("Damaged.", hint="x", thumbprint=thumbprint),
        CertificateNeeded("Lacks another.", hint="x", thumbprint="B" * 40),
        CertificateNeeded(f"Lacks one whose subject is {thumbprint}.", hint="x"),
    ):
        say_where(home.core.catalogue.read, other)
        assert other.hint == "x"


def test_where_a_certificate_is_elsewhere_is_told_to_those_who_may_know_of_that(home: Home, keeper: Keeper) -> None:
    add(home)
    run(home)
    home.ops.instances.add("other", engine="fake", address="far")
    taken = home.record(
        home.server.put(
            BackupSet(set_id="y", database="one", kind=BackupKind.FULL, path="/other/y.bak", finished_at=NOON)
        ),
        "other",
    )
    lacks = CertificateNeeded(
        f"It needs {keeper.kept[0].thumbprint}.", hint="Bring it.", thumbprint=keeper.kept[0].thumbprint
    )
    keeper.obstacle = keeper.restore_error = lacks
    bob = acting_as(home.ops, Role.RESTORER, instances=frozenset({"other"}))
    for ops, knows in ((bob, False), (home.ops, True), (bob, False)):
        lacks.hint = "Bring it."
        with pytest.raises(CertificateNeeded) as told:
            ops.restores.restore("other", "one", taken.path)
        assert ("srv" in told.value.hint) is knows
        assert ("srv" in ops.restores.list()[0].hint) is knows
        lacks.hint = "Bring it."
        assert ("srv" in ops.restores.preview("other", "one", taken.path).obstacle) is knows


def test_a_copy_is_encrypted_for_the_servers_certificate_as_the_newest_backup_is(home: Home, keeper: Keeper) -> None:
    add(home, save_certificates=False)
    run(home)
    home.ops.profiles.delete("p")
    home.clock.advance(hours=1)
    taken = lay(home, thumbprint=keeper.kept[0].thumbprint, finished_at=home.clock.now())
    home.ops.restores.restore("srv", "one", taken.path, safety_copy=True)
    encryption = keeper.requests[-1].encryption
    assert encryption is not None
    assert encryption.name == "keeper"
    keeper.kept = []
    assert home.ops.restores.preview("srv", "one", taken.path, safety_copy=True).obstacle
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET thumbprint = ?", ("B" * 40,))
    with pytest.raises(Refused, match="not at hand") as refused:
        home.ops.restores.restore("srv", "one", taken.path, safety_copy=True)
    assert "pwsops certificate import-server srv" in refused.value.hint


def test_an_engine_without_servers_has_no_certificate_to_be_brought(home: Home, keeper: Keeper, tmp_path: Any) -> None:
    home.ops.instances.add("own", engine="sqlite", address=str(tmp_path))
    with pytest.raises(InvalidInput, match="own does not keep certificates itself"):
        home.ops.certificates.import_to_server("own", certificate_file="/c", key_file="/k", password="p")


def test_what_a_server_saved_goes_into_the_store(home: Home, keeper: Keeper, tmp_path: Any) -> None:
    one, file = pair("one"), tmp_path / "key.pem"
    file.write_bytes(key_pem(one))
    legacy = ("-provider", "legacy", "-provider", "default")
    key = openssl("rsa", "-in", file, "-outform", "PVK", "-pvk-strong", "-passout", "pass:S3cret", *legacy)
    both = one.certificate_der() + b"\n" + key
    with pytest.raises(Denied):
        acting_as(home.ops, Role.OPERATOR, "bob").certificates.import_file(both, "S3cret")
    [taken] = home.ops.certificates.import_file(both, "S3cret", name="from the server")
    assert (taken.name, taken.thumbprint) == ("from the server", one.facts().thumbprint)
