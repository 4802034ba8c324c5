"""`pwsops serve`: the scheduler thread and the pages in one process."""

from __future__ import annotations

import asyncio
import errno
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import panel as pn
import structlog
from panel.config import config
from tornado.platform.asyncio import AsyncIOLoop

from pwsops.errors import Conflict, InvalidInput, PwsopsError
from pwsops.views import access, door, state
from pwsops.views.app import TITLE, build
from pwsops.views.markup import HERE

if TYPE_CHECKING:
    from pwsops.operations import Operations

_log = structlog.get_logger(__name__)


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
        Called with the address of the page once it answers.
    hosts
        Names under which the dashboard answers, beside this machine's own.
    proxies
        Addresses of the proxies that pass requests on, and say who sent them.
    limits
        How much is let in at once.

    Raises
    ------
    Refused
        The address can be reached by others and no authentication is configured.
    Conflict
        Something else listens on the port.
    """
    access.check_address(address)
    port = _open_port(address, port)
    # Whatever visitors do, backups have descriptors to work with.
    limits = (limits or door.Limits()).within(door.raise_descriptors())
    loop = AsyncIOLoop(make_current=False)
    server = _server(loop, address, port, limits)
    door.close(server, door.OpenGate(server._tornado), _names(address, hosts), proxies, limits)
    try:
        state.store(ops)
        server.start()
        url = f"http://{_host(address)}:{server.port}/"
        with _signals(loop):
            if on_ready is not None:
                loop.add_callback(on_ready, url)
            if open_browser:
                loop.add_callback(server.show, "/")
            loop.start()
        _log.info("dashboard stopped", url=url)
    finally:
        _close(server, loop)
        state.forget()


def _server(loop: AsyncIOLoop, address: str, port: int, limits: door.Limits) -> Any:
    auth = access.authentication()
    if auth:
        # The stock page for signing in takes its look from elsewhere; ours asks nobody.
        auth["login_template"] = str(HERE / "templates" / "login.html")
        # Signs the cookie; one of its own each time means that a restart signs everybody out.
        auth["cookie_secret"] = config.cookie_secret or secrets.token_hex(32)
    return pn.io.server.get_server(
        {"/": build},
        port=port,
        address=address,
        loop=loop,
        title=TITLE,
        # A closed browser is forgotten within a quarter of a minute.
        check_unused_sessions_milliseconds=5_000,
        unused_session_lifetime_milliseconds=10_000,
        **door.server_options(limits),
        **auth,
    )


def _names(address: str, hosts: Sequence[str]) -> list[str]:
    """Return the names of this server: the one address that it listens on can be nobody else's."""
    everywhere = address in ("", "0.0.0.0", "::")
    return [*hosts] if everywhere else [*hosts, address]


def _open_port(address: str, port: int) -> int:
    """Give the port, or a free one for 0, where the address can be listened on."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.create_server((address, port), family=family) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise _cannot_listen(address, port, error) from error


def _host(address: str) -> str:
    return "localhost" if ":" in address else address


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
