"""What we remember: instances, profiles, runs, backup sets, the audit log. SQLAlchemy and Alembic live here alone."""

from sqlalchemy import Connection, RowMapping

from pwsops.catalogue.store import Catalogue

__all__ = ["Catalogue", "Connection", "RowMapping"]
