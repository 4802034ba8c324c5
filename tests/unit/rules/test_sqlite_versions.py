"""Which versions of SQLite have the WAL-reset bug."""

from __future__ import annotations

import pytest

from pwsops.rules.sqlite_versions import has_wal_reset_bug


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.44.5", "3.45.0", "3.50.6", "3.51.2"])
def test_these_have_the_wal_reset_bug(version: str) -> None:
    assert has_wal_reset_bug(version)


@pytest.mark.parametrize("version", ["3.6.23", "3.44.6", "3.50.7", "3.51.3", "3.53.0", "3.54.1", "4.0.0"])
def test_these_do_not(version: str) -> None:
    assert not has_wal_reset_bug(version)
