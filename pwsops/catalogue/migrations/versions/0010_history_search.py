"""What the history is searched by, and what it is filtered, sorted and counted by in every combination.

Triggers keep all of it, in the transaction of the change itself: whatever writes a run, nothing else has to know.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SAYINGS = """
CREATE VIEW run_says AS
SELECT id AS run_id, summary AS text FROM runs
UNION ALL SELECT run_id, "database" FROM run_items
UNION ALL SELECT run_id, error FROM run_items
UNION ALL SELECT run_id, reason FROM run_items
UNION ALL SELECT run_items.run_id, messages.text FROM run_items JOIN messages ON messages.item_id = run_items.id
"""
# Without content of its own: what it finds is looked up in `texts` again, which also tells whether it is so. The two
# spaces behind each text let one or two characters be found as the beginning of three, wherever they stand.
_GRAMS = """
CREATE VIRTUAL TABLE text_grams USING fts5(text, content = '', detail = none, tokenize = 'trigram')
"""
_VOCABULARY = "CREATE VIRTUAL TABLE text_vocabulary USING fts5vocab(text_grams, row)"
_SOURCES = (
    ("runs", ("summary",), "{row}.id"),
    ("run_items", ('"database"', "error", "reason"), "{row}.run_id"),
    ("messages", ("text",), "(SELECT run_id FROM run_items WHERE id = {row}.item_id)"),
)
_FILL = (
    "INSERT OR IGNORE INTO texts (text) SELECT text FROM run_says WHERE text <> ''",
    "INSERT INTO text_grams (rowid, text) SELECT id, text || '  ' FROM texts",
    "INSERT OR IGNORE INTO said SELECT texts.id, run_id FROM run_says JOIN texts ON texts.text = run_says.text",
    "INSERT INTO run_counts SELECT profile_id, status, trigger, count(*) FROM runs GROUP BY 1, 2, 3",
)


def upgrade() -> None:
    _create_tables()
    op.execute(_SAYINGS)
    op.execute(_GRAMS)
    op.execute(_VOCABULARY)
    for statement in _FILL:
        op.execute(statement)
    for statement in (*_text_triggers(), *_count_triggers()):
        op.execute(statement)
    for first in ("profile", "status", "trigger"):
        some = sa.text("trigger <> 'schedule'") if first == "trigger" else None
        op.create_index(f"ix_runs_{first}_duration_us", "runs", [first, "duration_us"], unique=False, sqlite_where=some)
        op.create_index(f"ix_runs_{first}_size_bytes", "runs", [first, "size_bytes"], unique=False, sqlite_where=some)
    op.create_index("ix_runs_profile_status_due_at", "runs", ["profile", "status", "due_at"], unique=False)


def _create_tables() -> None:
    op.create_table(
        "run_counts",
        sa.Column("profile_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("profile_id", "status", "trigger", name=op.f("pk_run_counts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "texts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_texts")),
        sa.UniqueConstraint("text", name=op.f("uq_texts_text")),
    )
    op.create_table(
        "said",
        sa.Column("text_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("text_id", "run_id", name=op.f("pk_said")),
        sqlite_with_rowid=False,
    )


def _text_triggers() -> Iterator[str]:
    yield (
        "CREATE TRIGGER text_learned AFTER INSERT ON texts BEGIN "
        "INSERT INTO text_grams (rowid, text) VALUES (new.id, new.text || '  '); END"
    )
    for table, columns, run in _SOURCES:
        added = " ".join(_added(column, run.format(row="new")) for column in columns)
        gone = " ".join(_gone(column, run.format(row="old")) for column in columns)
        differs = " OR ".join(f"old.{column} <> new.{column}" for column in columns)
        listed = ", ".join(columns)
        yield f"CREATE TRIGGER {table}_said AFTER INSERT ON {table} BEGIN {added} END"
        yield f"CREATE TRIGGER {table}_unsaid AFTER DELETE ON {table} BEGIN {gone} END"
        yield (
            f"CREATE TRIGGER {table}_said_otherwise AFTER UPDATE OF {listed} ON {table} WHEN {differs} "
            f"BEGIN {gone} {added} END"
        )


def _added(column: str, run: str) -> str:
    return (
        f"INSERT INTO texts (text) SELECT new.{column} WHERE new.{column} <> '' "
        f"AND NOT EXISTS (SELECT 1 FROM texts WHERE text = new.{column}); "
        f"INSERT OR IGNORE INTO said SELECT id, {run} FROM texts WHERE text = new.{column};"
    )


def _gone(column: str, run: str) -> str:
    """Take a text from a run that says it nowhere else."""
    return (
        f"DELETE FROM said WHERE text_id = (SELECT id FROM texts WHERE text = old.{column}) AND run_id = {run} "
        f"AND NOT EXISTS (SELECT 1 FROM run_says WHERE run_says.run_id = said.run_id AND text = old.{column});"
    )


def _count_triggers() -> Iterator[str]:
    more = (
        "INSERT INTO run_counts VALUES (new.profile_id, new.status, new.trigger, 1) "
        "ON CONFLICT DO UPDATE SET count = count + 1;"
    )
    fewer = (
        "UPDATE run_counts SET count = count - 1 "
        "WHERE profile_id = old.profile_id AND status = old.status AND trigger = old.trigger;"
    )
    changed = "old.status <> new.status OR old.trigger <> new.trigger OR old.profile_id <> new.profile_id"
    yield f"CREATE TRIGGER runs_counted AFTER INSERT ON runs BEGIN {more} END"
    yield f"CREATE TRIGGER runs_uncounted AFTER DELETE ON runs BEGIN {fewer} END"
    yield (
        "CREATE TRIGGER runs_recounted AFTER UPDATE OF status, trigger, profile_id ON runs "
        f"WHEN {changed} BEGIN {fewer} {more} END"
    )
