"""Our rules beside restic's own: the same instants, the same policies, `forget --dry-run`."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pwsops.rules.retention import Action, Policy, StoredSet, plan_retention
from pwsops.rules.span import parse_span
from tests.needs import require

ZONES = ("UTC", "Europe/Berlin", "America/New_York")
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


class Repository:
    """A repository of restic's with one small file, taken again and again at instants that are told."""

    def __init__(self, directory: Path, program: str, zone: str) -> None:
        self.directory, self.program, self.zone = directory, program, zone
        (directory / "file").write_text("x")
        self._do("init")

    def take(self, at: datetime) -> None:
        local = at.astimezone(ZoneInfo(self.zone)).strftime("%Y-%m-%d %H:%M:%S")
        self._do("backup", "--quiet", "--time", local, str(self.directory / "file"))

    def instants(self) -> list[datetime]:
        """Return when each was taken as restic has it: an hour that comes twice has one name for both."""
        return [_instant(one) for one in json.loads(self._do("snapshots", "--json"))]

    def kept(self, policy: Policy) -> set[datetime]:
        (group,) = json.loads(self._do("forget", "--dry-run", "--json", *_options(policy)))
        return {_instant(one) for one in group["keep"]}

    def _do(self, *arguments: str) -> str:
        environment = {**os.environ, "TZ": self.zone, "RESTIC_PASSWORD": "x", "RESTIC_CACHE_DIR": str(self.directory)}
        environment["RESTIC_REPOSITORY"] = str(self.directory / "repository")
        command = [self.program, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _instant(snapshot: Any) -> datetime:
    return datetime.fromisoformat(snapshot["time"]).astimezone(UTC)


def _options(policy: Policy) -> list[str]:
    counts = {name: getattr(policy, name) for name in ("last", "daily", "weekly", "monthly", "yearly")}
    within = ["--keep-within", str(policy.within)] if policy.within else []
    return within + [word for name, count in counts.items() if count for word in (f"--keep-{name}", str(count))]


def keeps_the_oldest(program: str) -> bool:
    """Whether this restic keeps the oldest snapshot as well where a rule finds too few periods: from 0.16 on."""
    told = subprocess.run([program, "version"], capture_output=True, text=True, check=True, timeout=120).stdout
    return tuple(int(part) for part in told.split()[1].split(".")[:2]) >= (0, 16)


def ours(instants: Sequence[datetime], policy: Policy, *, oldest: bool) -> set[datetime]:
    """Return what we keep; without `oldest` not what is kept for that alone."""
    sets = [StoredSet(str(n), str(n), at, n) for n, at in enumerate(sorted(instants))]
    found = plan_retention(sets, policy, now=NOW)
    return {
        one.backup.finished_at
        for one in found.decisions
        if one.action is Action.KEEP and (oldest or not all(why.endswith("(the oldest)") for why in one.reasons))
    }


def test_our_rules_keep_what_restic_keeps(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """`--restic=20` compares as many repositories, each with forty snapshots and thirty policies."""
    count = request.config.getoption("--restic")
    if not count:
        pytest.skip("takes minutes: ask for it by --restic=N")
    program = require("restic", shutil.which("restic"), "apt-get install restic")
    oldest = keeps_the_oldest(program)
    chance = random.Random(count)
    for number in range(count):
        zone = ZONES[number % len(ZONES)]
        directory = tmp_path / str(number)
        directory.mkdir()
        repository = Repository(directory, program, zone)
        at = NOW
        for _ in range(40):
            at -= timedelta(minutes=chance.choice([7, 90, 700, 2000, 20000, 60000]))
            repository.take(at)
        instants = repository.instants()
        for _ in range(30):
            policy = Policy(
                within=parse_span(chance.choice(["", "", "36h", "10d", "2m", "1y6m"])),
                last=chance.choice([0, 0, 1, 5]),
                daily=chance.choice([0, 0, 3, 50]),
                weekly=chance.choice([0, 0, 3, 50]),
                monthly=chance.choice([0, 0, 3, 50]),
                yearly=chance.choice([0, 0, 1, 9]),
                timezone=zone,
            )
            if not policy.is_empty:
                wanted = repository.kept(policy) | {
                    max(instants)
                }  # the newest proven one stays with us whatever they say
                assert ours(instants, policy, oldest=oldest) == wanted, (zone, str(policy))
