"""The state half of the SQL Server stand-in: databases, media, history, rights and faults behind the wire."""

from tests.standin.server.server import ScriptedServer

__all__ = ["ScriptedServer"]
