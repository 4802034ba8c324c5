"""How far something is: a bar where somebody looks, a line per change where a log does. Always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from pwsops.cli import output
from pwsops.cli.words import clean
from pwsops.engines import requests
from pwsops.operations.records import RunView

Tell = Callable[[str, int, int], None]
"""Takes what is being done, and how many bytes of how many are."""


@contextmanager
def shown() -> Iterator[Tell]:
    """Show progress for as long as the block goes on."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=output.console(sys.stderr), transient=True) as bars:
        task = bars.add_task("waiting", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bars.update(task, description=clean(what), completed=done, total=total or None)

        yield tell


def _lines() -> Tell:
    last = ""

    def tell(what: str, done: int, total: int) -> None:
        nonlocal last
        del done, total
        if what != last:
            output.note(what)
            last = what

    return tell


def of_run(tell: Tell) -> Callable[[RunView], None]:
    """Return what shows how far a run is."""

    def show(view: RunView) -> None:
        ended = sum(item.status.ended for item in view.items)
        of_items = f", {ended} of {len(view.items)} databases done" if len(view.items) > 1 else ""
        what = f"run {view.id} of {view.profile}: {view.status.value}{of_items}"
        if view.progress is None:
            tell(what, 0, 0)
        else:
            tell(f"{what}, {view.progress.phase}", view.progress.done_bytes, view.progress.total_bytes)

    return show


def of_operation(tell: Tell, what: str) -> requests.ProgressCallback:
    """Return what shows how far an engine's operation is."""
    return lambda progress: tell(f"{what}: {progress.phase}", progress.done_bytes, progress.total_bytes)
