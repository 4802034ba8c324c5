"""Views of what the server does and what it runs on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.standin.events import Value
from tests.standin.server.database import Database
from tests.standin.server.server_views import GROUP, REPLICA
from tests.standin.server.views import Record, table_function, view

if TYPE_CHECKING:
    from tests.standin.server.context import Context

MEMORY_BYTES = 16 << 30
ENCRYPTED = 3


@view(
    "sys.dm_exec_requests",
    """session_id smallint, request_id int, start_time datetime, status nvarchar(30), command nvarchar(32),
    database_id smallint, blocking_session_id smallint, wait_type nvarchar(60), percent_complete real,
    estimated_completion_time bigint, total_elapsed_time int, sql_handle varbinary(64)""",
)
def _requests(context: Context, _: Database) -> Iterator[Record]:
    server = context.server
    everything = context.account.may("VIEW SERVER STATE")
    for one in list(server.requests.values()):
        if not everything and one.session_id != context.session.session_id:
            continue
        elapsed = int((server.clock.now() - one.started_at).total_seconds() * 1000)
        left = int(elapsed * (100 - one.percent) / one.percent) if one.percent else 0
        yield {
            "session_id": one.session_id, "request_id": 0, "start_time": server.clock.local(one.started_at),
            "status": "suspended", "command": one.command, "database_id": one.database_id, "blocking_session_id": 0,
            "wait_type": "BACKUPIO", "percent_complete": float(one.percent), "estimated_completion_time": left,
            "total_elapsed_time": elapsed, "sql_handle": _handle(one.session_id),
        }  # fmt: skip


def _handle(session_id: int) -> bytes:
    """Stand for the text of what a session runs."""
    return session_id.to_bytes(4, "big")


@table_function(
    "sys.dm_exec_sql_text",
    "dbid smallint, objectid int, number smallint, encrypted bit, text nvarchar(max)",
    server_state=True,
)
def _sql_text(context: Context, handle: Value) -> Iterator[Record]:
    for one in list(context.server.requests.values()):
        if _handle(one.session_id) == handle:
            yield {"encrypted": False, "text": one.batch}


@view(
    "sys.dm_exec_sessions",
    """session_id smallint, login_time datetime, host_name nvarchar(128), program_name nvarchar(128),
    login_name nvarchar(128), status nvarchar(30), database_id smallint, is_user_process bit,
    open_transaction_count int, original_login_name nvarchar(128)""",
)
def _sessions(context: Context, _: Database) -> Iterator[Record]:
    server = context.server
    everything = context.account.may("VIEW SERVER STATE")
    for one in server.sessions():
        if not everything and one is not context.session:
            continue
        database = server.databases.get(one.database)
        yield {
            "session_id": one.session_id, "login_time": server.clock.local(one.since), "host_name": one.login.host,
            "program_name": one.login.application, "login_name": one.account.name,
            "status": "running" if one.session_id in server.requests or one is context.session else "sleeping",
            "database_id": database.database_id if database else 1, "is_user_process": True,
            "open_transaction_count": one.transactions, "original_login_name": one.account.name,
        }  # fmt: skip


@view(
    "sys.dm_exec_connections",
    "session_id int, encrypt_option nvarchar(40), auth_scheme nvarchar(40), net_transport nvarchar(40), "
    "client_net_address nvarchar(48), local_tcp_port int",
    server_state=True,
)
def _connections(context: Context, _: Database) -> Iterator[Record]:
    for one in context.server.sessions():
        yield {
            "session_id": one.session_id, "encrypt_option": "TRUE" if one.login.encrypted else "FALSE",
            "auth_scheme": "NTLM" if one.login.integrated else "SQL", "net_transport": "TCP",
            "client_net_address": "127.0.0.1", "local_tcp_port": 1433,
        }  # fmt: skip


@view(
    "sys.dm_server_services",
    "servicename nvarchar(256), startup_type_desc nvarchar(256), status_desc nvarchar(256), process_id int, "
    "service_account nvarchar(256), instant_file_initialization_enabled nvarchar(1)",
    server_state=True,
)
def _services(context: Context, _: Database) -> Iterator[Record]:
    instance = context.server.name.partition("\\")[2]
    for name, account in (
        (f"SQL Server ({instance or 'MSSQLSERVER'})", context.server.service_account),
        (f"SQL Server Agent ({instance or 'MSSQLSERVER'})", "NT Service\\SQLSERVERAGENT"),
    ):
        yield {
            "servicename": name, "startup_type_desc": "Automatic", "status_desc": "Running", "process_id": 4242,
            "service_account": account, "instant_file_initialization_enabled": "N",
        }  # fmt: skip


@view(
    "sys.dm_os_host_info",
    "host_platform nvarchar(256), host_distribution nvarchar(256), host_release nvarchar(256), "
    "host_service_pack_level nvarchar(256), host_sku int, os_language_version int",
)
def _host(context: Context, _: Database) -> Iterator[Record]:
    windows = context.server.files.flavour == "windows"
    yield {
        "host_platform": "Windows" if windows else "Linux",
        "host_distribution": "Windows Server 2022 Standard" if windows else "Ubuntu",
        "host_release": "10.0" if windows else "22.04", "host_service_pack_level": "",
        "host_sku": 7 if windows else None,
        "os_language_version": 1033 if windows else 0,
    }  # fmt: skip


@view(
    "sys.dm_os_sys_info",
    "cpu_count int, physical_memory_kb bigint, sqlserver_start_time datetime, container_type_desc nvarchar(60)",
    server_state=True,
)
def _system(context: Context, _: Database) -> Iterator[Record]:
    yield {
        "cpu_count": 4, "physical_memory_kb": MEMORY_BYTES // 1024,
        "sqlserver_start_time": context.server.clock.local(context.server.started_at), "container_type_desc": "NONE",
    }  # fmt: skip


@view(
    "sys.dm_database_encryption_keys",
    """database_id int, encryption_state int, encryption_state_desc nvarchar(32), key_algorithm nvarchar(32),
    key_length int, encryptor_thumbprint varbinary(20), encryptor_type nvarchar(32), percent_complete real""",
    server_state=True,
)
def _encryption_keys(context: Context, _: Database) -> Iterator[Record]:
    for one in context.server.databases.values():
        if one.tde_thumbprint is not None:
            yield {
                "database_id": one.database_id, "encryption_state": ENCRYPTED, "encryption_state_desc": "ENCRYPTED",
                "key_algorithm": "AES", "key_length": 256, "encryptor_thumbprint": one.tde_thumbprint,
                "encryptor_type": "CERTIFICATE", "percent_complete": 0.0,
            }  # fmt: skip


@view(
    "sys.dm_hadr_availability_replica_states",
    "replica_id uniqueidentifier, group_id uniqueidentifier, is_local bit, role tinyint, role_desc nvarchar(60), "
    "synchronization_health_desc nvarchar(60)",
    server_state=True,
)
def _replica_states(context: Context, _: Database) -> Iterator[Record]:
    roles = [one.replica_role for one in context.server.databases.values() if one.replica_role]
    for role in roles[:1]:
        yield {
            "replica_id": REPLICA, "group_id": GROUP, "is_local": True, "role": 1 if role == "PRIMARY" else 2,
            "role_desc": role, "synchronization_health_desc": "HEALTHY",
        }  # fmt: skip


@view(
    "sys.dm_hadr_availability_group_states",
    "group_id uniqueidentifier, primary_replica nvarchar(128), synchronization_health_desc nvarchar(60)",
    server_state=True,
)
def _group_states(context: Context, _: Database) -> Iterator[Record]:
    roles = [one.replica_role for one in context.server.databases.values() if one.replica_role]
    for role in roles[:1]:
        yield {
            "group_id": GROUP,
            "primary_replica": context.server.name if role == "PRIMARY" else context.server.other_replica,
            "synchronization_health_desc": "HEALTHY",
        }


@view(
    "sys.dm_hadr_database_replica_states",
    "database_id int, group_id uniqueidentifier, replica_id uniqueidentifier, is_local bit, is_primary_replica bit, "
    "synchronization_state_desc nvarchar(60)",
    server_state=True,
)
def _database_replicas(context: Context, _: Database) -> Iterator[Record]:
    for one in context.server.databases.values():
        if one.replica_role:
            yield {
                "database_id": one.database_id, "group_id": GROUP, "replica_id": REPLICA, "is_local": True,
                "is_primary_replica": one.replica_role == "PRIMARY", "synchronization_state_desc": "SYNCHRONIZED",
            }  # fmt: skip
