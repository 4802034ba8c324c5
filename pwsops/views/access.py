"""Who may look. Without authentication only this machine; Panel's own authentication says who is who."""

from __future__ import annotations

import ipaddress

import panel as pn
from panel.config import config

from pwsops.errors import Refused

LOOPBACK_NAMES = ("localhost",)
HINT = (
    "Set authentication up first: Panel's own, by a password (PANEL_BASIC_AUTH, a password or a file of users) or by "
    "OAuth (PANEL_OAUTH_PROVIDER and its keys), each with PANEL_COOKIE_SECRET. Or look from the machine itself, for "
    "instance through `ssh -L 5006:localhost:5006 HOST`."
)


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


def authentication() -> dict[str, str]:
    """Give the authentication that the environment (or Panel's own options) sets up; empty: none."""
    if config.oauth_provider:
        return {"oauth_provider": str(config.oauth_provider)}
    if config.basic_auth:
        return {"basic_auth": str(config.basic_auth)}
    return {}


def signed_in() -> str:
    """Give the name of who is signed in; empty without authentication."""
    return str(pn.state.user or "") if authentication() else ""


def check_address(address: str) -> None:
    """Raise `Refused` for an address that others could reach, unless authentication is configured."""
    if not is_loopback(address) and not authentication():
        raise Refused(
            f"The dashboard will not listen on {address}: without authentication, everybody who reaches it could "
            "start, stop and see the backups.",
            hint=HINT,
        )


def check_peer() -> None:
    """Raise `Refused` where the present session comes from another machine and nobody is asked who they are.

    `panel serve` has bound its address before our code runs, so each session is asked.
    """
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    if context is None or context.request is None or authentication():
        return
    peers = [getattr(context.request, "remote_ip", ""), *_forwarded(context.request.headers)]
    outside = [peer for peer in peers if peer and not is_loopback(peer)]
    if outside:
        raise Refused(f"This dashboard is not open to {outside[0]}: it has no authentication.", hint=HINT)


def _forwarded(headers: dict[str, str]) -> list[str]:
    # A proxy on this machine passes others on: what it says of them only ever closes the door, so it may be believed.
    told = next((text for name, text in headers.items() if name.lower() == "x-forwarded-for"), "")
    return [part.strip() for part in told.split(",") if part.strip()]
