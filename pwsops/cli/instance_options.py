"""The options that `instance add` and `instance edit` share, and what an instance keeps of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pwsops.cli import parse
from pwsops.cli.shared_options import with_options

_DRIVER = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="sqlserver: the ODBC driver, by its registered name; default: the best one found.",
        show_default=False,
    ),
]
_ENCRYPT = Annotated[
    str | None,
    typer.Option(
        metavar="strict|yes|no", help="sqlserver: encryption of the connection; default: yes.", show_default=False
    ),
]
_TRUST_SERVER_CERTIFICATE = Annotated[
    bool | None,
    typer.Option(
        "--trust-server-certificate/--no-trust-server-certificate",
        help="sqlserver: take any certificate unchecked. Anybody between here and the server can then read all.",
        show_default=False,
    ),
]
_SERVER_CERTIFICATE = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="sqlserver: the one certificate that the server must show.", show_default=False),
]
_LOGIN_TIMEOUT = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="sqlserver: when a server that does not answer is given up; default: 15.",
        show_default=False,
    ),
]
_OTHERS = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="KEY=VALUE",
        help="Another option of the engine, such as stripes=4 or compress=false (sqlserver); may be repeated. "
        "Without a value: the default again.",
        show_default=False,
    ),
]

with_instance_options = with_options(
    {
        "driver": _DRIVER,
        "encrypt": _ENCRYPT,
        "trust_server_certificate": _TRUST_SERVER_CERTIFICATE,
        "server_certificate": _SERVER_CERTIFICATE,
        "login_timeout": _LOGIN_TIMEOUT,
        "option": _OTHERS,
    }
)


def read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an instance that were used; an empty text takes one away."""
    options = dict(given)
    others = options.pop("option", ())
    if "driver" in options:
        options["driver"] = _from_here(options["driver"])
    if "server_certificate" in options:
        options["server_certificate"] = _from_here(options["server_certificate"], always=True)
    if "login_timeout" in options:
        options["login_timeout_s"] = options.pop("login_timeout")
    return options | dict(map(_other, others))


def _other(option: str) -> tuple[str, str | float | bool]:
    """Read ``key=value``: a number, true or false, or a text."""
    key, sign, value = (part.strip() for part in option.partition("="))
    if not key or not sign:
        raise typer.BadParameter(f"{option!r} is not KEY=VALUE.", param_hint="--option")
    if value.lower() in ("true", "false"):
        return key, value.lower() == "true"
    try:
        number = float(value)
    except ValueError:
        return key, value
    return key, int(number) if number.is_integer() else number


def _from_here(path: str, *, always: bool = False) -> str:
    """Return a file of this machine by its whole path: whoever connects later may be somewhere else."""
    if not path or not (always or os.sep in path):
        return path
    return parse.from_here(path)
