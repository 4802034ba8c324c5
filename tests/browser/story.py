"""The mission's main story, step by step on the pages: the same for every engine, but for what lies behind them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from playwright.sync_api import Locator, Page, expect

from tests.browser.looks import shown
from tests.browser.serving import Served, sign_in

PROFILE = "Vault"


class Place(Protocol):
    """Where a database lives, and what an ordinary client and an unlucky administrator do there.

    Attributes
    ----------
    database
        Its name on the instance.
    directory, other_directory
        Where its backups go at first, and once that one can no longer be used: as the server sees them.
    """

    database: str
    directory: str
    other_directory: str

    def add_instance(self, page: Page) -> None:
        """Fill in the form of a new instance, and save it."""

    def finish_profile(self, page: Page) -> None:
        """Fill in what the last step of the wizard wants for this engine."""

    def before_restore(self, page: Page) -> None:
        """Say who restores, where this engine wants to know."""

    def change(self) -> None:
        """Change some rows as an ordinary client."""

    def destroy(self) -> None:
        """Delete every row as an ordinary client."""

    def contents(self) -> object:
        """Return every row as an ordinary client reads them."""

    def media(self, kind: str) -> int:
        """Count the media files of a kind, FULL or DIFF, in the first directory."""

    def take_directory_away(self) -> None:
        """Let the first directory be of no more use to the server."""


def tell(place: Place, page: Page, server: Served, begin_again: Callable[[], Served]) -> None:
    """Live through it all: set up, back up, lose, restore, fail five times, amend, stop, delete, look back."""
    set_up(place, page)
    back_up(place, page)
    lose_and_restore(place, page)
    fail_five_times(place, page)
    amend(place, page)
    stop_and_start_the_service(page)
    delete_and_look_back(place, page, server, begin_again)


def set_up(place: Place, page: Page) -> None:
    """From an empty home to a profile, by the instance and the wizard whose calendar follows."""
    expect(page.get_by_role("heading", name="Nothing is set up yet")).to_be_visible()
    menu(page, "Settings")
    page.get_by_role("button", name="Add an instance").click()
    page.get_by_label("Name", exact=True).fill("office")
    place.add_instance(page)
    page.get_by_role("link", name="New profile").click()
    page.get_by_label("Name of the profile").fill(PROFILE)
    page.get_by_label(place.database).check()
    page.get_by_label("Directory on the database server").fill(place.directory)
    page.get_by_role("button", name="Next").click()
    plan = page.get_by_role("list", name="Days")
    before = plan.inner_text()
    page.get_by_label("Every", exact=True).fill("12")
    expect(shown(page, re.compile("every 12 hours"))).to_be_visible()
    expect(plan).not_to_have_text(before, use_inner_text=True)
    page.get_by_role("button", name="Next").click()
    place.finish_profile(page)
    page.get_by_role("button", name="Create the profile").click()


def back_up(place: Place, page: Page) -> None:
    """A full, changes by an ordinary client, an incremental."""
    run_now(page, 1, "succeeded")
    place.change()
    run_now(page, 2, "succeeded")
    assert [place.media(kind) for kind in ("FULL", "DIFF")] == [1, 1]


def lose_and_restore(place: Place, page: Page) -> None:
    """The worst day: the data is gone, and comes back."""
    kept = place.contents()
    place.destroy()
    assert place.contents() != kept
    menu(page, "Databases")
    page.get_by_role("link", name=f"Restore … into {place.database}").click()
    expect(page.get_by_role("heading", name=f"Restore into {place.database}")).to_be_visible()
    place.before_restore(page)
    page.get_by_role("radio", name=re.compile("incremental")).click()
    restore = page.get_by_role("button", name=f"Restore {place.database}")
    expect(restore).to_have_attribute("aria-disabled", "true")
    page.get_by_label(re.compile("Type the database's name")).fill(place.database)
    restore.click()
    expect(page.get_by_role("heading", name="Restored")).to_be_visible()
    assert place.contents() == kept


def fail_five_times(place: Place, page: Page) -> None:
    """The directory can no longer be used: orange, and after five red."""
    place.take_directory_away()
    menu(page, "Profiles")
    run_now(page, 1, "failed")
    expect(profile_row(page)).to_have_class(re.compile("is-orange"))
    expect(page.get_by_role("region", name="Messages of the failing profiles")).to_contain_text(place.directory)
    for nth in range(2, 6):
        run_now(page, nth, "failed")
    expect(profile_row(page)).to_have_class(re.compile("is-red"))
    activate = page.get_by_role("button", name="Activate", exact=True)
    expect(activate).to_have_attribute("aria-disabled", "true")
    expect(activate).to_have_attribute("title", re.compile("amend"))


def amend(place: Place, page: Page) -> None:
    """Amended in the wizard, it runs again."""
    page.get_by_role("link", name="Fix this profile").click()
    expect(page.get_by_role("heading", name="Why it was switched off")).to_be_visible()
    save = page.get_by_role("button", name="Save and activate")
    save.click()
    expect(shown(page, re.compile("Change what made it fail"))).to_be_visible()
    page.get_by_label("Directory on the database server").fill(place.other_directory)
    save.click()
    expect(profile_row(page)).to_be_visible()
    run_now(page, 3, "succeeded")
    expect(profile_row(page)).not_to_have_class(re.compile("is-red|is-orange"))


def stop_and_start_the_service(page: Page) -> None:
    """Stopped, the service says why nothing can be started; started, it goes on."""
    page.get_by_role("button", name="Stop the backup service").click()
    page.get_by_role("button", name="Stop the service", exact=True).click()
    start_button = page.get_by_role("button", name=f"Start now: {PROFILE}")
    expect(start_button).to_have_attribute("title", re.compile("service is stopped"))
    page.get_by_role("button", name="Start the backup service").click()
    expect(start_button).not_to_have_attribute("aria-disabled", "true")


def delete_and_look_back(place: Place, page: Page, server: Served, begin_again: Callable[[], Served]) -> None:
    """Deleted, with its history kept: also after a restart."""
    page.get_by_role("button", name="Delete the selected profile").click()
    page.get_by_role("button", name=f"Delete {PROFILE}").click()
    expect(page.get_by_role("heading", name="No profile yet")).to_be_visible()
    assert server.end() == 0
    url = begin_again().url
    sign_in(page.context, url)
    page.goto(f"{url}?page=runs")
    rows = page.get_by_role("row").filter(has_text=PROFILE)
    expect(rows).to_have_count(8)
    expect(rows.filter(has_text="failed")).to_have_count(5)
    page.get_by_role("link", name="Restores").click()
    restores = page.get_by_role("region", name="Restores").get_by_role("row")
    expect(restores.filter(has_text=place.database)).to_contain_text("succeeded")


def menu(page: Page, name: str) -> None:
    """Go to a page by the sidebar."""
    page.get_by_role("navigation").get_by_text(name, exact=True).first.click()


def run_now(page: Page, nth: int, word: str) -> None:
    """Start the profile and wait until its so-manieth run has ended as it should."""
    page.get_by_role("button", name=f"Start now: {PROFILE}").click()
    ended = page.get_by_role("region", name="Latest runs").get_by_role("row").filter(has_text=word)
    expect(ended).to_have_count(nth)


def profile_row(page: Page) -> Locator:
    """The profile's row in the list."""
    return page.locator("tr[data-double]").filter(has=page.get_by_role("button", name=PROFILE, exact=True))
