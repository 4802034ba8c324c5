"""What the doctor asks servers: whether they can be reached, what is missing there, and the directories."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pwsops.catalogue import instances as instance_rows
from pwsops.catalogue import profiles
from pwsops.catalogue.profiles import ProfileRow
from pwsops.engines.records import DirectoryCheck, DirectoryStatus, Probe
from pwsops.errors import PwsopsError
from pwsops.operations.core import Core
from pwsops.operations.records import Check
from pwsops.rules import formatting
from pwsops.runs.parallel import ask_all

PROBE_LIMIT_S = 30.0


def instances(core: Core) -> Iterator[Check]:
    """Ask each instance what it is and which rights its login has."""
    with core.catalogue.read() as connection:
        names = [row.name for row in instance_rows.every(connection)]
    asks = {name: partial(_probe, core, name) for name in names}
    for name, probe in ask_all(asks, limit_s=PROBE_LIMIT_S, clock=core.clock).items():
        if isinstance(probe, PwsopsError):
            yield Check(name=f"Instance {name}", ok=False, finding=probe.message, next_step=probe.hint)
            continue
        yield from _reached(name, probe)


def _reached(name: str, probe: Probe) -> Iterator[Check]:
    """Yield what an instance is and which rights its login has; each that is missing is a finding of its own."""
    facts = [f"{key.lower()} {value}" for key, value in probe.facts.items() if value not in probe.version]
    held = f"rights held: {', '.join(probe.held_rights)}" if probe.held_rights else ""
    known = filter(None, (probe.version, f"{probe.path_flavour} paths", *facts, held))
    yield Check(name=f"Instance {name}", ok=True, finding="; ".join(known))
    for right in probe.missing_rights:
        yield Check(
            name=f"Right on {name}",
            ok=False,
            finding=f"missing: {right}",
            next_step=right.grant or "Ask the server's administrator for it.",
            required=right.required,
        )


def _probe(core: Core, name: str) -> Probe:
    with core.asking(name):
        return core.engine(name).probe()


def directories(core: Core) -> Iterator[Check]:
    """Ask whether backups can be written where profiles write them."""
    with core.catalogue.read() as connection:
        rows = profiles.living(connection)
    # The login that writes there is asked: a profile's own login may see what the instance's does not.
    askers = {(row.fields["instance"], row.fields["directory"], row.fields["login"]): row for row in rows}
    asks = {_asked(*place): partial(_look, core, askers[place]) for place in sorted(askers)}
    answers = ask_all(asks, limit_s=PROBE_LIMIT_S, clock=core.clock)
    for (_, directory, _), found in zip(sorted(askers), answers.values(), strict=True):
        yield _directory(directory, found)


_DIRECTORY_STEPS = {
    DirectoryStatus.OK: "",
    DirectoryStatus.MISSING: "Make it (or mount its disk), or change the profiles that write there.",
    DirectoryStatus.UNUSABLE: "Mend what failed there, or change the profiles that write there.",
    DirectoryStatus.UNKNOWN: "It could not be checked. A run will show whether backups can be written there.",
}


def _asked(instance: str, directory: str, login: str) -> str:
    return f"{instance} (about {directory}{f', as {login}' if login else ''})"


def _look(core: Core, profile: ProfileRow) -> DirectoryCheck:
    with core.asking(profile.fields["instance"], profile.fields["login"]):
        return core.engine_of(profile).check_directory(profile.fields["directory"])


def _directory(directory: str, found: DirectoryCheck | PwsopsError) -> Check:
    if isinstance(found, PwsopsError):
        return Check(name=f"Directory {directory}", ok=False, finding=found.message, next_step=found.hint)
    free = "" if found.free_bytes is None else f"{formatting.size(found.free_bytes)} free"
    return Check(
        name=f"Directory {directory}",
        ok=found.status is DirectoryStatus.OK,
        unknown=found.status is DirectoryStatus.UNKNOWN,
        finding="; ".join(filter(None, (found.reason or free or found.status.value, *found.remarks))),
        next_step=_DIRECTORY_STEPS[found.status],
    )
