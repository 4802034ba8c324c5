"""Takes the pictures of the documentation: a home with sample data, a failing and a switched-off profile.

    python scripts/screenshots.py [docs/images]

The pictures are of the real pages, served by the real server, in Debian's Chromium (or any other on the path).
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

from pwsops.clock import SystemClock
from pwsops.operations import Operations, open_operations
from pwsops.rules.certificates import Purpose
from pwsops.rules.model import RunStatus
from pwsops.signin.start_token import Links

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = 1440, 390


class Picture(NamedTuple):
    """What a picture shows: the query of its page, a heading that is there when all of it is, and how it is taken."""

    name: str
    query: str
    heading: str
    width: int = WIDE
    height: int = 1180
    scheme: str = "light"


_WIZARD = "page=wizard&step=2&profile=Vaults+hourly"
_RESTORE = "page=restore&instance=samples&database=company-vault.sqlite3"
PICTURES = (
    Picture("overview", "profile=Vaults+hourly", "Latest runs", height=1540),
    Picture("overview-dark", "profile=Vaults+hourly", "Latest runs", height=1540, scheme="dark"),
    Picture("overview-narrow", "profile=Vaults+hourly", "Latest runs", NARROW, 1800),
    Picture("wizard", _WIZARD, "Edit Vaults hourly", height=960),
    Picture("wizard-dark", _WIZARD, "Edit Vaults hourly", height=960, scheme="dark"),
    Picture("wizard-narrow", _WIZARD, "Edit Vaults hourly", NARROW, 1700),
    Picture("wizard-diagnosis", "page=wizard&profile=Web+shop+to+the+archive", "Why it was switched off"),
    Picture("history", "page=runs", "History"),
    Picture("history-dark", "page=runs", "History", scheme="dark"),
    Picture("databases", "page=databases", "Databases", height=700),
    Picture("restore", _RESTORE, "Restore into company-vault.sqlite3"),
    Picture("restore-narrow", _RESTORE, "Restore into company-vault.sqlite3", NARROW, 1700),
    Picture("certificates", "page=certificates", "Certificates", height=620),
    Picture("certificates-dark", "page=certificates&view=import", "Import a certificate", height=760, scheme="dark"),
    Picture("certificates-narrow", "page=certificates", "Certificates", NARROW, 1100),
    Picture("settings", "page=settings", "Settings", height=1300),
)
SERVE = """
import sys
from pathlib import Path
from pwsops.operations import open_operations
from pwsops.web.server import serve
ops = open_operations(Path(sys.argv[1]), actor="demo")
serve(ops, port=0, on_ready=lambda url: print(url.partition("signin?")[0], flush=True))
ops.close()
"""


def seed(ops: Operations, places: Path) -> None:
    """Make profiles in every state: green, orange, red, inactive."""
    ops.settings.set("timezone", "Europe/Berlin")
    vaults = ops.samples.create()
    start = datetime.now(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0) - timedelta(days=2)
    _profile(ops, places, "Vaults hourly", vaults, start=start, every=1, unit="h")
    _profile(
        ops, places, "Company nightly", vaults[:1], start=start, every=1, unit="d", at=time(1, 30), incremental=False
    )
    _profile(ops, places, "Family weekdays", vaults[1:2], start=start, every=2, unit="h", weekdays=[0, 1, 2, 3, 4],
             between_from=time(8), between_to=time(18))  # fmt: skip
    _profile(ops, places, "Web shop to the archive", vaults[2:], start=start, every=6, unit="h")
    _profile(ops, places, "Yearly audit copy", vaults, start=start, every=12, unit="mo", incremental=False)
    ops.certificates.create("Vault backups")
    ops.certificates.create("Master key of the web shop", years=1, purpose=Purpose.MASTER_KEY)
    profile = ops.profiles.get("Company nightly")
    profile.encrypt_with = "Vault backups"
    ops.profiles.save("Company nightly", profile)
    for name in ("Vaults hourly", "Company nightly", "Vaults hourly"):
        ops.runs.run_here(name)
    ops.profiles.deactivate("Yearly audit copy")
    _break(places / "Family weekdays")
    ops.runs.run_here("Family weekdays")
    _break(places / "Web shop to the archive")
    while ops.runs.run_here("Web shop to the archive").status is RunStatus.FAILED:
        if ops.profiles.view("Web shop to the archive").failures_in_a_row >= 5:
            return


def _profile(ops: Operations, places: Path, name: str, databases: list[str], **fields: object) -> None:
    profile = ops.profiles.new()
    directory = places / name
    directory.mkdir(parents=True)
    profile.param.update(
        name=name, instance="samples", databases=databases, directory=str(directory), timezone="Europe/Berlin", **fields
    )
    ops.profiles.create(profile)


def _break(directory: Path) -> None:
    directory.rmdir()
    directory.write_text("a file where the directory was")


@contextlib.contextmanager
def served(home: Path) -> Iterator[str]:
    """Serve a home and give the address."""
    with subprocess.Popen([sys.executable, "-c", SERVE, str(home)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield next(line.strip() for line in server.stdout if line.startswith("http"))
        finally:
            server.terminate()
            server.wait(20)


def take(browser: Browser, url: str, links: Links, picture: Picture, into: Path) -> None:
    """Take one picture once the page is all there."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,  # type: ignore[arg-type]
    )
    context.request.get(links.address(url))
    page = context.new_page()
    page.goto(f"{url}?{picture.query}")
    page.get_by_role("heading", name=picture.heading).first.wait_for(state="attached")
    if picture.name.startswith("restore"):
        page.get_by_role("radio").first.click()
        page.get_by_role("heading", name="3. Confirm").wait_for()
    page.locator(f".mui-{picture.scheme}").first.wait_for()
    if picture.width != NARROW and picture.name.partition("-")[0] in ("overview", "wizard"):
        page.get_by_role("img", name=re.compile("^Runs")).wait_for()
    if picture.width == NARROW:
        page.get_by_role("navigation", name="Pages").wait_for(state="hidden")
    page.evaluate("document.fonts.ready")
    # On a machine that is busy, the server may have been silent for a while; what says so goes away by itself.
    page.get_by_text(re.compile("^(No connection to the server|Connected again)")).first.wait_for(state="detached")
    # Two frames: the first draws what the fonts have just allowed.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.screenshot(path=into / f"{picture.name}.png")
    context.close()


def main() -> None:
    """Take them all."""
    into = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    into.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory(prefix="pwsops-") as directory:
        home = Path(directory) / "home"
        ops = open_operations(home, actor="demo")
        seed(ops, Path(directory) / "backups")
        ops.close()
        with served(home) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
            for picture in PICTURES:
                take(browser, url, Links(home, clock=SystemClock()), picture, into)
            browser.close()


if __name__ == "__main__":
    main()
