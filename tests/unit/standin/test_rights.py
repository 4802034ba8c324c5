"""Who may do what on the stand-in, and with which numbers the others are refused."""

from __future__ import annotations

import pytest

from tests.standin.events import Login, LoginRefused
from tests.standin.server import ScriptedServer
from tests.standin.server.client import Client
from tests.standin.server.database import Database

FULL = r"BACKUP DATABASE vault TO DISK = N'D:\a.bak'"
RESTORE = r"RESTORE DATABASE vault FROM DISK = N'D:\a.bak' WITH REPLACE"


def login(server: ScriptedServer, **rights: object) -> Client:
    server.add_login("ops", password="secret", **rights)
    return Client(server, "ops", "secret")


@pytest.mark.parametrize(
    ("rights", "numbers"),
    [
        ({}, [916, 3013]),
        ({"databases": {"vault": set()}}, [262, 3013]),
        ({"databases": {"vault": {"db_datareader"}}}, [262, 3013]),
        ({"databases": {"vault": {"db_backupoperator"}}}, []),
        ({"databases": {"VAULT": {"db_owner"}}}, []),
        ({"roles": {"sysadmin"}}, []),
    ],
)
def test_a_backup_needs_a_role_in_the_database(
    server: ScriptedServer, vault: Database, rights: dict[str, object], numbers: list[int]
) -> None:
    assert login(server, **rights).ask(FULL).errors == numbers


@pytest.mark.parametrize(
    ("rights", "numbers"),
    [
        ({"databases": {"vault": {"db_owner"}}}, [3110, 3013]),
        ({"grants": {"CREATE ANY DATABASE"}}, [3110, 3013]),
        ({"roles": {"dbcreator"}}, []),
    ],
)
def test_a_restore_needs_more_than_the_role_of_an_owner(
    server: ScriptedServer, client: Client, rights: dict[str, object], numbers: list[int]
) -> None:
    client.done(FULL)
    assert login(server, **rights).ask(RESTORE).errors == numbers


def test_the_true_owner_of_a_database_may_restore_it(server: ScriptedServer, client: Client, vault: Database) -> None:
    client.done(FULL)
    vault.owner = "ops"
    login(server).done(RESTORE)


def test_reading_media_needs_the_right_to_create_databases(server: ScriptedServer, client: Client) -> None:
    client.done(FULL)
    reply = login(server).ask(r"RESTORE HEADERONLY FROM DISK = N'D:\a.bak'")
    assert reply.errors == [262, 3013]
    assert reply.said[0].text == "CREATE DATABASE permission denied in database 'master'."


@pytest.mark.parametrize(
    ("batch", "numbers"),
    [
        ("SELECT * FROM sys.dm_server_services", [300, 297]),
        ("SELECT * FROM sys.dm_os_volume_stats(1, 1)", [300, 297]),
        ("SELECT * FROM vault.sys.tables", [916]),
        ("USE vault", [916]),
        (r"EXEC master.sys.xp_delete_files N'D:\a.bak'", [229]),
        (r"EXEC master.sys.xp_create_subdir N'D:\new'", [229]),
        ("CREATE DATABASE another", [262]),
        ("DROP DATABASE vault", [3701]),
        ("ALTER DATABASE vault SET SINGLE_USER", [5011, 5069]),
        ("CREATE MASTER KEY ENCRYPTION BY PASSWORD = N'x'", [15247]),
        ("CREATE CERTIFICATE c WITH SUBJECT = N'c'", [15247]),
        (r"BACKUP CERTIFICATE keeper TO FILE = N'D:\k.cer'", [15151]),
        ("DROP CERTIFICATE keeper", [15151]),
        ("KILL 51", [15247]),
    ],
)
def test_who_has_no_rights_is_refused_by_the_right_number(
    server: ScriptedServer, client: Client, batch: str, numbers: list[int]
) -> None:
    server.make_certificate("keeper")
    assert login(server).ask(batch).errors == numbers


def test_who_controls_a_certificate_sees_saves_and_drops_it(server: ScriptedServer, client: Client) -> None:
    server.make_certificate("keeper")
    server.make_certificate("other")
    ops = login(server)
    names, user = "SELECT name FROM master.sys.certificates", "SELECT USER_NAME() AS name"
    assert ops.done(user).values == [("guest",)]
    assert client.ask("GRANT CONTROL ON CERTIFICATE::keeper TO ops").errors == [15151]
    client.done("CREATE USER ops FOR LOGIN ops; GRANT VIEW DEFINITION ON CERTIFICATE::keeper TO ops")
    assert (ops.done(user).values, ops.done(names).values) == ([("ops",)], [("keeper",)])
    save = r"BACKUP CERTIFICATE {} TO FILE = N'D:\k.cer'"
    assert ops.ask(save.format("keeper")).errors == [15151]
    client.done("GRANT CONTROL ON CERTIFICATE::[keeper] TO ops")
    ops.done(save.format("keeper"))
    ops.done("DROP CERTIFICATE keeper")
    assert ops.ask(save.format("other")).errors == [15151]
    assert client.ask("GRANT CONTROL ON CERTIFICATE::nothing TO ops").errors == [15151]


def test_who_may_make_certificates_owns_what_it_made(server: ScriptedServer, client: Client) -> None:
    ops = login(server)
    server.has_master_key = True
    client.done("CREATE USER ops FOR LOGIN ops; GRANT CREATE CERTIFICATE TO ops")
    ops.done("CREATE CERTIFICATE mine WITH SUBJECT = N'c'")
    ops.done(r"BACKUP CERTIFICATE mine TO FILE = N'D:\k.cer'")


def test_some_views_show_less_instead_of_refusing(server: ScriptedServer, client: Client) -> None:
    server.make_certificate("keeper")
    ops = login(server)
    assert ops.done("SELECT * FROM sys.master_files").rows == []
    assert ops.done("SELECT * FROM master.sys.certificates").rows == []
    assert [row["session_id"] for row in ops.done("SELECT * FROM sys.dm_exec_sessions").rows] == [52]
    assert len(client.done("SELECT * FROM sys.dm_exec_sessions").rows) == 2
    assert len(ops.done("SELECT * FROM sys.databases").rows) == 5


@pytest.mark.parametrize("roles", [set(), {"db_datareader"}])
def test_the_history_is_for_who_may_read_msdb(server: ScriptedServer, client: Client, roles: set[str]) -> None:
    client.done(FULL)
    ops = login(server, databases={"msdb": roles})
    question = "SELECT HAS_PERMS_BY_NAME(N'msdb.dbo.backupset', N'OBJECT', N'SELECT') AS may"
    assert ops.done(question).values == [(len(roles),)]
    assert ops.ask("SELECT * FROM msdb.dbo.backupset").errors == ([] if roles else [229])


def test_rights_can_be_asked_for(server: ScriptedServer, client: Client) -> None:
    question = """SELECT IS_SRVROLEMEMBER(N'sysadmin') AS a, HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE') AS b,
        HAS_PERMS_BY_NAME(QUOTENAME(N'vault'), N'DATABASE', N'BACKUP DATABASE') AS c, HAS_DBACCESS(N'vault') AS d"""
    ops = login(server, grants={"VIEW SERVER STATE"}, databases={"vault": {"db_backupoperator"}})
    assert ops.done(question).values == [(0, 1, 1, 1)]
    assert client.done(question).values == [(1, 1, 1, 1)]


@pytest.mark.parametrize(
    ("rights", "password", "numbers"),
    [
        ({}, "wrong", [18456]),
        ({"locked": True}, "secret", [18486]),
        ({"disabled": True}, "secret", [18470]),
        ({"expired": True}, "secret", [18487]),
        ({"must_change": True}, "secret", [18488]),
    ],
)
def test_a_login_is_refused_with_the_servers_reason(
    server: ScriptedServer, rights: dict[str, object], password: str, numbers: list[int]
) -> None:
    server.add_login("ops", password="secret", **rights)
    with pytest.raises(LoginRefused) as refused:
        Client(server, "ops", password)
    assert [one.number for one in refused.value.said] == numbers
    assert (server.connections.open, server.connections.refused) == (0, 1)


def test_a_database_that_cannot_be_opened_refuses_the_login(server: ScriptedServer, vault: Database) -> None:
    for state, name in (("ONLINE", "nobody"), ("OFFLINE", "vault")):
        vault.state = state
        with pytest.raises(LoginRefused) as refused:
            Client(server, database=name)
        assert [one.number for one in refused.value.said] == [4060, 18456]


def test_windows_logins_are_from_an_untrusted_domain_here(server: ScriptedServer) -> None:
    windows = Login(user="", password="", database="", application="t", host="h", integrated=True)
    with pytest.raises(LoginRefused, match="untrusted domain"):
        server.connect(windows)


def test_connections_are_counted(server: ScriptedServer) -> None:
    first, second = Client(server), Client(server)
    first.close()
    first.close()
    assert (server.connections.open, server.connections.total) == (1, 2)
    second.close()
    assert Client(server).session.session_id == 51


def test_rights_are_given_by_statements(server: ScriptedServer, client: Client) -> None:
    client.done("CREATE LOGIN [ops] WITH PASSWORD = N'secret', CHECK_POLICY = OFF")
    ops = Client(server, "ops", "secret")
    assert ops.ask(FULL).errors == [916, 3013]
    client.done("USE vault; CREATE USER [ops] FOR LOGIN [ops]; ALTER ROLE db_backupoperator ADD MEMBER [ops]")
    ops.done(FULL)
    client.done("ALTER ROLE db_backupoperator DROP MEMBER [ops]")
    assert ops.ask(FULL).errors == [262, 3013]
    client.done("GRANT BACKUP DATABASE TO [ops]")
    ops.done(FULL)
    assert ops.ask(RESTORE).errors == [3110, 3013]
    assert ops.ask("SELECT * FROM sys.dm_server_services").errors == [300, 297]
    client.done("USE master; ALTER SERVER ROLE dbcreator ADD MEMBER [ops]; GRANT VIEW SERVER STATE TO [ops]")
    ops.done(RESTORE)
    ops.done("SELECT * FROM sys.dm_server_services")
    assert ops.ask(r"EXEC master.sys.xp_delete_files N'D:\a.bak'").errors == [229]
    client.done("GRANT EXECUTE ON sys.xp_delete_files TO [ops]")
    ops.done(r"EXEC master.sys.xp_delete_files N'D:\a.bak'")


@pytest.mark.parametrize(
    ("batch", "numbers"),
    [
        ("CREATE LOGIN sa WITH PASSWORD = N'x'", [15025]),
        ("CREATE USER nobody FOR LOGIN nobody", [15007]),
        ("USE vault; CREATE USER ops; CREATE USER ops", [15023]),
        ("USE vault; ALTER ROLE db_owner ADD MEMBER ops", [15151]),
        ("ALTER ROLE db_nothing ADD MEMBER ops", [15151]),
        ("ALTER SERVER ROLE dbcreator ADD MEMBER nobody", [15151]),
        ("USE vault; GRANT VIEW SERVER STATE TO ops", [4621]),
        ("GRANT VIEW SERVER STATE TO nobody", [15151]),
        ("GRANT 1 TO ops", [102]),
    ],
)
def test_rights_that_cannot_be_given_are_refused(
    server: ScriptedServer, client: Client, batch: str, numbers: list[int]
) -> None:
    ops = login(server)
    assert client.ask(batch).errors == numbers
    assert ops.ask("CREATE LOGIN other WITH PASSWORD = N'x'").errors == [15247]
