"""A stand-in for SQL Server: `wire` speaks TDS over a real socket, `server` keeps the state behind it."""
