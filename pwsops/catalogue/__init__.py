"""What we remember: instances, profiles, runs, backup sets, the audit log. SQLAlchemy and Alembic live here alone."""

from sqlalchemy import Connection

from pwsops.catalogue.restores import RestoreRow
from pwsops.catalogue.runs import RunRow
from pwsops.catalogue.store import Catalogue

__all__ = ["Catalogue", "Connection", "RestoreRow", "RunRow"]
