"""`pwsops notebook`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from pwsops.cli.output import note, say
from pwsops.errors import NotFound, PwsopsError
from pwsops.spawning import environment

_ROOT = Path(__file__).parents[2]
_DESKTOP = ("BROWSER", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "TERM", "VIRTUAL_ENV", "WAYLAND_DISPLAY", "XDG_*")
"""What JupyterLab needs to open a browser."""


def notebook(
    context: typer.Context,
    directory: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where your copies of the notebooks are, or are put."),
    ] = Path("pwsops-notebooks"),
    only_copy: Annotated[bool, typer.Option("--only-copy", help="Put them there and open nothing.")] = False,
) -> None:
    """Open the notebooks in JupyterLab: audits, exposure, growth, schedules, a recovery.

    They are copied first, where they are not there yet; what you changed in a copy stays.
    """
    copied = _copy(_shipped(), directory)
    say(f"{directory} has {len(list(directory.glob('*.ipynb')))} notebooks, {len(copied)} of them new.")
    if only_copy:
        return
    if find_spec("jupyterlab") is None:
        raise PwsopsError(
            "The notebooks cannot be opened: JupyterLab is not installed beside pwsops.",
            hint="`pip install 'pwsops[notebooks]'` installs it (in the sources: `pip install '.[notebooks]'`).",
        )
    home = context.find_root().obj
    named = {"PWSOPS_HOME": str(Path(home).expanduser().absolute())} if home else {}
    # A notebook opens the home, as a command does, so it needs the key; what else is secret here is not its business.
    variables = environment(("PWSOPS_*", "JUPYTER*", "IPYTHON*", *_DESKTOP), **named)
    note("JupyterLab opens in the browser; Ctrl-C here ends it.")
    raise typer.Exit(
        subprocess.run([sys.executable, "-m", "jupyterlab", str(directory)], env=variables, check=False).returncode
    )


def _shipped() -> Path:
    """Return where the notebooks came with pwsops: in the sources, or beside what was installed."""
    places = (_ROOT / "notebooks", Path(sysconfig.get_path("data"), "share", "pwsops", "notebooks"))
    for place in places:
        if place.is_dir():
            return place
    raise NotFound("The notebooks did not come with this pwsops.", hint="They are in `notebooks` of its sources.")


def _copy(source: Path, directory: Path) -> list[Path]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        missing = [notebook for notebook in sorted(source.glob("*.ipynb")) if not (directory / notebook.name).exists()]
        return [shutil.copyfile(notebook, directory / notebook.name) for notebook in missing]
    except OSError as error:
        raise PwsopsError(
            f"The notebooks cannot be put into {directory}: {error.strerror or error}.",
            hint="Name a directory where you may write, with --directory.",
        ) from None
