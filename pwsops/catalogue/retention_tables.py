"""Tables: what has to stay whatever a policy says. A part of the schema."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text, text

from pwsops.catalogue.columns import Instant, id_column, metadata

# Backups that somebody wants to keep, with what they stand on, whatever the policy says.
holds = Table(
    "holds",
    metadata,
    id_column(),
    Column("instance", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("set_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # None: until somebody takes it back.
    Column("until", Instant),
    Column("actor", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("removed_at", Instant),
    Index("ix_holds_in_force", "instance", "set_id", sqlite_where=text("removed_at IS NULL")),
)
