"""Putting certificates beside the media they open, in the parent. The files are a worker's work."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence

from pwsops.engines.records import CertificateCopy
from pwsops.engines.sqlite import files
from pwsops.engines.sqlite.process import Worker, new_token
from pwsops.errors import Conflict
from pwsops.rules.naming import ALTERNATIVES

SAVE_LIMIT_S = 30.0
"""How long reading or writing one of them may take. A backup waits for it, and is worth more."""
_OTHER = "it does not open with this profile's password, or it holds another certificate"


def save(directory: str, copies: Sequence[CertificateCopy], worker: Callable[..., Worker]) -> Sequence[str]:
    """Put certificates into `directory`, except where one that serves is there already; return what to say of it.

    A file that has the name and does not serve stays: it may be another home's only copy. Then the certificate gets
    another name.

    Parameters
    ----------
    worker
        Makes the processes that read and write: as `Worker`, for the instance whose directory it is.

    Raises
    ------
    EngineError
        Where that cannot be done, or takes too long; `Conflict` where all its names are taken.
    """
    messages: list[str] = []
    for copy in copies:
        messages += _save(directory, copy, worker)
    return messages


def _save(directory: str, copy: CertificateCopy, worker: Callable[..., Worker]) -> Sequence[str]:
    given = {"directory": directory, "name": files.plain_name(copy.file_name)}
    kept: list[str] = []
    for path, content, why in worker("look_for_certificate", given, limit_s=SAVE_LIMIT_S).run():
        if content is None and not why:
            return [*_write(directory, path, copy.content(), worker), *_placed(path, kept)]
        if content is not None and copy.serves(b64decode(content)):
            return []
        kept.append(f"{path} stays as it is: {why or _OTHER}.")
    raise Conflict(
        f"All {ALTERNATIVES} names for the certificate are taken in {directory} by files that may not be replaced. "
        f"{' '.join(kept)}",
        hint="Delete or move those that nobody needs.",
    )


def _placed(path: str, kept: Sequence[str]) -> Sequence[str]:
    return [f"{' '.join(kept)} The certificate was saved as {path}."] if kept else []


def _write(directory: str, path: str, content: bytes, worker: Callable[..., Worker]) -> Sequence[str]:
    messages: list[str] = []
    given = {"path": path, "content": b64encode(content).decode(), "token": new_token()}
    writing = worker(
        "save_certificate", given, directories=[directory], limit_s=SAVE_LIMIT_S, on_message=messages.append
    )
    writing.run()
    return messages
