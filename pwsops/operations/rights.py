"""What each operation needs: declared where it is defined, checked before it begins."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from pwsops.catalogue import Connection, profiles
from pwsops.errors import NotFound
from pwsops.operations.access import Context
from pwsops.operations.lookup import find_drill, find_hold, find_instance, find_profile, find_restore, find_run
from pwsops.operations.roots import check_address, check_kept, check_own, check_root
from pwsops.rules.rights import Right, Way

P = ParamSpec("P")
R = TypeVar("R")
Check = Callable[[Context, "Needs", Mapping[str, Any]], None]
"""Raises where an operation may not be done with these arguments."""


class HasContext(Protocol):
    """What operations are methods of."""

    _context: Context


N = TypeVar("N", bound=HasContext)


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What an operation declares.

    Parameters
    ----------
    right, action
        What is needed; and for what, in words that follow "may not".
    on
        What else is checked, in order: that what it is about belongs to the instances of who asks, and the like.
    """

    right: Right
    action: str
    on: tuple[Check, ...] = ()

    def check(self, context: Context, arguments: Callable[[], Mapping[str, Any]]) -> None:
        """Raise `Denied`, `SignInAnew`, or `NotFound` for what somebody may not see."""
        principal = context.principal
        if principal.way is Way.HOST and principal.instances is None:
            return
        given = arguments()
        context.allow(self.right, self.action, _subject(given))
        for check in self.on:
            check(context, self, given)


def needs(
    right: Right, action: str, *on: Check
) -> Callable[[Callable[Concatenate[N, P], R]], Callable[Concatenate[N, P], R]]:
    """Declare what an operation needs; see `Needs`. It is checked each time, and who asks is asked once for all of it.

    What the operation calls on its way goes through no second check where it calls functions; where it calls another
    operation, that is checked for the same person.
    """
    needs = Needs(right=right, action=action, on=on)

    def declare(method: Callable[Concatenate[N, P], R]) -> Callable[Concatenate[N, P], R]:
        signature = inspect.signature(method)
        keywords = {one.name for one in signature.parameters.values() if one.kind is inspect.Parameter.VAR_KEYWORD}

        @functools.wraps(method)
        def checked(self: N, /, *args: P.args, **kwargs: P.kwargs) -> R:
            def arguments() -> Mapping[str, Any]:
                bound = signature.bind(self, *args, **kwargs)
                bound.apply_defaults()
                given: dict[str, Any] = {}
                for name, value in bound.arguments.items():
                    given |= value if name in keywords else {name: value}
                return given

            with self._context.operation(), self._context.telling():
                needs.check(self._context, arguments)
                return method(self, *args, **kwargs)

        checked.needs = needs  # type: ignore[attr-defined]  # a function takes attributes
        return checked

    return declare


def operations_of(kind: type) -> Iterator[tuple[str, Needs | None]]:
    """Yield the public operations of a class by name, with what each declares; None: nothing."""
    for name, value in inspect.getmembers(kind, lambda member: callable(member) or isinstance(member, property)):
        if not name.startswith("_"):
            yield name, getattr(value, "needs", None)


def check_declared(kind: type, *, besides: str = "") -> None:
    """Raise `TypeError` where a class has a public method that declares no right: nobody knows who may call it."""
    silent = [name for name, needs in operations_of(kind) if needs is None and name != besides]
    if silent:
        raise TypeError(
            f"{kind.__name__}.{silent[0]} declares no right. Put @needs(Right.…, …) of pwsops.operations.rights over "
            "it, and a line for it into the table of tests/component/operations/test_rights.py."
        )


def of_instance(parameter: str = "instance") -> Check:
    """Return the check that the instance of that name is theirs; None is all of theirs."""

    def check(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
        if given[parameter] is not None:
            _check_theirs(context, needed, given, partial(find_instance, name=given[parameter]))

    return check


def of_instances(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that each of several instances is theirs; None is all of theirs."""
    for name in given["names"] or ():
        _check_theirs(context, needed, given, partial(find_instance, name=name))


def of_profile(parameter: str = "profile") -> Check:
    """Return the check that a profile, stored (its name) or being edited, is of one of their instances."""

    def check(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
        profile = given[parameter]
        if isinstance(profile, str):
            _check_theirs(context, needed, given, partial(find_profile, name=profile))
        elif profile is not None and profile.instance:  # it may not be chosen yet
            _check_theirs(context, needed, given, partial(find_instance, name=profile.instance))

    return check


def of_run(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that a run is of one of their profiles."""
    _check_theirs(context, needed, given, partial(find_run, run_id=given["run_id"]))


def of_restore(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that a restore is on one of their instances."""
    _check_theirs(context, needed, given, partial(find_restore, restore_id=given["restore_id"]))


def of_drill(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that a drill is of a backup of one of their instances."""
    _check_theirs(context, needed, given, partial(find_drill, drill_id=given["drill_id"]))


def of_hold(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that a hold is on a backup of one of their instances."""
    _check_theirs(context, needed, given, partial(find_hold, hold_id=given["hold_id"]))


def _check_theirs(
    context: Context, needed: Needs, given: Mapping[str, Any], find: Callable[[Connection], object]
) -> None:
    """Raise `NotFound` for what is not there for who asks; where it is there for others, that is noted as a denial."""
    if context.principal.instances is None:
        return
    try:
        with context.read() as connection:
            find(connection)
    except NotFound:
        with suppress(NotFound):
            with context.core.catalogue.read() as connection:
                find(connection)
            context.note_denied(needed.action, _subject(given))
        raise


def on_everything(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that all instances are theirs: it concerns each of them."""
    context.allow_everywhere(needed.action, _subject(given))


def in_roots(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that a path lies where backups are kept; see `check_root`."""
    check_root(context, given["instance"], given["path"], needed.action)


def in_roots_if_named(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check the same where a path is given, on the instance that reads it; without one, it was recorded for theirs."""
    if given["path"] is not None:
        check_root(context, given["on"] or given["instance"], given["path"], needed.action)


def in_kept(*parameters: str) -> Check:
    """Return the check that files lie where theirs are kept; see `check_kept`."""

    def check(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
        for parameter in parameters:
            check_kept(context, given["instance"], given[parameter], needed.action)

    return check


def to_kept(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that the file which a restore is to make, where it makes one, goes where theirs are kept."""
    if (path := given.get("to_file")) is not None:
        check_kept(context, given["instance"], path, needed.action)


def in_own_directory(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that the directory of a profile that is being edited is none of another's; see `check_own`."""
    profile = given["profile"]
    check_own(context, profile.instance, profile.directory, needed.action)


def at_own_address(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that the new address of an instance, where one is given, is no directory of another's."""
    check_address(context, given["name"], given["address"] or "", needed.action)


def as_login(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that they may use another login than the instance's own, where they give one."""
    if given["credentials"] is not None:
        context.allow(Right.RESTORE, f"{needed.action} as another login", _subject(given))


def with_own_login(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that they may say as whom a profile asks its server, where they give it a login or a password for one."""
    profile, name = given["profile"], given.get("name")
    with context.read() as connection:
        before = None if name is None else profiles.find(connection, name)
    known = "" if before is None else before.fields["login"]
    if given["password"] is not None or profile.login not in ("", known):
        context.allow(Right.CONNECT, f"{needed.action} that has a login of its own", _subject(given))


def with_keys_saved(context: Context, needed: Needs, given: Mapping[str, Any]) -> None:
    """Check that they may take private keys away, where they give the password that a profile saves them under.

    A person who knows it opens the files that each run leaves: that is an export, and concerns all instances as one
    does.
    """
    if given["profile"].save_certificates and given["certificate_password"] is not None:
        action = f"{needed.action} that saves private keys under a password of theirs"
        context.allow(Right.EXPORT_KEY, action, _subject(given))
        context.allow_everywhere(action, _subject(given))


def _subject(given: Mapping[str, Any]) -> str:
    """Return what an operation is about, for the audit log: the first thing that it names, and no more."""
    for name in ("instance", "profile", "name", "run_id", "restore_id", "drill_id", "hold_id", "key"):
        if isinstance(given.get(name), str | int):
            return str(given[name])
    return ""
