"""What axe-core finds wrong with a page, in words that lead to the place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice")
LOOKS = 12
_AXE = Axe()


def violations(page: Page, tags: Sequence[str] = TAGS) -> list[str]:
    """Return every violation on the page as it stands now, one line an element: the rule, where, and why.

    Parameters
    ----------
    page
        Shown and at rest: axe looks once.
    tags
        Which groups of rules; each group is applied as a whole, no rule is left out.
    """
    options = {"runOnly": {"type": "tag", "values": list(tags)}, "resultTypes": ["violations"]}
    found = _AXE.run(page, options=options).response
    return [
        f"{violation['id']}: {_place(node['target'])}: {_why(node)} {node['html'][:160]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def lasting(page: Page, look: Callable[[Page], list[str]] = violations) -> list[str]:
    """Return what stays wrong: a page that still fades from light to dark, or still fills, is looked at again."""
    found = look(page)
    for _ in range(LOOKS):
        if not found:
            return []
        page.wait_for_timeout(250)
        found = look(page)
    return found


def rules(page: Page) -> list[str]:
    """Return the names of the rules that had something to look at, whatever came of it."""
    options = {"runOnly": {"type": "tag", "values": list(TAGS)}, "resultTypes": ["passes", "violations"]}
    found = _AXE.run(page, options=options).response
    return [rule["id"] for group in ("passes", "violations") for rule in found[group]]


def _place(target: Sequence[object]) -> str:
    # Inside of shadow roots a place is a list: the host, then what is in it.
    return " ".join(" in ".join(map(str, part)) if isinstance(part, list) else str(part) for part in target)


def _why(node: dict[str, list[dict[str, str]]]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])
