"""Reads queries."""

from __future__ import annotations

from tests.standin.server.expressions import Derived, Expression, Item, Join, Literal, Query, Select, Source, Table
from tests.standin.server.parse_expression import ExpressionReader
from tests.standin.server.token_stream import Tokens
from tests.standin.server.tokenizer import Kind

JOIN_WORDS = ("INNER", "LEFT", "RIGHT", "FULL", "CROSS", "OUTER", "JOIN")


def expressions(tokens: Tokens) -> ExpressionReader:
    """Return a reader of the expressions that come next."""
    return ExpressionReader(tokens, read_query)


def read_query(tokens: Tokens) -> Query:
    """Read a query with what belongs to it: WITH before, ORDER BY, OFFSET and OPTION behind."""
    ctes = _ctes(tokens) if tokens.accept("WITH") else ()
    selects = [_select(tokens)]
    everything = True
    while tokens.accept("UNION"):
        everything = tokens.accept("ALL") and everything
        selects.append(_select(tokens))
    order_by = expressions(tokens).orderings() if tokens.accept("ORDER", "BY") else ()
    offset, fetch = _page(tokens)
    if tokens.accept("OPTION"):
        _skip_brackets(tokens)
    return Query(
        selects=tuple(selects), all=everything, order_by=order_by, offset=offset, fetch=fetch, ctes=tuple(ctes)
    )


def _ctes(tokens: Tokens) -> list[Derived]:
    found: list[Derived] = []
    while True:
        alias = tokens.name()
        columns = _column_names(tokens)
        tokens.expect("AS")
        tokens.expect_operator("(")
        found.append(Derived(alias=alias, query=read_query(tokens), columns=columns))
        tokens.expect_operator(")")
        if not tokens.accept_operator(","):
            return found


def _page(tokens: Tokens) -> tuple[Expression | None, Expression | None]:
    if not tokens.accept("OFFSET"):
        return None, None
    offset = expressions(tokens).read()
    tokens.choose("ROW", "ROWS")
    if not tokens.accept("FETCH"):
        return offset, None
    tokens.choose("NEXT", "FIRST")
    fetch = expressions(tokens).read()
    tokens.choose("ROW", "ROWS")
    tokens.expect("ONLY")
    return offset, fetch


def _select(tokens: Tokens) -> Select:
    tokens.expect("SELECT")
    distinct = tokens.accept("DISTINCT")
    if not distinct:
        tokens.accept("ALL")
    top = _top(tokens)
    items = [_item(tokens)]
    while tokens.accept_operator(","):
        items.append(_item(tokens))
    source = _sources(tokens) if tokens.accept("FROM") else None
    where = expressions(tokens).read() if tokens.accept("WHERE") else None
    group_by = expressions(tokens).list() if tokens.accept("GROUP", "BY") else ()
    having = expressions(tokens).read() if tokens.accept("HAVING") else None
    return Select(
        items=tuple(items), distinct=distinct, top=top, source=source, where=where, group_by=group_by, having=having
    )


def _top(tokens: Tokens) -> Expression | None:
    if not tokens.accept("TOP"):
        return None
    if tokens.accept_operator("("):
        value = expressions(tokens).read()
        tokens.expect_operator(")")
        return value
    return Literal(value=tokens.integer())


def _item(tokens: Tokens) -> Item:
    if tokens.peek().kind is Kind.VARIABLE and tokens.peek(1).is_operator("="):
        variable = tokens.next().text
        tokens.next()
        return Item(value=expressions(tokens).read(), variable=variable)
    if tokens.at_name() and tokens.peek(1).is_operator("="):
        alias = tokens.name()
        tokens.next()
        return Item(value=expressions(tokens).read(), alias=alias)
    value = expressions(tokens).read()
    return Item(value=value, alias=_item_alias(tokens))


def _item_alias(tokens: Tokens) -> str:
    if tokens.accept("AS") or tokens.at_name():
        return tokens.string() if tokens.peek().kind is Kind.STRING else tokens.name()
    return ""


def _sources(tokens: Tokens) -> Source:
    source = _joined(tokens)
    while tokens.accept_operator(","):
        source = Join(kind="CROSS", left=source, right=_joined(tokens))
    return source


def _joined(tokens: Tokens) -> Source:
    left = _source(tokens)
    while tokens.peek().word in JOIN_WORDS:
        left = _join(tokens, left)
    return left


def _join(tokens: Tokens, left: Source) -> Source:
    kind = "INNER" if tokens.at("JOIN") else tokens.choose(*JOIN_WORDS)
    if kind in ("CROSS", "OUTER") and tokens.accept("APPLY"):
        right = _source(tokens)
        return Join(kind="LEFT" if kind == "OUTER" else "CROSS", left=left, right=right, lateral=True)
    tokens.accept("OUTER")
    tokens.expect("JOIN")
    right = _source(tokens)
    if kind == "CROSS":
        return Join(kind=kind, left=left, right=right)
    tokens.expect("ON")
    return Join(kind=kind, left=left, right=right, on=expressions(tokens).read())


def _source(tokens: Tokens) -> Source:
    if tokens.accept_operator("("):
        return _bracketed(tokens)
    parts = tokens.name_parts()
    arguments: tuple[Expression, ...] | None = None
    if tokens.accept_operator("("):
        arguments = () if tokens.at_operator(")") else expressions(tokens).list()
        tokens.expect_operator(")")
    alias = _alias(tokens) or parts[-1]
    if tokens.at("WITH") and tokens.peek(1).is_operator("("):
        tokens.next()
        _skip_brackets(tokens)
    return Table(parts=parts, alias=alias, arguments=arguments)


def _bracketed(tokens: Tokens) -> Source:
    if tokens.accept("VALUES"):
        rows = [_value_row(tokens)]
        while tokens.accept_operator(","):
            rows.append(_value_row(tokens))
        tokens.expect_operator(")")
        alias = _alias(tokens)
        return Derived(alias=alias, rows=tuple(rows), columns=_column_names(tokens))
    if tokens.peek().word in ("SELECT", "WITH"):
        query = read_query(tokens)
        tokens.expect_operator(")")
        alias = _alias(tokens)
        return Derived(alias=alias, query=query, columns=_column_names(tokens))
    inner = _joined(tokens)
    tokens.expect_operator(")")
    return inner


def _value_row(tokens: Tokens) -> tuple[Expression, ...]:
    tokens.expect_operator("(")
    values = expressions(tokens).list()
    tokens.expect_operator(")")
    return values


def _alias(tokens: Tokens) -> str:
    return tokens.name() if tokens.accept("AS") or (tokens.at_name() and not tokens.at("OFFSET")) else ""


def _column_names(tokens: Tokens) -> tuple[str, ...]:
    if not tokens.accept_operator("("):
        return ()
    names = [tokens.name()]
    while tokens.accept_operator(","):
        names.append(tokens.name())
    tokens.expect_operator(")")
    return tuple(names)


def _skip_brackets(tokens: Tokens) -> None:
    tokens.expect_operator("(")
    depth = 1
    while depth:
        token = tokens.next()
        if token.kind is Kind.END:
            raise tokens.refused()
        depth += {"(": 1, ")": -1}.get(token.text if token.kind is Kind.OPERATOR else "", 0)
