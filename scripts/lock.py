"""Write the locks: what pip installs, direct and indirect, each with its version and its hashes, and no addresses.

    make lock

One lock holds for all supported Pythons and platforms; its hashes are those of all files of a version, wheels and
sources alike, as the index that uv is set up with tells them. Versions are those of constraints.txt; what that does not
name stays as it was in the lock, or is the newest that fits.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {"run": (), "sqlserver": ("sqlserver",), "notebooks": ("notebooks",), "test": ("test",)}
"""Each lock, and the extras that it has beside what the product itself needs."""
OF_LOCKING = "lock"
"""What locks, which is locked as well; it needs nothing of the product."""

SWITCHES = (
    "--quiet",
    "--universal",
    "--generate-hashes",
    "--no-annotate",
    "--no-emit-find-links",
    "--no-emit-index-url",
    # Older versions of pip take a name with its extras for another one than the name alone.
    "--no-strip-extras",
)


def wanted() -> dict[str, list[str]]:
    """Return the direct requirements of each lock."""
    papers = tomllib.loads((ROOT / "pyproject.toml").read_text())
    built_with, project = papers["build-system"]["requires"], papers["project"]
    extras = project["optional-dependencies"]
    found = {
        lock: [*built_with, *project["dependencies"], *(line for name in names for line in extras[name])]
        for lock, names in LOCKS.items()
    }
    return found | {OF_LOCKING: extras[OF_LOCKING]}


def write(uv: str, lock: str, requirements: list[str]) -> None:
    """Write one lock. Raises `subprocess.CalledProcessError` where no versions satisfy all that is asked for."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as given:
        given.write("\n".join(requirements))
        given.flush()
        options = {
            "--python-version": "3.11",
            "--constraints": "constraints.txt",
            "--custom-compile-command": "make lock",
            "--output-file": f"locks/{lock}.txt",
        }
        told = [word for option in options.items() for word in option]
        subprocess.run([uv, "pip", "compile", *SWITCHES, *told, given.name], cwd=ROOT, check=True)


if __name__ == "__main__":
    for name, requirements in wanted().items():
        write(sys.argv[1], name, requirements)
