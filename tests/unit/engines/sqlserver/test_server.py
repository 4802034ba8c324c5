from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from pwsops.engines.sqlserver.server import UNKNOWN_ZONE, Server, from_row

NOON = datetime(2026, 3, 1, 12)


def server(
    local_time: str = "2026-03-01 12:00:00.0000000 +05:30", banner: str = "SQL Server on Linux (Ubuntu)"
) -> Server:
    row = SimpleNamespace(
        server_name="DB1", version="16.0.4100.1", level="RTM", edition="Developer", engine_edition=3, banner=banner,
        login_name="pws", local_time=local_time, backup_path="/b", data_path="/d", log_path="/l",
    )  # fmt: skip
    return from_row(row, "mssql")


@pytest.mark.parametrize(
    ("end", "minutes"), [("+05:30", 330), ("-03:30", -210), ("+00:00", 0), ("-00:30", -30), ("+14:00", 840)]
)
def test_the_offset_is_read_with_its_sign(end: str, minutes: int) -> None:
    assert server(f"2026-03-01 12:00:00.0000000 {end}").offset == timedelta(minutes=minutes)


def test_a_local_time_becomes_an_instant_by_its_own_zone_else_by_the_present_one() -> None:
    assert server().instant(NOON, 4) == datetime(2026, 3, 1, 11, tzinfo=UTC)
    for unknown in (None, UNKNOWN_ZONE):
        assert server().instant(NOON, unknown) == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    assert server().local(datetime(2026, 3, 1, 6, 30, tzinfo=UTC)) == NOON


def test_paths_are_built_as_the_servers_own_words_say() -> None:
    assert server().flavour == "posix"
    assert server(banner="Microsoft SQL Server 2022 on Windows Server 2022").flavour == "windows"
    assert server().major == 16
    assert server().timezone == "UTC+05:30"
