"""Keeping a statement of the home beside the media, in the parent. The file is a worker's work."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict

from pwsops.engines.requests import StatementRequest
from pwsops.engines.sqlite.process import Worker, new_token
from pwsops.engines.sqlite.recipient import recipient_of

SAVE_LIMIT_S = 60.0


def save(request: StatementRequest, worker: Callable[..., Worker]) -> str:
    """Keep it; return why not. Raises `EngineError` where the worker fails, and `ValueError` for no RSA key."""
    recipient = None
    if request.encryption is not None:
        if request.encryption.certificate is None:
            return "It is to be encrypted for a certificate that is not in the store."
        recipient = asdict(recipient_of(request.encryption.certificate))
    directory = os.path.abspath(request.directory)
    given = {
        "directory": directory,
        "home_id": request.home_id,
        "profile_id": request.profile_id,
        "content": request.content.decode(),
        "recipient": recipient,
        "token": new_token(),
    }
    return str(worker("save_statement", given, directories=[directory], limit_s=SAVE_LIMIT_S).run())
