"""Backups that other tools take, unasked and unannounced."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from tests.standin.server.client import Client
from tests.standin.server.history import BackupRecord
from tests.standin.server.server import ScriptedServer

JOB = "CORP\\nightly"
WRITER = "NT AUTHORITY\\SYSTEM"


def take_full(server: ScriptedServer, database: str, path: str, *, user: str = JOB) -> BackupRecord:
    """Let somebody else take a full backup: it becomes the base of the database's differentials."""
    quoted = database.replace("]", "]]")
    client = Client(server)
    client.done(f"BACKUP DATABASE [{quoted}] TO DISK = N'{path}' WITH NOINIT")
    client.close()
    server.log.pop()
    record = server.history.backups[-1]
    return _put(server, replace(record, stored=replace(record.stored, user=user)))


def take_snapshot(server: ScriptedServer, database: str, *, user: str = WRITER) -> BackupRecord:
    """Let a tool for virtual machines freeze a database: a base that lies in no file of the server."""
    path = server.default_path(f"{uuid4()}.tmp")
    record = take_full(server, database, path, user=user)
    server.files.remove(path)
    media_set = replace(record.media_set, paths=(f"{{{str(uuid4()).upper()}}}1",))
    server.history.media_sets[-1] = media_set
    return _put(server, replace(record, media_set=media_set, stored=replace(record.stored, is_snapshot=True)))


def bring_from(server: ScriptedServer, other: str) -> None:
    """Let the last backup be one that another server took, and whose file was brought here."""
    record = server.history.backups[-1]
    _put(server, replace(record, stored=replace(record.stored, server_name=other)))
    server.history.backups.pop()


def _put(server: ScriptedServer, record: BackupRecord) -> BackupRecord:
    server.history.backups[-1] = record
    for media in record.media_set.families:
        media.sets[-1] = record.stored
    return record
