"""The page of runs and restores."""
