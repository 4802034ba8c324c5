"""The page of databases."""
