"""Which database and which file a name means to a server, and that nothing else is taken for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pwsops.catalogue import restores
from pwsops.catalogue.candidates import candidates
from pwsops.errors import MediaError, NotFound
from tests.integration.sqlserver.product.home import ROWS, Product, Work


def test_a_lost_database_is_created_anew_and_none_whose_name_begins_so_is_touched(product: Product, work: Work) -> None:
    other = Work(product, f"{work.name}.archive")
    other.on_server.write_rows([(7, "archive")])
    work.profile()
    taken = work.succeeds()
    del product.server.databases[work.name]
    assert taken.path is not None
    with pytest.raises(NotFound, match=f"{work.name} does not exist"):
        product.restore(taken.path, work.name)
    product.restore(taken.path, work.name, create=True)
    assert product.server.databases[work.name].read_rows() == ROWS
    other.assert_holds([*ROWS, (7, "archive")])


def test_a_database_that_nobody_knows_is_no_other_whose_name_begins_so(product: Product, work: Work) -> None:
    other = Work(product, f"unknown.{work.name}")
    other.on_server.write_rows([(7, "archive")])
    work.profile()
    taken = work.succeeds()
    assert taken.path is not None
    with pytest.raises(NotFound, match="unknown does not exist"):
        product.restore(taken.path, "unknown")
    other.assert_holds([*ROWS, (7, "archive")])


def test_a_restore_is_remembered_under_the_name_that_the_server_has(product: Product, work: Work) -> None:
    work.profile()
    taken = work.succeeds()
    assert taken.path is not None
    product.restore(taken.path, work.name.upper())
    assert work.last_restore().database == work.name
    with product.ops._core.catalogue.read() as connection:
        assert [one.set_id for one in restores.into(connection, "srv", work.name)] == [taken.set_id]


SPELLINGS: list[Callable[[str], str]] = [str, str.lower, lambda path: path.replace("\\", "/")]


@pytest.mark.parametrize("spell", SPELLINGS, ids=["as recorded", "lower case", "slashes"])
def test_another_set_in_the_file_is_refused_however_the_path_is_spelled(
    product: Product, work: Work, spell: Callable[[str], str]
) -> None:
    other = Work(product, f"other{work.name}")
    for each in (work, other):
        each.profile(timestamp=False)
    path, swapped = work.succeeds().path, other.succeeds().path
    assert path is not None
    assert swapped is not None
    file = product.server.files.get(swapped)
    product.server.files.put(path, file.size_bytes, file.content)
    with pytest.raises(MediaError, match="holds another backup than the one that was recorded"):
        product.restore(spell(path), work.name)
    work.assert_holds(ROWS)


@pytest.mark.parametrize("spell", SPELLINGS, ids=["as recorded", "lower case", "slashes"])
def test_a_failed_verification_counts_however_the_path_is_spelled(
    product: Product, work: Work, spell: Callable[[str], str]
) -> None:
    work.profile()
    path = work.succeeds().path
    assert path is not None
    product.server.files.damage(path)
    with pytest.raises(MediaError):
        product.ops.media.verify(spell(path), 1, "srv")
    with product.ops._core.catalogue.read() as connection:
        [known] = candidates(connection, "srv", [work.name])[work.name]
    assert known.facts.disproven_at is not None
