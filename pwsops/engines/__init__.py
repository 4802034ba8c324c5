"""What takes and restores the backups. `base` is the protocol; each engine is a package of its own."""
