"""Opening a certificate file of unknown origin: in a process of its own, with limits of time and memory.

What such a file declares is looked at first (`rounds`); what it hides in its encrypted parts can only be outlived.
"""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode, b64encode

from pwsops.certificates.pair import Pair, pair_from_der
from pwsops.engines.sqlite.launch import command, environment
from pwsops.errors import InvalidInput, PwsopsError

LIMIT_S = 20.0


def open_file(content: bytes, password: str, *, source: str, limit_s: float = LIMIT_S) -> list[Pair]:
    """Return the pairs of a file of any kind: `.pfx`, PEM, or what SQL Server saved (`.cer` and `.pvk`).

    Parameters
    ----------
    source
        What errors call the file.

    Raises
    ------
    InvalidInput
        For a wrong password, another kind of file, half a pair, and a file that takes too much to open.
    """
    request = {"content": b64encode(content).decode(), "password": password, "source": source}
    try:
        done = subprocess.run(
            command("pwsops.certificates.reader"),
            input=json.dumps(request).encode() + b"\n",
            capture_output=True,
            timeout=limit_s,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InvalidInput(
            f"{source} was not opened: that took longer than {limit_s:g} s.",
            hint="Look where it comes from: it may want its password hashed without end. Otherwise export it again.",
        ) from None
    except OSError as error:
        raise PwsopsError(
            f"{source} was not opened: no process could be started ({error.strerror}).",
            hint="Look at the limits of the service (processes, memory), and try again.",
        ) from error
    if done.returncode:
        raise InvalidInput(
            f"{source} was not opened: its reader ended with status {done.returncode}.",
            hint="It may want more memory than any certificate file. Export it again.",
        )
    answer = json.loads(done.stdout)
    if "error" in answer:
        message, hint = answer["error"]
        raise InvalidInput(message, hint=hint)
    return [pair_from_der(b64decode(public), b64decode(key), name=name) for public, key, name in answer["pairs"]]
