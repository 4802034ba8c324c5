"""What is asked of the server's catalogue views. Values go in as parameters (`?`); names only through `tsql`.

pyodbc reads neither `sql_variant` nor `datetimeoffset`, so these are cast in the query. Dates in msdb are the server's
local time; each row has the offset of its moment in quarter hours.
"""

from __future__ import annotations

from pwsops.engines.sqlserver.tsql import identifier

_LOCK_TIMEOUT_MS = 5000


def _impatient(query: str) -> str:
    """Let a question to msdb end soon where somebody else has its tables locked, such as a job that purges them.

    The connection is used again, and a backup on it may have to wait for longer.
    """
    return f"SET LOCK_TIMEOUT {_LOCK_TIMEOUT_MS};{query.rstrip()};\nSET LOCK_TIMEOUT -1;\n"


SERVER = """
SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version,
       CAST(SERVERPROPERTY('ProductLevel') AS nvarchar(128)) AS level,
       CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition,
       CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition,
       CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server_name,
       CAST(SERVERPROPERTY('InstanceDefaultBackupPath') AS nvarchar(4000)) AS backup_path,
       CAST(SERVERPROPERTY('InstanceDefaultDataPath') AS nvarchar(4000)) AS data_path,
       CAST(SERVERPROPERTY('InstanceDefaultLogPath') AS nvarchar(4000)) AS log_path,
       CAST(SYSDATETIMEOFFSET() AS nvarchar(40)) AS local_time,
       SUSER_SNAME() AS login_name,
       @@VERSION AS banner
"""

SERVICES = "SELECT s.servicename, s.service_account FROM sys.dm_server_services AS s"

SERVER_RIGHTS = """
SELECT IS_SRVROLEMEMBER(N'sysadmin') AS is_sysadmin,
       IS_SRVROLEMEMBER(N'dbcreator') AS is_dbcreator,
       CASE WHEN 1 IN (HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE'),
                       HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER PERFORMANCE STATE'))
            THEN 1 ELSE 0 END AS view_server_state,
       HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW ANY DEFINITION') AS view_any_definition,
       HAS_PERMS_BY_NAME(NULL, NULL, N'ALTER ANY DATABASE') AS alter_any_database,
       CASE WHEN 1 IN (HAS_PERMS_BY_NAME(NULL, NULL, N'CREATE ANY DATABASE'),
                       HAS_PERMS_BY_NAME(N'master', N'DATABASE', N'CREATE DATABASE'))
            THEN 1 ELSE 0 END AS create_any_database,
       HAS_PERMS_BY_NAME(N'msdb.dbo.backupset', N'OBJECT', N'SELECT') AS read_history
"""

# Without one of these the server shows a login those databases alone that it owns, and master and tempdb (Microsoft,
# sys.databases, "Permissions"). Every login has the first by way of public, until somebody takes it away.
SEES_DATABASES = """
SELECT CASE WHEN 1 IN (IS_SRVROLEMEMBER(N'sysadmin'),
                       HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW ANY DATABASE'),
                       HAS_PERMS_BY_NAME(NULL, NULL, N'ALTER ANY DATABASE'),
                       HAS_PERMS_BY_NAME(NULL, NULL, N'CREATE ANY DATABASE'))
            THEN 1 ELSE 0 END AS sees_all
"""

DATABASE_RIGHTS = """
SELECT d.name, HAS_DBACCESS(d.name) AS has_access,
       HAS_PERMS_BY_NAME(QUOTENAME(d.name), N'DATABASE', N'BACKUP DATABASE') AS may_back_up
FROM sys.databases AS d
WHERE d.name <> N'tempdb' AND d.source_database_id IS NULL AND d.state_desc = N'ONLINE'
ORDER BY d.name
"""

DATABASES = """
SELECT d.name, d.database_id, d.state_desc, d.recovery_model_desc, d.is_read_only, d.is_in_standby,
       d.user_access_desc, d.is_encrypted, d.replica_id, d.create_date
FROM sys.databases AS d
WHERE d.source_database_id IS NULL
ORDER BY d.name
"""

DATABASE = """
SELECT d.name, d.database_id, d.state_desc, d.recovery_model_desc, d.is_read_only, d.is_in_standby,
       d.user_access_desc, d.is_encrypted, d.replica_id, d.create_date
FROM sys.databases AS d
WHERE d.name = ? AND d.source_database_id IS NULL
"""

SIZES = """
SELECT f.database_id, f.type_desc, SUM(CAST(f.size AS bigint)) AS pages
FROM sys.master_files AS f
GROUP BY f.database_id, f.type_desc
"""

REPLICAS = """
SELECT d.name, s.role_desc, g.name AS group_name, p.primary_replica
FROM sys.databases AS d
JOIN sys.dm_hadr_availability_replica_states AS s ON s.replica_id = d.replica_id
JOIN sys.availability_groups AS g ON g.group_id = s.group_id
JOIN sys.dm_hadr_availability_group_states AS p ON p.group_id = s.group_id
"""

BASES = _impatient("""
SELECT d.name, f.differential_base_guid, b.backup_set_id, b.user_name, b.description, b.is_snapshot
FROM sys.databases AS d
JOIN sys.master_files AS f ON f.database_id = d.database_id AND f.file_id = 1
LEFT JOIN msdb.dbo.backupset AS b ON b.backup_set_uuid = f.differential_base_guid
WHERE f.differential_base_guid IS NOT NULL
""")

_TAKEN_HERE = "b.server_name IN (@@SERVERNAME, CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)))"
"""A restore notes the set it read in msdb, one that was taken on another server too: that protects nothing here."""

LOG_BACKUPS = _impatient(f"""
SELECT b.database_name, MAX(b.backup_finish_date) AS last_at
FROM msdb.dbo.backupset AS b
WHERE b.backup_finish_date >= ? AND b.type = 'L' AND {_TAKEN_HERE}
GROUP BY b.database_name
""")

NEWEST_FULLS = _impatient(f"""
SELECT b.database_name, MAX(b.backup_finish_date) AS last_at
FROM msdb.dbo.backupset AS b
WHERE b.backup_finish_date >= ? AND b.type = 'D' AND {_TAKEN_HERE}
GROUP BY b.database_name
""")

LOG_CHAINS = _impatient(f"""
SELECT b.database_name, b.type, CAST(b.first_lsn AS nvarchar(30)) AS first_lsn,
       CAST(b.last_lsn AS nvarchar(30)) AS last_lsn, b.backup_start_date, b.time_zone, b.is_snapshot, b.is_damaged,
       CAST(b.last_recovery_fork_guid AS nvarchar(36)) AS recovery_fork_guid
FROM msdb.dbo.backupset AS b
WHERE b.backup_finish_date >= ? AND b.type IN ('D', 'L') AND {_TAKEN_HERE}
ORDER BY b.backup_set_id
""")

BASE = """
SELECT d.name, f.file_id, f.differential_base_guid
FROM sys.databases AS d
LEFT JOIN sys.master_files AS f ON f.database_id = d.database_id AND f.file_id = 1
WHERE d.name = ?
"""

INCARNATION = """
SELECT CAST(r.database_guid AS nvarchar(36)) AS database_guid, CAST(r.family_guid AS nvarchar(36)) AS family_guid,
       CAST(r.recovery_fork_guid AS nvarchar(36)) AS recovery_fork_guid
FROM sys.database_recovery_status AS r
WHERE r.database_id = DB_ID(?)
"""

FILES = """
SELECT f.name, f.type_desc, f.physical_name, CAST(f.size AS bigint) AS pages
FROM sys.master_files AS f
WHERE f.database_id = DB_ID(?)
ORDER BY f.type, f.file_id
"""

_SETS = """
SELECT b.backup_set_id, CAST(b.backup_set_uuid AS nvarchar(36)) AS backup_set_uuid, b.database_name, b.type,
       b.position, b.backup_start_date, b.backup_finish_date, b.time_zone, b.backup_size, b.compressed_backup_size,
       b.is_copy_only, b.is_snapshot, b.is_damaged, b.has_backup_checksums,
       CAST(b.differential_base_guid AS nvarchar(36)) AS differential_base_guid, b.name, b.description, b.user_name,
       b.machine_name, b.server_name, b.recovery_model, CAST(b.first_lsn AS nvarchar(30)) AS first_lsn,
       CAST(b.last_lsn AS nvarchar(30)) AS last_lsn, CAST(b.checkpoint_lsn AS nvarchar(30)) AS checkpoint_lsn,
       CAST(b.database_backup_lsn AS nvarchar(30)) AS database_backup_lsn,
       CAST(b.last_recovery_fork_guid AS nvarchar(36)) AS recovery_fork_guid,
       CAST(b.database_guid AS nvarchar(36)) AS database_guid, CAST(b.family_guid AS nvarchar(36)) AS family_guid,
       b.key_algorithm,
       b.encryptor_thumbprint, m.family_sequence_number, m.physical_device_name, m.device_type
FROM msdb.dbo.backupset AS b
JOIN msdb.dbo.backupmediafamily AS m ON m.media_set_id = b.media_set_id AND m.mirror = 0
WHERE b.type IN ('D', 'I') AND """

_IN_ORDER = " ORDER BY b.backup_set_id, m.family_sequence_number"


def _sets(which: str) -> str:
    return _impatient(_SETS + which + _IN_ORDER)


HISTORY = _sets(f"b.backup_finish_date >= ? AND {_TAKEN_HERE}")
HISTORY_OF_DATABASE = _sets(f"b.backup_finish_date >= ? AND b.database_name = ? AND {_TAKEN_HERE}")
SETS_DESCRIBED = _sets("b.backup_finish_date >= ? AND b.database_name = ? AND b.description = ?")
SET = _sets("b.backup_set_uuid = CAST(? AS uniqueidentifier)")

SUSPECT_PAGES = _impatient("""
SELECT p.file_id, p.page_id, p.event_type
FROM msdb.dbo.suspect_pages AS p
WHERE p.database_id = DB_ID(?) AND p.event_type IN (1, 2, 3)
ORDER BY p.file_id, p.page_id
""")

RESTORES = "SELECT COUNT(*) AS restores FROM msdb.dbo.restorehistory AS r WHERE r.destination_database_name = ?"

VOLUMES = """
SELECT DISTINCT v.volume_mount_point, v.available_bytes
FROM sys.master_files AS f
CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) AS v
"""

SESSION = "SELECT @@SPID AS session_id"

REQUEST = """
SELECT r.command, r.percent_complete
FROM sys.dm_exec_requests AS r
WHERE r.session_id = ?
"""

SESSIONS_IN = """
SELECT s.session_id
FROM sys.dm_exec_sessions AS s
WHERE s.database_id = DB_ID(?) AND s.is_user_process = 1 AND s.session_id <> @@SPID
"""

BACKUPS_GOING_ON = """
SELECT r.session_id
FROM sys.dm_exec_requests AS r
CROSS APPLY sys.dm_exec_sql_text(r.sql_handle) AS t
WHERE r.command LIKE N'BACKUP%' AND CHARINDEX(?, t.text) > 0 AND CHARINDEX(?, t.text) > 0
"""

FILE_EXISTS = """
SELECT e.file_exists, e.file_is_a_directory, e.parent_directory_exists
FROM sys.dm_os_file_exists(?) AS e
"""

XP_BACKUP_DIRECTORY = (
    "EXEC master.dbo.xp_instance_regread N'HKEY_LOCAL_MACHINE', "
    "N'Software\\Microsoft\\MSSQLServer\\MSSQLServer', N'BackupDirectory'"
)

XP_FILE_EXISTS = "EXEC master.dbo.xp_fileexist ?"

LISTING = """
SELECT e.file_or_directory_name, e.is_directory, e.size_in_bytes, e.last_write_time
FROM sys.dm_os_enumerate_filesystem(?, N'*') AS e
WHERE e.level = 0
"""

XP_LISTING = "EXEC master.dbo.xp_dirtree ?, 1, 1"

DRIVES = "EXEC master.dbo.xp_fixeddrives"

_SEVERITIES = """
SELECT m.message_id, m.severity
FROM sys.messages AS m
WHERE m.language_id = 1033 AND m.message_id IN ({marks})
"""

_ZONES = _impatient("""
SELECT CAST(b.backup_set_uuid AS nvarchar(36)) AS backup_set_uuid, b.time_zone
FROM msdb.dbo.backupset AS b
WHERE b.backup_set_uuid IN ({marks})
""")

CERTIFICATES = """
SELECT c.name, c.subject, c.start_date, c.expiry_date, c.thumbprint, c.pvt_key_encryption_type_desc
FROM master.sys.certificates AS c
ORDER BY c.name
"""

MASTER_KEY = """
SELECT d.is_master_key_encrypted_by_server, k.name AS master_key, USER_NAME() AS user_name
FROM sys.databases AS d
LEFT JOIN master.sys.symmetric_keys AS k ON k.name = N'##MS_DatabaseMasterKey##'
WHERE d.name = N'master'
"""

ENCRYPTED_DATABASES = """
SELECT d.name, k.encryptor_thumbprint
FROM sys.dm_database_encryption_keys AS k
JOIN sys.databases AS d ON d.database_id = k.database_id
WHERE k.encryptor_type = N'CERTIFICATE'
ORDER BY d.name
"""


SETTINGS = """
SELECT SUSER_SNAME(d.owner_sid) AS owner, d.is_trustworthy_on, d.is_broker_enabled, d.is_db_chaining_on,
       d.is_cdc_enabled, d.is_published, d.is_merge_published, d.is_subscribed
FROM sys.databases AS d
WHERE d.name = ?
"""


def orphans(database: str) -> str:
    """Build the query for the users of a database whose login is not on the server."""
    return f"""
SELECT p.name
FROM {identifier(database)}.sys.database_principals AS p
LEFT JOIN sys.server_principals AS l ON l.sid = p.sid
WHERE p.type = 'S' AND p.authentication_type_desc = N'INSTANCE' AND p.principal_id > 4 AND l.sid IS NULL
ORDER BY p.name
"""


def severities(numbers: int) -> str:
    """Build the query for the severities of so many message numbers."""
    return _SEVERITIES.format(marks=", ".join("?" * numbers))


def zones(sets: int) -> str:
    """Build the query for the time zones of so many sets."""
    return _ZONES.format(marks=", ".join(["CAST(? AS uniqueidentifier)"] * sets))


def contents(database: str) -> str:
    """Build the query for the tables of a database and the rows that its partitions say they have."""
    views = f"{identifier(database)}.sys"
    return f"""
SELECT s.name AS schema_name, t.name AS table_name, SUM(p.rows) AS row_count
FROM {views}.tables AS t
JOIN {views}.schemas AS s ON s.schema_id = t.schema_id
JOIN {views}.partitions AS p ON p.object_id = t.object_id AND p.index_id IN (0, 1)
WHERE t.is_ms_shipped = 0
GROUP BY s.name, t.name
ORDER BY s.name, t.name
"""
