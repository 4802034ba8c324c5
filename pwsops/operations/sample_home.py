"""A home to look at: the one that was named, or one of samples where there is nothing to see yet."""

from __future__ import annotations

from pathlib import Path

from pwsops.operations import Operations, open_operations
from pwsops.operations.history import HistoryQuery

DIRECTORY = "sample-home"


def open_or_sample(home: str | Path = "", *, actor: str | None = None) -> Operations:
    """Open a home that has profiles or a history; or one of samples, so that there is something to look at.

    Parameters
    ----------
    home
        Its directory; empty takes `default_home()`. Where that home is empty it stays so: the samples live in a home
        of their own in its directory `sample-home`, which is made once and may be deleted.
    """
    operations = open_operations(Path(home) if home else None, actor=actor)
    if not _is_empty(operations):
        return operations
    directory = operations.home / DIRECTORY
    operations.close()
    samples = open_operations(directory, actor=actor)
    if _is_empty(samples):
        samples.samples.history()
    return samples


def is_sample(operations: Operations) -> bool:
    """Whether a home is one of samples that `open_or_sample` made."""
    return operations.home.name == DIRECTORY


def _is_empty(operations: Operations) -> bool:
    return not operations.profiles.list() and operations.history.page(HistoryQuery(size=1)).total == 0
