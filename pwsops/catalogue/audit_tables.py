"""The tables of the audit log."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text, text

from pwsops.catalogue.columns import Instant, id_column, metadata

audit = Table(
    "audit",
    metadata,
    id_column(),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("digest", Text, nullable=False),
    # The operating system's name of the user whose process wrote it; `actor` is what was claimed.
    Column("system_user", Text, nullable=False, server_default=text("''")),
    # Which key the digest was made with; 0: none could be had. Entries from before there were keys have none.
    Column("key_id", Integer),
)

# Which instance an entry is about, as was settled when it was written; those that are about none are not here.
audit_instances = Table(
    "audit_instances",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("instance", Text, nullable=False),
)

# The keys of the audit log, sealed with the home's.
audit_keys = Table(
    "audit_keys",
    metadata,
    id_column(),
    Column("sealed", Text),
    Column("first_entry", Integer, nullable=False),
    Column("made_at", Instant, nullable=False),
)
