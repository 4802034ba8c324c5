"""The certificate store: what goes in, what comes out, what must stay, and who is told what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy.pool import QueuePool

from pwsops.catalogue import runs
from pwsops.certificates import archive, reading
from pwsops.engines.records import DirectoryCheck, DirectoryEntry, DirectoryStatus
from pwsops.errors import Conflict, Denied, InvalidInput, NotFound, Refused
from pwsops.operations import Operations, Role, clashes
from pwsops.rules.certificates import Purpose
from pwsops.rules.model import BackupKind, BackupSet, RunStatus, Trigger
from tests.clocks import NOON
from tests.fake_engine import FakeEngine
from tests.homes import Home
from tests.pairs import certificate_pem, key_pem, pair, weakly_signed
from tests.people import acting_as

PASSWORD = "pä55word"
ONE = pair("one").facts().thumbprint


@pytest.fixture(autouse=True)
def _encrypts(home: Home) -> None:
    home.server.encryption = True


def take_in(home: Home, *names: str) -> None:
    home.ops.certificates.import_file(archive.pack([pair(name) for name in names], PASSWORD), PASSWORD)


def lay(home: Home, path: str = "/media/a.bak", thumbprint: str = ONE, set_id: str = "") -> BackupSet:
    """Let the home know an encrypted backup, whose file is there."""
    from pwsops.catalogue import sets

    laid = BackupSet(
        set_id=set_id or path,
        database="one",
        kind=BackupKind.FULL,
        path=path,
        finished_at=NOON,
        thumbprint=thumbprint,
        details={"certificate": "CN=one"},
    )
    with home.core.catalogue.write() as connection:
        sets.add(connection, laid, instance="srv", profile_id=None, run_id=None, now=NOON)
    return home.server.put(laid)


def test_a_pair_is_taken_in_once_and_given_back_as_it_was(home: Home) -> None:
    [view] = home.ops.certificates.import_file(
        certificate_pem(pair("one")) + key_pem(pair("one")), purpose=Purpose.MASTER_KEY
    )
    assert (view.name, view.thumbprint, view.subject, view.purpose) == ("one", ONE, "CN=one", Purpose.MASTER_KEY)
    assert (view.held, view.may_encrypt, view.doubts, view.needed_by) == (True, True, [], "")
    exported = home.ops.certificates.export([ONE.lower()], PASSWORD)
    [back] = reading.read_pfx(exported, PASSWORD, source="x")
    assert (back.certificate, back.key_der()) == (pair("one").certificate, pair("one").key_der())
    with pytest.raises(Conflict, match="has it already, as 'one'"):
        home.ops.certificates.import_file(exported, PASSWORD)
    assert home.ops.certificates.get("one").exported_at == NOON


def test_all_in_one_file_go_in_but_for_those_that_are_there(home: Home) -> None:
    take_in(home, "one")
    everything = archive.pack([pair("one"), pair("two"), pair("three")], PASSWORD)
    added = home.ops.certificates.import_file(everything, PASSWORD)
    assert [view.name for view in added] == ["three", "two"]
    exported = home.ops.certificates.export(["two", "one", "two"], PASSWORD)
    names = [one.name for one in reading.read_pfx(exported, PASSWORD, source="x")]
    assert names == ["two", "one"]


def test_a_name_of_ones_own_is_taken_and_must_be_free(home: Home) -> None:
    content = archive.pack([pair("one")], PASSWORD)
    two = archive.pack([pair("two")], PASSWORD)
    assert home.ops.certificates.import_file(content, PASSWORD, name="Vault")[0].name == "Vault"
    with pytest.raises(Conflict, match="'Vault' already"):
        home.ops.certificates.import_file(two, PASSWORD, name="Vault")
    with pytest.raises(InvalidInput, match="cannot be called"):
        home.ops.certificates.import_file(two, PASSWORD, name="a\nb")
    with pytest.raises(InvalidInput, match="holds 2 certificates"):
        home.ops.certificates.import_file(archive.pack([pair("two"), pair("three")], PASSWORD), PASSWORD, name="x")


def test_two_certificates_of_one_name_are_told_apart(home: Home) -> None:
    take_in(home, "one")
    other = pair("one", bits=3072)
    [view] = home.ops.certificates.import_file(archive.pack([other], PASSWORD), PASSWORD)
    assert view.name == f"one {other.facts().thumbprint[:8]}"


def test_an_expired_or_weak_one_is_taken_in_with_a_word_and_encrypts_nothing_new(home: Home, tmp_path: Path) -> None:
    expired = pair("expired", until=NOON - timedelta(days=1))
    small = pair("small", bits=1024)
    [one] = home.ops.certificates.import_file(archive.pack([expired], PASSWORD), PASSWORD)
    [two] = home.ops.certificates.import_file(archive.pack([small], PASSWORD), PASSWORD)
    [three] = home.ops.certificates.import_file(weakly_signed(tmp_path))
    assert (one.may_encrypt, one.doubts) == (False, ["expired on 2026-03-01"])
    assert "weak key (RSA 1024" in two.doubts[0]
    assert any("SHA1" in doubt for doubt in three.doubts)
    for name in ("expired", "small", "weak"):
        with pytest.raises(InvalidInput, match=f"the certificate '{name}'"):
            home.add(encrypt_with=name)


def test_a_certificate_is_made_and_can_encrypt_at_once(home: Home) -> None:
    made = home.ops.certificates.create("Vaults", years=3)
    assert (made.name, made.may_encrypt) == ("Vaults", True)
    with pytest.raises(Conflict, match="'Vaults' already"):
        home.ops.certificates.create("Vaults")
    home.add(encrypt_with="Vaults")
    assert home.ops.profiles.get("p").encrypt_with == made.thumbprint


def test_a_profile_encrypts_for_its_certificate(home: Home) -> None:
    take_in(home, "one")
    home.add(encrypt_with="one")
    assert home.run() is RunStatus.SUCCEEDED
    encryption = home.server.requests[-1].encryption
    assert encryption is not None
    assert (encryption.name, encryption.certificate) == ("one", pair("one").certificate_der())


def test_a_profile_encrypts_on_after_its_certificate_expired_and_says_so(home: Home) -> None:
    soon = pair("soon", until=NOON + timedelta(days=10))
    home.ops.certificates.import_file(archive.pack([soon], PASSWORD), PASSWORD)
    home.add(encrypt_with="soon", active=False)
    home.clock.advance(timedelta(days=20))
    assert home.run() is RunStatus.SUCCEEDED
    [item] = home.ops.runs.list(limit=1)[0].items
    told = home.ops.runs.get(home.ops.runs.list(limit=1)[0].id).items[0].messages
    assert item.error == ""
    assert "expired on 2026-03-12" in told[0].text
    profile = home.ops.profiles.get("p")
    profile.time_limit_h = 3.0
    home.ops.profiles.save("p", profile)
    assert home.ops.profiles.get("p").time_limit_h == 3.0


def test_a_profile_whose_certificate_is_gone_fails_and_says_what_to_do(home: Home) -> None:
    take_in(home, "one")
    home.add(encrypt_with="one")
    empty_the_store(home)
    assert home.run() is RunStatus.FAILED
    [item] = home.ops.runs.list(limit=1)[0].items
    assert f"the certificate {ONE}, which is not in the store" in item.error
    assert "pwsops certificate import" in item.hint


def test_a_certificate_that_is_gone_is_not_saved_and_the_run_fails_for_it(home: Home) -> None:
    take_in(home, "one")
    profile = home.profile(encrypt_with="one", save_certificates=True)
    home.ops.profiles.create(profile, certificate_password=PASSWORD)
    empty_the_store(home)
    assert home.run() is RunStatus.FAILED
    assert home.server.saved_certificates == {}


def empty_the_store(home: Home) -> None:
    from pwsops.catalogue import certificates

    with home.core.catalogue.write() as connection:
        for row in certificates.every(connection):
            certificates.remove(connection, row.thumbprint)


def test_another_certificate_begins_with_a_full(home: Home) -> None:
    take_in(home, "one", "two")
    home.add(encrypt_with="one", incremental=True)
    home.run()
    home.run()
    profile = home.ops.profiles.get("p")
    profile.encrypt_with = "two"
    home.ops.profiles.save("p", profile)
    edits = [entry.detail for entry in home.ops.audit.list() if entry.action == "edit profile"]
    assert edits == [f"encrypt_with from {ONE} to {pair('two').facts().thumbprint}"]
    home.run()
    kinds = [request.kind for request in home.server.requests]
    assert kinds == [BackupKind.FULL, BackupKind.DIFFERENTIAL, BackupKind.FULL]


def test_what_cannot_encrypt_takes_no_certificate(home: Home) -> None:
    take_in(home, "one")
    home.server.encryption = False
    with pytest.raises(InvalidInput, match="cannot encrypt backups"):
        home.add(encrypt_with="one")
    home.server.encryption = True
    with pytest.raises(NotFound, match="no certificate 'ome' in the store") as caught:
        home.add(encrypt_with="ome")
    assert "Did you mean one?" in caught.value.hint


def test_a_server_with_certificates_of_its_own_is_given_the_name(home: Home) -> None:
    home.server.certificates = True
    home.add(encrypt_with="ServerCert")
    home.run()
    encryption = home.server.requests[-1].encryption
    assert encryption is not None
    assert (encryption.name, encryption.certificate) == ("ServerCert", None)
    assert home.ops.certificates.list(required=True) == []


def test_the_required_ones_are_those_of_profiles_and_backups_also_where_they_are_missing(home: Home) -> None:
    take_in(home, "one", "two", "three")
    home.add(encrypt_with="two")
    lay(home)
    lay(home, "/media/b.bak")
    lay(home, "/media/c.bak", thumbprint="FF" * 20)
    found = home.ops.certificates.list(required=True)
    assert [(view.name, view.held) for view in found] == [("one", True), ("two", True), ("", False)]
    assert [view.needed_by for view in found] == ["2 backups of srv/one", "the profile p", "1 backup of srv/one"]
    assert (found[2].thumbprint, found[2].subject) == ("FF" * 20, "CN=one")
    assert "is not in the store" in found[2].concerns[0]
    assert len(home.ops.certificates.list()) == 4


@pytest.mark.parametrize("save", ["create", "save"])
@pytest.mark.parametrize("gone", ["certificate", "instance"])
def test_what_is_removed_while_a_profile_is_checked_is_missed_when_it_is_written(
    home: Home, monkeypatch: pytest.MonkeyPatch, save: str, gone: str
) -> None:
    take_in(home, "one")
    home.ops.instances.add("new", engine="fake", address="nowhere")
    profile = home.profile(name="q", instance="new", encrypt_with="one")
    home.add()
    remove = home.ops.certificates.remove if gone == "certificate" else home.ops.instances.remove

    def meanwhile(*_given: object) -> None:
        remove("one" if gone == "certificate" else "new")

    monkeypatch.setattr(clashes, "look", meanwhile)
    with pytest.raises(NotFound, match=gone):
        home.ops.profiles.create(profile) if save == "create" else home.ops.profiles.save("p", profile)
    assert [(view.name, view.instance) for view in home.ops.profiles.list()] == [("p", "srv")]


def test_what_a_profile_needs_stays(home: Home) -> None:
    take_in(home, "one")
    home.add(encrypt_with="one")
    with pytest.raises(Refused, match="needed by the profile p"):
        home.ops.certificates.remove("one")
    home.ops.profiles.delete("p")
    home.ops.certificates.remove("one")
    assert home.ops.certificates.list() == []


def test_what_a_backup_needs_stays_until_the_file_is_gone(home: Home) -> None:
    take_in(home, "one")
    laid = lay(home)
    with pytest.raises(Refused, match="needed by 1 backup of srv/one"):
        home.ops.certificates.remove(ONE)
    home.server.unlistable.add("/media")
    with pytest.raises(Refused, match="needed by"):
        home.ops.certificates.remove(ONE)
    home.server.unlistable.clear()
    del home.server.media[laid.path]
    home.ops.certificates.remove(ONE)
    with pytest.raises(NotFound):
        home.ops.certificates.get(ONE)


@pytest.mark.parametrize("what", ["edited", "deleted"])
def test_what_a_run_encrypts_for_stays_until_it_has_ended(home: Home, what: str) -> None:
    take_in(home, "one")
    home.add(encrypt_with="one")

    def meanwhile(_request: object) -> None:
        home.clock.advance(timedelta(seconds=1))
        if what == "deleted":
            home.ops.profiles.delete("p")
        else:
            profile = home.ops.profiles.get("p")
            profile.encrypt_with = ""
            home.ops.profiles.save("p", profile)
        with pytest.raises(Refused, match="run 1 of 'p' goes on") as caught:
            home.ops.certificates.remove("one")
        assert "Wait" in caught.value.hint

    home.server.before_backup = meanwhile
    assert home.run() is RunStatus.SUCCEEDED
    home.ops.certificates.remove("one")  # the fake's sets do not say that they are encrypted


def test_a_run_of_another_certificate_and_one_that_waits_keep_nothing(home: Home) -> None:
    take_in(home, "one", "two")
    home.add(encrypt_with="two")
    home.server.before_backup = lambda _: home.ops.certificates.remove("one")
    assert home.run() is RunStatus.SUCCEEDED
    assert [view.name for view in home.ops.certificates.list()] == ["two"]
    with home.core.catalogue.write() as connection:
        runs.add(
            connection,
            profile_id=1,
            profile="p",
            due_at=NOON,
            kind=BackupKind.FULL,
            trigger=Trigger.MANUAL,
            owner=None,
        )
    home.ops.profiles.delete("p")
    home.ops.certificates.remove("two")


@pytest.mark.parametrize("ask", ["list", "remove"])
def test_no_connection_is_held_while_servers_are_asked_for_files(
    home: Home, ask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(home, "one")
    lay(home)
    held: list[int] = []
    pool = home.core.catalogue._engine.pool
    assert isinstance(pool, QueuePool)

    def browse(self: FakeEngine, path: str) -> list[DirectoryEntry]:
        held.append(pool.checkedout())
        return []

    monkeypatch.setattr(FakeEngine, "browse", browse)
    home.ops.certificates.list() if ask == "list" else home.ops.certificates.remove("one")
    assert held == [0]


def test_a_backup_that_came_while_files_were_looked_for_counts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in(home, "one")
    lay(home)
    home.server.media.clear()

    def browse(self: FakeEngine, path: str) -> list[DirectoryEntry]:
        lay(home, set_id="later")  # in the very same file
        return []

    monkeypatch.setattr(FakeEngine, "browse", browse)
    with pytest.raises(Refused, match="needed by 1 backup"):
        home.ops.certificates.remove("one")


def test_backups_of_an_instance_that_is_forgotten_count_as_far_as_anybody_can_tell(home: Home) -> None:
    take_in(home, "one")
    lay(home, "nowhere/a.bak")
    home.ops.instances.remove("srv")
    with pytest.raises(Refused, match="needed by 1 backup"):
        home.ops.certificates.remove("one")


def test_what_somebody_should_see_to_is_told_until_it_is_done(home: Home) -> None:
    soon = pair("soon", until=NOON + timedelta(days=10))
    home.ops.certificates.import_file(archive.pack([soon, pair("two")], PASSWORD), PASSWORD)
    assert home.ops.certificates.attention() == []  # nothing needs them
    home.add(encrypt_with="soon")
    lay(home, thumbprint="FF" * 20)
    told = {view.name: list(view.concerns) for view in home.ops.certificates.attention()}
    assert told["soon"][0] == "expires on 2026-03-12"
    assert "neither saved" in told["soon"][1]
    assert "not in the store" in told[""][0]
    home.ops.certificates.export(["soon"], PASSWORD)
    [soon_view] = [view for view in home.ops.certificates.attention() if view.name]
    assert list(soon_view.concerns) == ["expires on 2026-03-12"]
    home.clock.advance(timedelta(days=11))
    [soon_view] = [view for view in home.ops.certificates.attention() if view.name]
    assert list(soon_view.concerns) == ["expired on 2026-03-12"]


def test_an_export_wants_a_password_and_something_to_export(home: Home) -> None:
    take_in(home, "one")
    with pytest.raises(InvalidInput, match="no password"):
        home.ops.certificates.export(["one"], "")
    with pytest.raises(InvalidInput, match="No certificate was named"):
        home.ops.certificates.export([], PASSWORD)
    with pytest.raises(NotFound):
        home.ops.certificates.export(["one", "nobody"], PASSWORD)
    assert home.ops.certificates.get("one").exported_at is None


@pytest.mark.parametrize(
    "act",
    [
        lambda ops: ops.certificates.create("x"),
        lambda ops: ops.certificates.import_file(b""),
        lambda ops: ops.certificates.export(["one"], "x"),
        lambda ops: ops.certificates.remove("one"),
    ],
)
def test_only_an_administrator_touches_the_store(home: Home, act: Callable[[Operations], object]) -> None:
    take_in(home, "one")
    operator = acting_as(home.ops, Role.OPERATOR, "bob")
    with pytest.raises(Denied):
        act(operator)
    assert [view.name for view in home.ops.certificates.list()] == ["one"]


def test_keys_and_passwords_are_shown_and_kept_nowhere(home: Home) -> None:
    take_in(home, "one")
    home.ops.certificates.export(["one"], PASSWORD)
    home.ops.certificates.create("made")
    home.ops.certificates.remove("made")
    actions = [(entry.action, entry.subject) for entry in reversed(home.ops.audit.list())][1:]
    assert actions == [
        ("import certificate", "one"),
        ("export certificate", "one"),
        ("create certificate", "made"),
        ("remove certificate", "made"),
    ]
    from pwsops.catalogue import certificates

    with home.core.catalogue.read() as connection:
        rows = certificates.every(connection)
    shown = repr([home.ops.certificates.list(), home.ops.audit.list(), rows])
    assert PASSWORD not in shown
    assert rows[0].sealed_key not in shown
    private = pair("one").private_key
    assert isinstance(private, rsa.RSAPrivateKey)
    prime = private.private_numbers().p.to_bytes(128, "big")
    assert prime in pair("one").key_der()
    for file in home.path.glob("catalogue*"):
        assert prime not in file.read_bytes()


def test_a_home_whose_key_is_lost_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in(home, "one")
    (home.path / "secret.key").unlink()
    with pytest.raises(Refused, match="is gone"):
        home.ops.certificates.export(["one"], PASSWORD)


def test_a_thumbprint_goes_before_a_name(home: Home) -> None:
    take_in(home, "one")
    home.ops.certificates.import_file(archive.pack([pair("two")], PASSWORD), PASSWORD, name=ONE)
    assert home.ops.certificates.get(ONE).subject == "CN=one"


def test_a_directory_that_is_missing_holds_no_backup(home: Home) -> None:
    take_in(home, "one")
    lay(home)
    home.server.unlistable.add("/media")
    home.server.directories["/media"] = DirectoryCheck(status=DirectoryStatus.MISSING)
    home.ops.certificates.remove("one")


def test_a_view_of_what_is_missing_has_a_file_name_all_the_same(home: Home) -> None:
    take_in(home, "one")
    [view] = home.ops.certificates.list()
    assert view.file_name == f"one_{ONE}.pfx"
    assert replace(view, name="").file_name == f"certificate_{ONE}.pfx"
