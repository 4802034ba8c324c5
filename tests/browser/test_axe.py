"""Every page, light and dark, against all the rules that axe-core has for WCAG 2.1 A and AA and for good practice.

And at every width from that of a small phone to 4K: nothing sticks out at the side, and no control lies over another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pwsops.certificates import archive
from pwsops.operations import Operations, open_operations
from pwsops.rules.model import RunStatus
from tests.browser.axe import lasting, rules, violations
from tests.browser.looks import misplaced, shown
from tests.browser.serving import PATIENCE_S, Served, make_profile, serving, sign_in
from tests.pairs import pair
from tests.standin import demo, drivers
from tests.standin.wire import StandIn

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
WIDTHS = (3840, 1440, 768, 390, 320)
OVER_THE_PAGE = 600
"""On narrower pages the sidebar opens over what is there."""
THE_PAGE = "Bokeh.documents[0].roots().find(root => root.class_name === 'Page')"
VAULT = "family-vault.sqlite3"
PASSWORD = "a password of the tests"
RESTORE = "?page=restore&instance=office&database={}"
VAULTS_RESTORE = f"?page=restore&instance=samples&database={VAULT}"
FAILING = {"Broken": 1, "Tripped": 5, "Orders": 1}
"""How often each profile fails that does."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A page and what it shows once it is all there.

    `{run}` in its address is the number of a failed run, `{file}` a backup, and `{today}` the day of the test.
    """

    search: str
    shows: str


PAGES = {
    "overview": Look(search="", shows="Broken failed"),
    "calendar, a week": Look(search="?view=week&day={today}", shows="over or under way"),
    "calendar, a day": Look(search="?view=day&day={today}", shows="Back to the calendar"),
    "wizard, a day": Look(search="?page=wizard&step=2&view=day&day={today}", shows="Back to the calendar"),
    "overview, one selected": Look(search="?profile=Broken", shows="Runs: Broken"),
    "wizard, what": Look(search="?page=wizard", shows="Name of the profile"),
    "wizard, when": Look(search="?page=wizard&step=2", shows="Time zone"),
    "wizard, how": Look(search="?page=wizard&step=3", shows="Time limit in hours"),
    "wizard, an existing profile": Look(search="?page=wizard&profile=Vaults", shows="Edit Vaults"),
    "wizard, of a profile that is gone": Look(search="?page=wizard&profile=Nobody", shows="There is no profile"),
    "overview, sorted": Look(search="?sort=-name", shows="Broken failed"),
    "overview, searched": Look(search="?q=vault", shows="profiles found"),
    "history": Look(search="?page=runs", shows="Broken"),
    "history, a run unfolded": Look(search="?page=runs&opened={run}", shows=VAULT),
    "history, of one state": Look(search="?page=runs&status=failed&sort=-profile", shows="Tripped"),
    "history, nothing found": Look(search="?page=runs&q=zzz", shows="No run fits"),
    "history, from one day to another": Look(search="?page=runs&since=2026-01-01&until=2999-01-01", shows="Broken"),
    "history, days in the wrong order": Look(search="?page=runs&since=2026-02-02&until=2026-01-01", shows="is after"),
    "restores": Look(search="?page=runs&view=restores", shows="1 restore"),
    "run": Look(search="?page=run&run={run}", shows=VAULT),
    "a run among others": Look(search="?page=run&run={charted}", shows="Beside the last incremental runs"),
    "databases": Look(search="?page=databases&instance=samples", shows=VAULT),
    "one database": Look(search=f"?page=databases&instance=samples&database={VAULT}", shows=VAULT),
    "restores, nothing found": Look(search="?page=runs&view=restores&q=zzz", shows="No restore fits"),
    "restore, of nothing": Look(search="?page=restore", shows="No database was chosen"),
    "restore, from a file": Look(search=f"{VAULTS_RESTORE}&view=file", shows="File or directory"),
    "restore, a file of an address": Look(search=f"{VAULTS_RESTORE}&view=file&file={{file}}", shows="Read it"),
    "restore, how one went": Look(search=f"{VAULTS_RESTORE}&opened={{restored}}", shows="Restored"),
    "restore": Look(search=VAULTS_RESTORE, shows=VAULT),
    "certificates": Look(search="?page=certificates", shows="expires soon"),
    "certificates, those that are needed": Look(search="?page=certificates&status=required", shows="Certificates"),
    "certificates of a server": Look(search="?page=certificates", shows="On office"),
    "certificates, bringing one": Look(search="?page=certificates&view=bring&q=office", shows="new master key"),
    "certificates, importing": Look(search="?page=certificates&view=import", shows="Its password"),
    "certificates, making one": Look(search="?page=certificates&view=create", shows="Valid for years"),
    "certificates, exporting": Look(search="?page=certificates&view=export&q=all", shows="The same again"),
    "settings": Look(search="?page=settings", shows="answers"),
    "settings, adding an instance": Look(search="?page=settings&view=add", shows="answers"),
    "settings, editing a server": Look(search="?page=settings&view=edit&instance=office", shows="Edit office"),
    "databases of a server": Look(search="?page=databases&instance=office", shows="Nobody has backed up its log"),
    "wizard, a diagnosis": Look(search="?page=wizard&profile=Tripped", shows="Why it was switched off"),
    "a run of a server": Look(search="?page=run&run={of_server}", shows="3201"),
    "databases of no instance": Look(search="?page=databases&instance=nowhere", shows="nowhere"),
    "audit log": Look(search="?page=audit", shows="is as it was written"),
    "audit log, nothing found": Look(search="?page=audit&q=zzz", shows="0 entries"),
    "audit log, days in the wrong order": Look(
        search="?page=audit&since=2026-02-02&until=2026-01-01", shows="is after"
    ),
    "clean-up": Look(search="?page=cleanup&profile=Vaults", shows="would go"),
    "clean-up without a policy": Look(search="?page=cleanup&profile=Broken", shows="There is no policy"),
    "a message": Look(search="?page=run&run=999999", shows="There is no run"),
}

WITH_CHARTS = [name for name in PAGES if name.startswith(("overview", "calendar", "wizard, a day", "wizard, when"))]


@dataclass(frozen=True, kw_only=True)
class LivedIn:
    """A real server, and what addresses name.

    Runs that failed, of files and of a SQL Server, one after others, a restore, and the file that it was of.
    """

    served: Served
    run: int
    of_server: int
    charted: int
    restored: int
    file: str

    def url(self, search: str) -> str:
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        named = {name: value for name, value in vars(self).items() if name != "served"}
        return self.served.url + search.format(**named | {"today": today, "file": quote(self.file)})


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivedIn]:
    """A home with a green, an orange and a red profile of files, and one of a SQL Server that fails."""
    root = tmp_path_factory.mktemp("axe")
    drivers.find("msodbc")
    ops = open_operations(root / "home", actor="test")
    make_profile(ops, "Vaults", root / "backups", ops.samples.create())
    ops.certificates.create("Vault backups")
    soon = pair("soon", until=datetime.now(UTC) + timedelta(days=10))
    ops.certificates.import_file(archive.pack([soon], "x"), "x")
    for name in ("Broken", "Tripped"):
        make_profile(ops, name, root / name, [VAULT])
        (root / name).rmdir()
        (root / name).write_text("a file where the directory was")
    charted = [ops.runs.run_here("Vaults") for _ in range(3)][-1]
    assert charted.status is RunStatus.SUCCEEDED
    source = next(item for item in charted.items if item.database == VAULT)
    ops.restores.restore("samples", VAULT, source.path or "")
    restored = ops.restores.list(limit=1)[0]
    vaults = ops.profiles.get("Vaults")
    vaults.param.update(keep_last=1)
    ops.profiles.save("Vaults", vaults)
    with StandIn(demo.build(password=PASSWORD)) as stand_in:
        add_server(ops, stand_in.address)
        failed = {name: [ops.runs.run_here(name) for _ in range(times)] for name, times in FAILING.items()}
        assert {run.status for runs in failed.values() for run in runs} == {RunStatus.FAILED}
        with serving(root / "home") as server:
            yield LivedIn(
                served=server,
                run=failed["Broken"][0].id,
                of_server=failed["Orders"][0].id,
                charted=charted.id,
                restored=restored.id,
                file=source.path or "",
            )
        ops.close()


def add_server(ops: Operations, address: str) -> None:
    """An instance on the stand-in, with a profile whose directory is not there."""
    ops.instances.add(
        "office",
        engine="sqlserver",
        address=address,
        login=demo.LOGIN,
        password=PASSWORD,
        options={"trust_server_certificate": True},
    )
    profile = ops.profiles.new()
    profile.param.update(name="Orders", instance="office", databases=["orders"], directory="D:\\Gone", active=False)
    ops.profiles.create(profile)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The real server on a home in which nobody has done anything."""
    home: Path = tmp_path_factory.mktemp("axe-empty") / "home"
    with serving(home) as server:
        yield server


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all: what the toolkit consists of is fetched and compiled once."""
    context = browser.new_context(color_scheme="light", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_S * 1000)
    context.add_init_script("localStorage.clear()")
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext) -> Iterator[Open]:
    pages: list[Page] = []

    def open_page(url: str, width: int = 1440, height: int = 1000) -> Page:
        page = context.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        sign_in(context, url)
        page.goto(url)
        return page

    yield open_page
    for page in pages:
        page.close()


def look(visit: Open, url: str, shows: str, **options: int) -> Page:
    page: Page = visit(url, **options)
    expect(page.locator("main").get_by_text(shows).filter(visible=True).first).to_be_visible()
    return page


def wrong_in_light_and_dark(page: Page) -> list[str]:
    """Return what is wrong with a page, by day and by night."""
    found = [f"light: {line}" for line in lasting(page)]
    page.evaluate(f"{THE_PAGE}.data.dark_theme = true")
    expect(page.locator(".mui-dark").first).to_be_visible()
    return [*found, *(f"dark: {line}" for line in lasting(page))]


def wrong_at_a_width(page: Page) -> list[str]:
    """Return what sticks out at the side or lies over something else, from 4K to a small phone."""
    found = []
    for width in WIDTHS:
        if width < OVER_THE_PAGE:
            # There it opens over the page, and whoever comes with a phone finds it closed.
            page.evaluate(f"{THE_PAGE}.data.sidebar_open = false")
        page.set_viewport_size({"width": width, "height": 1000})
        found += [f"{width} px: {line}" for line in lasting(page, misplaced)]
    return found


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wrong_with_a_page_in_both_schemes_and_at_every_width(
    lived_in: LivedIn, visit: Open, name: str
) -> None:
    page = look(visit, lived_in.url(PAGES[name].search), PAGES[name].shows)
    if name in WITH_CHARTS:
        expect(page.get_by_role("img", name=re.compile("^Runs"))).to_be_visible()
    assert wrong_in_light_and_dark(page) == []
    assert wrong_at_a_width(page) == []


@pytest.mark.parametrize("search", ["", "?page=settings", "?page=databases", "?page=runs", "?page=certificates"])
def test_nothing_is_wrong_where_nothing_is_set_up(empty: Served, visit: Open, search: str) -> None:
    page: Page = visit(empty.url + search)
    expect(page.locator("main").get_by_role("heading").first).to_be_visible()
    assert wrong_in_light_and_dark(page) == []


def test_nothing_is_wrong_with_the_sidebar_over_a_narrow_page(lived_in: LivedIn, visit: Open) -> None:
    page = look(visit, lived_in.served.url, "Broken failed", width=380, height=800)
    page.get_by_role("button", name="Open drawer").click()
    history = page.get_by_role("navigation", name="Pages").get_by_role("link", name="History")
    expect(history).to_be_visible()
    assert wrong_in_light_and_dark(page) == []
    history.click()
    expect(page).to_have_url(re.compile("page=runs"))
    expect(history).not_to_be_visible()


def test_nothing_is_wrong_while_a_page_complains(lived_in: LivedIn, visit: Open) -> None:
    page = look(visit, lived_in.served.url + "?page=settings", "answers")
    page.get_by_label("Every", exact=True).fill("0")
    page.get_by_role("button", name="Remove samples").click()
    expect(shown(page, "Give a whole number of at least 1.")).to_be_visible()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    assert wrong_in_light_and_dark(page) == []


def ask_to_delete(page: Page) -> None:
    page.get_by_role("button", name="Delete the selected profile").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()


def add_a_server(page: Page) -> None:
    page.get_by_label("Engine").select_option("SQL Server")
    page.get_by_label("Encryption").select_option("no")
    page.get_by_label("Trust any certificate of the server").check()
    page.get_by_label("Login", exact=True).fill("ops")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(shown(page, "Give the password of this login.")).to_be_visible()


def name_a_user(page: Page) -> None:
    page.get_by_label("Instance").select_option("office")
    page.get_by_role("button", name="How").click()
    page.get_by_label("Who takes the backup").select_option("a named user")
    page.get_by_role("button", name="Create the profile").click()
    expect(shown(page, "Say who takes the backup.")).to_be_visible()


def browse_a_server(page: Page) -> None:
    page.get_by_label("Instance").select_option("office")
    page.get_by_role("button", name="Browse the server").click()
    expect(page.get_by_role("button", name=re.compile("Up to C:"))).to_be_visible()


def give_login_data(page: Page) -> None:
    page.get_by_role("button", name="Give another login").click()
    page.get_by_role("button", name="Use it: this login").click()
    expect(shown(page, "Say who is to restore.")).to_be_visible()


def restore_as_another(page: Page) -> None:
    page.get_by_role("button", name="Give another login").click()
    page.get_by_label("Login", exact=True).fill(demo.LOGIN)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password", exact=True).press("Enter")
    expect(shown(page, "this once")).to_be_visible()
    expect(shown(page, "No backup of orders that pwsops knows")).to_be_visible()


def choose_a_backup(page: Page) -> None:
    page.get_by_role("radio", name=re.compile("full")).first.click()
    expect(page.get_by_role("heading", name="3. Confirm")).to_be_visible()


def restore_it(page: Page) -> None:
    choose_a_backup(page)
    page.get_by_label(re.compile("Type the database's name")).fill(VAULT)
    page.get_by_role("button", name=f"Restore {VAULT}").click()
    expect(page.get_by_role("heading", name="Restored", exact=True)).to_be_visible()


def ask_to_remove(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Remove .* file")).click()
    expect(page.get_by_role("alertdialog")).to_be_visible()


def hold_a_backup(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Hold …")).first.click()
    page.get_by_role("button", name="Hold it").click()
    expect(shown(page, "Say what it is kept for, and who asked for it.")).to_be_visible()


STATES: dict[str, tuple[Look, Callable[[Page], None]]] = {
    "the question before deleting": (PAGES["overview, one selected"], ask_to_delete),
    "a server that is added": (PAGES["settings, adding an instance"], add_a_server),
    "the wizard with a named user": (PAGES["wizard, what"], name_a_user),
    "the directories of a server": (PAGES["wizard, what"], browse_a_server),
    "restore, login data missing": (Look(search=RESTORE.format("orders"), shows="Give another login"), give_login_data),
    "restore as another": (Look(search=RESTORE.format("orders"), shows="Give another login"), restore_as_another),
    "restore, what will happen": (PAGES["restore"], choose_a_backup),
    "clean-up, the question": (PAGES["clean-up"], ask_to_remove),
    "clean-up, holding": (PAGES["clean-up"], hold_a_backup),
    "restore, restored": (PAGES["restore"], restore_it),
}


@pytest.mark.parametrize("name", STATES)
def test_nothing_is_wrong_further_on(lived_in: LivedIn, visit: Open, context: BrowserContext, name: str) -> None:
    begin, lead_on = STATES[name]
    # Some of it wants somebody who has just signed in, and on a slow machine the pages above take longer than that.
    assert context.request.get(lived_in.served.link()).ok
    page = look(visit, lived_in.url(begin.search), begin.shows)
    lead_on(page)
    assert wrong_in_light_and_dark(page) == []


def test_what_is_wrong_is_found_deep_inside_a_page(empty: Served, visit: Open) -> None:
    page = look(visit, empty.url, "Nothing is set up yet")
    page.get_by_role("heading", name="Nothing is set up yet").evaluate(
        """heading => heading.insertAdjacentHTML("afterend", `<img src="data:,"><button></button>
           <p style="color: #ccc; background: #fff">pale</p><h5>deep</h5><div role="checkbox">x</div>`)"""
    )
    found = {line.partition(":")[0] for line in violations(page)}
    assert {"image-alt", "button-name", "color-contrast", "heading-order", "aria-required-attr"} <= found


def test_what_lies_over_something_else_or_sticks_out_is_found_deep_inside_a_page(empty: Served, visit: Open) -> None:
    page = look(visit, empty.url, "Nothing is set up yet")
    assert misplaced(page) == []
    page.get_by_role("heading", name="Nothing is set up yet").evaluate(
        """heading => heading.insertAdjacentHTML("afterend", `<div style="position: relative; height: 40px">
           <button style="position: absolute; left: 0">first</button>
           <button style="position: absolute; left: 9px">second</button></div>
           <div style="min-width: 4000px; height: 1px">wide</div>`)"""
    )
    found = misplaced(page)
    assert any("first" in line and "second" in line for line in found)
    assert any("wide" in line for line in found)


def test_no_rule_is_left_out(lived_in: LivedIn, visit: Open) -> None:
    page = look(visit, lived_in.served.url + "?page=settings", "answers")
    looked = set(rules(page))
    assert {"color-contrast", "label", "landmark-unique", "region", "page-has-heading-one", "empty-heading"} <= looked
