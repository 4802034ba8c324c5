"""What runs: the schedule, backups, and what a run that died has left."""
