"""The set-up in the documentation is understood by the server, and gives a login just what it needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pwsops.engines.base import BackupRequest, RestoreRequest
from pwsops.engines.registry import open_engine
from pwsops.rules.model import BackupKind
from tests.contract.sqlserver import instance
from tests.standin import drivers
from tests.standin.server import ScriptedServer
from tests.standin.server.client import Client
from tests.standin.wire import StandIn
from tests.unit.engines.sqlserver.parser import parses

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "sql-server.md").read_text()
BLOCKS = [re.sub(r"^ +", "", block, flags=re.M) for block in re.findall(r"```sql\n(.*?)```", DOCUMENT, re.S)]
SET_UP = [block for block in BLOCKS if "USER" in block]
PASSWORD = "a long random text"
ROWS = [(1, "one"), (2, "two")]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.partition("\n")[0])
def test_every_statement_of_the_document_is_one(block: str) -> None:
    assert parses(block)
    assert not parses(block.replace("]", "", 1).replace("'", "", 1))


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
