"""Reads statements about logins, users, roles and permissions."""

from __future__ import annotations

from tests.standin.server.security_statements import ChangeRole, CreateLogin, CreateUser, Grant
from tests.standin.server.token_stream import Text, Tokens
from tests.standin.server.tokenizer import Kind


def read_create_login(tokens: Tokens) -> CreateLogin:
    """Read what stands behind CREATE LOGIN; only the password matters here."""
    login = tokens.name()
    password: Text | None = None
    if tokens.accept("WITH", "PASSWORD"):
        tokens.expect_operator("=")
        password = tokens.text()
        while tokens.accept_operator(","):
            tokens.name()
            tokens.expect_operator("=")
            tokens.next()
    else:
        tokens.expect("FROM", "WINDOWS")
    return CreateLogin(login=login, password=password)


def read_create_user(tokens: Tokens) -> CreateUser:
    """Read what stands behind CREATE USER."""
    user = tokens.name()
    return CreateUser(user=user, login=tokens.name() if tokens.accept("FOR", "LOGIN") else user)


def read_alter_role(tokens: Tokens, *, server: bool) -> ChangeRole:
    """Read what stands behind ALTER ROLE or ALTER SERVER ROLE."""
    role = tokens.name()
    added = tokens.choose("ADD", "DROP") == "ADD"
    tokens.expect("MEMBER")
    return ChangeRole(role=role.lower(), member=tokens.name(), added=added, server=server)


def read_grant(tokens: Tokens) -> Grant:
    """Read what stands behind GRANT."""
    words: list[str] = []
    while not tokens.at("ON") and not tokens.at("TO"):
        if tokens.peek().kind is not Kind.WORD:
            raise tokens.refused()
        words.append(tokens.next().word)
    kind = ""
    securable: tuple[str, ...] = ()
    if tokens.accept("ON"):
        if tokens.accept("CERTIFICATE"):
            kind = "CERTIFICATE"
            tokens.expect_operator("::")
        securable = tokens.name_parts()
    tokens.expect("TO")
    return Grant(permission=" ".join(words), securable=securable, principal=tokens.name(), kind=kind)
