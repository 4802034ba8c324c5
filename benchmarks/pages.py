"""The pages beside bare pages of the same toolkit, in the same Chromium, and what open pages cost the server.

Times are taken inside the browser, by its own clock, up to the frame in which the pixels change. Pairs run alternately;
a figure is a median, a ratio the median of the pairs' ratios. `run()` needs Debian's Chromium.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.visitors import Visitors
from pwsops.operations import open_operations
from pwsops.web.door import Limits
from pwsops.web.pages.overview.rows import SHOWN
from tests.browser.conftest import FLAGS
from tests.browser.serving import CHILD, Served, sign_in, signed_in, start

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
KEYS = int(os.environ.get("BENCH_KEYS", "24"))
IDLE_S = float(os.environ.get("BENCH_IDLE_S", "60"))
OPENED = int(os.environ.get("BENCH_SESSIONS", "300"))
PROFILES = 200
MANY = 500
CROWD = 50
PAGES_A_PERSON = 2 * CROWD
"""The crowd is one person, who may have fewer usually; those that leave are still counted for a moment."""
_LISTED = f"{MANY} profiles, at most {SHOWN} of them shown"
PATIENCE_S = 90
GLANCE_S = 2.0

ROW = 'tr[data-key="Profile 000"]'
TITLE = ".header .title"
EVERY = "#f-every"
CALENDAR = ".words"
"""What is beside the wizard's figure; the figure changes with it."""
DAYS = ".days"
ECHO = ".echo"
SEARCH = "input.search"
HISTORY = '.menu a[href="?page=runs"]'

# Everything lies in shadow roots, which no selector passes, hence the walk. A frame is on the screen once the one
# after it is asked for.
TOOLS = """
const roots = function* (root) {
  yield root
  for (const element of root.querySelectorAll("*")) { if (element.shadowRoot) { yield* roots(element.shadowRoot) } }
}
const find = (selector) => {
  for (const root of roots(document)) { const found = root.querySelector(selector); if (found) { return found } }
  return null
}
const painted = () => new Promise((resolve) => {
  requestAnimationFrame(() => {
    const channel = new MessageChannel()
    channel.port1.onmessage = () => resolve(performance.now())
    channel.port2.postMessage(0)
  })
})
const limited = (work) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("it never came")), 60000)
  work(resolve)
})
const until = (holds) => limited((resolve) => {
  const look = () => { if (holds()) { resolve() } else { requestAnimationFrame(look) } }
  look()
})
const seen = (selector) => find(selector)?.getBoundingClientRect().height > 0
const shown = async (selector) => {
  await until(() => seen(selector))
  return painted()
}
const gone = (selector) => until(() => !seen(selector))
const first = () => find("tr[data-key]")?.dataset.key
window.bench = {find, first, limited, painted, shown, gone, until}
"""
ARM = """([field, target]) => {
  const input = bench.find(field)
  const spot = bench.find(target)
  input.focus()
  input.select()
  window.took = bench.limited((resolve) => {
    let pressed
    window.addEventListener("keydown", (event) => { pressed = event.timeStamp }, {capture: true, once: true})
    new MutationObserver((_, observer) => {
      observer.disconnect()
      bench.painted().then((at) => resolve(at - pressed))
    }).observe(spot.shadowRoot ?? spot, {attributes: true, characterData: true, childList: true, subtree: true})
  })
}"""
# Of the two data sources that hold text, the one of the days; a figure is painted in the frame after its data came.
REDRAWN = """async (key) => {
  const plot = [...Bokeh.documents[0].all_models].find((model) => model.type === "Plot")
  const source = plot.renderers.map((one) => one.data_source).find((one) => one.name === "numbers")
  const began = performance.now()
  const changed = bench.limited((resolve) => {
    const heard = () => { source.properties.data.change.disconnect(heard); resolve() }
    source.properties.data.change.connect(heard)
  })
  bench.find('button[aria-label="' + key + '"]').click()
  await changed
  await bench.painted()
  return await bench.painted() - began
}"""
BACK = """async ([row, link]) => {
  bench.find(link).click()
  await bench.gone(row)
  await new Promise((resolve) => setTimeout(resolve, 500))
  const began = performance.now()
  history.back()
  return await bench.shown(row) - began
}"""

# Each click on the same heading turns the order around, and each key changes what is found: another row stands first.
SORTED = """async () => {
  const before = bench.first()
  const began = performance.now()
  bench.find('button.sort[data-key="name"], button.sort[data-key="-name"]').click()
  await bench.until(() => bench.first() !== before)
  return await bench.painted() - began
}"""
ARM_LIST = """(field) => {
  const before = bench.first()
  bench.find(field).focus()
  window.took = bench.limited((resolve) => {
    window.addEventListener("keydown", (event) => {
      bench.until(() => bench.first() !== before).then(bench.painted).then((at) => resolve(at - event.timeStamp))
    }, {capture: true, once: true})
  })
}"""

Row = dict[str, Any]


def run() -> list[Row]:
    """Run everything and give the table's rows."""
    with tempfile.TemporaryDirectory(prefix="pwsops-bench-") as directory:
        home = Path(directory, "home")
        _fill(home, PROFILES)
        with _serving([*CHILD, str(home), str(PAGES_A_PERSON)], home) as ours:
            with _serving([sys.executable, "-m", "benchmarks.bare"], home, asks=False) as bare, _chromium() as browser:
                rows = [
                    *first_paint(browser, ours.url, bare.url),
                    key_to_pixels(browser, ours.url, bare.url),
                    back_again(browser, ours.url),
                    month_redrawn(browser, ours.url),
                ]
            rows += [idle_sessions(ours), closed_sessions(ours)]
        many = Path(directory, "many")
        _fill(many, MANY)
        with _serving([*CHILD, str(many)], many) as listing, _chromium() as browser:
            return [*rows, list_sorted(browser, listing.url), list_filtered(browser, listing.url)]


def first_paint(browser: Browser, ours: str, bare: str) -> list[Row]:
    """From the navigation to the rows, beside an empty page's title: on a first visit, and on a later one."""
    first, later = [], []
    for _ in range(ROUNDS + 1):
        pairs = [_visit(browser, url, selector) for url, selector in ((ours, ROW), (bare, TITLE))]
        first.append((pairs[0][0], pairs[1][0]))
        later.append((pairs[0][1], pairs[1][1]))
    name, shown = f"first page with {PROFILES} profiles / an empty pmui.Page", f"{SHOWN} profiles are shown"
    return [
        _pair(f"{name}, first visit", first[1:], 1.5, f"navigation to pixels; nothing cached; {shown}"),
        _pair(f"{name}, later visit", later[1:], 1.5, f"scripts and fonts cached; {shown}"),
    ]


def key_to_pixels(browser: Browser, ours: str, bare: str) -> Row:
    """From a key in the wizard's interval to the calendar's pixels, beside a text field echoed into a label."""
    wizard = _open(browser, f"{ours}?page=wizard&step=2", CALENDAR)
    echo = _open(browser, f"{bare}echo", ECHO)
    pairs = []
    for number in range(KEYS + 2):
        key = str(2 + number % 8)
        mine = _press(wizard, key, EVERY, CALENDAR)
        pairs.append((mine, _press(echo, key, "input", ECHO)))
    wizard.context.close()
    echo.context.close()
    return _pair("wizard: key to calendar / pmui.TextInput echoed", pairs[2:], 1.5, "key to pixels")


def back_again(browser: Browser, ours: str) -> Row:
    """From the step back to the rows of a page that was seen before."""
    page = _open(browser, ours, ROW)
    times = [page.evaluate(BACK, [ROW, HISTORY]) for _ in range(ROUNDS + 1)][1:]
    page.context.close()
    return _alone(
        "back from the history to the first page",
        statistics.median(times),
        "ms",
        300,
        f"{PROFILES} profiles, {SHOWN} of them shown",
    )


def month_redrawn(browser: Browser, ours: str) -> Row:
    """From a click on the month after, or before, to the pixels of its figure."""
    page = _open(browser, ours, DAYS)
    times = []
    for number in range(2 * ROUNDS + 2):
        # What is worked out ahead has somebody's glance at a month for it.
        threading.Event().wait(GLANCE_S)
        times.append(float(page.evaluate(REDRAWN, "Month after" if number % 4 < 2 else "Month before")))
    page.context.close()
    return _alone("month chart redrawn", statistics.median(times[2:]), "ms", 300, f"{PROFILES} hourly profiles")


def list_sorted(browser: Browser, ours: str) -> Row:
    """From a click on the heading of the names to the pixels of the list in the other order."""
    page = _open(browser, ours, ROW)
    # The first order that the heading leads to is the one that the list has already.
    page.evaluate("bench.find('button.sort[data-key=name]').click()")
    page.evaluate("bench.shown('th[aria-sort=ascending]')")
    times = [float(page.evaluate(SORTED)) for _ in range(ROUNDS + 1)][1:]
    page.context.close()
    return _alone("list of profiles sorted", statistics.median(times), "ms", 300, _LISTED)


def list_filtered(browser: Browser, ours: str) -> Row:
    """From a key in the search field to the pixels of what is found, and back to all of them."""
    page = _open(browser, ours, ROW)
    times = []
    for number in range(2 * ROUNDS + 2):
        page.evaluate(ARM_LIST, SEARCH)
        page.keyboard.press("Backspace" if number % 2 else "4")
        times.append(float(page.evaluate("took")))
    page.context.close()
    return _alone("list of profiles filtered", statistics.median(times[2:]), "ms", 300, _LISTED)


def idle_sessions(ours: Served) -> Row:
    """The server's own processor time while so many pages are open and nothing happens, over whole minutes."""

    cookie = signed_in(ours)

    async def measure() -> float:
        async with Visitors(ours.url, CROWD, cookie):
            await _until(lambda: ours.listening() == CROWD, f"{CROWD} pages are known")
            await asyncio.sleep(3)
            before = _cpu_s(ours.process.pid)
            await asyncio.sleep(IDLE_S)
            return (_cpu_s(ours.process.pid) - before) / IDLE_S * 100

    note = (
        f"over {IDLE_S:.0f} s; every minute the ages on the pages change; one person may have {PAGES_A_PERSON} pages "
        f"here ({Limits.pages_a_person} usually)"
    )
    return _alone(f"{CROWD} idle sessions, share of a core", asyncio.run(measure()), "%", 5, note)


def closed_sessions(ours: Served) -> Row:
    """The server's resident memory after many pages were opened and closed, over that after the first few."""

    cookie, rounds = signed_in(ours), range(OPENED // CROWD)

    async def measure() -> tuple[float, float]:
        await _come_and_go(ours, cookie)
        before = _memory_mib(ours.process.pid)
        for _ in rounds:
            await _come_and_go(ours, cookie)
        return _memory_mib(ours.process.pid), before

    after, before = asyncio.run(measure())
    name = f"memory after {CROWD * (1 + len(rounds))} closed sessions / after {CROWD}"
    return _pair(name, [(after, before)], 1.1, "resident", "MiB")


async def _come_and_go(ours: Served, cookie: str) -> None:
    async with Visitors(ours.url, CROWD, cookie):
        await _until(lambda: ours.listening() == CROWD, f"{CROWD} pages are known")
    await _until(lambda: ours.listening() == 0, "closed pages are forgotten")


async def _until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(PATIENCE_S * 4):
        if holds():
            return
        await asyncio.sleep(0.25)
    raise AssertionError(f"never: {what}")


def _fill(home: Path, profiles: int) -> None:
    ops = open_operations(home, actor="bench")
    vaults = ops.samples.create()
    backups = home.parent / f"backups-{home.name}"
    backups.mkdir(exist_ok=True)
    for number in range(profiles):
        profile = ops.profiles.new()
        # Nothing falls due while it is measured.
        start = profile.start + timedelta(hours=6)
        profile.param.update(
            name=f"Profile {number:03}", instance="samples", databases=vaults, directory=str(backups), start=start
        )
        ops.profiles.create(profile)
    ops.close()


@contextmanager
def _serving(command: list[str], home: Path, *, asks: bool = True) -> Iterator[Served]:
    server = start(command, home)
    server.asks = asks
    try:
        server.url = server.said("ready")
        yield server
    finally:
        server.close()


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


def _visit(browser: Browser, url: str, selector: str) -> tuple[float, float]:
    """Return the milliseconds of a first visit and of a second one, each from its navigation."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    sign_in(context, url)
    times = []
    for _ in range(2):
        page = context.new_page()
        page.add_init_script(f"{TOOLS}; window.first = bench.shown({selector!r})")
        page.goto(url, wait_until="commit")
        times.append(float(page.evaluate("first")))
        page.close()
    context.close()
    return times[0], times[1]


def _open(browser: Browser, url: str, selector: str) -> Page:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    sign_in(context, url)
    page = context.new_page()
    page.add_init_script(TOOLS)
    page.goto(url)
    page.evaluate("selector => bench.shown(selector)", selector)
    # What the first page still does for itself, such as planning all profiles, is not what is measured.
    threading.Event().wait(2)
    return page


def _press(page: Page, key: str, field: str, target: str) -> float:
    page.evaluate(ARM, [field, target])
    page.keyboard.press(key)
    return float(page.evaluate("took"))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _pair(name: str, pairs: list[tuple[float, float]], limit: float, note: str, unit: str = "ms") -> Row:
    ratio = statistics.median(mine / other for mine, other in pairs)
    ours, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    figures = {"ours": round(ours, 1), "other": round(other, 1), "unit": unit, "ratio": round(ratio, 3)}
    return {"name": name, **figures, "limit": limit, "note": note}


def _alone(name: str, ours: float, unit: str, limit: float, note: str) -> Row:
    return {"name": name, "ours": round(ours, 2), "unit": unit, "limit": limit, "note": note}
