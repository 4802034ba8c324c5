"""Homes that are opened in this process: a new catalogue is copied, and nobody waits for the disk.

Making a catalogue by all its migrations, compiling its statements, and waiting for the disk at each commit take longer
than most tests. None of it is what they are about: `tests/component/catalogue` has all of it as it is, and so has every
process of the product.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

_AS_IT_IS = Path(__file__).parent / "component" / "catalogue"


@contextmanager
def quick(item: pytest.Item) -> Iterator[None]:
    """Do so for a test with its fixtures, where it opens homes at all."""
    store = sys.modules.get("pwsops.catalogue.store")
    with ExitStack() as stack:
        if store is not None and not item.path.is_relative_to(_AS_IT_IS):
            # Imported here: most quick tests need nothing of this.
            from tests import homes

            migrate = store.Catalogue._migrate
            stack.enter_context(patch.object(store.Catalogue, "_migrate", lambda one: _copy(one, migrate)))
            stack.enter_context(patch.object(store, "_prepare", homes.without_syncing))
            stack.enter_context(patch.object(store, "create_engine", homes.create_engine))
            stack.enter_context(patch.object(os, "fdatasync", lambda _descriptor: None))
        yield


def _copy(catalogue: Any, migrate: Any) -> None:
    # What is no empty file is the catalogue's own matter, and so is what cannot be opened.
    if catalogue.path.is_file() and catalogue.path.stat().st_size == 0:
        with suppress(sqlite3.Error), closing(sqlite3.connect(catalogue.path, timeout=15.0)) as file:
            if file.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                _migrated(migrate).backup(file)
                with file:
                    file.execute("UPDATE home SET home_id = ?", (uuid.uuid4().hex,))
    migrate(catalogue)


@cache
def _migrated(migrate: Any) -> sqlite3.Connection:
    """Return an empty catalogue, made once in each process that runs tests."""
    from pwsops.catalogue import store

    kept = sqlite3.connect(":memory:", check_same_thread=False)
    with tempfile.TemporaryDirectory() as directory, patch.object(store.Catalogue, "_migrate", migrate):
        made = store.Catalogue(Path(directory))
        with closing(sqlite3.connect(made.path)) as file:
            file.backup(kept)
        made.close()
    return kept
