"""The list of databases, as a person sees it, over a login with few rights."""

from __future__ import annotations

from tests.integration.sqlserver.product.home import LOGIN, Work
from tests.integration.sqlserver.product.mishaps import account, strong


def test_without_rights_in_msdb_the_databases_are_listed_with_what_could_not_be_asked(work: Work) -> None:
    work.profile()
    item = work.succeeds()
    account(roles=set(), grants={"CREATE ANY DATABASE"}, databases={work.database: {"db_backupoperator"}})(work)
    try:
        views = {view.name: view for view in work.product.ops.databases.list("srv")}
    finally:
        strong(work)
    view = views[work.database]
    assert view.last_full_at is not None, "the catalogue knows that one"
    assert view.last_full_at == work.set_of(item).finished_at
    told = " ".join(view.warnings)
    assert "What other tools backed up could not be looked up." in told
    assert "Whether anybody backs up its log could not be looked up, because" in told
    assert "Nobody has backed up its log" not in told
    assert LOGIN in told
