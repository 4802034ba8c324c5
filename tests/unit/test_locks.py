"""The locks hold all that is installed, each with its hashes, and no addresses; the bill of materials names it all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.lock import LOCKS, OF_LOCKING, wanted
from tests.unit.test_project import PYTHONS, pinned_version

FILES = Path(__file__).resolve().parents[2] / "locks"
HASHED = re.compile(
    r"^(?P<requirement>[^#\s][^\\\n]*) \\(?P<hashes>(?:\n {4}--hash=sha256:[0-9a-f]{64}(?: \\)?)+)\n", re.MULTILINE
)
Lock = dict[str, list[Requirement]]


def text_of(lock: str) -> str:
    return (FILES / f"{lock}.txt").read_text()


@cache
def read(lock: str) -> Lock:
    found: Lock = {}
    for entry in HASHED.finditer(text_of(lock)):
        one = Requirement(entry["requirement"])
        found.setdefault(canonicalize_name(one.name), []).append(one)
    return found


def version_for(lock: Lock, name: str, python: str) -> str | None:
    """Return what a lock has pip install on one Python, on Linux; None where it names nothing."""
    machine = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": "linux"}
    for one in lock.get(canonicalize_name(name), []):
        if one.marker is None or one.marker.evaluate(machine):
            return str(one.specifier).removeprefix("==")
    return None


@pytest.mark.parametrize("lock", [*LOCKS, OF_LOCKING])
def test_each_requirement_has_an_exact_version_and_a_hash_and_nothing_else_is_in_a_lock(lock: str) -> None:
    text = text_of(lock)
    left = [line for line in HASHED.sub("", text).splitlines() if not line.startswith("#")]
    assert left == []
    for several in read(lock).values():
        assert all(re.fullmatch(r"==[^,*]+", str(one.specifier)) and one.url is None for one in several)


@pytest.mark.parametrize("lock", [*LOCKS, OF_LOCKING])
def test_a_lock_names_no_address(lock: str) -> None:
    named = re.findall(r"://|@|--(?!hash)[a-z-]+|\b[\w-]+\.(?:com|org|net|io|dev|local)\b|/[a-z]+/", text_of(lock))
    assert named == []


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", [*LOCKS, OF_LOCKING])
def test_a_lock_has_what_the_papers_ask_for_now(lock: str, python: str) -> None:
    locked = read(lock)
    missing = []
    for asked in map(Requirement, wanted()[lock]):
        version = version_for(locked, asked.name, python)
        if version is None or not asked.specifier.contains(version):
            missing.append((asked.name, version))
    assert missing == [], "`make lock` writes the locks anew"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_keep_to_the_chosen_versions_and_agree_with_each_other(lock: str, python: str) -> None:
    locked, alone = read(lock), read("run")
    for name in locked:
        version, chosen = version_for(locked, name, python), pinned_version(name, python)
        if version is not None and chosen is not None:
            assert version == chosen, name
    assert {name: version_for(locked, name, python) for name in alone} == {
        name: version_for(alone, name, python) for name in alone
    }


@pytest.mark.parametrize("lock", ["run", "test"])
def test_what_is_asked_for_indirectly_is_locked_as_well(lock: str) -> None:
    locked = read(lock)
    assert [name for name in needed(wanted()[lock]) if name not in locked] == []


def needed(asked: list[str]) -> Iterator[str]:
    """Yield what these requirements lead to on this machine, as far as it is installed."""
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(line), "") for line in asked]
    while waiting:
        one, extra = waiting.pop()
        if one.marker is not None and not one.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(one.name)
        for wanted_extra in ("", *one.extras):
            if (name, wanted_extra) not in seen:
                seen.add((name, wanted_extra))
                try:
                    further = distribution(name).requires or []
                except PackageNotFoundError:
                    further = []
                waiting += [(Requirement(line), wanted_extra) for line in further]
        yield name


def test_the_bill_of_materials_is_well_formed_and_names_every_installed_distribution() -> None:
    command = ["cyclonedx_py", "environment", "--output-reproducible", "--no-validate", "--output-file", "-"]
    done = subprocess.run([sys.executable, "-m", *command, sys.executable], capture_output=True, check=True)
    told = json.loads(done.stdout)
    named = {(canonicalize_name(one["name"]), one["version"]) for one in told["components"]}
    assert named >= {(canonicalize_name(one.name), one.version) for one in distributions()}
    references = {one["bom-ref"] for one in told["components"]}
    assert {one["ref"] for one in told["dependencies"]} >= references
    # By the published schema, which takes a tenth of a second for each component: `make sbom` has all of them checked.
    few = {one["bom-ref"] for one in told["components"][::40]}
    part = told | {
        "components": [one for one in told["components"] if one["bom-ref"] in few],
        "dependencies": [{"ref": reference} for reference in sorted(few)],
    }
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(part)) is None
    assert validator.validate_str(json.dumps(part | {"bomFormat": "other"})) is not None
