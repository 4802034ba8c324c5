"""Reads expressions, by descent: OR, AND, NOT, comparisons, sums, products, signs, and what stands alone."""

from __future__ import annotations

from collections.abc import Callable

from tests.standin.server.expressions import (
    Between,
    Binary,
    Call,
    Case,
    Cast,
    ColumnName,
    Exists,
    Expression,
    InList,
    IsNull,
    Like,
    Literal,
    Negation,
    Ordering,
    Parameter,
    Query,
    Star,
    Subquery,
    Window,
)
from tests.standin.server.token_stream import Tokens
from tests.standin.server.tokenizer import Kind

COMPARISONS = ("=", "<>", "!=", "<", ">", "<=", ">=", "!<", "!>")
NEGATED = {"!=": "<>", "!<": ">=", "!>": "<="}
CASTS = ("CAST", "TRY_CAST", "CONVERT", "TRY_CONVERT")
# Reserved words that are functions all the same.
FUNCTION_WORDS = ("COALESCE", "NULLIF", "LEFT", "RIGHT")
# The first argument of these is the bare name of a part of a date.
DATE_FUNCTIONS = ("DATEADD", "DATEDIFF", "DATEDIFF_BIG", "DATEPART", "DATENAME")

QueryReader = Callable[[Tokens], Query]


class ExpressionReader:
    """Reads expressions off a stream of tokens; `read_query` reads the queries inside of them."""

    def __init__(self, tokens: Tokens, read_query: QueryReader) -> None:
        self._tokens = tokens
        self._read_query = read_query

    def read(self) -> Expression:
        left = self._conjunction()
        while self._tokens.accept("OR"):
            left = Binary(operator="OR", left=left, right=self._conjunction())
        return left

    def list(self) -> tuple[Expression, ...]:
        """Read expressions between commas."""
        found = [self.read()]
        while self._tokens.accept_operator(","):
            found.append(self.read())
        return tuple(found)

    def orderings(self) -> tuple[Ordering, ...]:
        """Read what stands behind ORDER BY."""
        found = [self._ordering()]
        while self._tokens.accept_operator(","):
            found.append(self._ordering())
        return tuple(found)

    def _ordering(self) -> Ordering:
        key = self.read()
        descending = self._tokens.accept("DESC")
        if not descending:
            self._tokens.accept("ASC")
        return Ordering(key=key, descending=descending)

    def _conjunction(self) -> Expression:
        left = self._inversion()
        while self._tokens.accept("AND"):
            left = Binary(operator="AND", left=left, right=self._inversion())
        return left

    def _inversion(self) -> Expression:
        if self._tokens.accept("NOT"):
            return Negation(operator="NOT", operand=self._inversion())
        return self._comparison()

    def _comparison(self) -> Expression:
        tokens = self._tokens
        left = self._sum()
        while True:
            if tokens.at_operator(*COMPARISONS):
                operator = tokens.next().text
                left = Binary(operator=NEGATED.get(operator, operator), left=left, right=self._sum())
            elif tokens.accept("IS"):
                negated = tokens.accept("NOT")
                tokens.expect("NULL")
                left = _negate(IsNull(operand=left), negated)
            elif tokens.peek().word in ("IN", "LIKE", "BETWEEN") or (
                tokens.at("NOT") and tokens.peek(1).word in ("IN", "LIKE", "BETWEEN")
            ):
                negated = tokens.accept("NOT")
                left = _negate(self._predicate(left), negated)
            else:
                return left

    def _predicate(self, left: Expression) -> Expression:
        tokens = self._tokens
        kind = tokens.choose("IN", "LIKE", "BETWEEN")
        if kind == "BETWEEN":
            low = self._sum()
            tokens.expect("AND")
            return Between(operand=left, low=low, high=self._sum())
        if kind == "LIKE":
            pattern = self._sum()
            return Like(operand=left, pattern=pattern, escape=self._sum() if tokens.accept("ESCAPE") else None)
        tokens.expect_operator("(")
        values = self._read_query(tokens) if tokens.peek().word in ("SELECT", "WITH") else self.list()
        tokens.expect_operator(")")
        return InList(operand=left, values=values)

    def _sum(self) -> Expression:
        left = self._product()
        while self._tokens.at_operator("+", "-", "&", "|", "^"):
            left = Binary(operator=self._tokens.next().text, left=left, right=self._product())
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while self._tokens.at_operator("*", "/", "%"):
            left = Binary(operator=self._tokens.next().text, left=left, right=self._signed())
        return left

    def _signed(self) -> Expression:
        if self._tokens.at_operator("-", "~"):
            return Negation(operator=self._tokens.next().text, operand=self._signed())
        if self._tokens.accept_operator("+"):
            return self._signed()
        operand = self._primary()
        if self._tokens.at("COLLATE"):
            self._tokens.next()
            self._tokens.name()
        return operand

    def _primary(self) -> Expression:
        tokens = self._tokens
        token = tokens.peek()
        if token.kind in (Kind.STRING, Kind.NUMBER, Kind.BINARY):
            return Literal(value=tokens.next().value)
        if token.kind is Kind.VARIABLE:
            return Parameter(name=tokens.next().text)
        if tokens.accept("NULL"):
            return Literal(value=None)
        if tokens.accept_operator("*"):
            return Star()
        if tokens.accept_operator("("):
            return self._in_brackets()
        if tokens.accept("CASE"):
            return self._case()
        if tokens.accept("EXISTS"):
            tokens.expect_operator("(")
            query = self._read_query(tokens)
            tokens.expect_operator(")")
            return Exists(query=query)
        return self._named()

    def _in_brackets(self) -> Expression:
        if self._tokens.peek().word in ("SELECT", "WITH"):
            inner: Expression = Subquery(query=self._read_query(self._tokens))
        else:
            inner = self.read()
        self._tokens.expect_operator(")")
        return inner

    def _case(self) -> Expression:
        tokens = self._tokens
        subject = None if tokens.at("WHEN") else self.read()
        whens: list[tuple[Expression, Expression]] = []
        while tokens.accept("WHEN"):
            condition = self.read()
            if subject is not None:
                condition = Binary(operator="=", left=subject, right=condition)
            tokens.expect("THEN")
            whens.append((condition, self.read()))
        otherwise = self.read() if tokens.accept("ELSE") else Literal(value=None)
        tokens.expect("END")
        return Case(whens=tuple(whens), otherwise=otherwise)

    def _named(self) -> Expression:
        tokens = self._tokens
        word = tokens.peek().word
        if word in (*CASTS, *FUNCTION_WORDS) and tokens.peek(1).is_operator("("):
            tokens.next()
            tokens.next()
            return self._cast(word) if word in CASTS else self._call(word)
        parts = [tokens.name()]
        while tokens.accept_operator("."):
            if tokens.accept_operator("*"):
                return Star(qualifier=parts[-1])
            parts.append("" if tokens.at_operator(".") else tokens.name())
        if tokens.accept_operator("("):
            return self._call(".".join(parts).upper())
        return ColumnName(parts=tuple(parts))

    def _call(self, name: str) -> Expression:
        tokens = self._tokens
        distinct = tokens.accept("DISTINCT")
        if name in DATE_FUNCTIONS:
            part = Literal(value=tokens.name().lower())
            tokens.expect_operator(",")
            arguments: tuple[Expression, ...] = (part, *self.list())
        else:
            arguments = () if tokens.at_operator(")") else self.list()
        tokens.expect_operator(")")
        if tokens.accept("WITHIN", "GROUP"):
            tokens.expect_operator("(")
            tokens.expect("ORDER", "BY")
            window = Window(order=self.orderings())
            tokens.expect_operator(")")
            return Call(name=name, arguments=arguments, distinct=distinct, window=window)
        return Call(name=name, arguments=arguments, distinct=distinct, window=self._over())

    def _over(self) -> Window | None:
        tokens = self._tokens
        if not tokens.accept("OVER"):
            return None
        tokens.expect_operator("(")
        partition = self.list() if tokens.accept("PARTITION", "BY") else ()
        order = self.orderings() if tokens.accept("ORDER", "BY") else ()
        tokens.expect_operator(")")
        return Window(partition=partition, order=order)

    def _cast(self, word: str) -> Expression:
        tokens = self._tokens
        style: Expression | None = None
        if word.endswith("CAST"):
            operand = self.read()
            tokens.expect("AS")
            kind, size = read_type(tokens)
        else:
            kind, size = read_type(tokens)
            tokens.expect_operator(",")
            operand = self.read()
            style = self.read() if tokens.accept_operator(",") else None
        tokens.expect_operator(")")
        return Cast(operand=operand, type=kind, size=size, lenient=word.startswith("TRY_"), style=style)


def read_type(tokens: Tokens) -> tuple[str, int | None]:
    """Read a type: its name in small letters, and the first number in its brackets, -1 for max."""
    kind = tokens.name_parts()[-1].lower()
    if not tokens.accept_operator("("):
        return kind, None
    size = -1 if tokens.accept("MAX") else tokens.integer()
    if tokens.accept_operator(","):
        tokens.integer()
    tokens.expect_operator(")")
    return kind, size


def _negate(expression: Expression, negated: bool) -> Expression:
    return Negation(operator="NOT", operand=expression) if negated else expression
