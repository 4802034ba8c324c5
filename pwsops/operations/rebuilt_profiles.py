"""Profiles, their history and holds, taken over from what lost homes said of them beside their backups."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from pwsops.catalogue import Connection, certificates, instances, profiles, statements
from pwsops.catalogue.instances import InstanceRow
from pwsops.engines import registry
from pwsops.engines.found import FindsMedia, Unread
from pwsops.engines.options import checked
from pwsops.errors import PwsopsError
from pwsops.operations import rebuilt_instances
from pwsops.operations.access import Context
from pwsops.operations.rebuilt_instances import EMBEDDED
from pwsops.profile import BackupProfile, of_plain
from pwsops.rules.formatting import listed
from pwsops.rules.model import SKEW, ProfileState
from pwsops.rules.rebuilding import Conflict
from pwsops.rules.stated import Stated, merged
from pwsops.rules.statements import Statement, statement_of

MOST_CHARACTERS = 128
Found = Mapping[str, Statement]
"""By the path of its file."""


class Given(NamedTuple):
    """The instance that whoever rebuilds has named, and where its databases are to be; None: nobody said."""

    instance: str
    address: str | None


@dataclass(kw_only=True)
class TakenOver:
    """What came of statements.

    Parameters
    ----------
    instance_of, profile_of
        By `set_id`: of which instance a backup is, and under which profile's policy.
    directories
        In which directory the statements of one instance lie, and of no other.
    profiles, instances
        The names of those that were made.
    holds, runs
        How many were taken over.
    notes
        What was assumed, and what is to be done, a sentence each.
    """

    instance_of: dict[str, str] = field(default_factory=dict)
    profile_of: dict[str, int | None] = field(default_factory=dict)
    directories: dict[str, str] = field(default_factory=dict)
    profiles: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    holds: int = 0
    runs: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(context: Context, finder: FindsMedia, paths: Iterable[str]) -> tuple[Found, list[Unread]]:
    """Return the statements in files, and why others cannot be used."""
    found: dict[str, Statement] = {}
    unread = []
    for path in paths:
        try:
            content = finder.statement(path, partial(context.core.private_key, context.actor))
            one = statement_of(json.loads(content))
            if one.saved_at > context.core.clock.now() + SKEW:
                raise ValueError(f"it is dated {one.saved_at:%Y-%m-%d}, which is yet to come")
            found[path] = one
        except PwsopsError as error:
            unread.append(Unread(path, f"{error.message} {error.hint}"))
        except (ValueError, RecursionError) as error:
            unread.append(Unread(path, f"it is no statement of a home: {error}"))
    return found, unread


def take_over(context: Context, found: Found, given: Given | None) -> TakenOver:
    """Take over what is not known yet. Each profile comes with its holds and its history, or not at all.

    `given`: the instance that whoever does it has named: it is the one of that name, wherever statements say it was.
    """
    done = TakenOver()
    of_directory: dict[str, set[str]] = {}
    paths = {(one.home_id, one.profile_id, one.saved_at): path for path, one in found.items()}
    for stated in sorted(merged(found.values()), key=lambda each: each.newest.saved_at, reverse=True):
        newest = stated.newest
        path = paths[newest.home_id, newest.profile_id, newest.saved_at]
        try:
            with context.core.catalogue.write() as connection:
                _take_over(context, connection, stated, path, given, done)
        except PwsopsError as error:
            done.conflicts.append(Conflict(path, f"{error.message} {error.hint}"))
            continue
        for each, one in found.items():
            if (one.instance, one.name) == (newest.instance, newest.name):
                of_directory.setdefault(os.path.dirname(each), set()).add(newest.instance)
    done.directories = {path: next(iter(names)) for path, names in of_directory.items() if len(names) == 1}
    return done


def _take_over(
    context: Context, connection: Connection, stated: Stated, path: str, given: Given | None, done: TakenOver
) -> None:
    newest, now = stated.newest, context.core.clock.now()
    place, is_new = _instance(context, connection, newest, given)
    profile = _profile(stated)
    known, profile.name = _known(connection, profile, newest)
    if known is None:
        profile_id = statements.take_over(connection, profile, stated.runs, place=place, now=now)
        context.note(connection, "create profile", profile.name, f"rebuilt, not in force: {profile.summary()}")
    else:
        profile_id = known
    in_force = known is not None and profiles.get(connection, known).state is not ProfileState.INACTIVE
    holds = statements.unite_holds(connection, newest.instance, stated.holds)
    # From here on nothing fails any more: what is told below is what was done.
    if known is None:
        done.notes += _notes(connection, stated, profile, path)
    else:
        done.notes.append(f"The profile {profile.name} is known here; it and its history were left as they are.")
    done.instances += [newest.instance] if is_new else []
    done.holds += holds
    if known is None:
        done.profiles.append(profile.name)
        done.runs += len(stated.runs)
    for set_id in stated.sets:
        done.instance_of.setdefault(set_id, newest.instance)
        # What two claim is under the policy of neither, and nothing comes under one in force: a file that others may
        # have made up takes nobody's backups away. One that stays too long costs disk.
        is_doubtful = set_id in done.profile_of or in_force
        done.profile_of[set_id] = None if is_doubtful else profile_id


def _instance(context: Context, connection: Connection, one: Statement, given: Given | None) -> tuple[str, bool]:
    """Return where a profile's instance is, and whether it was made; raises where it is another one of that name."""
    row = instances.find(connection, one.instance)
    is_given = given is not None and given.instance == one.instance
    if row is None:
        address = given.address if given is not None and is_given else None
        made = InstanceRow(
            name=one.instance,
            engine=EMBEDDED,
            address=address or one.address,
            options=_options(one),
            login=None,
            sealed_password=None,
        )
        rebuilt_instances.add(context, connection, made)
        return made.place, True
    if not registry.is_embedded(row.engine) or (row.place != registry.place(EMBEDDED, one.address) and not is_given):
        raise PwsopsError(
            f"The profile {one.name} is of the instance {one.instance} at {one.address}, and here that is another one, "
            f"at {row.address}.",
            hint="Rebuild in an empty home, or say with --instance that it is the same.",
        )
    return row.place, False


def _options(one: Statement) -> dict[str, object]:
    """Return the options of an instance, without those that let it reach what is not its own: nobody asked for them."""
    known = registry.options_of(EMBEDDED)
    harmless = [option for option in known if not option.reaches_out]
    keys = {option.key for option in harmless}
    return checked({key: value for key, value in one.options.items() if key in keys}, harmless, engine=EMBEDDED)


def _profile(stated: Stated) -> BackupProfile:
    try:
        profile = of_plain(stated.newest.profile)
    except (ValueError, TypeError, OverflowError) as error:
        raise PwsopsError(f"The profile cannot be read: {error}.", hint="Make it anew.") from error
    profile.instance, profile.active = stated.newest.instance, False
    # The password that they are saved under is in no statement; without it a run would save none, and not say so.
    profile.save_certificates = False
    profile.login = ""
    return profile


def _known(connection: Connection, profile: BackupProfile, one: Statement) -> tuple[int | None, str]:
    """Return the id of the profile where it is known, and the name that it has, or gets."""
    own = f" ({one.home_id[:8]})"
    for name in (profile.name, profile.name[: MOST_CHARACTERS - len(own)] + own):
        row = profiles.find(connection, name)
        if row is None:
            return None, name
        if row.fields["instance"] == profile.instance:
            return row.id, name
    raise PwsopsError(
        f"The profile {profile.name} was not taken over: others have its name.", hint="Rename those, and do it again."
    )


def _notes(connection: Connection, stated: Stated, profile: BackupProfile, path: str) -> Iterator[str]:
    """Yield what was assumed of a profile that was made, and what is to be done before it is put in force."""
    newest, name, found_in = stated.newest, profile.name, os.path.dirname(path)
    yield (
        f"The profile {name} is not in force: the former home may still run it. See that it does not, then "
        f"`pwsops profile activate {shlex.quote(name)}`."
    )
    if newest.name != name:
        yield f"It was called {newest.name}; a profile of another instance has that name here."
    if os.path.normpath(profile.directory) != found_in:
        yield f"{name} writes to {profile.directory}, and its backups were found in {found_in}: edit it first."
    if profile.encrypt_with and certificates.find(connection, profile.encrypt_with) is None:
        yield f"{name} encrypts for the certificate {profile.encrypt_with}, which is to be imported first."
    instance = instances.find(connection, newest.instance)
    if instance is not None and not os.path.isdir(instance.address):
        yield (
            f"The databases of {instance.name} were in {instance.address}, which is not there on this machine: make "
            "it, or restore into plain files (`--to-file`)."
        )
    if newest.options.get("follow_links"):
        yield f"{newest.instance} followed links; that was left off."
    if stated.secrets:
        yield f"For {name} are to be given anew: {listed(stated.secrets)}."
    if stated.is_cut:
        yield f"Of {name} more was known than was saved: older runs are missing from its history."
