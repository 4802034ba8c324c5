"""OpenID Connect, configured in `oidc.toml` of the home: authorization code with PKCE, state and nonce.

Authlib speaks to the provider, joserfc verifies what it signed. A provider's word counts for nothing but who somebody
is: what they may do stands in `access.toml`, under `provider:claim`.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from cryptography.fernet import Fernet, InvalidToken

from pwsops.clock import Clock
from pwsops.errors import Denied, Refused
from pwsops.rules.rights import OWN_WAYS
from pwsops.signin import private_file
from pwsops.signin.public_errors import PublicError

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session
    from joserfc.jwk import KeySet

_log = structlog.get_logger(__name__)
FILE = "oidc.toml"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures that are believed; never "none", and none that is made with the client's own secret."""
LEEWAY_S = 60
ANEW_S = 300
TIMEOUT_S = 10
PENDING_S = 600
"""How long somebody may take at the provider."""
_KEYS_AGAIN_S = 60
_SILENT_S = 10
RESERVED = ("password", "link")
"""Names that no provider may have: what a session says of how somebody came in must not mean two things."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One table of `oidc.toml`.

    Parameters
    ----------
    name
        The table's name, which precedes the claim in `access.toml`.
    issuer
        Its address, exactly as it signs it; `https`, or on this machine.
    client_id, client_secret
        What the provider gave out for this dashboard.
    redirect_uri
        The dashboard's own address, ending in `/signin/callback`, as it is registered with the provider.
    label
        What stands on the button.
    claim
        What tells people apart: `sub`, which the provider never gives to another, or `email` where it has verified it.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    label: str = ""
    claim: str = "sub"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who came back from a provider.

    Parameters
    ----------
    subject
        As in `access.toml`.
    provider
        By whose word.
    proved
        How long ago they gave their password there; None: that is not known, or too long ago.
    next, session
        Where they wanted to go; the id of the session that they prove themselves for, empty for a new one.
    """

    subject: str
    provider: Provider
    proved: timedelta | None
    next: str
    session: str


class OpenIdConnect:
    """The configured providers.

    Parameters
    ----------
    home, clock
        Where the file is; the time.
    """

    def __init__(self, home: Path, *, clock: Clock) -> None:
        self._file = private_file.Watched(home / FILE, _parse)
        self._clock = clock
        # What somebody carries to the provider and back; of no use after a restart.
        self._pending = Fernet(Fernet.generate_key())
        self._metadata: dict[Provider, tuple[float, dict[str, Any], KeySet]] = {}
        self._silent: dict[Provider, tuple[float, Refused]] = {}
        self._lock = threading.Lock()

    def providers(self) -> dict[str, Provider]:
        """Return them by name. Raises `Refused` where the file cannot be used."""
        return self._file.get()

    def begin(self, name: str, *, next_: str, session: str = "") -> tuple[str, str]:
        """Return the provider's address to go to, and what the browser is to keep meanwhile, sealed.

        Parameters
        ----------
        name
            Of the provider.
        next_
            Where to go afterwards.
        session
            The id of the session to prove oneself for; the provider then asks for the password, whoever is signed in
            there.

        Raises
        ------
        Refused
            There is no such provider, or it cannot be asked.
        """
        provider = self._provider(name)
        metadata, _ = self._known(provider)
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        anew = {"prompt": "login", "max_age": "0"} if session else {}
        with self._client(provider) as client:
            url, state = client.create_authorization_url(
                metadata["authorization_endpoint"], nonce=nonce, code_verifier=verifier, **anew
            )
        kept = {"provider": name, "state": state, "nonce": nonce, "verifier": verifier, "next": next_,
                "session": session}  # fmt: skip
        sealed = self._pending.encrypt_at_time(json.dumps(kept).encode(), self._now_s())
        return str(url), sealed.decode()

    def finish(self, sealed: str, *, state: str, code: str) -> Identity:
        """Return who came back.

        Parameters
        ----------
        sealed
            What the browser kept.
        state, code
            From the address it came back with.

        Raises
        ------
        Denied
            It does not fit together, or the provider's word is not to be believed.
        Refused
            The provider cannot be asked.
        """
        kept = self._opened(sealed)
        if not state or not hmac.compare_digest(str(kept["state"]).encode(), state.encode()):
            raise _forged("the answer belongs to another try")
        provider = self._provider(kept["provider"])
        claims = self._claims(provider, self._token(provider, code, kept["verifier"]), kept["nonce"])
        return Identity(
            subject=f"{provider.name}:{_subject(provider, claims)}",
            provider=provider,
            proved=self._proved(claims),
            next=kept["next"],
            session=kept["session"],
        )

    def _opened(self, sealed: str) -> dict[str, str]:
        try:
            content = self._pending.decrypt_at_time(sealed, ttl=PENDING_S, current_time=self._now_s())
        except (InvalidToken, ValueError):
            raise _forged("it was not begun in this browser, or too long ago") from None
        kept: dict[str, str] = json.loads(content)
        return kept

    def _token(self, provider: Provider, code: str, verifier: str) -> str:
        from authlib.common.errors import AuthlibBaseError
        from requests import RequestException

        metadata, _ = self._known(provider)
        try:
            with self._client(provider) as client:
                answer = client.fetch_token(
                    metadata["token_endpoint"], code=code, code_verifier=verifier, timeout=TIMEOUT_S,
                    allow_redirects=False,
                )  # fmt: skip
            return str(answer["id_token"])
        except AuthlibBaseError as error:
            raise _forged(f"{provider.name} refused the code ({error.error})") from None
        except (RequestException, KeyError, TypeError, ValueError) as error:
            raise _silent(provider, error) from None

    def _claims(self, provider: Provider, token: str, nonce: str) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            try:
                decoded = jwt.decode(token, self._known(provider)[1], algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                # It may be signed with a key that is newer than what we know of them.
                decoded = jwt.decode(token, self._known(provider, anew=True)[1], algorithms=ALGORITHMS)
            required: dict[str, Any] = {
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
                "nonce": {"essential": True, "value": nonce},
                "sub": {"essential": True},
                "exp": {"essential": True},
                "iat": {"essential": True},
            }
            jwt.JWTClaimsRegistry(now=self._now_s(), leeway=LEEWAY_S, **required).validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise _forged(f"what {provider.name} signed is not to be believed ({error})") from None
        claims: dict[str, Any] = decoded.claims
        party = claims.get("azp", provider.client_id)
        if party != provider.client_id or (isinstance(claims["aud"], list) and set(claims["aud"]) != {party}):
            raise _forged(f"what {provider.name} signed is meant for others too")
        return claims

    def _proved(self, claims: Mapping[str, Any]) -> timedelta | None:
        at_s = claims.get("auth_time")
        if not isinstance(at_s, (int, float)) or not -LEEWAY_S <= self._now_s() - at_s < ANEW_S:
            return None
        return timedelta(seconds=max(0.0, self._now_s() - at_s))

    def _provider(self, name: str) -> Provider:
        try:
            return self.providers()[name]
        except KeyError:
            raise PublicError("That way to sign in is not set up.", hint="Choose one of those on the page.") from None

    def _client(self, provider: Provider) -> OAuth2Session:
        from authlib.integrations.requests_client import OAuth2Session

        return OAuth2Session(
            client_id=provider.client_id,
            client_secret=provider.client_secret,
            scope="openid email" if provider.claim == "email" else "openid",
            redirect_uri=provider.redirect_uri,
            code_challenge_method="S256",
        )

    def _known(self, provider: Provider, *, anew: bool = False) -> tuple[dict[str, Any], KeySet]:
        """Return what a provider says of itself, and its keys; asked anew at most once a minute."""
        with self._lock:
            known = self._metadata.get(provider)
            now_s = self._clock.monotonic()
            if known is None or (anew and now_s - known[0] >= _KEYS_AGAIN_S):
                known = self._metadata[provider] = now_s, *self._asked(provider, now_s)
            return known[1], known[2]

    def _asked(self, provider: Provider, now_s: float) -> tuple[dict[str, Any], KeySet]:
        silent = self._silent.get(provider)
        if silent is not None and now_s - silent[0] < _SILENT_S:
            raise silent[1]
        try:
            return _fetched(provider)
        except Refused as error:
            # Each question may take its time: strangers must not make us ask one after the other.
            self._silent[provider] = now_s, error
            raise

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())


def _fetched(provider: Provider) -> tuple[dict[str, Any], KeySet]:
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet
    from requests import RequestException

    try:
        metadata = _json(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        if metadata["issuer"] != provider.issuer:
            raise ValueError(f"it calls itself {metadata['issuer']}")
        for endpoint in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _check_address(metadata[endpoint])
        return metadata, KeySet.import_key_set(_json(metadata["jwks_uri"]))  # type: ignore[arg-type]
    except (RequestException, JoseError, KeyError, TypeError, ValueError) as error:
        raise _silent(provider, error) from None


def _json(url: str) -> dict[str, Any]:
    import requests

    answer = requests.get(url, timeout=TIMEOUT_S, allow_redirects=False)
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError("it answers with no JSON object")
    return found


def _subject(provider: Provider, claims: Mapping[str, Any]) -> str:
    value = claims.get(provider.claim)
    if provider.claim == "email" and claims.get("email_verified") is not True:
        raise Denied(
            f"{provider.name} does not say that the address is verified.",
            hint='Verify it there, or let oidc.toml tell people apart by claim = "sub".',
        )
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise _forged(f"{provider.name} does not say who it is")
    return value


def _parse(content: bytes | None) -> dict[str, Provider]:
    tables = tomllib.loads((content or b"").decode())
    return {name: _parsed(name, table) for name, table in tables.items()}


def _parsed(name: str, table: Any) -> Provider:
    known = {field.name for field in fields(Provider)} - {"name"}
    if name in RESERVED:
        raise ValueError(f"[{name}] is a way to sign in of pwsops itself: call the provider otherwise")
    if not _NAME.fullmatch(name) or not isinstance(table, dict) or not table.keys() <= known:
        raise ValueError(f"[{name}] is no provider, or has a key that is none of {', '.join(sorted(known))}")
    if name in OWN_WAYS:
        raise ValueError(f"[{name}] cannot be a provider's name: others than its people are written down under it")
    if not all(isinstance(value, str) and value for value in table.values()):
        raise ValueError(f"[{name}] has a value that is no text")
    try:
        provider = Provider(**{"label": name, **table, "name": name})
    except TypeError as error:
        raise ValueError(f"[{name}]: {error}") from None
    if provider.claim not in ("sub", "email"):
        raise ValueError(f'[{name}]: claim is "sub" or "email"')
    _check_address(provider.issuer)
    _check_address(provider.redirect_uri)
    return provider


def _check_address(url: Any) -> None:
    parts = urlsplit(str(url))
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        return
    raise ValueError(f"{url} is no https address")


def _forged(reason: str) -> Denied:
    return Denied(f"The sign-in did not succeed: {reason}.", hint="Begin again.")


def _silent(provider: Provider, error: Exception) -> Refused:
    # What it says holds addresses of the inside, and strangers are told of this.
    _log.warning("a provider cannot be asked", provider=provider.name, error=f"{type(error).__name__}: {error}"[:500])
    return PublicError(
        f"{provider.name} cannot be asked just now.",
        hint="Try again. An administrator of the machine looks at oidc.toml and the log, and whether the provider "
        "answers.",
    )
