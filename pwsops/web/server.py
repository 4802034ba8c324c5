"""`pwsops serve`: the scheduler thread and the pages in one process."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from tornado.ioloop import PeriodicCallback
from tornado.platform.asyncio import AsyncIOLoop

from pwsops.errors import Conflict, InvalidInput, PwsopsError, Refused
from pwsops.signin.authentication import Authentication
from pwsops.web import access, door
from pwsops.web.app import TITLE, build
from pwsops.web.live import process
from pwsops.web.panel_compat import get_server
from pwsops.web.signin import SignInGate

if TYPE_CHECKING:
    from pwsops.operations import Operations

_log = structlog.get_logger(__name__)
EVERYWHERE = ("", "0.0.0.0", "::")
"""Addresses that stand for all of a machine's; nothing is reached under them."""
SWEEP_MS = 1_000
"""How often it is asked whether open pages still belong to somebody, also where they say nothing."""


def serve(
    ops: Operations,
    address: str = "127.0.0.1",
    port: int = 5006,
    open_browser: bool = False,
    on_ready: Callable[[str], None] | None = None,
    *,
    hosts: Sequence[str] = (),
    proxies: Sequence[str] = (),
    limits: door.Limits | None = None,
) -> None:
    """Serve the dashboard until SIGTERM or SIGINT; the scheduler thread runs before anyone looks.

    Parameters
    ----------
    ops
        What the pages work with. Closed by the caller.
    address, port
        Where to listen; port 0 takes a free one.
    open_browser
        Whether to show the page in a browser of this machine.
    on_ready
        Called with an address that signs in, once, when it answers.
    hosts
        Names under which the dashboard answers, beside this machine's own.
    proxies
        Addresses of the proxies that pass requests on, and say who sent them.
    limits
        How much is let in at once.

    Raises
    ------
    InvalidInput
        A name is none, or the address is not of this machine.
    Refused
        The address can be reached by others, and nobody of them could sign in.
    Conflict
        Something else listens on the port.
    """
    names = _names(address, hosts)
    _check_address(address, ops.people.authentication())
    port = _open_port(address, port)
    # Whatever visitors do, backups have descriptors to work with.
    limits = (limits or door.Limits()).within(door.raise_descriptors())
    loop = AsyncIOLoop(make_current=False)
    server = _server(loop, address, port, limits)
    url = f"http://{_host(address)}:{server.port}/"
    try:
        with ExitStack() as open_things:
            gate = open_things.enter_context(_gate(loop, ops))
            links = gate.authentication.links
            door.close(server, gate, names, proxies, limits)
            process.store(ops)
            server.start()
            open_things.enter_context(links.serving(url))
            open_things.enter_context(_signals(loop))
            if on_ready is not None:
                loop.add_callback(on_ready, links.address(url))
            if open_browser:
                loop.add_callback(_show, open_things.enter_context(links.page(url)))
            loop.start()
        _log.info("dashboard stopped", url=url)
    finally:
        _close(server, loop)
        process.forget()


@contextmanager
def _gate(loop: AsyncIOLoop, ops: Operations) -> Iterator[SignInGate]:
    """Let people in as long as the block lasts, and end what must end."""

    def later(work: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the server ends
            gate.passwords.submit(work)

    gate = SignInGate(ops.people.authentication(later=later), lambda session: ops.acting_as(session.principal).account)
    sweeping = PeriodicCallback(gate.authentication.sweep, SWEEP_MS)
    loop.add_callback(sweeping.start)
    try:
        yield gate
    finally:
        sweeping.stop()
        gate.close()


def _check_address(address: str, authentication: Authentication) -> None:
    """Raise `Refused` for an address that others could reach, while nobody of them could sign in."""
    if not access.is_loopback(address) and not authentication.ways_for_others():
        raise Refused(
            f"The dashboard will not listen on {address}: nobody is set up who could sign in from elsewhere.",
            hint="Add somebody first, `pwsops user add NAME`, and give them a role in access.toml; or set up OpenID "
            "Connect in oidc.toml (docs/how-to/sign-in.md). " + access.HINT,
        )


def _show(page: Path) -> None:
    """Open a browser of this machine. What it is started with, every user of the machine can read."""
    webbrowser.open(page.as_uri())


def _page() -> Any:
    return build(guarded=True)


def _server(loop: AsyncIOLoop, address: str, port: int, limits: door.Limits) -> Any:
    return get_server(
        {"/": _page},
        port=port,
        address=address,
        loop=loop,
        title=TITLE,
        # A closed browser is forgotten within a quarter of a minute.
        check_unused_sessions_milliseconds=5_000,
        unused_session_lifetime_milliseconds=10_000,
        **door.server_options(limits),
    )


def _names(address: str, hosts: Sequence[str]) -> list[str]:
    """Return the names of this server: the one address that it listens on can be nobody else's."""
    for name in hosts:
        if not access.is_name(name):
            raise InvalidInput(
                f"The dashboard cannot be opened as {name!r}: that is no name of a machine.",
                hint="Give --host the name alone, without http://, port and path: `--host backups.example.com`.",
            )
    names = [name.lower() for name in hosts]
    return names if address in EVERYWHERE else [*names, address]


def _open_port(address: str, port: int) -> int:
    """Return the port, or a free one for 0, where the address can be listened on."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.create_server((address, port), family=family) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise _cannot_listen(address, port, error) from error


def _host(address: str) -> str:
    """Return how a browser of this machine names an address that is listened on, in a form that the door lets in."""
    if address in EVERYWHERE:
        return "localhost" if address == "::" else "127.0.0.1"
    return f"[{address}]" if ":" in address else address


def _cannot_listen(address: str, port: int, error: OSError) -> PwsopsError:
    if error.errno == errno.EADDRINUSE:
        return Conflict(
            f"The dashboard cannot listen on {address}, port {port}: something else does.",
            hint=f"Stop that, or take another port: `pwsops serve --port {port + 1}`.",
        )
    return InvalidInput(
        f"The dashboard cannot listen on {address}, port {port}: {error.strerror or error}.",
        hint="Take an address of this machine (127.0.0.1 is always there) and a port from 1024 on.",
    )


@contextmanager
def _signals(loop: AsyncIOLoop) -> Iterator[None]:
    """Let SIGTERM and SIGINT end the loop, and nothing else, while inside."""

    def end(*_: object) -> None:
        loop.asyncio_loop.call_soon_threadsafe(loop.stop)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _close(server: Any, loop: AsyncIOLoop) -> None:
    server.stop()
    asyncio.set_event_loop(None)
    loop.close()
