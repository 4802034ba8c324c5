"""The page that shows what a profile keeps, removes the rest, and holds backups."""
