"""`pwsops restore`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

import typer

from pwsops.cli import parse
from pwsops.cli import restore_options as options
from pwsops.cli.credentials import Login, PasswordStdin, read_credentials
from pwsops.cli.output import note, say
from pwsops.cli.points import Zone
from pwsops.cli.session import confirmed, opened, server_path

if TYPE_CHECKING:
    from pwsops.engines.records import Credentials
    from pwsops.engines.requests import RestoreResult
    from pwsops.operations import Operations
    from pwsops.operations.points import PointChoice
    from pwsops.rules.restore_plan import RestorePlan


def restore(
    context: typer.Context,
    instance: options.Instance,
    database: options.Database,
    file: options.File = None,
    position: options.Position = None,
    run: options.Run = None,
    at: options.At = None,
    zone: Zone = None,
    into: options.Into = None,
    to_instance: options.ToInstance = None,
    to_file: options.ToFile = None,
    plan: options.Plan = False,
    script: options.Script = False,
    as_json: options.AsJson = False,
    safety_copy: options.SafetyCopy = True,
    yes: options.Yes = False,
    create_empty: options.CreateEmpty = False,
    accept_unrecorded: options.AcceptUnrecorded = False,
    login: Login = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Put a backup into a database, replacing what is in it. Every checksum is checked before anything is written."""
    source = Source.of(instance, database, file=file, position=position, run=run, at=at, zone=zone)
    goal = Goal.of(instance, database, into=into, to_instance=to_instance, to_file=to_file, create=create_empty)
    _check_doing_nothing(plan=plan, script=script, as_json=as_json)
    credentials = read_credentials(login, from_stdin=password_stdin)
    with opened(context) as operations:
        _refuse_other_engine(operations, instance, goal.instance)
        asking = None if to_instance else credentials
        place = source.find(operations, asking)
        what: dict[str, Any] = {**goal.options, "credentials": credentials, "accept_unrecorded": accept_unrecorded}
        if script:
            sys.stdout.write(operations.restores.script(goal.instance, goal.database, *place, **what))
            return
        what["safety_copy"] = safety_copy
        clock = None if plan and as_json else source.clock(operations, asking)
        if clock is None or plan:
            _preview(operations, goal, place, what, clock=clock)
        else:
            _tell(_restored(operations, goal, place, what, clock=clock, yes=yes))


@dataclass(frozen=True, kw_only=True)
class Source:
    """Which backup the options name."""

    instance: str
    database: str
    file: str | None
    position: int | None
    run: int | None
    at: str | None
    zone: str | None

    @classmethod
    def of(
        cls,
        instance: str,
        database: str,
        *,
        file: str | None,
        position: int | None,
        run: int | None,
        at: str | None,
        zone: str | None,
    ) -> Self:
        """Return it; raises `BadParameter` unless exactly one of the three ways is used."""
        ways = {"--file": file, "--run": run, "--at": at}
        if sum(value is not None for value in ways.values()) != 1:
            raise typer.BadParameter(f"give one of {', '.join(ways)}.", param_hint="--file")
        if position is not None and file is None:
            raise typer.BadParameter("it is a place in a file: give --file as well.", param_hint="--set")
        if zone and at is None:
            raise typer.BadParameter("it is the zone of a moment: give --at as well.", param_hint="--zone")
        return cls(instance=instance, database=database, file=file, position=position, run=run, at=at, zone=zone)

    def find(self, operations: Operations, credentials: Credentials | None) -> tuple[str, int]:
        """Return the file and the position of the backup, and tell which one it is."""
        if self.file is not None:
            return server_path(operations, self.instance, self.file), self.position or 1
        where = (self.instance, self.database)
        if self.run is not None:
            point = operations.points.of_run(*where, self.run, credentials=credentials)
        else:
            assert self.at is not None
            choice = operations.points.at(*where, self.at, zone=self.zone or "", credentials=credentials)
            _tell_choice(choice)
            point = choice.point
        return point.path, point.position

    def clock(self, operations: Operations, credentials: Credentials | None) -> ZoneInfo:
        """Return the zone that its moments are told in, as `points` tells them and `--at` reads them."""
        return ZoneInfo(self.zone or operations.points.zone(self.instance, self.database, credentials=credentials))


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Where the backup goes."""

    instance: str
    database: str
    new: bool
    create: bool
    to_file: str | None

    @classmethod
    def of(
        cls,
        instance: str,
        database: str,
        *,
        into: str | None,
        to_instance: str | None,
        to_file: str | None,
        create: bool,
    ) -> Goal:
        """Return what the options name; raises `BadParameter` where these are two goals."""
        if to_file is not None and (into is not None or to_instance is not None):
            raise typer.BadParameter("a file belongs to no instance, and has a name already.", param_hint="--to-file")
        return cls(
            instance=to_instance or instance,
            database=into or database,
            new=into is not None,
            create=create or to_instance is not None,
            to_file=None if to_file is None else _file(to_file),
        )

    @property
    def options(self) -> dict[str, Any]:
        """What the operations are given of it beside its names."""
        return {"new": self.new, "create": self.create, "to_file": self.to_file}

    @property
    def replaces(self) -> bool:
        """Whether something that is there may be replaced."""
        return not self.new and self.to_file is None


def _file(path: str) -> str:
    # A path that ends in a slash is one of a directory, which no file is made in the place of.
    return f"{parse.from_here(path)}/" if path.endswith("/") else parse.from_here(path)


def _check_doing_nothing(*, plan: bool, script: bool, as_json: bool) -> None:
    if plan and script:
        raise typer.BadParameter("give --plan or --script, not both.", param_hint="--plan")
    if as_json and not plan:
        raise typer.BadParameter("it is the form of a plan: give --plan as well.", param_hint="--json")


def _refuse_other_engine(operations: Operations, instance: str, other: str) -> None:
    from pwsops.errors import InvalidInput

    engines = {known.name: known.engine for known in operations.instances.list()}
    if instance in engines and other in engines and engines[instance] != engines[other]:
        raise InvalidInput(
            f"A backup of {instance} cannot be restored on {other}: they are of two engines ({engines[instance]}, "
            f"{engines[other]}).",
            hint=f"Choose an instance of the engine {engines[instance]}.",
        )


def _tell_choice(choice: PointChoice) -> None:
    """Print which point a moment means, by how much it lies before it, and which newer ones are passed over."""
    from pwsops.cli import words
    from pwsops.rules.moments import write_moment

    when, point = partial(write_moment, zone=ZoneInfo(choice.zone)), choice.point
    for one in choice.passed:
        note(f"Passed over, because it cannot be restored: {when(one.at)}, {one.path}: {one.why}.")
    note(
        f"For {when(choice.moment)} in {choice.zone}: the {words.kind(point.kind)} of {when(point.at)}, "
        f"{words.duration(choice.before_s)} before it."
    )
    if choice.after is not None:
        note(f"There is another of {when(choice.after)}, a little later: name that moment to have it.")


def _preview(
    operations: Operations, goal: Goal, place: tuple[str, int], what: dict[str, Any], *, clock: ZoneInfo | None
) -> None:
    """Print what a restore would do, by a clock; without one as JSON. Raises `Refused` where it cannot be done."""
    from pwsops.errors import Refused

    found = operations.restores.preview(goal.instance, goal.database, *place, **what)
    if clock is None:
        from pwsops.operations import json_shapes

        sys.stdout.write(json.dumps(json_shapes.restore_preview(found), indent=2) + "\n")
    else:
        from pwsops.cli import preview

        preview.show(found, clock)
    if found.obstacle:
        raise Refused("The restore cannot be done as things are.", hint=found.obstacle)


def _restored(
    operations: Operations, goal: Goal, place: tuple[str, int], what: dict[str, Any], *, clock: ZoneInfo, yes: bool
) -> RestoreResult:
    from pwsops.cli import progress

    credentials = what["credentials"]
    planned = operations.restores.plan(goal.instance, goal.database, *place, credentials=credentials)
    _confirm(planned, goal, clock=clock, yes=yes)
    with progress.shown() as tell:
        return operations.restores.restore(
            goal.instance,
            goal.database,
            *place,
            plan=planned,
            on_progress=progress.of_operation(tell, f"restore of {goal.database}"),
            **what,
        )


def _confirm(plan: RestorePlan, goal: Goal, *, clock: ZoneInfo, yes: bool) -> None:
    """Print what is restored, and ask for a confirmation where something may be replaced."""
    from pwsops.cli import words
    from pwsops.rules.moments import write_moment

    for step in plan.sets:
        at = write_moment(step.finished_at, clock)
        note(f"{words.kind_of(step)} of {step.database}, {at} ({clock.key}): {step.path}")
    if goal.replaces:
        confirmed(
            f"This replaces all that {goal.database} on {goal.instance} holds now.",
            goal.database,
            yes=yes,
            refusal=f"{goal.database} was not restored: replacing what it holds was not confirmed.",
        )


def _tell(result: RestoreResult) -> None:
    from pwsops.cli import words

    say(f"Restored {result.database}: {words.size(result.restored_bytes)} in {words.duration(result.duration_s)}.")
    if result.kept_damaged_as:
        say(f"The file it replaces is kept as {result.kept_damaged_as}.")
    for message in result.messages:
        note(message.text)
