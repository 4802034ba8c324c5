"""The page that restores a database."""
