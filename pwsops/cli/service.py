"""`pwsops service` and `pwsops serve`."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from pwsops.cli.output import AsJson, emit, note, say
from pwsops.cli.session import opened

if TYPE_CHECKING:
    from pwsops.operations import Operations
    from pwsops.operations.records import ServiceView

LOOK_EVERY_S = 0.5

app = typer.Typer(help="The backup service: what runs profiles by their schedule.", no_args_is_help=True)


@app.command()
def run(context: typer.Context) -> None:
    """Run the service in the foreground until it is told to stop. A second one stands by and takes over."""
    stop = threading.Event()
    with stopped_by_signals(stop), opened(context) as operations:
        note(f"pwsops service for {operations.home}; Ctrl-C stops it.")
        _warn_of_key(operations)
        watching = threading.Thread(target=_report, args=(operations, stop), name="pwsops-report", daemon=True)
        watching.start()
        try:
            operations.service.run(stop)
        finally:
            by_signal = stop.is_set()
            stop.set()
            watching.join()
    note("The service has ended." if by_signal else "The service was stopped.")


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[threading.Thread]:
    """Set `stop` on SIGTERM and Ctrl-C for as long as the block goes on; gives the thread that sets it.

    A handler runs in the main thread, between any two of its steps: also while that thread is inside of `stop.wait` and
    holds the event's lock, which `stop.set` would then wait for forever. So another thread sets it. What tells that
    thread is a `SimpleQueue`, the one thing of Python's that may be put to from a handler.
    """
    signals: SimpleQueue[bool] = SimpleQueue()

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        signals.put(True)

    def pass_on() -> None:
        if signals.get():
            stop.set()

    passing_on = threading.Thread(target=pass_on, name="pwsops-signals", daemon=True)
    passing_on.start()
    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield passing_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signals.put(False)


def _report(operations: Operations, stop: threading.Event) -> None:
    """Print whether this process schedules or stands by, whenever that changes."""
    shown = ""
    while not stop.is_set():
        status = operations.service.status()
        standing = _standing(status)
        if standing and standing != shown:
            note(standing)
            shown = standing
        stop.wait(LOOK_EVERY_S)


def _standing(status: ServiceView) -> str:
    if status.here:
        return f"Running (process {status.pid})."
    if status.running:
        return f"Standing by: the service of this home runs in process {status.pid}; this one takes over when it ends."
    return ""


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show whether the service runs, and where."""
    with opened(context) as operations:
        view = operations.service.status()
    from pwsops.cli import words
    from pwsops.operations import json_shapes

    if as_json:
        emit([json_shapes.service(view)])
    elif view.running:
        due = f" The next run is due {words.moment(view.next_due_at)}." if view.next_due_at else " No run is due."
        say(f"running in process {view.pid} since {words.moment(view.since)}.{due}")
    else:
        say(f"stopped. {view.why_not}")


@app.command()
def start(context: typer.Context) -> None:
    """Start the service in a process that can run it: one that stands by, or a dashboard."""
    with opened(context) as operations:
        view = operations.service.start()
    say(f"The service runs in process {view.pid}.")


@app.command()
def stop(context: typer.Context) -> None:
    """Stop the service, wherever it runs. Runs that have begun go on to their end."""
    with opened(context) as operations:
        operations.service.stop()
    say("The service is stopped.")


def serve(
    context: typer.Context,
    address: Annotated[
        str, typer.Option(help="Address to listen on; other than loopback needs sign-in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = 5006,
    host: Annotated[
        list[str] | None,
        typer.Option(help="A name, without a port, that people open the dashboard by. Repeat it for more."),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the dashboard in a browser of this machine.")
    ] = False,
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a proxy that passes requests on: what it says of its clients (X-Forwarded-For and "
            "-Proto) is believed. Repeat it for more.",
        ),
    ] = None,
) -> None:
    """Serve the dashboard, with the backup service in the same process. It prints an address that signs you in."""
    with opened(context) as operations:
        _warn_of_key(operations)
        # The pages bring Panel with them; nothing else on the command line does.
        from pwsops.web.server import serve as serve_pages

        serve_pages(
            operations,
            address=address,
            port=port,
            on_ready=_announce,
            open_browser=open_browser,
            hosts=host or (),
            proxies=behind_proxy or (),
        )


def _announce(address: str) -> None:
    # What systemd runs speaks to a journal, which others may read.
    secret = "JOURNAL_STREAM" in os.environ
    say(f"pwsops is at {address.partition('signin?')[0] if secret else address}")
    if not secret:
        note("Open it in a browser of this machine within 15 minutes: it signs you in, once.")
    note(f"`{_command()} signin-link` prints another address that signs you in, as often as you need one.")


def _command() -> str:
    """Return how this program is called again: by its path where a shell does not find it."""
    return "pwsops" if shutil.which("pwsops") or not sys.argv[0].endswith("pwsops") else sys.argv[0]


def _warn_of_key(operations: Operations) -> None:
    fault = operations.key.fault()
    if fault is not None:
        note(f"{fault.message} {fault.hint}")
