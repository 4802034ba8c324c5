"""Tables: what was learned of instances, their databases and their certificates. A part of the schema."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Table,
    Text,
    UniqueConstraint,
)

from pwsops.catalogue.columns import Instant, id_column, metadata

# What the servers' own certificates were when somebody last looked: pages ask this, and never wait for a server.
server_certificates = Table(
    "server_certificates",
    metadata,
    id_column(),
    Column("instance", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("thumbprint", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("has_private_key", Boolean, nullable=False),
    Column("encrypts", JSON, nullable=False),
    Column("seen_at", Instant, nullable=False),
    UniqueConstraint("instance", "thumbprint"),
)

# Where runs saved those, beside their backups, and under which password.
certificate_copies = Table(
    "certificate_copies",
    metadata,
    id_column(),
    Column("instance", Text, nullable=False),
    Column("thumbprint", Text, nullable=False),
    Column("directory", Text, nullable=False),
    Column("certificate_file", Text, nullable=False),
    Column("key_file", Text, nullable=False),
    Column("sealed_password", Text, nullable=False),
    Column("saved_at", Instant, nullable=False),
    UniqueConstraint("instance", "thumbprint", "directory"),
)

# Logins that a server refused: another try counts against them there, until something about them is changed.
refused_logins = Table(
    "refused_logins",
    metadata,
    id_column(),
    Column("instance", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("message", Text, nullable=False),
    Column("hint", Text, nullable=False),
    UniqueConstraint("instance", "login"),
)

# When each instance last answered, and since when it has not: what it said stays known, with its age.
instance_looks = Table(
    "instance_looks",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("answered_at", Instant),
    Column("unreached_since", Instant),
    Column("error", Text, nullable=False),
    Column("hint", Text, nullable=False),
)

# Whose structure a backup found damaged; none of it any more once a full that is checked has succeeded.
damaged_databases = Table(
    "damaged_databases",
    metadata,
    id_column(),
    Column("instance", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("found", Text, nullable=False),
    UniqueConstraint("instance", "place", "database"),
)

# What it said of its databases then.
seen_databases = Table(
    "seen_databases",
    metadata,
    id_column(),
    Column("instance", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state_since", Instant, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("foreign_base", Boolean, nullable=False),
    # Up to when a whole chain of anybody's log backups gives everything back.
    Column("logs_until", Instant),
    # The newest backups that other tools took, as the server remembers them, each with what a look found.
    Column("outside", JSON, nullable=False),
    UniqueConstraint("instance", "database"),
)
