"""All tables, with those of the modules `…_tables`. A change needs a migration; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Computed,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from pwsops.catalogue.audit_tables import audit as audit
from pwsops.catalogue.audit_tables import audit_instances as audit_instances
from pwsops.catalogue.audit_tables import audit_keys as audit_keys
from pwsops.catalogue.columns import BEGINNING as BEGINNING
from pwsops.catalogue.columns import LATEST as LATEST
from pwsops.catalogue.columns import Instant as Instant
from pwsops.catalogue.columns import WallDate, WallMoment, WallTime, id_column
from pwsops.catalogue.columns import metadata as metadata
from pwsops.catalogue.instance_tables import certificate_copies as certificate_copies
from pwsops.catalogue.instance_tables import damaged_databases as damaged_databases
from pwsops.catalogue.instance_tables import instance_looks as instance_looks
from pwsops.catalogue.instance_tables import refused_logins as refused_logins
from pwsops.catalogue.instance_tables import seen_databases as seen_databases
from pwsops.catalogue.instance_tables import server_certificates as server_certificates
from pwsops.catalogue.restore_tables import changed_access as changed_access
from pwsops.catalogue.restore_tables import drills as drills
from pwsops.catalogue.retention_tables import holds as holds
from pwsops.profile import KEEP_COUNTS

# One row: which home this is, and what proves that the key at hand is its own.
home = Table(
    "home",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("key_check", Text),
)

instances = Table(
    "instances",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("engine", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("options", JSON, nullable=False),
    Column("login", Text),
    Column("sealed_password", Text),
    # Where it is, however the address is spelled.
    Column("place", Text, nullable=False, server_default=text("''")),
    Column("created_at", Instant, nullable=False),
)

# Where each instance ever kept databases or backups, also when it has moved on, or is gone.
known_places = Table(
    "known_places",
    metadata,
    id_column(),
    Column("instance", Text, nullable=False),
    # Of the server; empty: this machine.
    Column("host", Text, nullable=False),
    Column("path", Text, nullable=False),
    UniqueConstraint("instance", "host", "path"),
)

settings = Table(
    "settings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", JSON, nullable=False),
)

profiles = Table(
    "profiles",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("databases", JSON, nullable=False),
    Column("directory", Text, nullable=False),
    Column("every", Integer, nullable=False),
    Column("unit", Text, nullable=False),
    Column("at", WallTime),
    Column("between_from", WallTime),
    Column("between_to", WallTime),
    Column("weekdays", JSON, nullable=False),
    Column("on_day", Text, nullable=False),
    Column("start", WallMoment, nullable=False),
    Column("until", WallDate),
    Column("timezone", Text, nullable=False),
    Column("incremental", Boolean, nullable=False),
    Column("renew_full", Text, nullable=False),
    Column("timestamp", Boolean, nullable=False),
    Column("time_limit_h", Float, nullable=False),
    Column("login", Text, nullable=False, server_default=text("''")),
    Column("sealed_password", Text),
    Column("encrypt_with", Text, nullable=False, server_default=text("''")),
    Column("save_certificates", Boolean, nullable=False, server_default=text("0")),
    Column("sealed_certificate_password", Text),
    Column("check_structure", Boolean, nullable=False, server_default=text("1")),
    Column("keep_within", Text, nullable=False, server_default=text("''")),
    *(Column(key, Integer, nullable=False, server_default=text("0")) for key in KEEP_COUNTS),
    Column("state", Text, nullable=False),
    Column("failures_in_a_row", Integer, nullable=False),
    Column("database_failures", JSON, nullable=False),
    Column("tripped_at", Instant),
    Column("last_full_due_at", Instant),
    Column("next_due_at", Instant),
    Column("next_kind", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("amended_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    Index("ix_profiles_name_living", "name", unique=True, sqlite_where=text("deleted_at IS NULL")),
    Index("ix_profiles_next_due_at", "next_due_at", sqlite_where=text("next_due_at IS NOT NULL")),
)

runs = Table(
    "runs",
    metadata,
    id_column(),
    Column("profile_id", ForeignKey("profiles.id"), nullable=False),
    Column("profile", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("status", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("claimed_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("summary", Text, nullable=False),
    Column("missed_count", Integer, nullable=False),
    Column("missed_until", Instant),
    Column("owner", Text),
    Column("cancel_requested", Boolean, nullable=False),
    Column("progress_phase", Text),
    Column("progress_done", BigInteger),
    Column("progress_total", BigInteger),
    Column("size_bytes", BigInteger, nullable=False, server_default=text("0")),
    # Where it worked, from its start on: profiles and instances are edited while runs go on, and before they are
    # settled. None: it has not begun, or is older than these columns.
    Column("instance", Text),
    Column("place", Text),
    Column("directory", Text),
    # The history is sorted by it, so that it has a value also where there was no start or is no end yet.
    Column("duration_us", BigInteger, Computed("coalesce(finished_at - started_at, -1)", persisted=False)),
    # Exactly once: whoever claims an occurrence second finds this row and leaves it.
    UniqueConstraint("profile_id", "due_at"),
    Index("ix_runs_due_at", "due_at"),
    # A profile's last run is the one that was claimed last, whatever the clock said then.
    Index("ix_runs_profile_id", "profile_id"),
    Index("ix_runs_profile_due_at", "profile", "due_at"),
    Index("ix_runs_status_due_at", "status", "due_at"),
    Index("ix_runs_duration_us", "duration_us"),
    Index("ix_runs_size_bytes", "size_bytes"),
    # What the history is filtered by, in each of its orders.
    Index("ix_runs_profile_duration_us", "profile", "duration_us"),
    Index("ix_runs_profile_size_bytes", "profile", "size_bytes"),
    Index("ix_runs_profile_status_due_at", "profile", "status", "due_at"),
    Index("ix_runs_status_duration_us", "status", "duration_us"),
    Index("ix_runs_status_size_bytes", "status", "size_bytes"),
    # By hand and caught up: few among many, and found without reading all of them.
    Index("ix_runs_trigger_due_at", "trigger", "due_at", sqlite_where=text("trigger <> 'schedule'")),
    Index("ix_runs_trigger_duration_us", "trigger", "duration_us", sqlite_where=text("trigger <> 'schedule'")),
    Index("ix_runs_trigger_size_bytes", "trigger", "size_bytes", sqlite_where=text("trigger <> 'schedule'")),
    Index("ix_runs_open", "status", sqlite_where=text("status IN ('queued', 'running')")),
)

run_items = Table(
    "run_items",
    metadata,
    id_column(),
    Column("run_id", ForeignKey("runs.id"), nullable=False, index=True),
    Column("database", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("kind", Text),
    Column("reason", Text, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("path", Text),
    Column("set_id", Text),
    Column("size_bytes", BigInteger),
    Column("error", Text, nullable=False),
    Column("hint", Text, nullable=False),
    # Set while nobody knows whether a backup that failed here was finished after all; None: it is known.
    Column("look_again_at", Instant),
    Column("looks", Integer, nullable=False, server_default=text("0")),
    Index("ix_run_items_look_again_at", "look_again_at", sqlite_where=text("look_again_at IS NOT NULL")),
)

messages = Table(
    "messages",
    metadata,
    id_column(),
    Column("item_id", ForeignKey("run_items.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("number", Integer),
    Column("severity", Integer),
    Column("state", Integer),
    Column("text", Text, nullable=False),
    Column("is_error", Boolean, nullable=False),
)

# How many runs there are of each kind, kept by triggers: counting a million would take longer than showing fifty.
run_counts = Table(
    "run_counts",
    metadata,
    Column("profile_id", Integer, primary_key=True),
    Column("instance", Text, primary_key=True),  # empty: the run does not say, and its profile's counts
    Column("status", Text, primary_key=True),
    Column("trigger", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# What runs, their items and messages say, each text once, and the runs that say it; both kept by triggers, as are the
# virtual tables: `text_grams`, in which a text is found by each three characters that follow each other in it, and
# `text_vocabulary`, which lists these. Profiles' names are not among the texts: they are few, and change.
texts = Table("texts", metadata, id_column(), Column("text", Text, nullable=False, unique=True))

said = Table(
    "said",
    metadata,
    Column("text_id", Integer, primary_key=True),
    Column("run_id", Integer, primary_key=True),
    sqlite_with_rowid=False,
)

backup_sets = Table(
    "backup_sets",
    metadata,
    id_column(),
    Column("set_id", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("database_size_bytes", BigInteger, nullable=False),
    Column("base_id", Text),
    Column("description", Text, nullable=False),
    Column("copy_only", Boolean, nullable=False),
    Column("thumbprint", Text),
    Column("database_thumbprint", Text),
    Column("details", JSON, nullable=False),
    Column("profile_id", ForeignKey("profiles.id")),
    Column("run_id", ForeignKey("runs.id")),
    # Where the instance was when the set was taken: an instance of that name at another place is another one.
    Column("place", Text, nullable=False, server_default=text("''")),
    # Set when a later backup took the file's place, or its deletion began: it counts no more, and stays as history.
    Column("replaced_at", Instant),
    # When the policy let it go: before its file is deleted, by which process, and when it is gone.
    Column("prune_began_at", Instant),
    Column("prune_owner", Text),
    Column("pruned_at", Instant),
    Column("pruned_why", Text, nullable=False, server_default=text("''")),
    Column("retained_at", Instant),  # when its file could not be deleted, and why
    Column("retained_why", Text, nullable=False, server_default=text("''")),
    # When it was last read as a whole and found good, or found bad: a finding stays until it is proven again.
    Column("proven_at", Instant),
    Column("disproven_at", Instant),
    Column("disproven_reason", Text, nullable=False, server_default=text("''")),
    # What the last look at its files found, since when that has been found, and when they were last seen there.
    Column("seen_state", Text),
    Column("seen_reason", Text, nullable=False, server_default=text("''")),
    Column("state_since", Instant),
    Column("seen_at", Instant),
    UniqueConstraint("instance", "set_id"),
    # The newest of a database are found in the order in which they were recorded, whatever the clock said then.
    Index("ix_backup_sets_there", "instance", "database", sqlite_where=text("replaced_at IS NULL")),
    Index("ix_backup_sets_profile_id", "profile_id"),
    Index(
        "ix_backup_sets_prune_began",
        "profile_id",
        sqlite_where=text("prune_began_at IS NOT NULL AND pruned_at IS NULL"),
    ),
    Index("ix_backup_sets_instance_database_finished_at", "instance", "database", "finished_at"),
    # Holds all that is needed to count, since every page asks which certificates are needed.
    Index(
        "ix_backup_sets_thumbprint",
        "thumbprint",
        "instance",
        "database",
        sqlite_where=text("thumbprint IS NOT NULL AND replaced_at IS NULL"),
    ),
    Index(
        "ix_backup_sets_database_thumbprint",
        "database_thumbprint",
        "instance",
        "database",
        sqlite_where=text("database_thumbprint IS NOT NULL AND replaced_at IS NULL"),
    ),
)

certificates = Table(
    "certificates",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("thumbprint", Text, nullable=False, unique=True),
    Column("purpose", Text, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("sealed_key", Text, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("added_at", Instant, nullable=False),
    # When the pair was last known to lie outside of this home as well.
    Column("saved_at", Instant),
    Column("exported_at", Instant),
)

restores = Table(
    "restores",
    metadata,
    id_column(),
    Column("instance", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("set_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data_at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("owner", Text, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("progress_phase", Text),
    Column("progress_done", BigInteger),
    Column("progress_total", BigInteger),
    Column("restored_bytes", BigInteger),
    Column("kept_damaged_as", Text),
    Column("error", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("interrupted", Boolean, nullable=False),
    Column("messages", JSON, nullable=False),
    # The highest ids of a run and of a set when it began: what comes later is told by them, and not by clocks.
    Column("runs_until", Integer, nullable=False, server_default=text("0")),
    Column("sets_until", Integer, nullable=False, server_default=text("0")),
    Index("ix_restores_instance_database", "instance", "database"),
    # One at a time: whoever comes second finds this row.
    Index(
        "ix_restores_open", "instance", "database", unique=True, sqlite_where=text("status IN ('queued', 'running')")
    ),
)

service = Table(
    "service",
    metadata,
    id_column(),
    Column("wanted", Boolean, nullable=False),
    Column("pid", Integer),
    Column("since", Instant),
)

run_instance = func.coalesce(runs.c.instance, profiles.c.instance)
"""Where a run worked, also where its profile was given another instance since; what never began does not say."""

runs_with_profiles = runs.outerjoin(profiles, profiles.c.id == runs.c.profile_id)
"""The runs, also those whose profile was given another instance since, and so is out of sight of some."""
