"""Charts of runs, as data. Pure."""
