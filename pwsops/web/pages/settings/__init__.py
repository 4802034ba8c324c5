"""The page of settings and instances."""
