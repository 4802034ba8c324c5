"""Tokens with a finger on the next one, and the server's way of refusing what should not stand there."""

from __future__ import annotations

from dataclasses import dataclass

from tests.standin.server.messages import ServerError, refuse
from tests.standin.server.tokenizer import Kind, Token, tokenize

RESERVED = frozenset(
    """ADD ALL ALTER AND ANY AS ASC AUTHORIZATION BACKUP BEGIN BETWEEN BY CASE CHECK CLOSE COALESCE COLUMN COMMIT
    CONVERT CREATE CROSS CURRENT DATABASE DECLARE DEFAULT DELETE DESC DISK DISTINCT DROP ELSE END ESCAPE EXEC
    EXECUTE EXISTS FETCH FILE FOR FROM FULL FUNCTION GOTO GRANT GROUP HAVING IF IN INNER INSERT INTO IS JOIN KEY
    KILL LEFT LIKE MERGE NOT NULL NULLIF OF OFF ON OPEN OPTION OR ORDER OUTER OVER PERCENT PRIMARY PRINT PROC
    PROCEDURE RESTORE RETURN RIGHT ROLLBACK SAVE SELECT SET TABLE THEN TO TOP TRAN TRANSACTION TRUNCATE UNION
    UNIQUE UPDATE USE USER VALUES VIEW WAITFOR WHEN WHERE WHILE WITH""".split()  # noqa: SIM905 - a list of eighty strings would be longer than what it says
)


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable or parameter, with its `@`."""

    name: str


Text = str | Variable
"""What BACKUP and RESTORE take for a name or a path: a constant or a variable."""


class Tokens:
    """The tokens of one batch."""

    def __init__(self, batch: str) -> None:
        self._tokens = list(tokenize(batch))
        self._at = 0

    def peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def next(self) -> Token:
        token = self.peek()
        self._at += 1
        return token

    @property
    def ended(self) -> bool:
        return self.peek().kind is Kind.END

    def refused(self) -> ServerError:
        """Return the error of the next token: 156 for a keyword, 102 for anything else."""
        token = self.peek()
        if token.word in RESERVED:
            return refuse(156, token.text)
        if token.kind is Kind.END and self._at:
            token = self._tokens[self._at - 1]
        return refuse(102, token.value if token.kind in (Kind.STRING, Kind.NAME) else token.text)

    def at(self, *words: str) -> bool:
        """Whether these words stand here, one after the other."""
        return all(self.peek(ahead).word == word for ahead, word in enumerate(words))

    def accept(self, *words: str) -> bool:
        """Take these words if they stand here."""
        if not self.at(*words):
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        for word in words:
            if not self.accept(word):
                raise self.refused()

    def choose(self, *words: str) -> str:
        """Take one of these words, whichever stands here."""
        if self.peek().word not in words:
            raise self.refused()
        return self.next().word

    def at_operator(self, *operators: str) -> bool:
        return self.peek().is_operator(*operators)

    def accept_operator(self, operator: str) -> bool:
        if not self.at_operator(operator):
            return False
        self._at += 1
        return True

    def expect_operator(self, operator: str) -> None:
        if not self.accept_operator(operator):
            raise self.refused()

    def name(self) -> str:
        """Take an identifier, quoted or not."""
        token = self.peek()
        if token.kind is not Kind.NAME and (token.kind is not Kind.WORD or token.word in RESERVED):
            raise self.refused()
        return str(self.next().value)

    def at_name(self) -> bool:
        token = self.peek()
        return token.kind is Kind.NAME or (token.kind is Kind.WORD and token.word not in RESERVED)

    def name_parts(self) -> tuple[str, ...]:
        """Take a name of up to four parts; a part left out (`msdb..backupset`) is empty."""
        parts = [self.name()]
        while self.accept_operator("."):
            parts.append("" if self.at_operator(".") else self.name())
        return tuple(parts)

    def string(self) -> str:
        if self.peek().kind is not Kind.STRING:
            raise self.refused()
        return str(self.next().value)

    def text(self) -> Text:
        """Take a string constant or a variable."""
        if self.peek().kind is Kind.VARIABLE:
            return Variable(name=self.next().text)
        return self.string()

    def database(self) -> Text:
        """Take a database's name or a variable that holds it."""
        return Variable(name=self.next().text) if self.peek().kind is Kind.VARIABLE else self.name()

    def integer(self) -> int:
        token = self.peek()
        if token.kind is not Kind.NUMBER or not isinstance(token.value, int):
            raise self.refused()
        self._at += 1
        return token.value
