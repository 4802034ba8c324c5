"""`python -m benchmarks.standins`: many SQL Servers' stand-ins in a process of their own, until its input ends."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack

from tests.standin import demo
from tests.standin.server import ScriptedServer
from tests.standin.server.others import take_full
from tests.standin.wire import Shape, StandIn

PASSWORD = "secret"


def main() -> None:
    """Serve; the addresses are printed as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--databases", type=int, default=1)
    parser.add_argument("--messages", type=int, help="so many a backup says in all")
    parser.add_argument("--message-shape", choices=list(Shape), default=Shape.PLAIN)
    options = parser.parse_args()
    with ExitStack() as stack:
        servers = [_server(f"SQL{number}", options.databases, options.messages) for number in range(options.servers)]
        shape = options.message_shape
        addresses = [stack.enter_context(StandIn(server, shape=shape)).address for server in servers]
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


def _server(name: str, databases: int, messages: int | None) -> ScriptedServer:
    server = ScriptedServer(name=name)
    server.add_login(demo.LOGIN, password=PASSWORD, roles={"sysadmin"})
    server.files.make_directory(demo.directory(server))
    for number in range(databases):
        database = server.add_database(f"db{number}", rows=[(row, f"row {row}") for row in range(100)])
        take_full(server, database.name, f"D:\\Backup\\{database.name}.bak")
    if messages is not None:
        server.faults.on("BACKUP DATABASE", messages=messages, times=None)
    return server


if __name__ == "__main__":
    main()
