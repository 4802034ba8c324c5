"""Whatever a name or a path holds: each statement parses, and a tokenizer of another author reads it back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pwsops.engines.certificates import CertificateFiles
from pwsops.engines.sqlserver import certificate_tsql, queries, tsql
from pwsops.errors import InvalidInput
from tests.standin.server.messages import ServerError
from tests.standin.server.tokenizer import Kind, Token, tokenize
from tests.unit.engines.sqlserver.parser import parses

NASTY = "]['\"\n\r\t\\/ ;,-*%_@#\u00e9\u0130\u200b\u2028\ufeff\U0001f5c4\U00010000"
CONTINUED = re.compile(r"\\[\r\n]")
ROOTS = ("D:\\", "D:\\Backup\\", "\\\\nas\\share\\", "/", "/var/opt/mssql/backup/")

characters = st.one_of(st.sampled_from(NASTY), st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
texts = st.text(characters, max_size=140)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


names = st.one_of(
    st.text(characters, min_size=1, max_size=20),
    st.text(characters, min_size=1, max_size=20).map(lambda text: text + " "),
    characters.map(lambda one: one * (128 // _units(one))),
).filter(lambda name: 1 <= _units(name) <= 128)
paths = st.builds(
    lambda root, parts: root + root[-1].join(parts),
    st.sampled_from(ROOTS),
    st.lists(st.text(characters, min_size=1, max_size=30), min_size=1, max_size=4),
).filter(lambda path: not CONTINUED.search(path))


@dataclass(frozen=True, kw_only=True)
class Given:
    """What goes into statements. No text is cut, and none has a line that T-SQL would continue."""

    database: str
    certificate: str
    device: str
    other_device: str
    description: str
    logical: str
    password: str

    @property
    def plain(self) -> Given:
        """The same with nothing in it that needs quoting."""
        return Given(**{field.name: "x" for field in fields(self)})


literals = texts.map(lambda text: text[:60]).filter(lambda text: not CONTINUED.search(text))
given_texts = st.builds(
    Given,
    database=names,
    certificate=names,
    device=paths,
    other_device=paths,
    description=literals,
    logical=names.filter(lambda name: not CONTINUED.search(name)),
    password=literals,
)


def statements(one: Given) -> Iterator[tuple[str, Sequence[str]]]:
    """Every statement that there is, each with the texts that it holds, in order."""
    described = (one.description, one.description)
    yield (
        tsql.backup(one.database, [one.device], description=one.description, differential=True, buffer_count=7),
        (one.database, one.device, *described),
    )
    yield (
        tsql.backup(
            one.database,
            [one.device, one.other_device],
            description=one.description,
            copy_only=True,
            fresh=True,
            compress=False,
            encrypt_with=one.certificate,
            max_transfer_size=65536,
        ),
        (one.database, one.device, one.other_device, one.certificate, *described),
    )
    yield tsql.verify([one.device, one.other_device], position=3), (one.device, one.other_device)
    yield tsql.header(one.device), (one.device,)
    yield tsql.label(one.device), (one.device,)
    yield tsql.file_list([one.device], position=2), (one.device,)
    yield (
        tsql.restore(
            one.database,
            [one.device],
            position=2,
            recover=False,
            replace=True,
            moves={one.logical: one.other_device},
        ),
        (one.database, one.device, one.logical, one.other_device),
    )
    yield tsql.offline(one.database), (one.database,)
    yield tsql.online(one.database), (one.database,)
    yield tsql.user_access(one.database, "RESTRICTED_USER"), (one.database,)
    yield tsql.drop_database(one.database), (one.database,)
    for modern in (False, True):
        device = re.sub(r"[*?]", "_", one.device)
        yield tsql.delete_file(device, modern=modern), (device,)
    files = CertificateFiles(certificate=one.device, key=one.other_device)
    for certificate in (certificate_tsql.save, certificate_tsql.take):
        yield (
            certificate(one.certificate, files, one.password),
            (one.certificate, one.device, one.other_device, one.password),
        )
    yield certificate_tsql.create_master_key(one.password), (one.password,)
    yield certificate_tsql.let_save(one.certificate, one.database, has_user=True), (one.certificate, one.database)
    yield certificate_tsql.let_take(one.database, has_user=False), (one.database,) * 3
    yield queries.contents(one.database), (one.database,) * 3


def quoted(statement: str) -> list[Token]:
    return [token for token in tokenize(statement) if token.kind in (Kind.NAME, Kind.STRING)]


def shape(statement: str) -> list[tuple[Kind, object]]:
    """What a statement is, apart from the texts in it."""
    return [
        (token.kind, None if token.kind in (Kind.NAME, Kind.STRING) else token.value) for token in tokenize(statement)
    ]


def left_open(statement: str) -> str:
    """Break a statement as a forgotten quotation mark does: the last text in it never ends."""
    last = quoted(statement)[-1]
    end = last.start + len(last.text)
    return statement[: end - 1] + statement[end:]


@given(given_texts)
def test_the_tokenizer_reads_back_what_went_in_and_nothing_of_it_becomes_a_clause(one: Given) -> None:
    for (statement, texts_in_it), (plain, _) in zip(statements(one), statements(one.plain), strict=True):
        assert [token.value for token in quoted(statement)] == list(texts_in_it)
        assert shape(statement) == shape(plain)


MIXED = Given(
    database="x",
    certificate="x",
    device="/x",
    other_device="/x",
    description="\r\n\n",
    logical="x",
    password="\r\n\n",
)


@given(given_texts)
@example(MIXED)
@settings(max_examples=40)
def test_every_statement_parses_and_none_of_their_broken_twins_does(one: Given) -> None:
    made = [statement for statement, _ in statements(one)]
    assert parses(";\n".join(made))
    for statement in made:
        twin = left_open(statement)
        assert not parses(twin), twin
        with pytest.raises(ServerError):
            list(tokenize(twin))


@given(st.text(characters, max_size=100))
def test_a_text_is_a_literal_or_is_refused_where_t_sql_would_lose_a_part_of_it(text: str) -> None:
    if CONTINUED.search(text):
        with pytest.raises(InvalidInput):
            tsql.literal(text)
    else:
        assert [token.value for token in tokenize(tsql.literal(text))] == [text, ""]


@given(st.text(characters, max_size=150))
def test_a_name_is_an_identifier_or_is_refused_for_its_length(name: str) -> None:
    if 1 <= _units(name) <= 128:
        assert [token.value for token in tokenize(tsql.identifier(name))] == [name, ""]
    else:
        with pytest.raises(InvalidInput):
            tsql.identifier(name)


@given(st.text(characters, min_size=100, max_size=400))
def test_a_long_description_is_cut_to_what_a_set_keeps_and_the_statement_stays_whole(description: str) -> None:
    assume(not CONTINUED.search(description))
    name, kept = (str(token.value) for token in quoted(tsql.backup("v", ["/b"], description=description))[-2:])
    assert kept == tsql.description_of(description)
    for cut, limit in ((name, 128), (kept, 255)):
        assert description.startswith(cut)
        assert _units(cut) in (limit, limit - 1) or cut == description
