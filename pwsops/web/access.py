"""Which addresses and names mean this machine, and who may look where no front door of ours is."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Collection, Mapping

import panel as pn

from pwsops.errors import Refused

LOOPBACK_NAMES = ("localhost",)
HINT = "Look from the machine itself, for instance through `ssh -L 5006:localhost:5006 HOST`."
OTHER_NAME = "This dashboard answers only under its own names."
NAMES_HINT = (
    "Open it as localhost, 127.0.0.1 or [::1], from another machine through `ssh -L 5006:localhost:5006 HOST`. "
    "`pwsops serve --host NAME` adds a name."
)
UNGUARDED = (
    "pwsops: `panel serve` has no front door of ours. Every user of this machine, and every program of theirs, can "
    "open this dashboard and do all that it can do. Use it to look at your own machine; `pwsops serve` is for the rest."
)
_was_logged = False
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_HOST = re.compile(r"(?:\[([^\]%]+)\]|([^:\[\]%]+))(?::[0-9]*)?")


def is_loopback(address: str) -> bool:
    """Whether an address or host name can only be this machine's own; an unknown one is not."""
    if address in LOOPBACK_NAMES:
        return True
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


def say_unguarded() -> None:
    """Warn, once, of what `panel serve` cannot be protected from."""
    global _was_logged
    if not _was_logged:
        _was_logged = True
        sys.stderr.write(f"{UNGUARDED}\n")
        sys.stderr.flush()


def never_listens(address: str) -> str:
    """Return why `panel serve` does not listen on an address that others can reach, and what to do instead."""
    return (
        f"`panel serve` has no sign-in of ours, and will not listen on {address}, which others can reach. Leave "
        f"--address out. {HINT} Or serve it with sign-in: `pwsops serve --address {address}`."
    )


def is_known_host(host: str, names: Collection[str] = ()) -> bool:
    """Whether a Host header, with or without a port, is one of `names` or can only mean this machine.

    The latter are 127.0.0.0/8, [::1] and localhost.
    """
    found = _HOST.fullmatch(host.lower())
    name = "" if found is None else found[1] or found[2]
    return bool(name) and (is_loopback(name) or name in names)


def is_name(text: str) -> bool:
    """Whether a text is the name or address of a machine as browsers send it, without a port."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _NAME.fullmatch(text) is not None
    return True


def check_peer() -> None:
    """Raise `Refused` where the present session of `panel serve` comes from elsewhere.

    Elsewhere is another machine, or another name of this one. `panel serve` has bound its address, and has its own
    handlers, before our code runs; so each session is asked. What is judged is the connection: what a page's token says
    of it, the browser may have made up.
    """
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    if context is None or context.request is None:
        return
    request = getattr(context.request, "_request", context.request)
    peers = [getattr(request, "remote_ip", ""), *_forwarded(request.headers)]
    outside = [peer for peer in peers if peer and not is_loopback(peer)]
    if outside:
        raise Refused(
            f"`panel serve` shows this dashboard to nobody on another machine ({outside[0]}).",
            hint="Look from the machine itself, for instance through `ssh -L 5006:localhost:5006 HOST`, or serve it "
            "with `pwsops serve` and sign-in.",
        )
    host = _header(request.headers, "host")
    if host and not is_known_host(host[0]):
        raise Refused(OTHER_NAME, hint=NAMES_HINT)


def _forwarded(headers: Mapping[str, str]) -> list[str]:
    # A proxy on this machine passes others on: what it says of them only ever closes the door, so it may be believed.
    return [
        part.strip() for header in _header(headers, "x-forwarded-for") for part in header.split(",") if part.strip()
    ]


def _header(headers: Mapping[str, str], key: str) -> list[str]:
    return [text for name, text in headers.items() if name.lower() == key]
