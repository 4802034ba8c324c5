"""The catalogue made anew, from what lies beside the databases' backups: for the day on which the home is lost."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pwsops.catalogue import rebuilding
from pwsops.catalogue.keys import Keys
from pwsops.engines.found import FindsMedia, FoundMedia, Unread
from pwsops.engines.registry import media_finder
from pwsops.errors import InvalidInput
from pwsops.operations import rebuilt_history, rebuilt_instances, rebuilt_profiles
from pwsops.operations.access import Context
from pwsops.operations.rebuilt_profiles import Given, TakenOver
from pwsops.rules.formatting import counted
from pwsops.rules.model import BackupSet
from pwsops.rules.rebuilding import Conflict, judge, placed

READ_AT_ONCE = 1_000
WRITTEN_AT_ONCE = 2_000
_T = TypeVar("_T")
Tell = Callable[[str, int, int], None]
"""Is given what is done, and how many files of how many are done."""


@dataclass(kw_only=True)
class Rebuilt:
    """What a rebuild found, and what it put into the catalogue.

    Parameters
    ----------
    sets_found, sets_new, sets_known, copies
        Backups that lie there; of these those that are recorded now, those that were before, and further copies.
    others, of_servers
        Files that are none of ours, and backups of a SQL Server among them: that server has to be asked.
    conflicts
        What was not taken over, because something else says otherwise.
    unread
        Directories and files of which is not known what they hold, and damaged ones.
    unassigned
        The files of backups of which nothing tells the instance; they are not recorded.
    instances, profiles
        Those that were made, by name; the profiles are not in force.
    holds, runs
        How many were taken over.
    missing
        What could not be brought back, and what was assumed, a sentence each.
    """

    sets_found: int = 0
    sets_new: int = 0
    sets_known: int = 0
    copies: int = 0
    others: int = 0
    of_servers: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    unassigned: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    holds: int = 0
    runs: int = 0
    missing: list[str] = field(default_factory=list)

    def add(self, more: TakenOver) -> None:
        """Add what came of statements."""
        self.conflicts += more.conflicts
        self.instances += more.instances
        self.profiles += more.profiles
        self.missing += more.notes
        self.holds += more.holds
        self.runs += more.runs


def rebuild(
    context: Context, directories: Sequence[str], *, instance: str | None, address: str | None, tell: Tell
) -> Rebuilt:
    """Record the backups that lie in directories; see `Operations.rebuild`."""
    of_server = rebuilt_history.is_server(context, instance)
    roots = list(directories) if of_server else _roots(directories)
    subject = ", ".join(roots) or instance or ""
    with context.core.catalogue.write() as connection:
        context.note(connection, "rebuild begun", subject)
    if of_server and instance is not None:
        done = _from_history(context, instance, roots, tell)
    else:
        done = _from_media(context, roots, instance, address, tell)
    with context.core.catalogue.write() as connection:
        detail = f"{done.sets_new} backups recorded, {done.sets_known} known, {len(done.conflicts)} in conflict; "
        detail += f"{done.holds} holds, {len(done.profiles)} profiles, {len(done.unread)} files or directories not read"
        context.note(connection, "rebuild", subject, detail)
    return done


def _from_media(
    context: Context, roots: Sequence[str], instance: str | None, address: str | None, tell: Tell
) -> Rebuilt:
    if instance is not None:
        rebuilt_instances.check(context, instance, address)
    finder = media_finder(context.core.off_limits(""))
    found = _look(finder, roots, tell)
    done = Rebuilt(sets_found=len(found.sets), others=found.others, of_servers=found.of_servers, unread=found.unread)
    stated, unread = rebuilt_profiles.read(context, finder, found.statements)
    done.unread += unread
    given = None if instance is None else Given(instance, address)
    taken_over = rebuilt_profiles.take_over(context, stated, given)
    done.add(taken_over)
    _record(context, found.sets, given, taken_over, done, tell)
    done.missing += [*_missing(done), *_locked(context, found.sets)]
    return done


def _from_history(context: Context, instance: str, directories: Sequence[str], tell: Tell) -> Rebuilt:
    tell(f"asking {instance}", 0, 0)
    found = rebuilt_history.read(context, instance, directories)
    done = Rebuilt(sets_found=len(found.sets), unread=found.unread)
    _record(context, found.sets, Given(instance, None), TakenOver(), done, tell)
    done.missing += _missing(done)
    if done.sets_new:
        done.missing.append(
            f"Which profiles took the backups of {instance} is not known, so that no policy removes them: make the "
            "profiles anew, and give the passwords that they need."
        )
    return done


def _roots(directories: Sequence[str]) -> list[str]:
    """Return the directories, each once; raises `InvalidInput` for none, and for one that is no absolute path."""
    if not directories:
        raise InvalidInput(
            "Nothing was rebuilt: no directory was named.", hint="Name the directories in which the backups lie."
        )
    for each in directories:
        if not os.path.isabs(each):
            raise InvalidInput(f"The directory {each!r} is no absolute path.", hint="Give it from the root on.")
    roots = sorted({os.path.normpath(each) for each in directories})
    return [each for each in roots if not any(each.startswith(other.rstrip(os.sep) + os.sep) for other in roots)]


def _look(finder: FindsMedia, roots: Sequence[str], tell: Tell) -> FoundMedia:
    found = FoundMedia()
    for root in roots:
        tell(f"listing {root}", 0, 0)
        listed = finder.files(root)
        found.unread += listed.unread
        read = 0
        for portion in _portions(listed.paths, READ_AT_ONCE):
            found.add(finder.media(root, portion))
            read += len(portion)
            tell(f"reading {root}", read, len(listed.paths))
    return found


def _record(
    context: Context, found: Sequence[BackupSet], given: Given | None, stated: TakenOver, done: Rebuilt, tell: Tell
) -> None:
    """Record what is new: of the instance that a statement names, or whoever does it, or that keeps all there."""
    core = context.core
    with core.catalogue.read() as connection:
        judged = judge(found, rebuilding.known(connection, found), stated=stated.instance_of)
    if given is not None and any(one.set_id not in stated.instance_of for one in judged.new):
        required = rebuilt_instances.require(context, *given)
        done.instances += [given.instance] if required.is_new else []
        done.missing += [required.assumed] if required.assumed else []
    with core.catalogue.read() as connection:
        ends = rebuilding.ends(connection)
        of_directories = dict(rebuilt_instances.of_directories(connection)) | stated.directories

    def owner_of(one: BackupSet) -> str | None:
        named = None if given is None else given.instance
        return stated.instance_of.get(one.set_id) or named or of_directories.get(os.path.dirname(one.path))

    done.sets_known, done.copies = judged.known, judged.copies
    done.conflicts += judged.conflicts
    owners = [(owner_of(one), one) for one in judged.new]
    done.unassigned += [one.path for owner, one in owners if owner is None]
    in_order = list(placed([(owner, one) for owner, one in owners if owner is not None], ends.newest))
    for portion in _portions(in_order, WRITTEN_AT_ONCE):
        with core.catalogue.write() as connection:
            rebuilding.add(connection, portion, stated.profile_of, ends, now=core.clock.now())
        done.sets_new += len(portion)
        tell("recording", done.sets_new, len(in_order))


def _missing(done: Rebuilt) -> Iterator[str]:
    if done.sets_new:
        yield (
            "No backup that is recorded now is proven: each was seen, and none read as a whole. A restore checks every "
            "byte before it writes one."
        )
        yield "The audit log of the lost home is not among them; that of this home tells of the rebuild."
    if done.unassigned:
        yield (
            f"Nothing tells of which instance {counted(len(done.unassigned), 'backup')} are; they were not recorded. "
            "Do it again with --instance NAME."
        )
    if done.of_servers:
        yield (
            f"{counted(done.of_servers, 'file')} of SQL Server were passed over: add that server "
            "(`pwsops instance add`), and do this again with --instance and its name: it tells what it remembers."
        )


def _locked(context: Context, found: Sequence[BackupSet]) -> Iterator[str]:
    """Yield for which certificates backups are encrypted whose private keys are not at hand."""
    needed = Counter(one.thumbprint for one in found if one.thumbprint is not None)
    with context.core.catalogue.read() as connection:
        keys = Keys(connection, context.core.vault.opens)
    for thumbprint, count in sorted(needed.items()):
        if keys.missing("", [thumbprint]):
            yield (
                f"{counted(count, 'backup')} of those that lie there need the private key of the certificate "
                f"{thumbprint}, which is not at hand. They are listed, and cannot be restored before it is imported "
                "(`pwsops certificate import FILE.pfx`): from where it was exported to, or beside the backups. Then "
                "do this again, since what the home said beside them needs it, too."
            )


def _portions(given: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for at in range(0, len(given), size):
        yield given[at : at + size]
