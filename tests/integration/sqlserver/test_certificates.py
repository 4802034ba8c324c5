"""Certificates that the server keeps: seen, checked before they are needed, saved into files and taken out of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pwsops.engines.certificates import CertificateFiles, KeepsCertificates
from pwsops.engines.requests import Encryption, RestoreRequest
from pwsops.errors import CertificateNeeded, Conflict, EngineError, InvalidInput, MediaError, PwsopsError
from tests.integration.sqlserver.bench import ROWS, Bench, open_bench
from tests.standin.server import ScriptedServer
from tests.standin.server.certificates import CertificateFile, KeyFileContent
from tests.standin.server.client import Client
from tests.standin.server.messages import said

SECRET = "it's a S3cret, really"
FILES = CertificateFiles(certificate="D:\\Backup\\keeper.cer", key="D:\\Backup\\keeper.pvk")
UNTIL = datetime(2031, 1, 1, tzinfo=UTC)


def administrator(bench: Bench) -> Client:
    return Client(bench.server)


def carry(here: ScriptedServer, there: ScriptedServer, *paths: str) -> None:
    """Bring files from one server to another."""
    for path in paths:
        file = here.files.get(path)
        assert file is not None
        there.files.put(path, file.size_bytes, file.content)


def told(error: PwsopsError) -> str:
    return " ".join([error.message, error.hint, *(message.text for message in error.messages)])


def test_certificates_are_listed_with_what_they_encrypt(bench: Bench) -> None:
    keeper = bench.server.make_certificate("keeper", subject="Backups", starts_at=UNTIL - timedelta(days=9))
    bench.server.make_certificate("bare").has_private_key = False
    bench.server.make_certificate("##MS_Own##")
    bench.server.databases["vault"].tde_thumbprint = keeper.thumbprint
    assert isinstance(bench.engine, KeepsCertificates)
    bare, found = bench.engine.certificates()
    assert (found.name, found.subject, found.thumbprint) == ("keeper", "Backups", keeper.thumbprint.hex().upper())
    assert (found.not_before, found.not_after) == (keeper.starts_at, keeper.expires_at)
    assert (found.has_private_key, found.encrypts) == (True, ("vault",))
    assert (bare.has_private_key, bare.encrypts) == (False, ())


def test_it_is_known_whether_a_login_sees_every_certificate(bench: Bench) -> None:
    assert bench.engine.sees_every_certificate()
    assert not bench.engine_with().sees_every_certificate()


def test_what_a_login_may_not_see_is_not_listed(bench: Bench) -> None:
    bench.server.databases["vault"].tde_thumbprint = bench.server.make_certificate("keeper").thumbprint
    assert bench.engine_with().certificates() == []
    bench.server.accounts["least"].grants.add("VIEW ANY DEFINITION")
    [found] = bench.engine_as("least").certificates()
    assert found.encrypts == ()


def test_a_certificate_that_can_encrypt_is_found_whatever_its_case(bench: Bench) -> None:
    bench.server.make_certificate("Keeper")
    assert bench.engine.require_encryption("keeper").name == "Keeper"


def _none(server: ScriptedServer) -> None:
    server.make_certificate("other")


def _no_master_key(server: ScriptedServer) -> None:
    """Leave the server as it is."""


def _no_key(server: ScriptedServer) -> None:
    server.make_certificate("keeper").has_private_key = False


def _under_password(server: ScriptedServer) -> None:
    server.make_certificate("keeper").under_password = True


def _expired(server: ScriptedServer) -> None:
    server.make_certificate("keeper", expires_at=server.clock.now() - timedelta(days=1))


def _closed(server: ScriptedServer) -> None:
    server.make_certificate("keeper")
    server.master_key_is_closed = True


WHY_NOT = {
    "none": (_none, "there is none of that name in master", "CREATE CERTIFICATE [keeper] WITH SUBJECT"),
    "no master key": (_no_master_key, "master has no master key", "CREATE MASTER KEY ENCRYPTION BY PASSWORD"),
    "no private key": (_no_key, "without its private key", "pwsops certificate import-server prod"),
    "a password": (_under_password, "a password of its own", "ALTER CERTIFICATE [keeper] WITH PRIVATE KEY"),
    "expired": (_expired, "it expired on", "CREATE CERTIFICATE [keeper 20"),
    "closed master key": (_closed, "cannot open the master key", "ALTER MASTER KEY ADD ENCRYPTION BY SERVICE"),
}


@pytest.mark.parametrize(("prepare", "why", "step"), WHY_NOT.values(), ids=WHY_NOT.keys())
def test_why_a_certificate_cannot_encrypt_is_said_before_anything_is_written(
    bench: Bench, prepare: Callable[[ScriptedServer], None], why: str, step: str
) -> None:
    prepare(bench.server)
    with pytest.raises(EngineError, match=why) as refused:
        bench.full(encryption=Encryption(name="keeper"))
    assert step in refused.value.hint
    assert not bench.sent("BACKUP")
    assert not list(bench.server.files.listing(bench.directory))


def test_the_statement_that_is_told_helps(bench: Bench) -> None:
    with pytest.raises(EngineError) as refused:
        bench.engine.require_encryption("keeper")
    administrator(bench).done(refused.value.hint.partition(": ")[2])
    assert bench.engine.require_encryption("keeper").has_private_key


def test_a_certificate_that_the_login_does_not_see_is_told_from_one_that_is_not_there(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    with pytest.raises(EngineError, match="that the login least may see") as refused:
        bench.engine_with().require_encryption("keeper")
    administrator(bench).done(refused.value.hint.partition(": ")[2])
    assert bench.engine_as("least").require_encryption("keeper")


@pytest.mark.parametrize("edition", ["Express Edition (64-bit)", "Web Edition (64-bit)"])
def test_editions_that_do_not_encrypt_backups_say_so(bench: Bench, edition: str) -> None:
    with open_bench(bench.driver, edition=edition) as small:
        small.server.make_certificate("keeper")
        with pytest.raises(EngineError, match=r"Edition \(64-bit\) does not encrypt backups"):
            small.full(encryption=Encryption(name="keeper"))


def test_an_encrypted_backup_that_is_overwritten_alternates_between_two_files(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    encryption = Encryption(name="keeper")
    paths = [bench.overwrite(run, file_name="one.bak", encryption=encryption).backup_set.path for run in range(3)]
    assert [bench.engine.split(path)[1] for path in paths] == ["one.bak", "one~2.bak", "one.bak"]
    assert [name for name, _, _ in bench.server.files.listing(bench.directory)] == ["one.bak"]


def test_a_set_names_the_certificates_that_a_restore_needs(bench: Bench) -> None:
    keeper, whole = bench.server.make_certificate("keeper"), bench.server.make_certificate("whole")
    assert bench.full("plain.bak").thumbprints == []
    bench.server.databases["vault"].tde_thumbprint = whole.thumbprint
    full = bench.full("full.bak", encryption=Encryption(name="keeper"))
    assert full.thumbprints == [keeper.thumbprint.hex().upper(), whole.thumbprint.hex().upper()]
    assert next(iter(bench.engine.history(database="vault"))).thumbprint is None
    assert [each.thumbprint for each in bench.engine.history()][-1] == full.thumbprint


def test_from_its_two_files_a_certificate_lets_another_server_restore(bench: Bench) -> None:
    whole = bench.server.make_certificate("whole")
    bench.server.make_certificate("keeper")
    bench.server.databases["vault"].tde_thumbprint = whole.thumbprint
    full = bench.full("full.bak", encryption=Encryption(name="keeper"))
    others = CertificateFiles(certificate="D:\\Backup\\whole.cer", key="D:\\Backup\\whole.pvk")
    bench.engine.save_certificate("keeper", FILES, SECRET)
    bench.engine.save_certificate("whole", others, SECRET)
    with open_bench(bench.driver) as there:
        carry(bench.server, there.server, full.path, FILES.certificate, FILES.key, others.certificate, others.key)
        there.server.databases["vault"].write_rows([(1, "theirs")])
        request = RestoreRequest(database="vault", sets=[full])
        for thumbprint, files, name in zip(full.thumbprints, (FILES, others), ("keeper", "whole"), strict=True):
            with pytest.raises(CertificateNeeded, match=thumbprint) as refused:
                there.engine.restore(request)
            assert refused.value.number == 33111
            assert "pwsops certificate import-server prod" in refused.value.hint
            made = "M4ster, really" if name == "keeper" else None
            taken = there.engine.take_certificate(f"their {name}", files, SECRET, master_key_password=made)
            assert taken.thumbprint == thumbprint
        there.engine.restore(request)
        assert there.server.databases["vault"].read_rows() == ROWS


def test_saving_writes_two_files_under_the_password_and_over_none(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    assert bench.engine.has_file(FILES.key) is False
    bench.engine.save_certificate("keeper", FILES, SECRET)
    assert bench.engine.has_file(FILES.key) is True
    public, private = bench.server.files.get(FILES.certificate), bench.server.files.get(FILES.key)
    assert public is not None
    assert private is not None
    assert isinstance(public.content, CertificateFile)
    assert isinstance(private.content, KeyFileContent)
    assert private.content.password == SECRET
    with pytest.raises(EngineError, match="there is a file of that name already") as refused:
        bench.engine.save_certificate("keeper", FILES, SECRET)
    assert refused.value.number == 15240


def test_a_missing_right_to_save_is_told_with_the_statement_that_gives_it(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    engine = bench.engine_with("VIEW ANY DEFINITION")
    with pytest.raises(EngineError, match="the login least may not save the certificate keeper") as refused:
        engine.save_certificate("keeper", FILES, SECRET)
    grant = "USE master; CREATE USER [least] FOR LOGIN [least]; GRANT CONTROL ON CERTIFICATE::[keeper] TO [least];"
    assert refused.value.hint == f"Give it the right: {grant}"
    assert not list(bench.server.files.listing(bench.directory))
    administrator(bench).done(grant)
    engine.save_certificate("keeper", FILES, SECRET)
    bench.server.make_certificate("other")
    with pytest.raises(EngineError) as again:
        engine.save_certificate("other", FILES, SECRET)
    assert "CREATE USER" not in again.value.hint


def test_a_missing_right_to_take_is_told_with_the_statement_that_gives_it(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    bench.engine.save_certificate("keeper", FILES, SECRET)
    bench.server.certificates.pop("keeper")
    engine = bench.engine_with()
    with pytest.raises(EngineError, match="may not make certificates in master") as refused:
        engine.take_certificate("keeper", FILES, SECRET)
    administrator(bench).done(refused.value.hint.partition(": ")[2])
    assert engine.take_certificate("keeper", FILES, SECRET).has_private_key


REFUSED = {
    "another password": ("keeper", FILES, "another password", InvalidInput, 15465),
    "no such file": ("k", CertificateFiles(certificate="D:\\none.cer", key=FILES.key), SECRET, MediaError, 15208),
}


@pytest.mark.parametrize(("name", "files", "password", "kind", "number"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_taken_is_refused_with_its_cause(
    bench: Bench, name: str, files: CertificateFiles, password: str, kind: type[PwsopsError], number: int
) -> None:
    bench.server.make_certificate("keeper")
    bench.engine.save_certificate("keeper", FILES, SECRET)
    bench.server.certificates.pop("keeper")
    with pytest.raises(kind) as refused:
        bench.engine.take_certificate(name, files, password)
    assert refused.value.number == number
    assert password not in told(refused.value)


def test_what_is_there_already_is_not_made_again(bench: Bench) -> None:
    keeper = bench.server.make_certificate("keeper")
    bench.engine.save_certificate("keeper", FILES, SECRET)
    with pytest.raises(Conflict, match=f"of that name already, with the thumbprint {keeper.thumbprint.hex().upper()}"):
        bench.engine.take_certificate("Keeper", FILES, SECRET)
    with pytest.raises(Conflict, match="has this certificate already"):
        bench.engine.take_certificate("another", FILES, SECRET)
    with pytest.raises(Conflict, match="has a master key already"):
        bench.engine.take_certificate("another", FILES, SECRET, master_key_password=SECRET)


def test_without_a_master_key_nothing_is_taken_and_none_is_made_unasked(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    bench.engine.save_certificate("keeper", FILES, SECRET)
    bench.server.certificates.pop("keeper")
    bench.server.has_master_key = False
    with pytest.raises(EngineError, match="no master key") as refused:
        bench.engine.take_certificate("keeper", FILES, SECRET)
    assert refused.value.number == 15581
    assert not bench.server.has_master_key


def test_a_weak_password_is_refused_by_the_policy_of_the_server(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    with pytest.raises(InvalidInput, match="does not meet the policy") as refused:
        bench.engine.save_certificate("keeper", FILES, "weak")
    assert refused.value.number == 15118


@pytest.mark.parametrize("form", [SECRET, SECRET.replace("'", "''")])
def test_a_password_that_the_server_repeats_is_not_passed_on(bench: Bench, form: str) -> None:
    bench.server.make_certificate("keeper")
    bench.fail("BACKUP CERTIFICATE", said(102, form))
    with pytest.raises(EngineError) as refused:
        bench.engine.save_certificate("keeper", FILES, SECRET)
    assert "S3cret" not in told(refused.value) + repr(refused.value)
    assert "***" in told(refused.value)


def test_a_password_that_no_statement_can_hold_is_refused_without_being_shown(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="The password cannot be written") as refused:
        bench.engine.save_certificate("keeper", FILES, "S3cret\\\nmore")
    assert "S3cret" not in told(refused.value)
    assert refused.value.__cause__ is None


def test_a_file_that_is_not_there_afterwards_is_not_taken_for_saved(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    write = bench.server.files.write

    def lose_keys(path: str, size_bytes: int, content: object) -> None:
        if path != FILES.key:
            write(path, size_bytes, content)

    bench.server.files.write = lose_keys  # type: ignore[method-assign]
    with pytest.raises(EngineError, match=r"keeper\.pvk is not there"):
        bench.engine.save_certificate("keeper", FILES, SECRET)
