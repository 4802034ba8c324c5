"""A password that was changed on the server: one attempt, told everywhere, and none more until it is changed here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pwsops.errors import LoginRefused
from pwsops.rules.model import RunStatus
from tests.integration.sqlserver.product.home import LOGIN, PASSWORD, ROWS, Product, Work

NAMES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@pytest.fixture
def ten(work: Work) -> Iterator[Work]:
    """A profile of ten databases on a server that has another password since."""
    for name in NAMES:
        if name not in work.server.databases:
            work.server.add_database(name, rows=ROWS)
    work.profile(databases=NAMES)
    work.profile(f"{work.name} too")
    work.server.accounts[LOGIN].password = "changed there"
    work.product.throw_everybody_out()
    yield work
    work.server.accounts[LOGIN].password = PASSWORD
    work.product.ops.instances.try_again("srv")


def refused(product: Product) -> int:
    return product.server.connections.refused


def test_a_run_of_ten_databases_makes_one_attempt_and_no_other_profile_makes_one(ten: Work) -> None:
    before = refused(ten.product)
    run = ten.run()
    assert run.status is RunStatus.FAILED
    assert [item.status for item in run.items] == [RunStatus.FAILED] * 10
    assert all(f"the login {LOGIN}" in item.error for item in run.items)
    other = ten.run(name=f"{ten.name} too")
    assert other.status is RunStatus.FAILED
    with pytest.raises(LoginRefused, match="was not asked"):
        ten.product.ops.databases.list("srv")
    assert refused(ten.product) == before + 1


def test_once_its_password_is_changed_here_a_login_is_used_again(ten: Work) -> None:
    ten.run()
    ten.product.ops.instances.edit("srv", password="changed there")
    try:
        assert ten.run().status is RunStatus.SUCCEEDED
    finally:
        ten.server.accounts[LOGIN].password = PASSWORD
        ten.product.ops.instances.edit("srv", password=PASSWORD)
