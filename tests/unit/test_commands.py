"""Commands in what is said to people."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwsops import commands
from pwsops.web.ui.markup import render

PIECES = st.lists(
    st.sampled_from(["`", "``", "a", "pwsops run", " ", "\n", "(", ")", ".", "<", "&", "'", "é"]), max_size=20
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Run `pwsops doctor`.", "Run <code>pwsops doctor</code>."),
        ("(`df -i`), then `pwsops run`", "(<code>df -i</code>), then <code>pwsops run</code>"),
        ("The database a`b`c is gone.", "The database a`b`c is gone."),
        ("A lone ` stays, and `` too.", "A lone ` stays, and `` too."),
        ("` no command `", "` no command `"),
    ],
)
def test_what_stands_in_backticks_is_code(said: str, shown: str) -> None:
    assert commands.in_text(said) == shown


@given(PIECES)
def test_nothing_is_lost_but_backticks_and_nothing_else_becomes_markup(pieces: list[str]) -> None:
    escaped = html.escape("".join(pieces))
    shown = commands.in_page(f'<p title="{escaped}">{escaped}</p><textarea>{escaped}</textarea>')
    assert shown.startswith(f'<p title="{escaped}">')
    assert shown.endswith(f"</p><textarea>{escaped}</textarea>")
    text = shown.removeprefix(f'<p title="{escaped}">').removesuffix(f"</p><textarea>{escaped}</textarea>")
    assert re.sub("</?code>", "`", text) == escaped


def test_pages_show_commands_as_code_and_what_a_server_said_word_for_word() -> None:
    page = render("problem.html", message="It is `odd`.", hint="See `pwsops <doctor>`.", command="a `b` c")
    assert "It is <code>odd</code>." in page
    assert "See <code>pwsops &lt;doctor&gt;</code>." in page
    assert "<code>a `b` c</code>" in page
