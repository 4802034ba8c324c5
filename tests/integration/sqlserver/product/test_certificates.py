"""Profiles that encrypt with a certificate of the server, or whose databases are encrypted by one, start to finish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from pwsops.errors import CertificateNeeded, Denied, InvalidInput
from pwsops.operations import Role
from pwsops.operations.certificate_records import CertificateView
from pwsops.operations.records import ItemView
from pwsops.profile import BackupProfile
from pwsops.rules.model import RunStatus
from pwsops.rules.protection import Cause
from tests.integration.sqlserver.product.home import ROWS, Overhearing, Product, Work, opened
from tests.people import acting_as
from tests.standin.drivers import Driver
from tests.standin.server import ScriptedServer
from tests.standin.server.certificates import Certificate, CertificateFile, KeyFileContent
from tests.standin.server.client import Client
from tests.standin.wire import StandIn

SECRET = "it's a S3cret, really"
NUMBERS = count(1)


class Keeping(Work):
    """A database whose certificate the server keeps."""

    def __init__(self, product: Product) -> None:
        super().__init__(product, f"kept{next(NUMBERS)}")
        self.keeper: Certificate = self.server.make_certificate(f"keeper of {self.name}")
        self.thumbprint = self.keeper.thumbprint.hex().upper()

    def encrypts(self, *, save: bool = True) -> None:
        """Make a profile that encrypts with the certificate."""
        self.profile(encrypt_with=self.keeper.name, save_certificates=save, certificate_password=SECRET)

    def saved(self) -> list[str]:
        """Return the names of the files of certificates."""
        return [name for name in self.media() if name.endswith((".cer", ".pvk"))]


@pytest.fixture
def keeping(product: Product) -> Iterator[Keeping]:
    yield Keeping(product)
    product.server.faults.clear()


def told(item: ItemView) -> str:
    return "\n".join(message.text for message in item.messages)


def assert_nowhere(product: Product, secret: str) -> None:
    """Make sure that a secret is in no file of the home, as it is or as T-SQL quotes it."""
    forms = [form.encode() for form in (secret, secret.replace("'", "''"))]
    files = [path for path in product.home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not any(form in content for form in forms), path


def test_a_run_encrypts_and_saves_the_certificate_once(keeping: Keeping) -> None:
    keeping.encrypts()
    item = keeping.succeeds()
    assert keeping.set_of(item).thumbprint == keeping.thumbprint
    first = keeping.saved()
    assert [name.rpartition(".")[2] for name in first] == ["cer", "pvk"]
    assert all(name.startswith(f"keeper-of-{keeping.name}_{keeping.thumbprint}_") for name in first)
    assert f"was saved as {keeping.directory}\\{first[0]}" in told(item)
    keeping.succeeds()
    assert keeping.saved() == first


def test_what_was_saved_holds_the_key_under_the_password_and_nothing_of_ours_shows_it(keeping: Keeping) -> None:
    keeping.encrypts()
    keeping.succeeds()
    public, private = (keeping.server.files.get(f"{keeping.directory}\\{name}") for name in keeping.saved())
    assert public is not None
    assert private is not None
    assert isinstance(public.content, CertificateFile)
    assert isinstance(private.content, KeyFileContent)
    assert public.content.thumbprint == private.content.thumbprint == keeping.keeper.thumbprint
    assert private.content.password == SECRET
    assert any(SECRET.replace("'", "''") in batch for batch in keeping.server.log), "the server was told"
    assert_nowhere(keeping.product, SECRET)


def test_files_that_are_gone_and_a_new_password_make_a_new_copy(keeping: Keeping) -> None:
    keeping.encrypts()
    keeping.succeeds()
    first = keeping.saved()
    keeping.server.files.remove(f"{keeping.directory}\\{first[1]}")
    keeping.succeeds()
    second = [name for name in keeping.saved() if name not in first]
    assert len(second) == 2
    profiles = keeping.product.ops.profiles
    profiles.save(keeping.name, profiles.get(keeping.name), certificate_password="An0ther one, long")
    keeping.succeeds()
    third = [name for name in keeping.saved() if name not in [*first, *second]]
    assert len(third) == 2
    key = keeping.server.files.get(f"{keeping.directory}\\{third[1]}")
    assert key is not None
    assert isinstance(key.content, KeyFileContent)
    assert key.content.password == "An0ther one, long"
    assert_nowhere(keeping.product, "An0ther one, long")


def test_a_database_that_is_encrypted_as_a_whole_has_its_certificate_saved_without_an_encrypted_backup(
    keeping: Keeping,
) -> None:
    keeping.on_server.tde_thumbprint = keeping.keeper.thumbprint
    keeping.server.make_certificate("of nobody")
    keeping.profile(save_certificates=True, certificate_password=SECRET)
    item = keeping.succeeds()
    assert len(keeping.saved()) == 2
    assert keeping.set_of(item).thumbprint is None
    required = keeping.product.ops.certificates.list(required=True, instance="srv")
    [view] = [one for one in required if one.name == keeping.keeper.name]
    assert "of nobody" not in [one.name for one in required]
    assert view.needed_by == f"the database srv/{keeping.name}; 1 backup of srv/{keeping.name}"
    assert view.escrowed
    assert view.concerns == []


def test_a_right_to_save_that_is_missing_is_a_warning_and_the_certificate_counts_as_not_saved(
    keeping: Keeping,
) -> None:
    least = keeping.server.add_login(
        f"least{keeping.name}",
        password="Only!4Tests",
        roles={"dbcreator"},
        grants={"VIEW ANY DEFINITION", "VIEW SERVER STATE"},
        databases={keeping.name: {"db_backupoperator"}, "msdb": {"db_datareader"}},
    )
    profile = BackupProfile(
        name=keeping.name,
        instance="srv",
        directory=keeping.directory,
        databases=[keeping.name],
        every=1,
        unit="d",
        start=datetime(2099, 1, 1),
        login=least.name,
        encrypt_with=keeping.keeper.name,
        save_certificates=True,
    )
    keeping.product.ops.profiles.create(profile, password="Only!4Tests", certificate_password=SECRET)
    item = keeping.succeeds()
    assert f"The certificate {keeping.keeper.name} was not saved with the backup" in told(item)
    assert f"GRANT CONTROL ON CERTIFICATE::[{keeping.keeper.name}] TO [{least.name}];" in told(item)
    assert keeping.saved() == []
    [view] = [one for one in keeping.product.ops.certificates.attention() if one.name == keeping.keeper.name]
    assert "is not known to be saved anywhere" in view.concerns[0]
    grant = told(item).partition("Give it the right: ")[2].partition(";\n")[0]
    Client(keeping.server).done(grant.partition("\n")[0])
    keeping.succeeds()
    assert len(keeping.saved()) == 2
    assert keeping.keeper.name not in [one.name for one in keeping.product.ops.certificates.attention()]


def test_a_copy_that_could_not_be_made_anew_no_longer_counts(keeping: Keeping) -> None:
    keeping.encrypts()
    keeping.succeeds()
    profiles = keeping.product.ops.profiles
    profiles.save(keeping.name, profiles.get(keeping.name), certificate_password="weak")
    assert "does not meet the policy" in told(keeping.succeeds())
    [view] = [one for one in keeping.product.ops.certificates.list() if one.name == keeping.keeper.name]
    assert not view.escrowed


def test_a_profile_cannot_be_saved_with_a_certificate_that_does_not_encrypt(keeping: Keeping) -> None:
    with pytest.raises(InvalidInput, match=r"cannot be saved: .* there is none of that name in master") as refused:
        keeping.profile(encrypt_with="no such one")
    assert "CREATE CERTIFICATE [no such one]" in refused.value.hint
    keeping.keeper.expires_at = keeping.server.clock.now() - timedelta(days=1)
    with pytest.raises(InvalidInput, match="it expired on"):
        keeping.encrypts()


def test_a_certificate_that_expires_fails_the_runs_and_stands_in_the_way_of_no_other_change(keeping: Keeping) -> None:
    keeping.encrypts(save=False)
    keeping.keeper.expires_at = keeping.server.clock.now() + timedelta(days=10)
    keeping.succeeds()
    assert "from then on no backup can be encrypted" in concern(keeping)
    keeping.keeper.expires_at = keeping.server.clock.now() - timedelta(days=1)
    item = keeping.item()
    assert item.status is RunStatus.FAILED
    assert "it expired on" in item.error
    assert "CREATE CERTIFICATE" in item.hint
    assert "no backup can be encrypted with it any more" in concern(keeping)
    keeping.edit(time_limit_h=2.0)


def concern(keeping: Keeping) -> str:
    [view] = [one for one in keeping.product.ops.certificates.attention() if one.name == keeping.keeper.name]
    return "; ".join(view.concerns)


def test_a_server_that_is_gone_holds_up_nobody_who_asks_what_needs_attention(driver: Driver, tmp_path: Path) -> None:
    server = ScriptedServer()
    server.make_certificate("theirs")
    overhearing = Overhearing(server)
    with StandIn(overhearing) as stand_in:
        there = Product(tmp_path, overhearing, stand_in, driver)
        work = Keeping(there)
        work.encrypts(save=False)
        work.succeeds()
    with closing(there.ops):
        assert [one.name for one in there.ops.certificates.attention()] == [work.keeper.name]
        [found] = [one for one in there.ops.certificates.list() if one.name == "theirs"]
        assert (found.instance, found.needed_by) == ("srv", "")
        error = there.ops.certificates.look()["srv"]
        assert error is not None
        assert error.transient


def bring(here: ScriptedServer, there: ScriptedServer, *paths: str) -> None:
    """Carry files from one server to another."""
    for path in paths:
        file = here.files.get(path)
        assert file is not None
        there.files.put(path, file.size_bytes, file.content)


def test_a_restore_elsewhere_is_refused_and_then_works_from_just_what_a_run_saved(
    keeping: Keeping, tmp_path: Path
) -> None:
    keeping.on_server.tde_thumbprint = keeping.server.make_certificate(f"whole {keeping.name}").thumbprint
    keeping.encrypts()
    item = keeping.succeeds()
    files = [f"{keeping.directory}\\{name}" for name in keeping.saved()]
    assert item.path is not None
    with opened(tmp_path, keeping.product.driver) as there:
        there.server.add_database(keeping.name)
        there.server.files.make_directory(keeping.directory)
        bring(keeping.server, there.server, item.path, *files)
        expected = [keeping.thumbprint, keeping.on_server.tde_thumbprint.hex().upper()]
        for number, thumbprint in enumerate(expected):
            with pytest.raises(CertificateNeeded, match=f"thumbprint {thumbprint}") as refused:
                there.restore(item.path, keeping.name)
            assert refused.value.number == 33111
            assert there.server.databases[keeping.name].read_rows() == []
            [certificate, key] = [path for path in files if thumbprint in path]
            with pytest.raises(InvalidInput, match="password of the private key is wrong"):
                taken_in(there, certificate, key, password="n0t the one", master=SECRET if not number else None)
            view = taken_in(there, certificate, key)
            assert view.thumbprint == thumbprint
            assert view.name == ["keeper-of-", "whole-"][number] + keeping.name
        there.restore(item.path, keeping.name)
        assert there.server.databases[keeping.name].read_rows() == ROWS
        actions = [(entry.action, entry.subject) for entry in there.ops.audit.list()]
        assert ("import certificate to server", f"srv/whole-{keeping.name}") in actions
        assert_nowhere(there, SECRET)


def taken_in(
    product: Product, certificate: str, key: str, *, password: str = SECRET, master: str | None = None
) -> CertificateView:
    return product.ops.certificates.import_to_server(
        "srv", certificate_file=certificate, key_file=key, password=password, master_key_password=master
    )


def test_a_restore_that_lacks_a_certificate_is_told_where_it_was_saved(keeping: Keeping) -> None:
    keeping.encrypts()
    item = keeping.succeeds()
    assert item.path is not None
    keeping.server.certificates.pop(keeping.keeper.name)
    with pytest.raises(CertificateNeeded) as refused:
        keeping.product.restore(item.path, keeping.name)
    for name in keeping.saved():
        assert f"{keeping.directory}\\{name}" in refused.value.hint
    assert "srv has it" not in refused.value.hint, "it has just said that it has not"
    [kept] = keeping.product.ops.restores.list(limit=1, instance="srv", database=keeping.name)
    assert kept.hint == refused.value.hint
    keeping.product.ops.certificates.look()
    [missing] = [one for one in keeping.product.ops.certificates.attention() if one.thumbprint == keeping.thumbprint]
    assert (missing.name, missing.instance) == ("", "srv")
    assert "neither on srv, as last seen, nor in the store" in missing.concerns[0]


def test_the_verdict_knows_when_the_server_lost_the_certificate(keeping: Keeping) -> None:
    keeping.encrypts(save=False)
    taken = keeping.succeeds()

    def causes() -> set[Cause]:
        keeping.product.ops.databases.list("srv")
        [found] = [one for one in keeping.product.ops.databases.verdicts() if one.database == keeping.name]
        return {one.cause for one in found.findings}

    assert Cause.KEY_MISSING not in causes()
    lost = keeping.server.certificates.pop(keeping.keeper.name)
    assert Cause.KEY_MISSING in causes()
    keeping.server.certificates[lost.name] = lost
    assert Cause.KEY_MISSING not in causes()
    keeping.server.certificates.pop(lost.name)
    assert taken.path is not None
    with pytest.raises(CertificateNeeded):
        keeping.product.restore(taken.path, keeping.database)
    [found] = [one for one in keeping.product.ops.databases.verdicts() if one.database == keeping.name]
    assert Cause.KEY_MISSING in {one.cause for one in found.findings}


def test_only_an_admin_brings_a_certificate_to_a_server(keeping: Keeping) -> None:
    operator = acting_as(keeping.product.ops, Role.OPERATOR, "bob")
    with pytest.raises(Denied, match="import a certificate"):
        operator.certificates.import_to_server("srv", certificate_file="x", key_file="y", password="z")


def test_removing_the_instance_forgets_what_its_server_had(keeping: Keeping, tmp_path: Path) -> None:
    with opened(tmp_path, keeping.product.driver) as there:
        there.server.make_certificate("theirs")
        there.ops.certificates.look("srv")
        assert [one.name for one in there.ops.certificates.list()] == ["theirs"]
        there.ops.instances.remove("srv")
        assert there.ops.certificates.list() == []
