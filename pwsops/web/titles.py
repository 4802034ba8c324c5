"""What the browser's window is called: the page first, since tabs are short."""

from __future__ import annotations

from pwsops.web.nav import (
    AUDIT,
    CERTIFICATES,
    CLEANUP,
    DATABASES,
    OVERVIEW,
    RESTORE,
    RUN,
    RUNS,
    SETTINGS,
    STEPS,
    WIZARD,
    Nav,
)

PRODUCT = "pwsops"
_PLAIN = {
    OVERVIEW: "Profiles",
    RUNS: "History",
    DATABASES: "Databases",
    RESTORE: "Restore",
    CERTIFICATES: "Certificates",
    SETTINGS: "Settings",
    AUDIT: "Audit log",
    CLEANUP: "Clean up",
}


def of(nav: Nav) -> str:
    """Return the title of the window for where somebody is."""
    return f"{_of_page(nav)} \N{EN DASH} {PRODUCT}"


def _of_page(nav: Nav) -> str:
    if nav.page == WIZARD:
        return f"{f'Edit {nav.profile}' if nav.profile else 'New profile'}, step {nav.step} of {STEPS}"
    if nav.page == RUN:
        return f"Run {nav.run}"
    name = _PLAIN[nav.page]
    if nav.page == CLEANUP and nav.profile:
        return f"{name} {nav.profile}"
    if nav.page == RESTORE and nav.database:
        return f"{name} {nav.database}"
    if nav.page == DATABASES and nav.instance:
        return f"{name} of {nav.instance}"
    return name
