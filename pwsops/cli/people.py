"""`pwsops user`, `pwsops token` and `pwsops signin-link`: who may sign in to the pages."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

import typer

from pwsops.cli.credentials import read_line
from pwsops.cli.output import AsJson, emit, note, say, table
from pwsops.cli.passwords import FromStdin
from pwsops.cli.session import confirmed, opened
from pwsops.errors import NotFound
from pwsops.rules.rights import Role

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

users = typer.Typer(help="People who sign in to the pages by a password.", no_args_is_help=True)
tokens = typer.Typer(help="Machines that read the pages by a token.", no_args_is_help=True)


@users.command()
def add(context: typer.Context, name: Name, password_stdin: FromStdin = False) -> None:
    """Add somebody; what they may do stands in access.toml."""
    with opened(context) as operations:
        operations.people.add_user(name, _new_password(name, from_stdin=password_stdin))
    say(f"{name} can sign in once access.toml gives them a role.")


@users.command()
def password(context: typer.Context, name: Name, password_stdin: FromStdin = False) -> None:
    """Set somebody's password. Their sessions end at once."""
    with opened(context) as operations:
        operations.people.set_password(name, _new_password(name, from_stdin=password_stdin))
    say(f"{name} has a new password; their sessions have ended.")


@users.command()
def remove(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Remove somebody. Their sessions end at once."""
    confirmed(f"This removes the user {name}.", name, yes=yes, refusal=f"{name} was not removed.")
    with opened(context) as operations:
        operations.people.remove_user(name)
    say(f"{name} is removed; their sessions have ended.")


@users.command("second-factor")
def second_factor(
    context: typer.Context,
    name: Name,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away: the device is lost.")] = False,
    yes: Yes = False,
) -> None:
    """Show whether somebody has a second factor, or take it away. Their sessions end at once."""
    with opened(context) as operations:
        found = next((user for user in operations.people.users() if user.name == name), None)
        if found is None:
            raise NotFound(f"There is no user {name!r}.", hint="`pwsops user list` names those there are.")
        since = found.second_factor_at
        if remove:
            confirmed(f"This removes the second factor of {name}.", name, yes=yes, refusal="Nothing was removed.")
            operations.people.remove_second_factor(name)
    if remove:
        say(f"{name} has no second factor any more; their sessions have ended.")
    elif since is None:
        say(f"{name} has no second factor. They set it up on the page Account of the dashboard.")
    else:
        from pwsops.cli import words

        say(f"{name} has a second factor since {words.moment(since)}.")


@users.command("list")
def list_users(context: typer.Context, as_json: AsJson = False) -> None:
    """Show who can sign in by a password."""
    with opened(context) as operations:
        found = operations.people.users()
    from pwsops.cli import words
    from pwsops.operations import json_shapes

    if as_json:
        emit(map(json_shapes.user, found))
        return
    rows = (
        (
            user.name,
            words.moment(user.changed_at),
            words.moment(user.second_factor_at) if user.second_factor_at else "none",
        )
        for user in found
    )
    table(
        ("Name", "Password of", "Second factor of"),
        rows,
        empty="Nobody signs in by a password. `pwsops user add` adds somebody.",
    )


@tokens.command()
def create(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.VIEWER,
    instance: Annotated[
        list[str] | None, typer.Option(help="An instance that it may see; repeat it for more. Default: all.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it is good.")] = 90,
) -> None:
    """Make a token for a machine, and print it: this once."""
    with opened(context) as operations:
        text = operations.people.create_token(name, role=role, instances=instance, lasts=timedelta(days=days))
        unknown = sorted({*(instance or ())} - {each.name for each in operations.instances.list()})
    say(text)
    for each in unknown:
        note(f"There is no instance {each}: the token shows nothing of it until there is.")
    note("It is shown this once. Send it as the header `Authorization: Bearer TOKEN`, over TLS only.")


@tokens.command()
def revoke(context: typer.Context, name: Name) -> None:
    """Take a token back, at once."""
    with opened(context) as operations:
        operations.people.revoke_token(name)
    say(f"The token {name} is good for nothing any more.")


@tokens.command("list")
def list_tokens(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the tokens of machines."""
    with opened(context) as operations:
        found = operations.people.tokens()
    from pwsops.cli import words
    from pwsops.operations import json_shapes

    if as_json:
        emit(map(json_shapes.token, found))
        return
    rows = (
        (
            token.name,
            token.role.value,
            "all" if token.instances is None else ", ".join(token.instances),
            f"{words.moment(token.ends_at)}{' (ended)' if token.ended else ''}",
        )
        for token in found
    )
    table(("Name", "Role", "Instances", "Ends"), rows, wraps=("Instances",), empty="There are no tokens.")


def signin_link(context: typer.Context) -> None:
    """Print an address that signs you in, once, at the dashboard that runs on this home."""
    with opened(context) as operations:
        address = operations.people.signin_link()
    say(address)
    note("It is good once, for 15 minutes, and signs in as administrator: give it to nobody.")


def _new_password(name: str, *, from_stdin: bool) -> str:
    """Return a new password from standard input or the keyboard, never from an argument."""
    if from_stdin:
        return read_line()
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise typer.BadParameter(
            f"the password of {name} is missing, and there is no terminal to ask for it: add --password-stdin and "
            "write it to standard input.",
            param_hint="--password-stdin",
        )
    password = typer.prompt(f"New password of {name}", hide_input=True, err=True, confirmation_prompt=True)
    return str(password)
