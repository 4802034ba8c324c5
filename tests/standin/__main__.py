"""`python -m tests.standin` serves the stand-in until its input ends: for the browser, and for a look by hand."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.standin import demo
from tests.standin.server import ScriptedServer
from tests.standin.wire import Encryption, Shape, StandIn


def main(arguments: list[str] | None = None) -> None:
    """Serve; the address is printed on the first line."""
    options = _parser().parse_args(arguments)
    server = demo.build(flavour=options.flavour, password=options.password, least=options.least)
    with StandIn(server, port=options.port, encryption=options.encryption, shape=options.message_shape) as stand_in:
        _say(stand_in, server)
        sys.stdin.read()
    if options.log is not None:
        options.log.write_text(json.dumps(server.log))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="where to listen; 0: wherever there is room")
    parser.add_argument("--password", default="secret", help=f"of the login {demo.LOGIN}")
    parser.add_argument("--flavour", choices=["windows", "posix"], default="windows")
    parser.add_argument("--encryption", choices=list(Encryption), default=Encryption.LOGIN_ONLY)
    parser.add_argument("--message-shape", choices=list(Shape), default=Shape.PLAIN)
    parser.add_argument("--least", action="store_true", help="give the login no more rights than it needs")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write every batch that was sent there, at the end")
    return parser


def _say(stand_in: StandIn, server: ScriptedServer) -> None:
    lines = (
        f"{stand_in.address}",
        f"login {demo.LOGIN}, databases {', '.join(demo.DATABASES)}, backups go to {demo.directory(server)}",
        "Ends with its input (Ctrl+D).",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
