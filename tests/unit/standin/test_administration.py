"""Databases, certificates, disks and the registry, as statements and procedures change and show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.clocks import ManualClock
from tests.standin.server import ScriptedServer
from tests.standin.server.client import Client
from tests.standin.server.database import Database
from tests.standin.server.others import take_full, take_snapshot

FULL = r"BACKUP DATABASE vault TO DISK = N'D:\a.bak' WITH CHECKSUM"


def test_a_database_is_created_once_and_dropped(client: Client, server: ScriptedServer) -> None:
    client.done("CREATE DATABASE [ne]]w]")
    assert client.ask("CREATE DATABASE [NE]]W]").errors == [1801]
    assert server.databases["ne]w"].read_rows() == []
    paths = [file.path for file in server.databases["ne]w"].files]
    assert all(path in server.files for path in paths)
    client.done("DROP DATABASE [ne]]w]")
    assert not any(path in server.files for path in paths)
    client.done("DROP DATABASE IF EXISTS [ne]]w]")


def test_a_single_user_database_lets_one_in(client: Client, server: ScriptedServer, vault: Database) -> None:
    client.done("USE vault")
    second = Client(server, database="vault")
    assert client.ask("ALTER DATABASE vault SET SINGLE_USER WITH NO_WAIT").errors == [5070, 5069]
    assert client.done("ALTER DATABASE vault SET SINGLE_USER WITH ROLLBACK IMMEDIATE").numbers == [5060]
    assert second.ask("SELECT 1 AS one").cut
    assert Client(server).ask("USE vault").errors == [924]
    for termination in ("", " WITH ROLLBACK IMMEDIATE"):
        assert Client(server).ask(f"ALTER DATABASE vault SET MULTI_USER{termination}").errors == [5064, 5069]
    client.done("ALTER DATABASE vault SET MULTI_USER")
    Client(server).done("USE vault")


def test_options_show_in_the_views(client: Client) -> None:
    client.done("ALTER DATABASE vault SET RECOVERY SIMPLE; ALTER DATABASE vault SET READ_ONLY")
    client.done("ALTER DATABASE model SET OFFLINE WITH ROLLBACK IMMEDIATE")
    rows = client.done(
        "SELECT name, recovery_model_desc AS r, is_read_only AS o, state_desc AS s FROM sys.databases "
        "WHERE name IN (N'vault', N'model') ORDER BY name"
    ).values
    assert rows == [("model", "FULL", False, "OFFLINE"), ("vault", "SIMPLE", True, "ONLINE")]
    assert client.ask("SELECT * FROM model.sys.tables").errors == [942]
    client.done("ALTER DATABASE model SET ONLINE")


def test_a_database_in_restore_takes_no_options(client: Client) -> None:
    client.done(FULL)
    client.done(r"RESTORE DATABASE vault FROM DISK = N'D:\a.bak' WITH NORECOVERY, REPLACE")
    assert client.ask("ALTER DATABASE vault SET MULTI_USER").errors == [5052, 5069]
    assert client.ask("SELECT * FROM vault.sys.tables").errors == [927]
    client.done("RESTORE DATABASE vault WITH RECOVERY")
    assert client.ask("RESTORE DATABASE vault WITH RECOVERY").errors == [3153, 3013]


def test_a_certificate_is_made_saved_and_shown(client: Client, server: ScriptedServer, clock: ManualClock) -> None:
    create = "CREATE CERTIFICATE keeper WITH SUBJECT = N'Backups', EXPIRY_DATE = N'2027-05-01'"
    assert client.ask(create).errors == [15581]
    client.done("CREATE MASTER KEY ENCRYPTION BY PASSWORD = N'm'")
    assert client.ask("CREATE MASTER KEY ENCRYPTION BY PASSWORD = N'm'").errors == [15578]
    client.done(create)
    assert client.ask(create).errors == [15232]
    shown = "SELECT pvt_key_last_backup_date AS saved, thumbprint FROM master.sys.certificates WHERE name = N'keeper'"
    thumbprint = server.certificates["keeper"].thumbprint
    assert client.done(shown).values == [(None, thumbprint)]
    encrypted = f"{FULL}, FORMAT, ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = keeper)"
    assert client.done(encrypted).numbers[0] == 33091

    save = r"BACKUP CERTIFICATE keeper TO FILE = N'D:\k.cer' WITH PRIVATE KEY (FILE = N'D:\k.pvk', "
    assert client.ask(save + "ENCRYPTION BY PASSWORD = N'short')").errors == [15118]
    client.done(save + "ENCRYPTION BY PASSWORD = N'long enough')")
    assert client.ask(save + "ENCRYPTION BY PASSWORD = N'long enough')").errors == [15240]
    assert client.done(shown).values == [(clock.now().replace(tzinfo=None), thumbprint)]
    assert 33091 not in client.done(encrypted).numbers


def test_the_dates_of_a_certificate_are_in_utc() -> None:
    server = ScriptedServer(offset=timedelta(hours=5))
    server.make_certificate("keeper", starts_at=datetime(2026, 1, 1, tzinfo=UTC))
    shown = Client(server).done("SELECT start_date FROM master.sys.certificates")
    assert shown.values == [(datetime(2026, 1, 1),)]


def test_a_certificate_encrypts_only_while_the_server_can_use_it(client: Client, server: ScriptedServer) -> None:
    encrypted = f"{FULL}, FORMAT, ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = keeper)"
    keeper = server.make_certificate("keeper")
    keeper.under_password = True
    assert client.ask(encrypted).errors == [33101, 3013]
    keeper.under_password = False
    server.master_key_is_closed = True
    assert client.ask(encrypted).errors == [15581, 3013]
    server.master_key_is_closed = False
    keeper.expires_at = server.clock.now() - timedelta(seconds=1)
    assert client.ask(encrypted).errors == [3096, 3013]
    keeper.expires_at = server.clock.now() + timedelta(seconds=1)
    client.done(encrypted)


def test_a_certificate_that_encrypts_a_database_stays(client: Client, server: ScriptedServer, vault: Database) -> None:
    vault.tde_thumbprint = server.make_certificate("keeper").thumbprint
    assert client.ask("DROP CERTIFICATE keeper").errors == [15352]
    client.done(FULL)
    vault.tde_thumbprint = None
    client.done("DROP CERTIFICATE keeper")
    assert client.ask(r"RESTORE FILELISTONLY FROM DISK = N'D:\a.bak'").errors == [33111, 3013]
    assert len(client.done(r"RESTORE HEADERONLY FROM DISK = N'D:\a.bak'").rows) == 1


def test_files_are_found_and_deleted_by_procedures(client: Client, server: ScriptedServer) -> None:
    client.done(FULL)
    exists = r"EXEC master.dbo.xp_fileexist N'D:\A.BAK'"
    assert client.done(exists).values == [(1, 0, 1)]
    free = server.files.volumes[1].free_bytes
    client.done(r"EXEC master.sys.xp_delete_files N'D:\a.bak'")
    assert client.done(exists).values == [(0, 0, 1)]
    assert server.files.volumes[1].free_bytes > free
    client.done(r"EXEC master.sys.xp_delete_files N'D:\a.bak'")


def test_the_older_procedure_passes_over_encrypted_files(client: Client, server: ScriptedServer) -> None:
    server.make_certificate("keeper")
    client.done(FULL)
    client.done(FULL.replace("a.bak", "b.bak") + ", ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = keeper)")
    for name in ("a", "b"):
        client.done(rf"EXEC master.dbo.xp_delete_file 0, N'D:\{name}.bak'")
    assert r"D:\a.bak" not in server.files
    assert r"D:\b.bak" in server.files


def test_the_older_procedure_deletes_what_is_older_than_a_date(
    client: Client, server: ScriptedServer, clock: ManualClock
) -> None:
    client.done(FULL)
    clock.advance(days=2)
    client.done(FULL.replace("a.bak", "b.bak"))
    client.done(r"EXEC master.dbo.xp_delete_file 0, N'D:\', N'bak', N'2026-03-03T00:00:00'")
    assert [name for name, _, _ in server.files.listing("D:\\")] == ["b.bak"]


def test_directories_are_made_and_listed(client: Client, server: ScriptedServer) -> None:
    client.done(r"EXEC master.sys.xp_create_subdir N'D:\one\two'")
    server.files.put(r"D:\one\x.bak", 7)
    assert client.done(r"EXEC master.sys.xp_dirtree N'D:\one', 1, 1").values == [("two", 1, 0), ("x.bak", 1, 1)]
    assert client.done(r"EXEC xp_dirtree N'D:\'").values == [("one", 1), ("two", 2)]
    listing = "SELECT file_or_directory_name, is_directory, size_in_bytes FROM sys.dm_os_enumerate_filesystem(@P1, @P2)"
    assert client.done(f"{listing} WHERE level = 0", "D:\\one", "*").values == [("two", True, 0), ("x.bak", False, 7)]
    assert client.ask(listing, "D:\\none", "*").errors == [3634]
    server.files.denied.add("D:\\one")
    assert "5(Access is denied.)" in client.ask(listing, "D:\\one", "*").said[0].text


def test_drives_and_default_directories_can_be_asked_for(client: Client, server: ScriptedServer) -> None:
    assert [row["drive"] for row in client.done("EXEC xp_fixeddrives").rows] == ["C", "D"]
    key = r"N'HKEY_LOCAL_MACHINE', N'Software\Microsoft\MSSQLServer\MSSQLServer', N'BackupDirectory'"
    assert client.done(f"EXEC master.dbo.xp_instance_regread {key}").values[0][1] == server.folder("Backup")
    assert client.done(
        f"DECLARE @d nvarchar(4000); EXEC xp_instance_regread {key}, @d OUTPUT; SELECT @d AS d"
    ).values == [(server.folder("Backup"),)]
    client.done("BACKUP DATABASE vault TO DISK = N'bare.bak'")
    assert server.files.paths.join(server.folder("Backup"), "bare.bak") in server.files


def test_a_linux_server_has_paths_of_its_own_and_looks_at_case(clock: ManualClock) -> None:
    server = ScriptedServer(clock=clock, flavour="posix")
    server.add_database("vault")
    client = Client(server)
    server.files.make_directory("/backup")
    client.done("BACKUP DATABASE vault TO DISK = N'/backup/a.bak'")
    assert "/backup/a.bak" in server.files
    assert "/backup/A.bak" not in server.files
    assert client.done("SELECT host_platform FROM sys.dm_os_host_info").values == [("Linux",)]


def test_other_tools_move_the_base(client: Client, server: ScriptedServer) -> None:
    client.done(FULL)
    take_full(server, "vault", r"D:\theirs.bak")
    query = """SELECT b.user_name, b.is_snapshot, m.device_type FROM sys.master_files AS f
        JOIN msdb.dbo.backupset AS b ON b.backup_set_uuid = f.differential_base_guid
        JOIN msdb.dbo.backupmediafamily AS m ON m.media_set_id = b.media_set_id"""
    assert client.done(query).values == [("CORP\\nightly", False, 2)]
    take_snapshot(server, "vault")
    assert client.done(query).values == [("NT AUTHORITY\\SYSTEM", True, 7)]
    assert server.log.count(query) == 2
    assert not any("theirs" in batch for batch in server.log)


@pytest.mark.parametrize("role", ["PRIMARY", "SECONDARY"])
def test_a_replica_shows_its_role(client: Client, server: ScriptedServer, vault: Database, role: str) -> None:
    vault.replica_role = role
    server.prefers_secondary = True
    query = """SELECT d.name, s.role_desc, p.primary_replica, sys.fn_hadr_backup_is_preferred_replica(d.name) AS here
        FROM sys.databases AS d
        JOIN sys.dm_hadr_availability_replica_states AS s ON s.replica_id = d.replica_id
        JOIN sys.dm_hadr_availability_group_states AS p ON p.group_id = s.group_id"""
    primary = server.name if role == "PRIMARY" else server.other_replica
    assert client.done(query).values == [("vault", role, primary, role == "SECONDARY")]


def test_an_error_is_seen_by_what_follows_it_and_a_throw_ends_the_batch(client: Client) -> None:
    failing = "RESTORE VERIFYONLY FROM DISK = N'none.bak'"
    stop = "IF @@ERROR <> 0 THROW 50000, N'stopped', 2"
    assert client.done(f"{stop}; SELECT 1 AS one").rows == [{"one": 1}]
    reply = client.ask(f"{failing}; {stop}; SELECT 1 AS one")
    assert (reply.said[-1].number, reply.said[-1].text, reply.said[-1].state, reply.rows) == (50000, "stopped", 2, [])
    assert client.ask(f"{failing}; SELECT 1 AS one; {stop}; SELECT 2 AS two").rows == [{"one": 1}, {"two": 2}]


def test_a_text_is_executed_and_its_error_is_seen_outside(client: Client) -> None:
    say = "DECLARE @text nvarchar(max) = N'SELECT ' + N'1 AS one'; EXEC (@text)"
    assert client.done(say).rows == [{"one": 1}]
    reply = client.ask(
        "DECLARE @text nvarchar(max) = N'RESTORE VERIFYONLY FROM DISK = N''none.bak''; '; EXEC (@text); "
        "IF @@ERROR = 3013 THROW 50000, N'seen', 1; SELECT 1 AS one"
    )
    assert (reply.said[-1].text, reply.rows) == ("seen", [])
