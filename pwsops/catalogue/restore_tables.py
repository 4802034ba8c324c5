"""Tables: what restores change of databases while they go on, and backups that were tried. A part of the schema."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text, text

from pwsops.catalogue.columns import Instant, id_column, metadata

# Written before a restore changes who may come into a database, and closed when that was undone.
changed_access = Table(
    "changed_access",
    metadata,
    id_column(),
    Column("instance", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("former_mode", Text, nullable=False),
    Column("changed_to", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("restore_id", ForeignKey("restores.id"), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try_at", Instant, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("given_back_at", Instant),
    # Where the instance was: of another server's database of that name nothing is owed.
    Column("place", Text, nullable=False, server_default=text("''")),
    # One at a time: what a second restore finds changed is the first one's doing.
    Index(
        "ix_changed_access_open",
        "instance",
        "place",
        "database",
        unique=True,
        sqlite_where=text("given_back_at IS NULL"),
    ),
)

# Backups that were tried by restoring them into a scratch.
drills = Table(
    "drills",
    metadata,
    id_column(),
    # Whose backup, and where it is tried: on an instance that was at that place then.
    Column("instance", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("on_instance", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("actor", Text, nullable=False),
    # Which backup; without a path the newest that can be restored, until that is known.
    Column("path", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("set_id", Text, nullable=False),
    Column("sets", JSON, nullable=False),
    Column("data_at", Instant),
    Column("queries", JSON, nullable=False),
    Column("asked_at", Instant, nullable=False),
    # None: it waits for the service, and nobody owns it.
    Column("began_at", Instant),
    Column("owner", Text),
    Column("ended_at", Instant),
    Column("cancel_requested", Boolean, nullable=False),
    Column("progress_phase", Text),
    Column("progress_done", BigInteger),
    Column("progress_total", BigInteger),
    # Written before it is made; from then on it is owed that it goes, until it is gone.
    Column("scratch", Text, nullable=False),
    Column("scratch_place", Text, nullable=False),
    Column("scratch_dropped_at", Instant),
    Column("drop_tries", Integer, nullable=False),
    Column("next_drop_at", Instant),
    Column("drop_error", Text, nullable=False),
    Column("restored_bytes", BigInteger),
    Column("restore_s", Float),
    Column("check_s", Float),
    Column("query_s", Float),
    Column("tables", JSON, nullable=False),
    Column("answers", JSON, nullable=False),
    Column("outcome", Text),
    Column("cause", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("next_step", Text, nullable=False),
    Column("messages", JSON, nullable=False),
    Index("ix_drills_instance_database", "instance", "database"),
    # One at a time: whoever comes second finds this row.
    Index("ix_drills_open", "instance", "database", unique=True, sqlite_where=text("ended_at IS NULL")),
    Index("ix_drills_owed", "next_drop_at", sqlite_where=text("scratch <> '' AND scratch_dropped_at IS NULL")),
)
