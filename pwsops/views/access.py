"""Who may look. Without authentication only this machine; Panel's own authentication says who is who."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

import panel as pn
from panel.config import config

from pwsops.errors import Refused
from pwsops.rules.rights import Principal, Role, Way

LOOPBACK_NAMES = ("localhost",)
HINT = (
    "Set authentication up first: Panel's own, by a password (PANEL_BASIC_AUTH, a password or a file of users) or by "
    "OAuth (PANEL_OAUTH_PROVIDER and its keys), each with PANEL_COOKIE_SECRET. Or look from the machine itself, for "
    "instance through `ssh -L 5006:localhost:5006 HOST`."
)
OTHER_NAME = "This dashboard has no sign-in, and answers only under a name that can only mean its own machine."
NAMES_HINT = (
    "Open it as localhost, 127.0.0.1 or [::1], from another machine through `ssh -L 5006:localhost:5006 HOST`. "
    "With sign-in (PANEL_BASIC_AUTH or PANEL_OAUTH_PROVIDER) any name will do."
)
_HOST = re.compile(r"(?:\[([^\]%]+)\]|([^:\[\]%]+))(?::[0-9]*)?")


def is_loopback(address: str) -> bool:
    """Say whether an address or host name can only be this machine's own; an unknown one is not."""
    if address in LOOPBACK_NAMES:
        return True
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


def is_own_host(host: str) -> bool:
    """Whether a Host header, with or without a port, can only mean this machine: 127.0.0.0/8, [::1] or localhost."""
    found = _HOST.fullmatch(host.lower())
    return found is not None and is_loopback(found[1] or found[2])


def authentication() -> dict[str, str]:
    """Give the authentication that the environment (or Panel's own options) sets up; empty: none."""
    if config.oauth_provider:
        return {"oauth_provider": str(config.oauth_provider)}
    if config.basic_auth:
        return {"basic_auth": str(config.basic_auth)}
    return {}


def who() -> Callable[[], Principal] | None:
    """Return who is signed in; None without authentication."""
    name = str(pn.state.user or "") if authentication() else ""
    if not name:
        return None
    principal = Principal(name=name, role=Role.ADMINISTRATOR, way=Way.SIGNED_IN)
    return lambda: principal


def check_address(address: str) -> None:
    """Raise `Refused` for an address that others could reach, unless authentication is configured."""
    if not is_loopback(address) and not authentication():
        raise Refused(
            f"The dashboard will not listen on {address}: without authentication, everybody who reaches it could "
            "start, stop and see the backups.",
            hint=HINT,
        )


def check_peer() -> None:
    """Raise `Refused` where the present session comes from elsewhere and nobody is asked who they are.

    Elsewhere is another machine, or another name of this one. `panel serve` has bound its address, and has its own
    handlers, before our code runs; so each session is asked.
    """
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    if context is None or context.request is None or authentication():
        return
    peers = [getattr(context.request, "remote_ip", ""), *_forwarded(context.request.headers)]
    outside = [peer for peer in peers if peer and not is_loopback(peer)]
    if outside:
        raise Refused(f"This dashboard is not open to {outside[0]}: it has no authentication.", hint=HINT)
    host = _header(context.request.headers, "host")
    if host and not is_own_host(host[0]):
        raise Refused(OTHER_NAME, hint=NAMES_HINT)


def _forwarded(headers: dict[str, str]) -> list[str]:
    # A proxy on this machine passes others on: what it says of them only ever closes the door, so it may be believed.
    return [part.strip() for told in _header(headers, "x-forwarded-for") for part in told.split(",") if part.strip()]


def _header(headers: dict[str, str], wanted: str) -> list[str]:
    return [text for name, text in headers.items() if name.lower() == wanted]
