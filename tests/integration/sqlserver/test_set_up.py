"""The set-up in the documentation is understood by the server, and gives a login just what it needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pwsops.engines.certificates import CertificateFiles, KeepsCertificates
from pwsops.engines.registry import open_engine
from pwsops.engines.requests import BackupRequest, Encryption, RestoreRequest
from pwsops.rules.model import BackupKind
from tests.contract.sqlserver import instance
from tests.standin import drivers
from tests.standin.server import ScriptedServer
from tests.standin.server.client import Client
from tests.standin.wire import StandIn
from tests.unit.engines.sqlserver.parser import parses

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "sql-server.md").read_text()
BLOCKS = [re.sub(r"^ +", "", block, flags=re.M) for block in re.findall(r"```sql\n(.*?)```", DOCUMENT, re.S)]
CERTIFICATES = [block for block in BLOCKS if "CERTIFICATE" in block]
SET_UP = [block for block in BLOCKS if "USER" in block and block not in CERTIFICATES]
PASSWORD = "a long random text"
ROWS = [(1, "one"), (2, "two")]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.partition("\n")[0])
def test_every_statement_of_the_document_is_one(block: str) -> None:
    assert parses(block)
    assert not parses(re.sub(r"[\]'](?=[^\]']*$)", "", block)), "the last name or text is not closed"


def test_there_is_a_set_up() -> None:
    assert len(SET_UP) == 2


@pytest.mark.parametrize("driver_id", drivers.IDS)
def test_a_login_set_up_as_documented_can_do_its_work_and_lacks_comforts_only(driver_id: str) -> None:
    driver = drivers.find(driver_id)
    server = ScriptedServer()
    vault = server.add_database("vault", rows=ROWS)
    server.files.make_directory("D:\\Backup")
    administrator = Client(server)
    for block in SET_UP:
        assert not administrator.ask(block).errors
    with StandIn(server) as stand_in:
        engine = open_engine(instance(stand_in, driver, password=PASSWORD))
        assert [right.right for right in engine.probe().missing_rights] == ["sysadmin"]
        assert not any(right.required for right in engine.probe().missing_rights)

        def take(kind: BackupKind, name: str, base: str | None = None) -> None:
            full = engine.read_media(base)[0] if base else None
            request = BackupRequest(
                database="vault", kind=kind, directory="D:\\Backup", file_name=name, description="x", base=full
            )
            engine.backup(request)

        take(BackupKind.FULL, "full.bak")
        vault.write_rows([(3, "three")])
        take(BackupKind.DIFFERENTIAL, "diff.bak", "D:\\Backup\\full.bak")
        vault.write_rows([(4, "too late")])
        sets = [engine.read_media(f"D:\\Backup\\{name}")[0] for name in ("full.bak", "diff.bak")]
        engine.restore(RestoreRequest(database="vault", sets=sets))
    assert vault.read_rows() == [*ROWS, (3, "three")]


@pytest.mark.parametrize("driver_id", drivers.IDS)
def test_a_certificate_set_up_as_documented_encrypts_is_saved_and_restores_elsewhere(driver_id: str) -> None:
    driver, name, password = drivers.find(driver_id), "pwsops backups", "the password of the profile"
    make, let_save, let_take, by_hand = CERTIFICATES
    files = CertificateFiles(certificate="D:\\in\\NAME.cer", key="D:\\in\\NAME.pvk")
    here, there, by_itself = (prepared() for _ in range(3))
    for block in (make, let_save):
        assert not Client(here).ask(block).errors
    with StandIn(here) as stand_in:
        engine = keeper(stand_in, driver)
        full = engine.backup(
            BackupRequest(
                database="vault",
                kind=BackupKind.FULL,
                directory="D:\\in",
                file_name="full.bak",
                description="x",
                encryption=Encryption(name=name),
            )
        ).backup_set
        engine.save_certificate(name, files, password)
    for server in (there, by_itself):
        for path in (full.path, files.certificate, files.key):
            file = here.files.get(path)
            assert file is not None
            server.files.put(path, file.size_bytes, file.content)
        server.databases["vault"].write_rows([(1, "theirs")])
    assert not Client(there).ask(let_take).errors
    there.has_master_key = True
    with StandIn(there) as stand_in:
        engine = keeper(stand_in, driver)
        engine.take_certificate(name, files, password)
        engine.restore(RestoreRequest(database="vault", sets=[full]))
    assert there.databases["vault"].read_rows() == ROWS

    by_itself.has_master_key = True
    assert not Client(by_itself).ask(by_hand).errors
    assert not Client(by_itself).ask(f"RESTORE DATABASE vault FROM DISK = N'{full.path}' WITH REPLACE").errors
    assert by_itself.databases["vault"].read_rows() == ROWS


def prepared() -> ScriptedServer:
    """Return a server on which the documented set-up was run."""
    server = ScriptedServer()
    server.add_database("vault", rows=ROWS)
    server.files.make_directory("D:\\in")
    administrator = Client(server)
    for block in (*SET_UP, "USE master"):
        assert not administrator.ask(block).errors
    return server


def keeper(stand_in: StandIn, driver: drivers.Driver) -> KeepsCertificates:
    engine = open_engine(instance(stand_in, driver, password=PASSWORD))
    assert isinstance(engine, KeepsCertificates)
    return engine
