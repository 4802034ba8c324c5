"""OpenID Connect, against a provider that answers on a socket and signs with RS256, and against forgers of its word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from pwsops.errors import Denied, Refused
from pwsops.rules.rights import Role
from pwsops.signin import private_file
from pwsops.signin.authentication import Authentication
from pwsops.signin.oidc import FILE, PENDING_S, Identity, OpenIdConnect
from pwsops.signin.public_errors import PublicError
from pwsops.signin.sessions import NOW, Grant
from tests import oidc_provider
from tests.clocks import ManualClock
from tests.component.signin.conftest import Listed
from tests.oidc_provider import Claims, Provider

CALLBACK = "http://127.0.0.1:5006/signin/callback"


@pytest.fixture
def provider(clock: ManualClock) -> Iterator[Provider]:
    with oidc_provider.provider() as provider:
        provider.clock = lambda: clock.now().timestamp()
        yield provider


@pytest.fixture
def connect(signin: Authentication, provider: Provider, tmp_path: Path) -> OpenIdConnect:
    configure(tmp_path, provider)
    return signin.providers


def configure(home: Path, provider: Provider, **more: str) -> None:
    private_file.write(home / FILE, oidc_provider.settings(provider, CALLBACK, **more).encode())


def came_back(provider: Provider, url: str) -> dict[str, str]:
    query = urlsplit(provider.authorize(urlsplit(url).query)).query
    return {key: values[0] for key, values in parse_qs(query).items()}


def sign_in(connect: OpenIdConnect, provider: Provider, session: str = "") -> Identity:
    url, kept = connect.begin("corp", next_="/?page=runs", session=session)
    return connect.finish(kept, **came_back(provider, url))


def test_somebody_comes_back_as_who_they_are_there(connect: OpenIdConnect, provider: Provider) -> None:
    identity = sign_in(connect, provider)
    assert (identity.subject, identity.next, identity.proved) == ("corp:7d1c", "/?page=runs", None)


def test_what_they_may_do_is_told_by_access_toml_alone(
    signin: Authentication, connect: OpenIdConnect, provider: Provider, listed: Listed, tmp_path: Path
) -> None:
    identity = sign_in(connect, provider)
    with pytest.raises(Denied, match="no role"):
        signin.by_provider(identity)
    listed.grants["corp:7d1c"] = Grant(role=Role.VIEWER)
    entry = signin.by_provider(identity)
    assert entry.session.principal().role is Role.VIEWER
    assert entry.session.principal().anew_until is None
    configure(tmp_path, provider, claim="email")
    with pytest.raises(Denied):
        entry.session.touch()


def test_a_verified_address_tells_people_apart_where_it_is_wanted(
    connect: OpenIdConnect, provider: Provider, tmp_path: Path
) -> None:
    configure(tmp_path, provider, claim="email")
    assert sign_in(connect, provider).subject == "corp:ada@example.org"
    for unverified in (False, "true", None):
        provider.user["email_verified"] = unverified
        with pytest.raises(Denied, match="verified"):
            sign_in(connect, provider)


FORGED: dict[str, Callable[[Claims], Claims]] = {
    "another nonce": lambda claims: claims | {"nonce": "x"},
    "no nonce": lambda claims: {key: value for key, value in claims.items() if key != "nonce"},
    "another audience": lambda claims: claims | {"aud": "somebody-else"},
    "another audience too": lambda claims: claims | {"aud": [oidc_provider.CLIENT, "somebody-else"]},
    "no audience": lambda claims: {key: value for key, value in claims.items() if key != "aud"},
    "another party": lambda claims: claims | {"azp": "somebody-else"},
    "another issuer": lambda claims: claims | {"iss": "https://evil.example"},
    "no issuer": lambda claims: {key: value for key, value in claims.items() if key != "iss"},
    "expired": lambda claims: claims | {"exp": claims["iat"] - 61},
    "no end": lambda claims: {key: value for key, value in claims.items() if key != "exp"},
    "of the future": lambda claims: claims | {"iat": claims["iat"] + 3600},
    "nobody": lambda claims: {key: value for key, value in claims.items() if key != "sub"},
    "an empty name": lambda claims: claims | {"sub": ""},
    "no text": lambda claims: claims | {"sub": 7},
    "a line break": lambda claims: claims | {"sub": "a\nb"},
}


@pytest.mark.parametrize("forgery", FORGED)
def test_claims_that_are_not_meant_for_us_are_refused(connect: OpenIdConnect, provider: Provider, forgery: str) -> None:
    provider.claims = FORGED[forgery]
    with pytest.raises(Denied):
        sign_in(connect, provider)


@pytest.mark.parametrize(
    "forge",
    [
        oidc_provider.unsigned,
        oidc_provider.signed_with_the_secret,
        oidc_provider.signed_by_another,
        lambda token: token[:-8] + "AAAAAAAA",
        lambda token: "nonsense",
        lambda token: token.split(".")[0] + "..",
    ],
)
def test_what_the_provider_did_not_sign_is_refused(
    connect: OpenIdConnect, provider: Provider, forge: Callable[[str], str]
) -> None:
    provider.token = forge
    with pytest.raises(Denied):
        sign_in(connect, provider)


def test_an_answer_to_another_try_is_refused(connect: OpenIdConnect, provider: Provider, clock: ManualClock) -> None:
    first, kept_first = connect.begin("corp", next_="/")
    second, kept_second = connect.begin("corp", next_="/")
    for kept, told in ((kept_first, came_back(provider, second)), ("", came_back(provider, first)),
                       ("x" * 40, came_back(provider, first))):  # fmt: skip
        with pytest.raises(Denied):
            connect.finish(kept, **told)
    mixed = came_back(provider, first) | {"state": came_back(provider, second)["state"]}
    with pytest.raises(Denied):
        connect.finish(kept_second, **mixed)
    with pytest.raises(Denied):
        connect.finish(kept_first, state="", code="")
    told = came_back(provider, first)
    clock.advance(seconds=PENDING_S + 1)
    with pytest.raises(Denied):
        connect.finish(kept_first, **told)


def test_a_code_is_good_once(connect: OpenIdConnect, provider: Provider) -> None:
    url, kept = connect.begin("corp", next_="/")
    told = came_back(provider, url)
    connect.finish(kept, **told)
    with pytest.raises(Denied, match="refused the code"):
        connect.finish(kept, **told)


def test_a_new_key_of_the_provider_is_asked_for(connect: OpenIdConnect, provider: Provider, clock: ManualClock) -> None:
    sign_in(connect, provider)
    provider.new_key("second")
    clock.advance(minutes=2)
    assert sign_in(connect, provider).subject == "corp:7d1c"
    asked = len(provider.asked)
    provider.new_key("third")
    for _ in range(3):
        # Forged names of keys do not make us ask again and again.
        with pytest.raises(Denied):
            sign_in(connect, provider)
    assert len(provider.asked) == asked


def test_an_issuer_that_calls_itself_otherwise_is_not_believed(connect: OpenIdConnect, provider: Provider) -> None:
    provider.issuer = "https://evil.example"
    with capture_logs() as logs, pytest.raises(Refused, match="cannot be asked"):
        connect.begin("corp", next_="/")
    assert "calls itself" in logs[0]["error"]


def test_a_silent_provider_is_said_and_not_asked_again_at_once(
    connect: OpenIdConnect, provider: Provider, clock: ManualClock
) -> None:
    provider.silent = True
    for _ in range(3):
        with capture_logs() as logs, pytest.raises(PublicError, match="cannot be asked") as told:
            connect.begin("corp", next_="/")
    # Strangers are told of it, and not of where it is; the log is, once.
    assert "127.0.0.1" not in told.value.message + told.value.hint
    assert logs == []
    assert len(provider.asked) == 1
    provider.silent = False
    clock.advance(seconds=11)
    connect.begin("corp", next_="/")
    with pytest.raises(Refused, match="not set up"):
        connect.begin("other", next_="/")


def test_signing_in_anew_wants_the_password_there_just_now(
    signin: Authentication, connect: OpenIdConnect, provider: Provider, listed: Listed, clock: ManualClock
) -> None:
    listed.grants["corp:7d1c"] = listed.grants["corp:eve"] = Grant(role=Role.RESTORER)
    session = signin.by_provider(sign_in(connect, provider)).session
    url, _ = connect.begin("corp", next_="/", session=session.id)
    assert parse_qs(urlsplit(url).query)["prompt"] == ["login"]
    identity = sign_in(connect, provider, session=session.id)
    assert (identity.session, identity.proved) == (session.id, NOW)
    signin.anew_by_provider(session, identity)
    anew_until = session.principal().anew_until
    assert anew_until is not None
    assert anew_until > clock.now()
    for claims in ({"sub": "eve"}, {"auth_time": clock.now().timestamp() - 600}, {"auth_time": None}):
        provider.claims = lambda told, claims=claims: told | claims  # type: ignore[misc]
        with pytest.raises(Denied):
            signin.anew_by_provider(session, sign_in(connect, provider, session=session.id))


def test_a_password_of_some_minutes_ago_opens_the_rest_of_five_minutes_and_no_more(
    signin: Authentication, connect: OpenIdConnect, provider: Provider, listed: Listed, clock: ManualClock
) -> None:
    listed.grants["corp:7d1c"] = Grant(role=Role.RESTORER)
    session = signin.by_provider(sign_in(connect, provider)).session
    provider.claims = lambda told: told | {"auth_time": clock.now().timestamp() - 240}
    signin.anew_by_provider(session, sign_in(connect, provider, session=session.id))
    assert session.principal().anew_until == clock.now() + timedelta(seconds=60)
    entry = signin.by_provider(sign_in(connect, provider))
    assert entry.session.principal().anew_until == clock.now() + timedelta(seconds=60)
    provider.claims = lambda told: told | {"auth_time": clock.now().timestamp() + 30}  # its clock is ahead
    signin.anew_by_provider(session, sign_in(connect, provider, session=session.id))
    assert session.principal().anew_until == clock.now() + timedelta(seconds=300)


WHOLE = {"issuer": "https://a.example", "client_id": "a", "client_secret": "b", "redirect_uri": "https://b.example"}


def table(values: dict[str, str], name: str = "corp") -> str:
    return f"[{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in values.items())


@pytest.mark.parametrize(
    "content",
    [
        "nonsense",
        "corp = 1",
        table(WHOLE, "Corp"),
        table(WHOLE, "token"),
        table(WHOLE, "user"),
        table(WHOLE, "link"),
        table({"issuer": "https://a.example"}),
        table(WHOLE | {"issuer": "http://a.example"}),
        table(WHOLE | {"client_secret": ""}),
        table(WHOLE | {"claim": "groups"}),
        table(WHOLE | {"name": "other"}),
        table(WHOLE, "password"),
    ],
)
def test_a_file_that_is_not_understood_lets_nobody_in(connect: OpenIdConnect, tmp_path: Path, content: str) -> None:
    private_file.write(tmp_path / FILE, content.encode())
    with pytest.raises(Refused, match=FILE):
        connect.providers()


def test_no_secret_is_shown(connect: OpenIdConnect) -> None:
    assert oidc_provider.SECRET not in repr(connect.providers())


def test_the_file_is_closed_to_others(connect: OpenIdConnect, tmp_path: Path) -> None:
    (tmp_path / FILE).chmod(0o644)
    assert list(connect.providers()) == ["corp"]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
