"""Backs up, watches and restores the databases a business cannot afford to lose.

Importing this package is cheap on purpose: the embedded engine's worker process starts for each backup.
"""

__version__ = "0.1.0"
