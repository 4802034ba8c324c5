"""Which instance an entry of the audit log is about. Of former ones it is told where their names leave no doubt."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_OF_INSTANCES = (
    "'add instance', 'edit instance', 'remove instance', 'try instance', 'invent a sample history', 'use other login', "
    "'use refused login again', 'use refused logins again'"
)
_OF_PROFILES = (
    "'create profile', 'edit profile', 'delete profile', 'activate profile', 'deactivate profile', 'trip profile', "
    "'start run', 'cancel run', 'export history', 'export evidence'"
)
_OF_DATABASES = (
    "'cancel restore', 'create database', 'accept unrecorded backup', 'backup found', 'give back access', "
    "'import certificate to server'"
)


def upgrade() -> None:
    op.create_table(
        "audit_instances",
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_audit_instances")),
    )
    keep = "INSERT INTO audit_instances (entry, instance) SELECT audit.id, "
    op.execute(f"{keep} subject FROM audit WHERE action IN ({_OF_INSTANCES})")
    # Of instances whose names begin alike, the longest.
    op.execute(
        f"{keep} (SELECT name FROM instances WHERE substr(subject, 1, length(name) + 1) = name || '/' "
        "ORDER BY length(name) DESC LIMIT 1) AS found FROM audit "
        f"WHERE (action IN ({_OF_DATABASES}) OR action LIKE 'restore%') AND found IS NOT NULL"
    )
    # A name that two profiles had, or that one took from another, or from an instance, tells nothing.
    op.execute(
        f"{keep} profiles.instance FROM audit JOIN profiles ON profiles.name = audit.subject "
        f"WHERE (action IN ({_OF_PROFILES}) OR action = 'denied') "
        "AND (SELECT count(*) FROM profiles AS other WHERE other.name = audit.subject) = 1 "
        "AND (SELECT count(*) FROM audit AS named WHERE named.subject = audit.subject "
        "AND (named.action = 'create profile' OR (named.action = 'edit profile' AND named.detail LIKE 'name%'))) < 2 "
        "AND (action <> 'denied' OR audit.subject NOT IN (SELECT name FROM instances)) "
        "AND audit.subject NOT IN ('history', 'evidence')"
    )
    op.execute(
        f"{keep} subject FROM audit WHERE action = 'denied' AND subject IN (SELECT name FROM instances) "
        "AND subject NOT IN (SELECT name FROM profiles)"
    )
