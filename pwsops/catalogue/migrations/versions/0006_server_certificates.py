"""Certificates that servers keep themselves, where they were saved, and which sets need them for their database."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "server_certificates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("has_private_key", sa.Boolean(), nullable=False),
        sa.Column("encrypts", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_certificates")),
        sa.UniqueConstraint("instance", "thumbprint", name=op.f("uq_server_certificates_instance_thumbprint")),
    )
    op.create_table(
        "certificate_copies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("certificate_file", sa.Text(), nullable=False),
        sa.Column("key_file", sa.Text(), nullable=False),
        sa.Column("sealed_password", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_copies")),
        sa.UniqueConstraint(
            "instance", "thumbprint", "directory", name=op.f("uq_certificate_copies_instance_thumbprint_directory")
        ),
    )
    op.add_column("backup_sets", sa.Column("database_thumbprint", sa.Text(), nullable=True))
    op.create_index(
        "ix_backup_sets_database_thumbprint",
        "backup_sets",
        ["database_thumbprint", "instance", "database"],
        unique=False,
        sqlite_where=sa.text("database_thumbprint IS NOT NULL AND replaced_at IS NULL"),
    )
