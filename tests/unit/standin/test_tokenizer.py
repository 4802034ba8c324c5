"""The tokenizer reads what the Transact-SQL reference says, and refuses what the server refuses."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standin.server.messages import ServerError
from tests.standin.server.tokenizer import Kind, tokenize


def read(batch: str) -> list[tuple[Kind, object]]:
    return [(token.kind, token.value) for token in tokenize(batch)][:-1]


@pytest.mark.parametrize(
    ("batch", "kind", "value"),
    [
        ("N'it''s'", Kind.STRING, "it's"),
        ("'plain'", Kind.STRING, "plain"),
        ("n'small'", Kind.STRING, "small"),
        ("''", Kind.STRING, ""),
        ("[a]]b]", Kind.NAME, "a]b"),
        ('"a""b"', Kind.NAME, 'a"b'),
        ("[trailing ]", Kind.NAME, "trailing "),
        ("@p1", Kind.VARIABLE, "@p1"),
        ("@@SPID", Kind.VARIABLE, "@@SPID"),
        ("0x0aFF", Kind.BINARY, b"\x0a\xff"),
        ("0xA", Kind.BINARY, b"\x0a"),
        ("12", Kind.NUMBER, 12),
        ("1.50", Kind.NUMBER, Decimal("1.50")),
        (".5", Kind.NUMBER, Decimal("0.5")),
        ("2e3", Kind.NUMBER, 2000.0),
        ("backupset", Kind.WORD, "backupset"),
        ("#temporary", Kind.WORD, "#temporary"),
        ("Überblick", Kind.WORD, "Überblick"),
        ("<>", Kind.OPERATOR, "<>"),
    ],
)
def test_a_token_means_what_it_says(batch: str, kind: Kind, value: object) -> None:
    assert read(batch) == [(kind, value)]


def test_comments_are_passed_over_and_may_nest() -> None:
    assert read("1 /* a /* b */ c */ -- d\n, 2 --e") == [(Kind.NUMBER, 1), (Kind.OPERATOR, ","), (Kind.NUMBER, 2)]


def test_a_comment_mark_inside_a_string_is_text() -> None:
    assert read("N'-- /* no */'") == [(Kind.STRING, "-- /* no */")]


def test_a_backslash_before_a_line_break_continues_a_string() -> None:
    assert read("N'abc\\\ndef'") == [(Kind.STRING, "abcdef")]
    assert read("N'abc\\\r\ndef'") == [(Kind.STRING, "abcdef")]
    assert read("N'abc\ndef'") == [(Kind.STRING, "abc\ndef")]
    assert read("[abc\\\ndef]") == [(Kind.NAME, "abc\\\ndef")]


@pytest.mark.parametrize(
    ("batch", "numbers"),
    [
        ("N'open", [105, 102]),
        ("[open", [105, 102]),
        ("/* open /* inner */", [113]),
        ("[]", [102]),
        ("[" + "a" * 129 + "]", [103]),
        ("[" + "\N{FLOPPY DISK}" * 65 + "]", [103]),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_servers_number(batch: str, numbers: list[int]) -> None:
    with pytest.raises(ServerError) as refused:
        read(batch)
    assert [one.number for one in refused.value.said] == numbers


def test_a_name_of_128_utf16_units_is_read() -> None:
    name = "\N{FLOPPY DISK}" * 64
    assert read(f"[{name}]") == [(Kind.NAME, name)]


@given(st.text(st.characters(exclude_characters="\\\0", exclude_categories=["Cs"])))
def test_a_string_with_doubled_quotes_comes_back(text: str) -> None:
    assert read("N'" + text.replace("'", "''") + "'") == [(Kind.STRING, text)]
