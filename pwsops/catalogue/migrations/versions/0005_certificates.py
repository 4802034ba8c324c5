"""Certificates with their private keys, sealed; which profiles encrypt with them, and which sets need them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=True),
        sa.Column("exported_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
        sa.UniqueConstraint("name", name=op.f("uq_certificates_name")),
        sa.UniqueConstraint("thumbprint", name=op.f("uq_certificates_thumbprint")),
    )
    op.add_column("profiles", sa.Column("encrypt_with", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("profiles", sa.Column("save_certificates", sa.Boolean(), server_default=sa.text("0"), nullable=False))
    op.add_column("profiles", sa.Column("sealed_certificate_password", sa.Text(), nullable=True))
    op.add_column("backup_sets", sa.Column("thumbprint", sa.Text(), nullable=True))
    op.create_index(
        "ix_backup_sets_thumbprint",
        "backup_sets",
        ["thumbprint", "instance", "database"],
        unique=False,
        sqlite_where=sa.text("thumbprint IS NOT NULL AND replaced_at IS NULL"),
    )
