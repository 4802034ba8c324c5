"""What is said and held to when `panel serve` begins with a page of ours, before it listens.

A served script runs when its first page is asked for, and by then the toolkit has listened for long: to everybody,
unless it is told an address. But whenever it serves, it loads what is registered with it as ways to sign in
(`panel.auth` among the entry points of `pyproject.toml`). This module is, and adds none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from glob import glob
from pathlib import Path

from pwsops.web import access

_LOOPBACK = "localhost"
_OURS = b"pwsops"
_LARGEST = 1024 * 1024
"""Bytes that are looked at of a file that is to be served."""


def begin(arguments: list[str]) -> None:
    """Hold `panel serve` to this machine's own addresses, and tell what it cannot be protected from.

    Parameters
    ----------
    arguments
        The process's own. Where they name no address to listen on, one is put in.

    Raises
    ------
    SystemExit
        They name one that others can reach.
    """
    if not _is_panel_serve(arguments):
        return
    options = arguments[2 : arguments.index("--args")] if "--args" in arguments else arguments[2:]
    if not any(map(_is_ours, options)):
        return
    given, _ = _parser().parse_known_args(options)
    reachable = [address for address in given.address if not access.is_loopback(address)]
    if reachable:
        raise SystemExit(f"pwsops: {access.never_listens(reachable[0])}")
    access.say_unguarded()
    if not given.address and not given.unix_socket:
        arguments[2:2] = ["--address", _LOOPBACK]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--address", action="append", default=[])
    parser.add_argument("--unix-socket")
    return parser


def _is_panel_serve(arguments: Sequence[str]) -> bool:
    command = Path(arguments[0]) if arguments else Path()
    is_panel = command.stem == "panel" or command.parent.name == "panel" or command.name == "-m"
    return is_panel and arguments[1:2] == ["serve"]


def _is_ours(argument: str) -> bool:
    return any(_OURS in _read(Path(found)) for found in [argument, *glob(argument)])


def _read(path: Path) -> bytes:
    try:
        with (path / "main.py" if path.is_dir() else path).open("rb") as file:
            return file.read(_LARGEST)
    except (OSError, ValueError):
        return b""


begin(sys.argv)
