"""What a test needs from the machine."""

from __future__ import annotations

import os
from typing import TypeVar

import pytest

Found = TypeVar("Found")


def require(component: str, found: Found | None, how_to_install: str) -> Found:
    """Return what was found; where nothing was, skip with the reason, or fail where `CI` is set.

    Parameters
    ----------
    component
        Its name, for people.
    found
        What a look for it gave, such as `shutil.which("chromium")`; None or False: it is not there.
    how_to_install
        The command, or what else to do.
    """
    if found is not None and found is not False:
        return found
    reason = f"{component} is missing: {how_to_install}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
