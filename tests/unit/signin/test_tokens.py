from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from pwsops.errors import Conflict, Denied, InvalidInput, NotFound, Refused
from pwsops.rules.rights import ANEW, GRANTS, OWN, Role, Way
from pwsops.signin.authentication import Authentication
from pwsops.signin.tokens import FILE, Tokens
from tests.clocks import ManualClock

DAY = timedelta(days=1)


@pytest.fixture
def tokens(tmp_path: Path, clock: ManualClock) -> Tokens:
    return Tokens(tmp_path, clock=clock)


def test_a_token_is_good_until_its_end(tokens: Tokens, clock: ManualClock) -> None:
    text = tokens.create("monitor", role=Role.VIEWER, instances=["a"], lasts=DAY)
    found = tokens.find(text)
    assert found is not None
    assert (found.name, found.role, found.instances) == ("monitor", Role.VIEWER, frozenset({"a"}))
    clock.advance(DAY)
    assert tokens.find(text) is None
    assert [one.name for one in tokens.list()] == ["monitor"]


def test_only_its_digest_is_kept(tokens: Tokens, tmp_path: Path) -> None:
    text = tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    kept = (tmp_path / FILE).read_text()
    assert text.removeprefix("pwsops_") not in kept
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    digest = json.loads(kept)["tokens"][0]["digest"]
    assert tokens.find(digest) is None
    assert tokens.find(f"pwsops_{digest[:43]}") is None


def test_a_revoked_one_is_good_for_nothing_at_once(tokens: Tokens) -> None:
    text = tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    tokens.revoke("monitor")
    assert tokens.find(text) is None
    with pytest.raises(NotFound):
        tokens.revoke("monitor")


def test_names_are_unique_and_ends_are_near(tokens: Tokens) -> None:
    tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    with pytest.raises(Conflict):
        tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    for lasts in (timedelta(0), -DAY, 367 * DAY):
        with pytest.raises(InvalidInput):
            tokens.create("other", role=Role.VIEWER, instances=None, lasts=lasts)
    with pytest.raises(InvalidInput):
        tokens.create("a b", role=Role.VIEWER, instances=None, lasts=DAY)


@pytest.mark.parametrize(
    "change", [{"role": "god"}, {"instances": "all"}, {"ends_at": "never"}, {"ends_at": "2027-01-01T00:00:00"}]
)
def test_a_damaged_file_is_good_for_nobody(tokens: Tokens, tmp_path: Path, change: dict[str, object]) -> None:
    text = tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    content = json.loads((tmp_path / FILE).read_text())
    content["tokens"][0] |= change
    for damaged in (json.dumps(content), "{}"):
        (tmp_path / FILE).write_text(damaged)
        with pytest.raises(Refused):
            tokens.find(text)


def test_a_machine_is_asked_for_its_token_with_each_message(signin: Authentication) -> None:
    text = signin.tokens.create("monitor", role=Role.ADMINISTRATOR, instances=None, lasts=DAY)
    visit = signin.machine(text)
    assert visit is not None
    visit.touch()
    principal = visit.principal()
    assert (principal.name, principal.way, principal.system_user) == ("monitor", Way.TOKEN, "service")
    assert not any(principal.has(right) for right in ANEW)
    assert all(principal.has(right) for right in GRANTS[Role.ADMINISTRATOR] - ANEW - OWN)
    assert not any(principal.has(right) for right in OWN)
    signin.tokens.revoke("monitor")
    for ask in (visit.principal, visit.touch):
        with pytest.raises(Denied):
            ask()
    assert signin.machine(text) is None


def test_while_the_file_cannot_be_read_no_machine_comes_in(signin: Authentication, tmp_path: Path) -> None:
    text = signin.tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    (tmp_path / FILE).write_text("nonsense")
    assert signin.machine(text) is None
