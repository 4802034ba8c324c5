"""BACKUP on the stand-in does and says what the server does and says."""

from __future__ import annotations

import pytest

from tests.clocks import ManualClock
from tests.standin.server import ScriptedServer
from tests.standin.server.client import Client
from tests.standin.server.database import Database

FULL = r"BACKUP DATABASE vault TO DISK = N'D:\a.bak' WITH CHECKSUM"
DIFFERENTIAL = r"BACKUP DATABASE vault TO DISK = N'D:\a.bak' WITH DIFFERENTIAL, CHECKSUM"


def test_a_full_backup_says_percentages_pages_and_success_in_the_servers_order(client: Client) -> None:
    said = client.done(f"{FULL}, STATS = 25").said
    assert [one.number for one in said] == [3211, 3211, 3211, 4035, 3211, 4035, 3014]
    assert [one.text for one in said if one.number == 3211] == [f"{n} percent processed." for n in (25, 50, 75, 100)]
    assert {one.severity for one in said} == {0}


def test_a_success_is_remembered_in_msdb_in_local_time(clock: ManualClock) -> None:
    from datetime import timedelta

    server = ScriptedServer(clock=clock, offset=timedelta(hours=5, minutes=30))
    server.add_database("vault")
    client = Client(server)
    client.done(FULL)
    row = client.done("SELECT backup_finish_date, time_zone, type, user_name FROM msdb.dbo.backupset").rows[0]
    assert row == {
        "backup_finish_date": (clock.now() + timedelta(hours=5, minutes=30)).replace(tzinfo=None),
        "time_zone": 22,
        "type": "D",
        "user_name": "sa",
    }


def test_a_full_becomes_the_base_and_a_copy_only_one_does_not(client: Client) -> None:
    base = "SELECT differential_base_guid AS guid FROM sys.master_files WHERE name = 'vault'"
    assert client.done(base).values == [(None,)]
    client.done(FULL)
    first = client.done(base).values
    assert first != [(None,)]
    client.done(f"{FULL}, COPY_ONLY")
    assert client.done(base).values == first
    client.done(FULL)
    assert client.done(base).values != first


def test_a_differential_holds_only_what_changed_since_its_base(client: Client, vault: Database) -> None:
    vault.write_rows([(number, "x" * 8000) for number in range(40)])
    client.done(FULL)
    vault.write_rows([(1, "changed")])
    client.done(DIFFERENTIAL)
    full, small = (row["BackupSize"] for row in client.done(r"RESTORE HEADERONLY FROM DISK = N'D:\a.bak'").rows)
    assert isinstance(full, int)
    assert isinstance(small, int)
    assert small < full / 5


def test_sets_are_appended_and_each_has_its_position(client: Client) -> None:
    for _ in range(3):
        client.done(FULL)
    rows = client.done(r"RESTORE HEADERONLY FROM DISK = N'D:\a.bak'").rows
    assert [row["Position"] for row in rows] == [1, 2, 3]
    assert len({row["BackupSetGUID"] for row in rows}) == 3


@pytest.mark.parametrize("option", ["INIT", "FORMAT"])
def test_init_and_format_leave_only_the_new_set(client: Client, option: str) -> None:
    client.done(FULL)
    client.done(f"{FULL}, {option}")
    assert len(client.done(r"RESTORE HEADERONLY FROM DISK = N'D:\a.bak'").rows) == 1


def test_init_refuses_what_has_not_expired_unless_told_to_skip(client: Client, clock: ManualClock) -> None:
    client.done(f"{FULL}, RETAINDAYS = 3")
    assert client.ask(f"{FULL}, INIT").errors == [4030, 3013]
    client.done(f"{FULL}, INIT, SKIP, RETAINDAYS = 3")
    clock.advance(days=4)
    client.done(f"{FULL}, INIT")


def test_stripes_are_two_families_of_one_media_set(client: Client) -> None:
    client.done(r"BACKUP DATABASE vault TO DISK = N'D:\1.bak', DISK = N'D:\2.bak' WITH CHECKSUM")
    labels = [client.done(rf"RESTORE LABELONLY FROM DISK = N'D:\{name}.bak'").rows[0] for name in (1, 2)]
    assert labels[0]["MediaSetId"] == labels[1]["MediaSetId"]
    assert [one["FamilySequenceNumber"] for one in labels] == [1, 2]
    assert [one["FamilyCount"] for one in labels] == [2, 2]
    families = client.done("SELECT media_family_id FROM msdb.dbo.backupmediafamily ORDER BY family_sequence_number")
    assert families.values == [(one["MediaFamilyId"],) for one in labels]
    assert client.ask(r"RESTORE VERIFYONLY FROM DISK = N'D:\1.bak'").errors == [3132, 3013]
    client.done(r"RESTORE VERIFYONLY FROM DISK = N'D:\1.bak', DISK = N'D:\2.bak'")


@pytest.mark.parametrize(
    ("batch", "numbers"),
    [
        (r"BACKUP DATABASE nobody TO DISK = N'D:\a.bak'", [911, 3013]),
        (r"BACKUP DATABASE tempdb TO DISK = N'D:\a.bak'", [3147, 3013]),
        (r"BACKUP DATABASE master TO DISK = N'D:\a.bak' WITH DIFFERENTIAL", [3024, 3013]),
        (DIFFERENTIAL, [3035, 3013]),
        (r"BACKUP LOG vault TO DISK = N'D:\a.trn'", [4214, 3013]),
        (r"BACKUP LOG msdb TO DISK = N'D:\a.trn'", [4208, 3013]),
        (r"BACKUP DATABASE vault TO DISK = N'D:\a.bak' WITH DIFFERENTIAL, COPY_ONLY", [3031]),
        (r"BACKUP DATABASE vault TO DISK = N'D:\none\a.bak'", [3201, 3013]),
        (r"BACKUP DATABASE vault TO DISK = N'\\nas\share\a.bak'", [3201, 3013]),
        (rf"BACKUP DATABASE vault TO DISK = N'D:\{'a' * 260}.bak'", [3057, 3013]),
        (r"BEGIN TRAN; BACKUP DATABASE vault TO DISK = N'D:\a.bak'", [3021, 3013]),
    ],
)
def test_what_cannot_be_backed_up_is_refused_and_not_remembered(client: Client, batch: str, numbers: list[int]) -> None:
    assert client.ask(batch).errors == numbers
    assert client.done("SELECT COUNT(*) AS sets FROM msdb.dbo.backupset").values == [(0,)]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (r"D:\none\a.bak", "3(The system cannot find the path specified.)"),
        (r"D:\closed\a.bak", "5(Access is denied.)"),
        (r"D:\open.bak", "32(The process cannot access the file because it is being used by another process.)"),
        (r"\\away\share\a.bak", "53(The network path was not found.)"),
        (r"\\nas\other\a.bak", "67(The network name cannot be found.)"),
    ],
)
def test_a_device_that_cannot_be_opened_is_3201_with_the_systems_reason(
    client: Client, server: ScriptedServer, path: str, reason: str
) -> None:
    server.files.denied.add(server.files.make_directory(r"D:\closed") and r"D:\closed")
    server.files.locked.add(r"D:\open.bak")
    server.files.add_volume(r"\\nas\share")
    said = client.ask(f"BACKUP DATABASE vault TO DISK = N'{path}'").said[0]
    assert said.text == f"Cannot open backup device '{path}'. Operating system error {reason}."


def test_a_full_disk_leaves_a_partial_file_and_no_trace_in_msdb(client: Client, server: ScriptedServer) -> None:
    server.files.add_volume("E:\\", free_bytes=1_000_000)
    reply = client.ask(r"BACKUP DATABASE vault TO DISK = N'E:\a.bak' WITH STATS = 50")
    assert reply.errors == [3202, 3013]
    assert reply.said[-2].text == r'Write on "E:\a.bak" failed: 112(There is not enough space on the disk.)'
    assert client.ask(r"RESTORE HEADERONLY FROM DISK = N'E:\a.bak'").errors == [3256, 3013]
    assert client.done("SELECT * FROM msdb.dbo.backupset").rows == []


def test_express_has_no_compression(clock: ManualClock) -> None:
    server = ScriptedServer(clock=clock, edition="Express Edition (64-bit)")
    server.add_database("vault")
    client = Client(server)
    reply = client.ask(f"{FULL}, COMPRESSION")
    assert reply.errors == [1844, 3013]
    assert reply.said[0].text.endswith("COMPRESSION is not supported on Express Edition (64-bit).")
    client.done(FULL)


@pytest.mark.parametrize(
    ("state", "numbers"),
    [
        ({"state": "OFFLINE"}, [942, 3013]),
        ({"state": "RESTORING"}, [927, 3013]),
        ({"replica_role": "SECONDARY"}, [3059, 3013]),
        ({"state": "SUSPECT"}, [926, 3013]),
        ({"state": "RECOVERY_PENDING"}, [945, 3013]),
        ({"snapshot_of": "model"}, [3002, 3013]),
        ({"standby": True}, [3036, 3013]),
        ({"busy": "BACKUP DATABASE"}, [3023, 3013]),
        ({"damaged_page": 77}, [3043, 3013]),
    ],
)
def test_the_state_of_a_database_may_forbid_it(
    client: Client, vault: Database, state: dict[str, object], numbers: list[int]
) -> None:
    for name, value in state.items():
        setattr(vault, name, value)
    assert client.ask(FULL).errors == numbers


def test_a_secondary_takes_copy_only_fulls_even_where_it_answers_no_queries(client: Client, vault: Database) -> None:
    vault.replica_role = "SECONDARY"
    vault.readable_secondary = False
    client.done(f"{FULL}, COPY_ONLY")
    assert client.ask("SELECT * FROM vault.sys.tables").errors == [976]


def test_an_open_transaction_puts_the_first_lsn_before_the_checkpoint(client: Client, vault: Database) -> None:
    client.done(FULL)
    vault.oldest_active_lsn = vault.lsn
    vault.write_rows([(1, "in a transaction")])
    client.done(FULL)
    client.done(DIFFERENTIAL)
    idle, busy, differential = client.done(r"RESTORE HEADERONLY FROM DISK = N'D:\a.bak'").rows
    assert idle["FirstLSN"] == idle["CheckpointLSN"]
    assert busy["FirstLSN"] == vault.oldest_active_lsn
    assert differential["DatabaseBackupLSN"] == busy["CheckpointLSN"] != busy["FirstLSN"]
    assert differential["DifferentialBaseGUID"] == busy["BackupSetGUID"]


def test_what_is_no_media_is_not_overwritten_unless_formatted(client: Client, server: ScriptedServer) -> None:
    server.files.put(r"D:\a.bak", 10, "a letter")
    assert client.ask(FULL).errors == [3242, 3013]
    assert client.ask(f"{FULL}, INIT").errors == [3242, 3013]
    client.done(f"{FULL}, FORMAT")


def test_media_are_only_appended_to_as_a_whole_and_by_their_name(client: Client) -> None:
    stripes = r"BACKUP DATABASE vault TO DISK = N'D:\1.bak', DISK = N'D:\2.bak' WITH MEDIANAME = N'pair'"
    client.done(stripes)
    client.done(stripes)
    assert client.ask(r"BACKUP DATABASE vault TO DISK = N'D:\1.bak'").errors == [3132, 3013]
    assert client.ask(stripes.replace("pair", "other")).errors == [4037, 3013]
    assert client.ask(stripes.replace("2.bak", "3.bak")).errors == [3201, 3013]
    assert client.ask(r"RESTORE VERIFYONLY FROM DISK = N'D:\1.bak', DISK = N'D:\1.bak'").errors == [3227, 3013]
    client.done(FULL)
    assert client.ask(r"BACKUP DATABASE vault TO DISK = N'D:\a.bak', DISK = N'D:\b.bak' WITH FORMAT").errors == []
    client.done(FULL.replace("a.bak", "c.bak"))
    assert client.ask(r"RESTORE VERIFYONLY FROM DISK = N'D:\c.bak', DISK = N'D:\1.bak'").errors == [3231, 3013]


def test_encrypted_sets_cannot_be_appended(client: Client, server: ScriptedServer) -> None:
    encrypted = f"{FULL}, ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = keeper)"
    assert client.ask(encrypted).errors == [15151, 3013]
    server.make_certificate("keeper")
    client.done(f"{encrypted}, FORMAT")
    assert client.ask(encrypted).errors == [3095, 3013]
    row = client.done("SELECT key_algorithm, encryptor_thumbprint FROM msdb.dbo.backupset").rows[0]
    assert row == {"key_algorithm": "aes_256", "encryptor_thumbprint": server.certificates["keeper"].thumbprint}
