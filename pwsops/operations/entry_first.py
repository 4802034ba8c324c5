"""Changes of files that the audit log tells of: the entry comes first, so that it tells of all there is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pwsops.errors import PwsopsError
from pwsops.operations.access import Context

T = TypeVar("T")


def with_entry(context: Context, action: str, subject: str, change: Callable[..., T], detail: str = "") -> T:
    """Do something that writes a file, its entry in the audit log first; a failure after that has one as well.

    Parameters
    ----------
    change
        Does it. Its argument `before` is to be called when nothing but the file is left to be written.
    """
    begun = False

    def note() -> None:
        nonlocal begun
        _note(context, action, subject, detail)
        begun = True

    try:
        return change(before=note)
    except Exception as error:
        if begun:
            with suppress(PwsopsError):  # whoever asked is to be told what failed first
                _note(context, f"{action} failed", subject, getattr(error, "message", type(error).__name__))
        raise


def _note(context: Context, action: str, subject: str, detail: str) -> None:
    with context.core.catalogue.write() as connection:
        context.note(connection, action, subject, detail)
