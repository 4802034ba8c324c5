"""The key that the system's service manager hands over: a file that only this service can read (`LoadCredential=`)."""

from __future__ import annotations

import os
from pathlib import Path

from pwsops.errors import PwsopsError
from pwsops.secrets import KEY_VARIABLE

DIRECTORY_VARIABLE = "CREDENTIALS_DIRECTORY"
NAME = "pwsops.key"


def take() -> None:
    """Take the key from there, unless one is given in the environment; it then is as if that had given it.

    It becomes known to this process alone: what the system shows of a process's environment is what it began with.
    Raises `PwsopsError` where it was handed over and cannot be read.
    """
    directory = os.environ.get(DIRECTORY_VARIABLE)
    if not directory or os.environ.get(KEY_VARIABLE):
        return
    path = Path(directory, NAME)
    try:
        text = path.read_text().strip()
    except FileNotFoundError:
        return  # other credentials were handed over, and no key
    except (OSError, UnicodeDecodeError) as error:
        raise PwsopsError(
            f"The key that the service was handed cannot be read: {path}: {error}.",
            hint=f"Look at LoadCredential={NAME}:… of its unit, and at the file that it names.",
        ) from None
    if not text:
        raise PwsopsError(
            f"The key that the service was handed is empty: {path}.",
            hint=f"Put the key into the file that LoadCredential={NAME}:… of its unit names.",
        )
    os.environ[KEY_VARIABLE] = text
