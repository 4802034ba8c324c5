"""The stand-alone script that lies beside the media, so that they can be restored without this product."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pwsops.engines.sqlite import files

NAME = "recover.py"
SOURCE = Path(__file__).with_name(NAME)
MARK = b"# pwsops recovery script"


def place(directory: str, token: str) -> str:
    """Put the script there unless it is there already; give the reason where that was not possible, else nothing.

    A file of that name that is not ours stays. `token` marks the temporary file.
    """
    wanted, target = SOURCE.read_bytes(), Path(directory) / NAME
    temp = Path(directory) / files.temp_name("kit", files.key(NAME, "kit"), token)
    try:
        present = target.read_bytes() if target.exists() else None
        if present == wanted:
            return ""
        if present is not None and MARK not in present[:200]:
            return f"{target} is not our recovery script; it was left as it is."
        temp.write_bytes(wanted)
        os.replace(temp, target)
    except OSError as error:
        return f"The recovery script could not be put into {directory}: {error.strerror}."
    finally:
        with suppress(OSError):
            temp.unlink()
    return ""
