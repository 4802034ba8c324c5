"""Each run has one place in every order, and is found by what it says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, delete, insert, select, update

from pwsops.catalogue import Catalogue, Connection, history, search, store
from pwsops.catalogue import runs as catalogue_runs
from pwsops.catalogue.history import Filter, Selection
from pwsops.catalogue.ordering import STATUSES, HistorySort, Key
from pwsops.catalogue.schema import messages, profiles, run_items, runs, said
from pwsops.rules.model import RunStatus, Trigger
from tests.homes import opened_home

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = ("alpha", "Beta", "gamma", "ä", "'; DROP TABLE runs; --")
ENDED = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)


@pytest.fixture
def connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    with opened_home(tmp_path / "home", monkeypatch) as home:
        catalogue: Catalogue = home.core.catalogue
        with catalogue.write() as connection:
            connection.execute(insert(profiles), [_profile(number, name) for number, name in enumerate(NAMES, 1)])
            yield connection


def _profile(number: int, name: str) -> dict[str, Any]:
    texts = dict.fromkeys(("instance", "directory", "unit", "on_day", "timezone", "renew_full", "state"), "")
    numbers = dict.fromkeys(("every", "failures_in_a_row", "version"), 1)
    lists: dict[str, Any] = {"databases": [], "weekdays": [], "database_failures": {}}
    return {
        "id": number, "name": name, "incremental": True, "timestamp": True, "time_limit_h": 1.0, "start": NOON,
        "created_at": NOON, "amended_at": NOON, **texts, **numbers, **lists,
    }  # fmt: skip


def add(connection: Connection, number: int, **values: Any) -> int:
    """A run of the profile `number`, five at each instant, ended a second after its start."""
    due = NOON + timedelta(minutes=number // len(NAMES))
    row = {
        "id": number, "profile_id": number % len(NAMES) + 1, "profile": NAMES[number % len(NAMES)], "due_at": due,
        "status": "succeeded", "kind": "full", "trigger": "schedule", "claimed_at": due, "started_at": due,
        "finished_at": due + timedelta(seconds=1), "summary": "", "missed_count": 0, "cancel_requested": False,
    }  # fmt: skip
    connection.execute(insert(runs).values({**row, **values}))
    return number


def add_item(connection: Connection, run_id: int, **values: Any) -> int:
    texts = {"database": "d", "status": "succeeded", "reason": "", "error": "", "hint": ""}
    statement = insert(run_items).values({"run_id": run_id, **texts, **values}).returning(run_items.c.id)
    return int(connection.execute(statement).scalar_one())


def add_message(connection: Connection, item_id: int, text: str) -> None:
    connection.execute(insert(messages).values(item_id=item_id, at=NOON, text=text, is_error=False))


def fill(connection: Connection, many: int = 67) -> None:
    """Runs in every state, many alike in what they are sorted by, some without a start, some without an end."""
    chance = random.Random(7)
    for number in range(1, many + 1):
        status = chance.choice(list(RunStatus))
        started = NOON if status in (*ENDED, RunStatus.RUNNING) else None
        finished = NOON + timedelta(seconds=chance.randrange(4)) if status.ended else None
        add(
            connection, number, status=status.value, started_at=started, finished_at=finished,
            size_bytes=chance.randrange(3), trigger=chance.choice(list(Trigger)).value,
        )  # fmt: skip


def walk(connection: Connection, wanted: Filter, *, backwards: bool, limit: int = 7, **order: Any) -> list[int]:
    """All pages one after the other, as ids in the order in which they are shown."""
    ids: list[int] = []
    after: Key | None = None
    while True:
        with connection.begin_nested() as inside:  # what a search notes goes with its transaction
            pairs = Selection(connection, wanted).page(**order, after=after, backwards=backwards, limit=limit)
            inside.rollback()
        ids += [row["id"] for _, row in pairs]
        if len(pairs) < limit:
            return ids[::-1] if backwards else ids
        after = pairs[-1][0]


@pytest.mark.parametrize("wanted", [Filter(), Filter(text="a"), Filter(status=RunStatus.MISSED), Filter(profile="ä"),
                                    Filter(trigger=Trigger.CATCH_UP), Filter(trigger=Trigger.SCHEDULE)])  # fmt: skip
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", HistorySort)
def test_all_pages_of_every_order_give_each_run_once(
    connection: Connection, sort: HistorySort, descending: bool, wanted: Filter
) -> None:
    fill(connection)
    forwards = walk(connection, wanted, backwards=False, sort=sort, descending=descending)
    assert walk(connection, wanted, backwards=True, sort=sort, descending=descending) == forwards
    assert len(forwards) == len(set(forwards)) == Selection(connection, wanted).count() > 0
    if wanted == Filter():
        assert len(forwards) == 67


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        (HistorySort.DUE, lambda row: row["due_at"]),
        (HistorySort.PROFILE, lambda row: row["profile"]),
        (HistorySort.DURATION, lambda row: row["duration_us"]),
        (HistorySort.SIZE, lambda row: row["size_bytes"]),
        (HistorySort.STATUS, lambda row: STATUSES.index(row["status"])),
    ],
)
def test_an_order_is_what_it_says(connection: Connection, sort: HistorySort, value: Any) -> None:
    fill(connection)
    for descending in (True, False):
        pairs = Selection(connection, Filter()).page(sort, descending=descending, limit=1000)
        values = [value(row) for _, row in pairs]
        assert values == sorted(values, reverse=descending)


@pytest.mark.parametrize("descending", [True, False])
def test_of_one_profile_the_newest_stand_first(connection: Connection, descending: bool) -> None:
    fill(connection)
    pairs = Selection(connection, Filter()).page(HistorySort.PROFILE, descending=descending, limit=1000)
    for name in NAMES:
        due = [row["due_at"] for _, row in pairs if row["profile"] == name]
        assert due == sorted(due, reverse=True)


def test_what_has_no_start_or_no_end_is_the_shortest(connection: Connection) -> None:
    add(connection, 1)
    add(connection, 2, finished_at=None)
    add(connection, 3, started_at=None)
    pairs = Selection(connection, Filter()).page(HistorySort.DURATION, descending=False, limit=9)
    assert [(row["id"], row["duration_us"]) for _, row in pairs] == [(2, -1), (3, -1), (1, 1_000_000)]


@contextmanager
def migrated(home: Path, revision: str) -> Iterator[Connection]:
    """A new catalogue as an older version left it."""
    config = Config()
    config.set_main_option("script_location", str(store._MIGRATIONS))
    older = create_engine(f"sqlite:///{home / store.FILE_NAME}")
    with older.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        yield connection
    older.dispose()


def found(connection: Connection, text: str) -> list[int]:
    with connection.begin_nested() as inside:
        pairs = Selection(connection, Filter(text=text)).page(HistorySort.DUE, descending=False, limit=1000)
        inside.rollback()
    return [row["id"] for _, row in pairs]


def test_a_text_is_found_wherever_a_run_says_it(connection: Connection) -> None:
    add(connection, 1, summary="2 of 5 Failed")
    add_item(connection, add(connection, 2), database="Ledger")
    add_item(connection, add(connection, 3), error="Access is denied")
    add_item(connection, add(connection, 4), reason="no usable base")
    add_message(connection, add_item(connection, add(connection, 5)), "Error 3201 at device")
    add_message(connection, add_item(connection, add(connection, 6)), "nothing")
    for text, run_id in (("2 OF 5", 1), ("ledger", 2), ("ACCESS", 3), ("usable BASE", 4), ("3201", 5)):
        assert found(connection, text) == [run_id]
    assert found(connection, "Gamma") == [2]
    assert found(connection, "nowhere") == []


@pytest.mark.parametrize(
    ("said", "text", "other"),
    [
        ("100% done", "0% d", "0_% d"),
        ("a_b", "A_B", "a%b"),
        ("a/b", "a/b", "a//b"),
        ("straße ÄRGER", "E är", "E är?"),
        ("ä*?[x]^", "Ä*?[X]^", "Ä*?[Y]^"),
        ("it's", "IT'S", "IT''S"),
    ],
)
def test_each_character_stands_for_itself_in_either_case(
    connection: Connection, said: str, text: str, other: str
) -> None:
    add(connection, 1, summary=said)
    assert found(connection, text) == [1]
    assert found(connection, other) == []


def test_a_text_that_no_database_takes_finds_nothing_and_fails_nothing(connection: Connection) -> None:
    add(connection, 1, summary="x" * 300)
    assert found(connection, "\udc80") == []
    assert found(connection, "x" * 100_000) == [1]


def test_one_or_two_characters_are_found_wherever_they_stand(connection: Connection) -> None:
    add(connection, 1, summary="xyz")
    for text in ("x", "Y", "z", "xy", "YZ"):
        assert found(connection, text) == [1]
    assert found(connection, "zx") == []
    add(connection, 2, summary=" ".join(f"a{letter}" for letter in map(chr, range(0x4E00, 0x4F00))))
    assert found(connection, "a\u4e01") == [2]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A history of thousands is one of very many."""
    monkeypatch.setattr(search, "FEW", 5)
    monkeypatch.setattr(history, "FEW", 5)
    monkeypatch.setattr(history, "_WINDOWS", (7, 11))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("wanted", [Filter(), Filter(text="a"), Filter(status=RunStatus.MISSED), Filter(profile="ä"),
                                    Filter(trigger=Trigger.CATCH_UP), Filter(trigger=Trigger.SCHEDULE, profile="ä"),
                                    Filter(status=RunStatus.FAILED, trigger=Trigger.MANUAL, text="mm"),
                                    Filter(status=RunStatus.FAILED, profile="ä")])  # fmt: skip
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", HistorySort)
def test_of_very_many_runs_the_same_pages_are_read_as_of_few(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, sort: HistorySort, descending: bool, wanted: Filter
) -> None:
    fill(connection, 300)
    many = walk(connection, wanted, backwards=False, sort=sort, descending=descending)
    assert walk(connection, wanted, backwards=True, sort=sort, descending=descending) == many
    monkeypatch.setattr(search, "FEW", 1000)
    monkeypatch.setattr(history, "FEW", 1000)
    assert walk(connection, wanted, backwards=False, sort=sort, descending=descending) == many
    assert len(many) == len(set(many)) == Selection(connection, wanted).count() > 0


@pytest.mark.usefixtures("few")
def test_what_very_many_say_is_not_counted_to_the_end_until_all_of_it_is_wanted(connection: Connection) -> None:
    fill(connection)
    selection = Selection(connection, Filter(text="gamma"))
    assert (selection.count(), selection.is_counted) == (6, False)
    whole = select(runs.c.id).where(*selection.where)
    assert len(connection.execute(whole).all()) == selection.count() == 14
    assert selection.is_counted


def test_a_text_that_changes_is_found_as_it_is_now(connection: Connection) -> None:
    item = add_item(connection, add(connection, 1, summary="first reason"), reason="first reason")
    connection.execute(update(runs).values(summary="second reason"))
    assert found(connection, "first reason") == found(connection, "second") == [1]
    connection.execute(update(run_items).values(reason=""))
    assert found(connection, "first") == []
    add_message(connection, item, "second reason")
    connection.execute(delete(messages))
    assert found(connection, "second") == [1]
    connection.execute(update(runs).values(summary=""))
    assert found(connection, "reason") == []


def test_runs_are_found_and_counted_under_their_profiles_new_name(connection: Connection) -> None:
    fill(connection)
    before = Selection(connection, Filter(profile="gamma")).count()
    catalogue_runs.rename(connection, NAMES.index("gamma") + 1, "delta")
    connection.execute(update(profiles).where(profiles.c.name == "gamma").values(name="delta"))
    assert found(connection, "gamma") == []
    assert len(found(connection, "delta")) == Selection(connection, Filter(profile="delta")).count() == before


def test_what_is_deleted_is_neither_found_nor_counted(connection: Connection) -> None:
    add_message(connection, add_item(connection, add(connection, 1), database="ledger"), "nothing left")
    for gone in (messages, run_items, runs):
        connection.execute(delete(gone))
    assert connection.execute(select(said)).all() == []
    assert Selection(connection, Filter()).count() == 0
    add(connection, 1)  # takes the number of the one that went
    assert found(connection, "ledger") == found(connection, "nothing left") == []


def test_each_filters_count_is_that_of_its_runs(connection: Connection) -> None:
    fill(connection, 300)
    connection.execute(update(runs).where(runs.c.id < 50).values(status=RunStatus.CANCELLED.value))
    for status, profile, trigger in product((None, *RunStatus), (None, *NAMES), (None, *Trigger)):
        wanted = Filter(status=status, profile=profile, trigger=trigger)
        selection = Selection(connection, wanted)
        read = connection.execute(select(runs.c.id).where(*selection.where)).all()
        assert selection.count() == len(read)
    period = Filter(since=NOON + timedelta(minutes=1), until=NOON + timedelta(minutes=3))
    assert Selection(connection, period).count() == 2 * len(NAMES)


def test_an_older_catalogues_texts_are_found_and_its_runs_counted(tmp_path: Path) -> None:
    with migrated(tmp_path, "0006") as connection:
        connection.execute(insert(profiles), [_profile(1, "p")])
        add(connection, 5, profile_id=1, profile="p", summary="Kept from before")
        add_message(connection, add_item(connection, 5, error="a fault"), "told long ago")
    catalogue = Catalogue(tmp_path)
    with catalogue.read() as reading:
        for text in ("KEPT", "fault", "long ago"):
            assert found(reading, text) == [5]
        assert Selection(reading, Filter(profile="p")).count() == 1
    catalogue.close()


def test_names_come_in_order_from_either_end_and_only_once(connection: Connection) -> None:
    assert list(history.profiles(connection)) == []
    fill(connection)
    names = sorted(NAMES)
    assert list(history.profiles(connection)) == names
    assert list(history.profiles(connection, "Beta")) == names[names.index("Beta") :]
    assert list(history.profiles(connection, "alpha", descending=True)) == names[names.index("alpha") :: -1]


@pytest.mark.parametrize(
    ("wanted", "sort", "index"),
    [
        (Filter(), HistorySort.DUE, "ix_runs_due_at"),
        (Filter(), HistorySort.DURATION, "ix_runs_duration_us"),
        (Filter(), HistorySort.SIZE, "ix_runs_size_bytes"),
        (Filter(), HistorySort.PROFILE, "ix_runs_profile_due_at"),
        (Filter(), HistorySort.STATUS, "ix_runs_status_due_at"),
        (Filter(trigger=Trigger.MANUAL), HistorySort.DUE, "ix_runs_trigger_due_at"),
    ],
)
def test_a_page_is_read_along_an_index(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, wanted: Filter, sort: HistorySort, index: str
) -> None:
    fill(connection)
    (key, _), *_ = Selection(connection, wanted).page(sort, descending=True, limit=1)
    plans: list[str] = []
    execute = Connection.execute

    def explained(self: Connection, statement: Any, *rest: Any) -> Any:
        said = str(statement.compile(self.engine, compile_kwargs={"literal_binds": True}))
        if "sorted_by" in said:
            plans.append("; ".join(row[3] for row in self.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}")))
        return execute(self, statement, *rest)

    monkeypatch.setattr(Connection, "execute", explained)
    Selection(connection, wanted).page(sort, descending=True, after=key, limit=5)
    assert plans
    assert all(f"INDEX {index} (" in f"{plan} (" and "TEMP B-TREE" not in plan for plan in plans)


def test_an_older_catalogue_learns_what_its_runs_wrote_and_how_long_they_took(tmp_path: Path) -> None:
    with migrated(tmp_path, "0002") as connection:
        connection.execute(insert(profiles), [_profile(1, "p")])
        connection.exec_driver_sql(
            "INSERT INTO runs (id, profile_id, profile, due_at, status, kind, trigger, claimed_at, started_at, "
            "finished_at, summary, missed_count, cancel_requested) VALUES "
            "(1, 1, 'p', 1, '', '', '', 1, 10, 14, '', 0, 0), (2, 1, 'p', 2, '', '', '', 2, NULL, 2, '', 0, 0)"
        )
        for size_bytes in (3, 4, None):
            connection.exec_driver_sql(
                "INSERT INTO run_items (run_id, \"database\", status, reason, error, hint, size_bytes) "
                "VALUES (1, 'd', '', '', '', '', ?)", (size_bytes,)
            )  # fmt: skip
    catalogue = Catalogue(tmp_path)
    with catalogue.read() as connection:
        columns = select(runs.c.size_bytes, runs.c.duration_us).order_by(runs.c.id)
        assert connection.execute(columns).all() == [(7, 4), (0, -1)]
    catalogue.close()


def _in_period(row: Any, wanted: Filter) -> bool:
    last = row["missed_until"] or row["due_at"]
    begins = wanted.since is None or last >= wanted.since
    return begins and (wanted.until is None or row["due_at"] < wanted.until)


def _fits(row: Any, wanted: Filter) -> bool:
    asked = {"status": wanted.status, "trigger": wanted.trigger, "profile": wanted.profile}
    return all(value in (None, row[name]) for name, value in asked.items()) and _in_period(row, wanted)


@pytest.mark.parametrize("enough", [0, 1000])
def test_a_period_leaves_what_was_due_or_missed_in_it_in_every_order_and_with_every_filter(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, enough: int
) -> None:
    monkeypatch.setattr(history, "FEW", enough)
    monkeypatch.setattr(history, "MONTH", enough)
    fill(connection, 120)
    reaching = {"status": "missed", "missed_count": 14, "started_at": None, "finished_at": None}
    for number, minutes in ((3, 9), (4, 30), (16, 4)):
        until = NOON + timedelta(minutes=minutes)
        connection.execute(update(runs).where(runs.c.id == number).values(**reaching, missed_until=until))
    every = catalogue_runs.read(connection, select(runs))
    periods: list[dict[str, Any]] = [
        {"since": NOON + timedelta(minutes=9)},
        {"until": NOON + timedelta(minutes=9)},
        {"since": NOON + timedelta(minutes=9), "until": NOON + timedelta(minutes=11)},
        {"since": NOON + timedelta(days=1)},
    ]
    others: list[dict[str, Any]] = [
        {}, {"status": RunStatus.MISSED}, {"status": RunStatus.SUCCEEDED}, {"profile": "ä"},
        *({"trigger": trigger} for trigger in Trigger), {"trigger": Trigger.SCHEDULE, "status": RunStatus.MISSED},
    ]  # fmt: skip
    for period, other, sort in product(periods, others, HistorySort):
        wanted = Filter(**period, **other)
        expected = {row["id"] for row in every if _fits(row, wanted)}
        found = walk(connection, wanted, backwards=False, sort=sort, descending=True)
        assert (sorted(found), len(found)) == (sorted(expected), Selection(connection, wanted).count()), wanted
        assert walk(connection, wanted, backwards=True, sort=sort, descending=True) == found


def test_a_search_keeps_to_its_period(connection: Connection) -> None:
    fill(connection, 60)
    connection.execute(update(runs).where(runs.c.id.in_([5, 50])).values(summary="The device is full."))
    wanted = Filter(text="device", since=NOON + timedelta(minutes=5))
    assert walk(connection, wanted, backwards=False, sort=HistorySort.SIZE, descending=True) == [50]
