from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from pwsops.errors import Conflict, Denied, InvalidInput, NotFound, Refused
from pwsops.rules.rights import ANEW, GRANTS, OWN, Role, Way
from pwsops.signin import private_file, strangers
from pwsops.signin.authentication import Authentication
from pwsops.signin.public_errors import NotKnown
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
    visit = signin.machine(text, "192.0.2.7")
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
    assert signin.machine(text, "192.0.2.7") is None


def test_while_the_file_cannot_be_read_no_machine_comes_in(signin: Authentication, tmp_path: Path) -> None:
    text = signin.tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    visit = signin.machine(text, "192.0.2.7")
    assert visit is not None
    closed: list[str] = []
    visit.on_end(lambda: closed.append("page"))
    (tmp_path / FILE).write_text("nonsense")
    for ask in (visit.touch, lambda: signin.machine(text, "192.0.2.7")):
        with pytest.raises(NotKnown):
            ask()
    signin.sweep()
    assert closed == []


@pytest.mark.parametrize("end", ["revoked", "replaced", "over"])
def test_what_a_token_has_opened_is_closed_when_it_ends(signin: Authentication, clock: ManualClock, end: str) -> None:
    text = signin.tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    other = signin.machine(signin.tokens.create("other", role=Role.VIEWER, instances=None, lasts=10 * DAY), "")
    visit = signin.machine(text, "192.0.2.7")
    assert visit is not None
    assert other is not None
    assert signin.machine(text, "192.0.2.8") is visit
    closed: list[str] = []
    visit.on_end(lambda: closed.append("page"))
    visit.on_end(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    visit.on_end(lambda: closed.append("another page"))
    other.on_end(lambda: closed.append("other"))
    signin.sweep()
    assert closed == []
    if end == "over":
        clock.advance(DAY)
    else:
        signin.tokens.revoke("monitor")
    if end == "replaced":
        signin.tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=DAY)
    signin.sweep()
    assert closed == ["page", "another page"]
    visit.on_end(lambda: closed.append("late"))
    assert closed[2:] == ["late"]
    with pytest.raises(Denied):
        visit.touch()


def test_a_token_whose_role_was_changed_in_the_file_begins_anew(signin: Authentication, tmp_path: Path) -> None:
    text = signin.tokens.create("monitor", role=Role.ADMINISTRATOR, instances=None, lasts=DAY)
    former = signin.machine(text, "")
    assert former is not None
    closed: list[str] = []
    former.on_end(lambda: closed.append("page"))
    content = (tmp_path / FILE).read_text()
    private_file.write(tmp_path / FILE, content.replace("administrator", "viewer").encode())
    present = signin.machine(text, "")
    assert present is not None
    assert present.principal().role is Role.VIEWER
    assert closed == ["page"]


def test_the_first_use_of_a_token_on_a_day_is_recorded(
    signin: Authentication, clock: ManualClock, recorded: list[tuple[str, ...]]
) -> None:
    text = signin.tokens.create("monitor", role=Role.VIEWER, instances=None, lasts=3 * DAY)
    for _ in range(2):
        for _ in range(5):
            signin.machine(text, "192.0.2.7")
        clock.advance(DAY)
    assert recorded == [("token:monitor", "sign in", "token:monitor", "by token, for the first time today")] * 2


def test_bad_tokens_are_counted_by_place_and_minute(
    signin: Authentication, clock: ManualClock, recorded: list[tuple[str, ...]]
) -> None:
    for number in range(200):
        assert signin.machine("pwsops_" + "x" * 43, f"192.0.2.{number}") is None
    signin.machine("", "2001:db8:1:2::3")
    signin.sweep()
    place = ("service", "token refused", "machine token")
    assert recorded == [(*place, "from 192.0.2.0/24"), (*place, "from 2001:db8:1::/48")]
    clock.advance(seconds=strangers.WINDOW_S)
    signin.sweep()
    signin.sweep()
    assert recorded[2:] == [(*place, "199 more within a minute, from 192.0.2.0/24")]
    assert signin.machine("", "192.0.2.1") is None
    assert recorded[3:] == [(*place, "from 192.0.2.0/24")]


def test_strangers_from_everywhere_leave_few_entries_and_the_end_writes_what_was_counted(
    signin: Authentication, recorded: list[tuple[str, ...]]
) -> None:
    for number in range(50_000):
        signin.strangers.note("request refused", "another Host", f"2001:db8:{number:x}::1")
    assert len(signin.strangers._counts) == strangers.PLACES + 1
    signin.close()
    assert len(recorded) == strangers.PLACES + 2
    assert recorded[-1][3] == f"{50_000 - strangers.PLACES - 1:,} more within a minute, from elsewhere"
