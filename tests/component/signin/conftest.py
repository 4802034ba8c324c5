from __future__ import annotations

from pathlib import Path

import pytest

from pwsops.rules.rights import Role
from pwsops.signin.authentication import Authentication
from pwsops.signin.sessions import Grant
from pwsops.signin.throttle import Attempt
from tests.clocks import ManualClock
from tests.fake_sealer import FakeSealer

GOOD = "walrus-teapot-oblong-9"
OTHER = "quartz lantern misty 7"


class Listed:
    """An access.toml that a test writes by hand."""

    def __init__(self) -> None:
        self.grants: dict[str, Grant] = {}
        self.broken: Exception | None = None
        self.required = False

    def of(self, subject: str) -> Grant | None:
        if self.broken is not None:
            raise self.broken
        return self.grants.get(subject)

    def second_factor_required(self) -> bool:
        return self.required

    def everybody(self) -> dict[str, Grant]:
        return self.grants


def attempt(name: str = "ada", peer: str = "192.0.2.7", device: str = "") -> Attempt:
    return Attempt(name=name, peer=peer, device=device)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def listed() -> Listed:
    return Listed()


@pytest.fixture
def recorded() -> list[tuple[str, ...]]:
    return []


@pytest.fixture
def sealer() -> FakeSealer:
    return FakeSealer()


@pytest.fixture
def signin(
    tmp_path: Path, clock: ManualClock, listed: Listed, recorded: list[tuple[str, ...]], sealer: FakeSealer
) -> Authentication:
    """One user, ada, who is an operator."""
    made = Authentication(
        tmp_path,
        clock=clock,
        roles=listed,
        record=lambda *words: recorded.append(words),
        sealer=sealer,
        system_user="service",
    )
    made.users.add("ada", GOOD)
    listed.grants["ada"] = Grant(role=Role.OPERATOR)
    return made
