"""A real JupyterLab, with a notebook of a few cells."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Page

from tests.browser.serving import ROOT, Served, free_port, start, wait_for_answer

_OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--IdentityProvider.token=",
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)
"""Nobody else can open it; it asks for nothing outside of this machine."""


@contextmanager
def jupyterlab(home: Path, directory: Path, cells: Sequence[str]) -> Iterator[Served]:
    """JupyterLab on a notebook; its kernel opens a home."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.cells = [nbformat.v4.new_code_cell(code) for code in cells]
    directory.mkdir()
    nbformat.write(notebook, directory / "cells.ipynb")
    port = free_port()
    own = directory.parent / "jupyter"
    names = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR")
    server = start(
        [sys.executable, "-m", "jupyterlab", *_OPTIONS, f"--port={port}", f"--ServerApp.root_dir={directory}"],
        home,
        PYTHONPATH=str(ROOT),
        **{name: str(own / name.lower()) for name in names},
    )
    server.asks = False
    try:
        wait_for_answer(server, port)
        server.url = f"http://127.0.0.1:{port}/lab/tree/cells.ipynb"
        yield server
    finally:
        # Its kernels are children of its own, which it ends when it is asked to.
        server.end()
        server.close()


def run_all(page: Page) -> None:
    """Run every cell, as soon as there is a kernel."""
    page.get_by_text("| Idle").first.wait_for()
    choose(page, "Run", "Run All Cells")


def choose(page: Page, menu: str, *items: str) -> None:
    """Choose from JupyterLab's menus."""
    page.locator(".lm-MenuBar-itemLabel").get_by_text(menu, exact=True).click()
    *above, last = items
    for item in above:
        page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).hover()
    page.locator(".lm-Menu-itemLabel").get_by_text(last, exact=True).first.click()
