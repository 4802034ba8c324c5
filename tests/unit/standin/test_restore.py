"""RESTORE on the stand-in brings back what was there, and refuses what the server refuses."""

from __future__ import annotations

import pytest

from tests.clocks import ManualClock
from tests.standin.server import ScriptedServer
from tests.standin.server.client import Client
from tests.standin.server.database import Database

FULL = r"BACKUP DATABASE vault TO DISK = N'D:\a.bak' WITH CHECKSUM"
RESTORE = r"RESTORE DATABASE vault FROM DISK = N'D:\a.bak' WITH "


def test_a_restore_brings_back_the_rows_of_the_backup(client: Client, vault: Database) -> None:
    rows = vault.read_rows()
    client.done(FULL)
    vault.write_rows([(1, "later"), (999, "more")])
    vault.delete_rows([2])
    assert client.done(f"{RESTORE} REPLACE").numbers == [4035, 4035, 3014]
    assert vault.read_rows() == rows


def test_a_differential_goes_over_its_full_and_over_no_other(client: Client, vault: Database) -> None:
    client.done(FULL)
    vault.write_rows([(1, "later")])
    vault.delete_rows([2])
    later = vault.read_rows()
    client.done(f"{FULL}, DIFFERENTIAL")
    client.done(FULL)
    vault.write_rows([(1, "too late")])
    assert client.ask(f"{RESTORE} FILE = 2").errors == [3117, 3013]
    client.done(f"{RESTORE} FILE = 3, REPLACE, NORECOVERY")
    assert client.ask(f"{RESTORE} FILE = 2").errors == [3136, 3013]
    client.done(f"{RESTORE} FILE = 1, REPLACE, NORECOVERY")
    assert client.done("SELECT state_desc FROM sys.databases WHERE name = N'vault'").values == [("RESTORING",)]
    client.done(f"{RESTORE} FILE = 2, RECOVERY")
    assert vault.read_rows() == later


def test_a_recovered_database_is_on_a_new_fork(client: Client, vault: Database) -> None:
    client.done(FULL)
    fork = vault.fork
    client.done(f"{RESTORE} REPLACE")
    assert vault.fork != fork
    client.done(f"{FULL}, DIFFERENTIAL")


def test_logs_roll_forward_to_an_instant(client: Client, vault: Database, clock: ManualClock) -> None:
    client.done(FULL)
    clock.advance(minutes=10)
    vault.write_rows([(1, "ten past")])
    clock.advance(minutes=10)
    vault.write_rows([(1, "twenty past")])
    client.done(r"BACKUP LOG vault TO DISK = N'D:\1.trn'")
    vault.write_rows([(1, "lost")])
    client.done(r"BACKUP LOG vault TO DISK = N'D:\2.trn'")
    client.done(f"{RESTORE} REPLACE, NORECOVERY")
    assert client.ask(r"RESTORE LOG vault FROM DISK = N'D:\2.trn'").errors == [4305, 3013]
    client.done(r"RESTORE LOG vault FROM DISK = N'D:\1.trn' WITH STOPAT = N'2026-03-02T12:15:00', RECOVERY")
    assert vault.read_rows()[1] == (1, "ten past")


def test_a_set_can_only_be_verified_by_checksums_that_it_has(client: Client) -> None:
    client.done(r"BACKUP DATABASE vault TO DISK = N'D:\a.bak'")
    assert client.ask(r"RESTORE VERIFYONLY FROM DISK = N'D:\a.bak' WITH CHECKSUM").errors == [3187, 3013]
    assert client.done(r"RESTORE VERIFYONLY FROM DISK = N'D:\a.bak'").numbers == [3262]


def test_damage_is_found_where_there_are_checksums(client: Client, server: ScriptedServer, vault: Database) -> None:
    client.done(FULL)
    server.files.damage(r"D:\a.bak")
    reply = client.ask(r"RESTORE VERIFYONLY FROM DISK = N'D:\a.bak' WITH CHECKSUM")
    assert reply.errors == [3189, 3013]
    assert reply.said[-1].text == "VERIFY DATABASE is terminating abnormally."
    assert client.ask(f"{RESTORE} REPLACE, CHECKSUM").errors == [3183, 3013]
    assert vault.state == "RESTORING"
    assert client.ask("RESTORE DATABASE vault WITH RECOVERY").errors == [4319, 3013]


def test_damage_passes_unseen_where_there_are_none(client: Client, server: ScriptedServer, vault: Database) -> None:
    rows = vault.read_rows()
    client.done(r"BACKUP DATABASE vault TO DISK = N'D:\a.bak'")
    server.files.damage(r"D:\a.bak")
    client.done(r"RESTORE VERIFYONLY FROM DISK = N'D:\a.bak'")
    client.done(f"{RESTORE} REPLACE")
    assert vault.read_rows() != rows


def test_spoilt_files_are_refused_by_what_is_wrong_with_them(client: Client, server: ScriptedServer) -> None:
    client.done(FULL)
    server.files.truncate(r"D:\a.bak")
    assert client.ask(r"RESTORE VERIFYONLY FROM DISK = N'D:\a.bak'").errors == [3203, 3013]
    server.files.damage_header(r"D:\a.bak")
    assert client.ask(r"RESTORE HEADERONLY FROM DISK = N'D:\a.bak'").errors == [3241, 3013]
    server.files.put(r"D:\text.bak", 10, "no media")
    assert client.ask(r"RESTORE HEADERONLY FROM DISK = N'D:\text.bak'").errors == [3241, 3013]
    assert client.ask(r"RESTORE HEADERONLY FROM DISK = N'D:\none.bak'").errors == [3201, 3013]


@pytest.mark.parametrize("what", ["HEADERONLY", "FILELISTONLY", "VERIFYONLY"])
def test_a_position_that_a_file_does_not_have_is_4038(client: Client, what: str) -> None:
    client.done(FULL)
    assert client.ask(rf"RESTORE {what} FROM DISK = N'D:\a.bak' WITH FILE = 2").errors == [4038, 3013]


def test_another_database_is_only_overwritten_with_replace(client: Client, server: ScriptedServer) -> None:
    client.done(FULL)
    server.add_database("other")
    moves = r"MOVE N'vault' TO N'D:\o.mdf', MOVE N'vault_log' TO N'D:\o.ldf'"
    command = rf"RESTORE DATABASE other FROM DISK = N'D:\a.bak' WITH {moves}"
    assert client.ask(command).errors == [3154, 3013]
    client.done(f"{command}, REPLACE")
    assert server.databases["other"].read_rows() == server.databases["vault"].read_rows()


def test_the_tail_of_a_log_is_not_thrown_away_unasked(client: Client, vault: Database) -> None:
    client.done(FULL)
    assert client.ask(f"{RESTORE} RECOVERY").errors == [3159, 3013]
    vault.recovery_model = "SIMPLE"
    client.done(f"{RESTORE} RECOVERY")


def test_files_need_a_place_of_their_own(client: Client, server: ScriptedServer) -> None:
    client.done(FULL)
    copy = r"RESTORE DATABASE twin FROM DISK = N'D:\a.bak' WITH REPLACE"
    assert client.ask(copy).errors == [1834, 3156, 1834, 3156, 3119, 3013]
    assert client.ask(rf"{copy}, MOVE N'vault' TO N'D:\none\t.mdf', MOVE N'vault_log' TO N'D:\t.ldf'").errors == [
        5133,
        3156,
        3119,
        3013,
    ]
    assert client.ask(rf"{copy}, MOVE N'nobody' TO N'D:\t.mdf'").errors == [3234, 3013]
    assert "twin" not in server.databases
    client.done(rf"{copy}, MOVE N'vault' TO N'D:\t.mdf', MOVE N'vault_log' TO N'D:\t.ldf'")
    assert server.databases["twin"].read_rows() == server.databases["vault"].read_rows()


def test_a_file_list_says_what_to_move(client: Client) -> None:
    client.done(FULL)
    rows = client.done(r"RESTORE FILELISTONLY FROM DISK = N'D:\a.bak'").rows
    assert [(row["LogicalName"], row["Type"]) for row in rows] == [("vault", "D"), ("vault_log", "L")]


def test_a_database_in_use_is_not_restored(client: Client, server: ScriptedServer, vault: Database) -> None:
    client.done(FULL)
    other = Client(server, database="vault")
    assert client.ask(f"{RESTORE} REPLACE").errors == [3101, 3013]
    client.done("ALTER DATABASE vault SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
    assert other.ask("SELECT 1 AS one").cut
    client.done(f"{RESTORE} REPLACE")
    client.done("USE vault")
    assert client.ask(f"{RESTORE} REPLACE").errors == [3102, 3013]


def test_a_disk_without_room_is_3257(client: Client, server: ScriptedServer) -> None:
    client.done(FULL)
    server.files.add_volume("E:\\", free_bytes=1000)
    reply = client.ask(
        r"RESTORE DATABASE twin FROM DISK = N'D:\a.bak' WITH MOVE N'vault' TO N'E:\t.mdf', MOVE N'vault_log' TO N'D:\t'"
    )
    assert reply.errors == [3257, 3119, 3013]


def test_a_newer_servers_backup_and_master_are_refused(client: Client, server: ScriptedServer) -> None:
    client.done(FULL)
    server.version = "15.0.4400.1"
    reply = client.ask(f"{RESTORE} REPLACE")
    assert reply.errors == [3169, 3013]
    assert "version 16.00.4100" in reply.said[0].text
    assert client.ask(r"RESTORE DATABASE master FROM DISK = N'D:\a.bak'").errors == [3108, 3013]


@pytest.mark.parametrize("with_key", [True, False])
def test_an_encrypted_set_needs_its_certificate_with_the_private_key(clock: ManualClock, with_key: bool) -> None:
    first, second = ScriptedServer(clock=clock), ScriptedServer(clock=clock)
    first.add_database("vault", rows=[(1, "secret")])
    first.make_certificate("keeper")
    here, there = Client(first), Client(second)
    here.done(f"{FULL}, ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = keeper)")
    here.done(
        r"BACKUP CERTIFICATE keeper TO FILE = N'D:\k.cer' "
        r"WITH PRIVATE KEY (FILE = N'D:\k.pvk', ENCRYPTION BY PASSWORD = N'long enough')"
    )
    for name in (r"D:\a.bak", r"D:\k.cer", r"D:\k.pvk"):
        file = first.files.get(name)
        assert file is not None
        second.files.put(name, file.size_bytes, file.content)

    assert there.ask(RESTORE + "RECOVERY").errors == [33111, 3013]
    key = r" WITH PRIVATE KEY (FILE = N'D:\k.pvk', DECRYPTION BY PASSWORD = N'{}')" if with_key else ""
    create = r"CREATE CERTIFICATE again FROM FILE = N'D:\k.cer'" + key
    if with_key:
        assert there.ask(create.format("long enough")).errors == [15581]
        there.done("CREATE MASTER KEY ENCRYPTION BY PASSWORD = N'm'")
        assert there.ask(create.format("wrong")).errors == [15465]
        there.done(create.format("long enough"))
        there.done(RESTORE + "RECOVERY")
        assert second.databases["vault"].read_rows() == [(1, "secret")]
    else:
        there.done(create)
        assert there.ask(RESTORE + "RECOVERY").errors == [33101, 3013]
