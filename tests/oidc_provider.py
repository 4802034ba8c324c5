"""An OpenID Connect provider for the tests: real addresses, real signatures, and what a forger would send instead."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "pwsops-client", "a secret of the tests"
Claims = dict[str, Any]


class Provider:
    """Signs everybody in who is sent to it, at once, as `user`.

    Attributes
    ----------
    user
        Claims about who is signed in there.
    clock
        Its time, in seconds.
    claims, token
        Change the claims, or the finished token, before they are sent: as a forger would.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.user: Claims = {"sub": "7d1c", "email": "ada@example.org", "email_verified": True}
        self.clock: Callable[[], float] = lambda: 0.0
        self.claims: Callable[[Claims], Claims] = lambda claims: claims
        self.token: Callable[[str], str] = lambda token: token
        self.key = _key("first")
        self.issuer = url
        self.silent = False
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def new_key(self, name: str) -> None:
        self.key = _key(name)

    def authorize(self, query: str) -> str:
        """Answer what the browser asks with the address to go back to."""
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        assert asked["code_challenge_method"] == "S256"
        assert asked["response_type"] == "code"
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def exchange(self, form: dict[str, str], authorization: str) -> Claims | None:
        """Return the answer to a code, once, to the client that it was made for; None for anybody else."""
        asked = self._codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '+')}".encode()).decode()
        plain = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or authorization not in (f"Basic {basic}", f"Basic {plain}"):
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if challenge != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            return None
        now = int(self.clock())
        claims = {"iss": self.issuer, "aud": CLIENT, "nonce": asked["nonce"], "iat": now, "exp": now + 300, **self.user}
        if "max_age" in asked:
            claims["auth_time"] = now
        return {"access_token": "x", "token_type": "Bearer", "id_token": self.token(self._signed(self.claims(claims)))}

    def _signed(self, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


@cache
def _key(kid: str, owner: str = "") -> RSAKey:
    del owner
    return RSAKey.generate_key(2048, {"kid": kid})


def unsigned(token: str) -> str:
    """The same claims, signed by nobody."""
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    return f"{head}.{token.split('.')[1]}."


def signed_with_the_secret(token: str) -> str:
    """The same claims, signed as whoever knows the client's secret can."""
    return jwt.encode({"alg": "HS256"}, _claims(token), OctKey.import_key(SECRET.encode()))


def signed_by_another(token: str) -> str:
    """The same claims, signed with a key of somebody else's under the known key's name."""
    return jwt.encode({"alg": "RS256", "kid": "first"}, _claims(token), _key("first", "another"))


def _claims(token: str) -> Claims:
    part = token.split(".")[1]
    claims: Claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


@contextmanager
def provider() -> Iterator[Provider]:
    """Run one on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            made.asked.append(self.path)
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", made.authorize(parts.query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif parts.path == "/.well-known/openid-configuration" and not made.silent:
                self._answer({
                    "issuer": made.issuer, "authorization_endpoint": f"{made.url}/authorize",
                    "token_endpoint": f"{made.url}/token", "jwks_uri": f"{made.url}/keys",
                })  # fmt: skip
            elif parts.path == "/keys":
                self._answer({"keys": [made.key.as_dict(private=False)]})
            else:
                self._answer({"error": "not_here"}, 404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {key: values[0] for key, values in parse_qs(body).items()}
            answer = made.exchange(form, self.headers.get("Authorization", ""))
            self._answer(answer or {"error": "invalid_grant"}, 200 if answer else 400)

        def _answer(self, content: Claims, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Provider(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join(60)


def settings(made: Provider, callback: str, **more: str) -> str:
    """An oidc.toml for it, under the name "corp"."""
    values = {"issuer": made.url, "client_id": CLIENT, "client_secret": SECRET, "redirect_uri": callback,
              "label": "Corp", **more}  # fmt: skip
    return "[corp]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
