"""The front door: what every request passes before the toolkit sees it (docs/adr/0023-front-door.md)."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any

from pwsops.web import panel_compat
from pwsops.web.door.crowd import Crowd
from pwsops.web.door.gate import SIGN_IN, Gate, Visit
from pwsops.web.door.judgement import Judgement
from pwsops.web.door.limits import MIB, Limits, raise_descriptors
from pwsops.web.door.pages import Pages
from pwsops.web.door.router import VISIT, Door

__all__ = ["SIGN_IN", "Gate", "Limits", "Visit", "close", "raise_descriptors", "server_options", "visit_of"]


def close(
    server: Any,
    gate: Gate,
    hosts: Collection[str] = (),
    proxies: Collection[str] = (),
    limits: Limits | None = None,
) -> None:
    """Let nothing reach the toolkit that the door has not judged.

    Parameters
    ----------
    server
        The toolkit's server, which has not begun.
    gate
        Who knows who is signed in.
    hosts
        Names under which the dashboard answers, beside those that can only mean this machine.
    proxies
        Addresses of the proxies whose word about their clients is believed.
    limits
        How much is let in at once.
    """
    limits = limits or Limits()
    app, http, loop = panel_compat.parts_of(server)
    crowd = Crowd(limits, proxies)
    pages = Pages(
        limits=limits,
        clock=loop.time,
        in_loop=loop.add_callback,
        alive=lambda: {session.id for session in server.get_sessions("/")},
    )
    names = [host.lower() for host in hosts]
    judgement = Judgement(hosts=names, proxies=proxies)
    first = Door(app, gate, judgement=judgement, limits=limits, crowd=crowd, pages=pages)
    panel_compat.answer_with(http, first, crowd.guard)


def server_options(limits: Limits) -> dict[str, Any]:
    """Return what the toolkit's server is made with, so that it signs its sessions, tells nothing and holds limits."""
    return {
        "sign_sessions": True,
        "secret_key": secrets.token_bytes(32),
        "include_headers": [],
        "include_cookies": [],
        "websocket_max_message_size": limits.message_bytes,
        "websocket_ping_interval": limits.ping_s,
        "websocket_ping_timeout": limits.ping_s,
        "http_server_kwargs": {
            "idle_connection_timeout": limits.header_s,
            "body_timeout": limits.body_s,
            "max_header_size": limits.header_bytes,
            "max_body_size": limits.body_bytes,
            # Of what is read before somebody takes it.
            "max_buffer_size": limits.message_bytes + MIB,
        },
    }


def visit_of(session_context: Any) -> Visit | None:
    """Return the visit whose page a session of the toolkit is; None where no door is before it (`panel serve`)."""
    found: Visit | None = getattr(getattr(session_context, "request", None), VISIT, None)
    return found
