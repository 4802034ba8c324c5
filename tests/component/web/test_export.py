"""Exporting from the history's page: what is asked for, how it goes to the browser, and what is said where it fails."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from pwsops.errors import PwsopsError
from pwsops.operations.history import HistoryQuery
from pwsops.operations.reports import ReportFormat, ReportQuery, RestoreQuery
from pwsops.rules.model import RunStatus
from pwsops.web.app import Frame
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.pages.history.page import History
from pwsops.web.ui import download, export
from pwsops.web.ui.download import Download
from tests.component.web.conftest import NOW, FakeOperations, hold


class Asked:
    """Stands in for the reports: notes what is asked of it, and exports that."""

    def __init__(self) -> None:
        self.queries: list[ReportQuery] = []
        self.restores: list[RestoreQuery] = []
        self.error: PwsopsError | None = None

    def export_restores(self, form: ReportFormat, query: RestoreQuery) -> BinaryIO:
        self.restores.append(query)
        return io.BytesIO(form.value.encode())

    def export(self, form: ReportFormat, query: ReportQuery) -> BinaryIO:
        if self.error is not None:
            raise self.error
        self.queries.append(query)
        return io.BytesIO(form.value.encode())


@pytest.fixture
def asked(ops: FakeOperations) -> Asked:
    ops.reports = Asked()  # type: ignore[attr-defined]
    return ops.reports  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def page(store: Store) -> Iterator[History]:
    session = Session(store, None)
    session.nav.go(page="runs", status="failed")
    page = History(session)
    session.on_change = page.refresh
    yield page
    session.close()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(Download, "_send_msg", lambda self, data: messages.append(data))
    return messages


def test_what_the_filters_leave_is_exported(page: History, asked: Asked, sent: list[dict[str, Any]]) -> None:
    page._piece.take({"action": "export", "key": "csv"})
    assert asked.queries == [ReportQuery(status=RunStatus.FAILED)]
    assert sent == [{"number": 1, "name": f"pwsops-history-{NOW:%Y-%m-%d}.csv", "piece": b"csv", "last": True}]
    assert "writing the export" not in page._piece.html


def test_while_one_is_written_no_other_is_begun(
    page: History, asked: Asked, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = hold(page._session, monkeypatch)
    page._piece.take({"action": "export", "key": "csv"})
    page._piece.take({"action": "export", "key": "xlsx"})
    assert len(waiting) == 1
    assert "writing the export" in page._piece.html


def test_an_export_that_fails_says_why_and_leaves_the_page_usable(
    page: History, asked: Asked, sent: list[dict[str, Any]]
) -> None:
    asked.error = PwsopsError("The disk is full.", hint="Make room.")
    page._piece.take({"action": "export", "key": "parquet"})
    assert page._session.notice is not None
    assert page._session.notice.message == "The disk is full."
    assert sent == []
    asked.error = None
    page._piece.take({"action": "export", "key": "parquet"})
    assert len(sent) == 1


def test_all_that_the_page_is_filtered_by_is_exported(asked: Asked) -> None:
    ops: Any = SimpleNamespace(reports=asked)
    with export.written(ops, ReportFormat.HTML, HistoryQuery(profile="p", text="x")) as file:
        assert file.read() == b"html"
    assert asked.queries == [ReportQuery(profile="p", text="x")]


@pytest.mark.parametrize("form", ["csv", "evidence"])
def test_the_period_is_that_of_exports_and_evidence_too(
    page: History, asked: Asked, sent: list[dict[str, Any]], form: str
) -> None:
    page._session.nav.go(page="runs", period="today")
    page._piece.take({"action": "export", "key": form})
    midnight = NOW.replace(hour=0)
    assert asked.queries == [ReportQuery(since=midnight, until=midnight + timedelta(days=1))]


def test_the_restores_that_are_shown_are_exported(page: History, asked: Asked, sent: list[dict[str, Any]]) -> None:
    page._session.nav.go(page="runs", view="restores", q="vault", status="failed")
    page._piece.take({"action": "export", "key": "csv"})
    assert asked.restores == [RestoreQuery(text="vault", status=RunStatus.FAILED)]
    assert [one["name"] for one in sent] == [f"pwsops-restores-{NOW:%Y-%m-%d}.csv"]
    assert "writing the export" not in page._piece.html


def test_pieces_are_sent_one_by_one_as_they_are_asked_for(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PIECE_BYTES", 2)
    piece, file = Download(), io.BytesIO(b"abcd")
    piece.offer("a", file)
    assert [(one["piece"], one["last"]) for one in sent] == [(b"ab", False)]
    for amiss in ({"more": 0}, {"more": 2}, {"more": []}, "more", {}):
        piece._handle_msg(amiss)
    assert len(sent) == 1
    piece._handle_msg({"more": 1})
    piece._handle_msg({"more": 1})
    assert [(one["piece"], one["last"]) for one in sent] == [(b"ab", False), (b"cd", False), (b"", True)]
    assert file.closed
    piece._handle_msg({"more": 1})
    assert len(sent) == 3


def test_another_file_goes_beside_one_that_is_being_fetched(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PIECE_BYTES", 2)
    piece = Download()
    piece.offer("a", io.BytesIO(b"abc"))
    piece.offer("b", io.BytesIO(b"xy"))
    piece._handle_msg({"more": 1})
    piece._handle_msg({"more": 2})
    assert [(one["number"], one["name"], one["piece"], one["last"]) for one in sent] == [
        (1, "a", b"ab", False), (2, "b", b"xy", False), (1, "a", b"c", True), (2, "b", b"", True),
    ]  # fmt: skip


def test_a_person_has_so_many_files_on_their_way_and_no_more_by_however_many_pages(
    page: History, store: Store, asked: Asked, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PIECE_BYTES", 2)
    monkeypatch.setattr(download, "_sending", {})
    for _ in range(download.MOST):
        page._piece.take({"action": "export", "key": "csv"})
    other = Session(store, None)
    file = io.BytesIO(b"abcd")
    other.hand_over("b", file)
    assert (file.closed, len(sent)) == (True, download.MOST)
    assert other.notice is not None
    assert f"{download.MOST} are on their way" in other.notice.message
    page._session.download._handle_msg({"more": 1})
    page._session.download._handle_msg({"more": 1})
    other.hand_over("b", io.BytesIO(b"abcd"))
    assert sent[-1]["name"] == "b"
    page._session.close()
    other.close()
    assert not any(one._files for one in download._sending[page._session.ops.principal.subject])


def test_what_nobody_fetched_is_closed_with_the_page(
    page: History, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PIECE_BYTES", 2)
    files = [io.BytesIO(b"abcd"), io.BytesIO(b"abcd")]
    for file in files:
        page._session.download.offer("a", file)
    page._session.close()
    assert all(file.closed for file in files)
    page._session.download._handle_msg({"more": 1})
    assert len(sent) == 2


def test_an_export_reaches_the_browser_from_a_page_that_was_left(
    page: History, asked: Asked, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = Frame(page._session)
    waiting = hold(page._session, monkeypatch)
    frame._page._piece.take({"action": "export", "key": "csv"})
    [answer] = waiting
    page._session.nav.go()
    answer()
    assert [one["piece"] for one in sent] == [b"csv"]
    assert page._session.download in list(frame._view.select(Download))
