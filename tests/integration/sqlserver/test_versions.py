"""What a server is, is asked before anything is done with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pwsops.engines.requests import Encryption
from pwsops.errors import EngineError
from tests.integration.sqlserver.bench import open_bench
from tests.standin import drivers
from tests.standin.server import inspect_media


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ({"version": "11.0.7001.0"}, "needs 2014"),
        ({"version": "12.0.2000.8", "edition": "SQL Azure", "engine_edition": 5}, "Azure SQL Database"),
        ({"version": "12.0.2000.8", "edition": "SQL Azure", "engine_edition": 8}, "Managed Instance"),
        ({"version": "12.0.2000.8", "edition": "SQL Azure", "engine_edition": 11}, "Synapse"),
    ],
)
def test_a_server_that_cannot_be_served_is_refused_with_the_reason(
    driver: drivers.Driver, server: dict[str, object], reason: str
) -> None:
    with open_bench(driver, **server) as bench:
        for ask in (bench.engine.probe, bench.engine.databases, bench.take):
            with pytest.raises(EngineError, match=reason) as refused:
                ask()
            assert refused.value.hint
        assert not bench.sent("BACKUP")


@pytest.mark.parametrize(("version", "name"), [("12.0.6024.0", "2014"), ("17.0.1000.7", "2025")])
def test_the_oldest_and_the_newest_are_served(driver: drivers.Driver, version: str, name: str) -> None:
    with open_bench(driver, version=version) as bench:
        assert name in bench.engine.probe().version
        assert bench.full().size_bytes > 0


def test_before_2019_the_backup_directory_is_in_the_registry(driver: drivers.Driver) -> None:
    with open_bench(driver, version="13.0.5026.0") as bench:
        own = bench.server.folder("Backup")
        assert bench.engine.backup_directory() == own
        assert bench.engine.probe().facts["Default backup directory"] == own


@pytest.mark.parametrize(("version", "told"), [("15.0.2000.5", True), ("15.0.4043.16", False), ("16.0.4100.1", False)])
def test_an_encrypted_database_is_compressed_by_older_servers_too(
    driver: drivers.Driver, version: str, told: bool
) -> None:
    with open_bench(driver, version=version) as bench:
        whole = bench.server.make_certificate("whole")
        bench.server.databases["vault"].tde_thumbprint = whole.thumbprint
        bench.take(file_name="a.bak")
        bench.take(file_name="b.bak", max_transfer_size=65536)
        first, second = bench.sent("BACKUP DATABASE")
        assert ("MAXTRANSFERSIZE = 131072" in first) is told
        assert "MAXTRANSFERSIZE = 65536" in second


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(("version", "header"), [("13.0.5026.0", None), ("16.0.4236.2", None), ("16.0.4236.2", -12)])
def test_the_times_of_a_set_are_right_whatever_its_header_says(
    driver: drivers.Driver, monkeypatch: pytest.MonkeyPatch, version: str, header: int | None, encrypted: bool
) -> None:
    """A 16.0.4236 three hours behind UTC puts 0 there, and 48 for encrypted sets."""
    if header is not None:
        monkeypatch.setattr(inspect_media, "ZONE", header)
        monkeypatch.setattr(inspect_media, "ZONE_OF_ENCRYPTED", header)
    with open_bench(driver, offset=timedelta(hours=-3), version=version) as bench:
        bench.server.make_certificate("keeper")
        taken = bench.full(encryption=Encryption(name="keeper") if encrypted else None)
        assert taken.details["zone_from"] == "history"
        bench.server.history.backups.clear()
        (read,) = bench.engine.read_media(taken.path)
        assert abs(read.finished_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert read.details["zone_from"] == ("header" if header is not None else "server")
