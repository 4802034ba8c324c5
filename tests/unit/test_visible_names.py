"""What somebody says to a speech control is what they see: a name for readers holds the visible words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "pwsops" / "web"
TEMPLATES = sorted([*(WEB / "pages").rglob("*.html"), *(WEB / "ui").rglob("*.html")])
ACTION = re.compile(r'action\("[^"]+", "(?P<seen>[^"]+)"[^{}]*?full_label="(?P<named>[^"]+)"')
LABELLED = re.compile(r'<(?:a|button)[^>]* aria-label="(?P<named>[^"]*)"[^>]*>(?P<seen>[^<{]+)<')


def test_the_names_of_buttons_and_links_hold_what_is_seen_of_them() -> None:
    found = [
        (path.name, one)
        for path in TEMPLATES
        for shape in (ACTION, LABELLED)
        for one in shape.finditer(path.read_text())
    ]
    assert len(found) > 15
    amiss = [
        (name, one["seen"], one["named"])
        for name, one in found
        if one["seen"].casefold() not in one["named"].casefold()
    ]
    assert amiss == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_one_live_region_takes_what_changes_on_a_page(path: Path) -> None:
    """It is in `attention.js`; pieces name what goes there."""
    assert not re.search(r'role="status"|aria-live', path.read_text())
    announced = re.findall(r'data-announce="([^"]+)"', path.read_text())
    assert len(announced) == len(set(announced)) or path.name == "service.html", "one of two is shown there"
