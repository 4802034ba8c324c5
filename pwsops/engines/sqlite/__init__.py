"""The embedded engine: a directory of SQLite files. Importing this package is cheap; the worker process does so."""
