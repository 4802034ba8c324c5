"""The toolkit's insides: touched in one place, as it expects them, and only for as long as it must be.

A test here that fails after an upgrade says whether a part of `panel_compat` is broken or no longer needed.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import threading
import weakref
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.application import Application
from bokeh.document import Document
from bokeh.io import doc as current_documents
from bokeh.io.doc import curdoc, patch_curdoc
from bokeh.server.contexts import ApplicationContext, BokehSessionContext
from panel.custom import JSComponent
from panel.io.resources import Resources
from panel.io.server import DocHandler, WSHandler
from panel.models.esm import DataEvent
from panel.reactive import ReactiveHTML
from tornado.httpserver import HTTPServer
from tornado.platform.asyncio import AsyncIOLoop
from tornado.web import Application as Tornado

from pwsops.web import door, panel_compat
from pwsops.web.app import Shell
from pwsops.web.panel_compat import JSPiece
from pwsops.web.ui.download import Download
from pwsops.web.ui.markup import Markup

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [path for path in sorted((ROOT / "pwsops").rglob("*.py")) if path.name != "panel_compat.py"]
DOCUMENTED = {
    "bokeh.core.properties",
    "bokeh.document",
    "bokeh.events",
    "bokeh.models",
    "bokeh.plotting",
    "bokeh.transform",
    "panel",
    "panel.custom",
    "panel.viewable",
    "panel.widgets",
    "panel_material_ui",
}
"""Modules that the toolkits document, and keep as they are."""
IO = {"hold", "push_notebook"}
"""What `pn.io` has that is documented."""
PYTHONS = {"pool._work_queue"}
"""What is private to Python's own library, which is no concern of this test."""
HOOKS = {"_handle_msg"}
"""What a component may define, as Panel documents it."""


def _touched(path: Path) -> Iterator[str]:
    """Yield what a module names of the toolkit that the toolkit does not document, or of anything that is private."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _is_inside(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _is_inside(node.module):
            yield node.module
        elif isinstance(node, ast.Attribute):
            whole = ast.unparse(node)
            if whole.startswith("pn.io.") and node.attr not in IO:
                yield whole
            if node.attr.startswith("_") and not node.attr.startswith("__") and whole.startswith("pn."):
                yield whole


def _is_inside(module: str) -> bool:
    return module.partition(".")[0] in ("bokeh", "panel", "panel_material_ui") and module not in DOCUMENTED


def test_nothing_else_imports_what_the_toolkits_do_not_document() -> None:
    found = {str(path.relative_to(ROOT)): touched for path in SOURCES if (touched := list(_touched(path)))}
    assert found == {}


@pytest.mark.parametrize("path", [path for path in SOURCES if "web" in path.parts], ids=lambda path: path.stem)
def test_no_page_names_what_is_private_to_another(path: Path) -> None:
    private = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__")
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
    assert private - PYTHONS == set()


@pytest.mark.parametrize("piece", [Download, Markup, Shell])
def test_components_define_nothing_that_is_private_to_the_toolkit(piece: type[Any]) -> None:
    ours = {name for name, value in vars(piece).items() if name.startswith("_") and inspect.isfunction(value)}
    assert {name for name in ours if hasattr(JSComponent, name) and not name.endswith("__")} - HOOKS == set()


@pytest.mark.parametrize("name", [name for name in panel_compat.__all__ if name not in ("Location", "get_server")])
def test_each_part_names_the_version_that_makes_it_unnecessary(name: str) -> None:
    assert "Needed until: " in str(inspect.getdoc(getattr(panel_compat, name)))


def test_a_documents_loop_is_found_from_another_thread() -> None:
    loop = AsyncIOLoop(make_current=False)
    try:
        context = ApplicationContext(Application(), io_loop=loop)
        doc = Document()
        session = BokehSessionContext("id", context.server_context, doc)
        doc._session_context = weakref.ref(session)
        assert panel_compat.loop_of(doc) is loop.asyncio_loop
        assert not hasattr(doc, "io_loop"), "the documented way is the better one"
    finally:
        loop.close(all_fds=True)


def test_a_documents_loop_is_the_one_that_runs() -> None:
    async def found() -> bool:
        return panel_compat.loop_of(Document()) is asyncio.get_running_loop()

    assert asyncio.run(found())


def _watchers() -> list[Any]:
    return list(pn.state.param.watchers.get("busy", {}).get("value", ()))


def test_a_cells_messages_are_handled_where_the_kernel_runs_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[tuple[object, threading.Thread]] = []

    def handle(_self: object, *given: object) -> None:
        handled.append((given, threading.current_thread()))

    names = [list(inspect.signature(one._on_msg).parameters) for one in (pn.Column, panel_compat.CellColumn)]
    assert names[0] == names[1]
    monkeypatch.setattr(pn.Column, "_on_msg", handle)
    panel_compat.CellColumn()._on_msg("ref", None, "first")

    async def notebook() -> None:
        column = panel_compat.CellColumn()
        await asyncio.to_thread(column._on_msg, "ref", None, "second")
        await asyncio.sleep(0)

    asyncio.run(notebook())
    assert [given for given, _ in handled] == [("ref", None, "first"), ("ref", None, "second")]
    assert {thread for _, thread in handled} == {threading.main_thread()}


def test_what_components_load_is_what_panel_finds_and_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    where = "https://example.org/component.js"
    kinds: list[str] = []
    find = Resources.extra_resources

    def counted(resources: Resources, found: list[str], kind: str) -> None:
        kinds.append(kind)
        find(resources, found, kind)

    class Component(ReactiveHTML):  # type: ignore[misc]  # panel ships no complete types
        _template = "<div id='place'></div>"
        __javascript__: ClassVar[list[str]] = [where]

    expected = list(Resources(mode="server").js_files)
    monkeypatch.setattr(panel_compat._Resources, "_known", {})
    monkeypatch.setattr(Resources, "extra_resources", counted)
    first, second = (list(panel_compat._Resources(mode="server").js_files) for _ in range(2))
    assert first == second == expected
    assert expected.count(where) == 1
    assert kinds == ["__javascript__"]
    del Component


def test_a_page_no_longer_follows_whether_the_process_is_busy() -> None:
    before = len(_watchers())
    page = pmui.Page()
    assert len(_watchers()) == before + 1, "a page follows no flag of the process any more: unwatch_busy may go"
    panel_compat.unwatch_busy(page)
    assert len(_watchers()) == before
    gone = weakref.ref(page)
    del page
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(version("bokeh").split(".")[:2] != ["3", "9"], reason="Bokeh keeps current documents by context")
def test_a_document_whose_message_failed_is_nobodys_current_one() -> None:
    before, doc, other = curdoc(), Document(), Document()
    with pytest.raises(ZeroDivisionError), patch_curdoc(doc):
        raise ZeroDivisionError
    assert curdoc() is doc, "Bokeh forgets it by itself: forget_current may go"
    with patch_curdoc(other):
        panel_compat.forget_current(doc)
        assert curdoc() is other
    assert curdoc() is before


def test_where_current_documents_are_kept_by_context_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_documents, "_PATCHED_CURDOCS", ())
    panel_compat.forget_current(Document())


class _Piece(JSPiece):  # type: ignore[misc]  # panel ships no complete types
    _esm = "export function render() {}"

    def __init__(self) -> None:
        super().__init__()
        self.renewals = 0
        self.heard: list[object] = []

    def renewed(self) -> None:
        self.renewals += 1

    def _handle_msg(self, data: object) -> None:
        self.heard.append(data)


def test_a_component_knows_when_it_gets_a_new_model_and_hears_no_former_one() -> None:
    piece = _Piece()
    layout = pn.Column(piece)
    root = layout.get_root(Document())
    [former] = [model for model, _ in piece._models.values()]
    assert piece.renewals == 1
    layout.objects = []
    layout.objects = [piece]
    [present] = [model for model, _ in piece._models.values()]
    assert root is not None
    assert piece.renewals == 2
    event = DataEvent(former, data="former")
    piece._process_event(event)
    assert piece.heard == []
    piece._process_event(DataEvent(present, data="present"))
    assert piece.heard == ["present"]
    super(JSPiece, piece)._process_event(event)
    assert piece.heard == ["present", "former"], "Panel tells models apart by itself: JSPiece may go"


def test_a_server_has_the_parts_that_the_door_stands_before() -> None:
    loop = AsyncIOLoop(make_current=False)
    server = panel_compat.get_server(lambda: "page", port=0, loop=loop, **door.server_options(door.Limits()))
    try:
        app, http, its_loop = panel_compat.parts_of(server)
        assert isinstance(app, Tornado)
        assert isinstance(http, HTTPServer)
        assert its_loop is loop
        named = {name for name in dir(server) if not name.startswith("_")}
        public = {name for name in named if isinstance(getattr(server, name, None), Tornado | HTTPServer)}
        assert public == set(), "there is a documented way: parts_of may go"
        assert {"application_context", "bokeh_websocket_path"} == panel_compat.handler_options(app).keys()
        panel_compat.answer_with(http, door, lambda take: [take])
        assert (http.request_callback, len(http.handle_stream)) == (door, 1)
    finally:
        server.unlisten()
        loop.close(all_fds=True)


def test_what_a_page_loads_is_what_panel_finds_and_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_compat._Resources, "_known", {})
    panels = Resources(mode="server")
    assert [panel_compat._Resources(mode="server").css_files for _ in range(2)] == [panels.css_files] * 2
    assert any("panel-material-ui" in each for each in panels.css_files)

    def again(*_: object) -> None:
        raise AssertionError("all components are gone through once more")

    monkeypatch.setattr(Resources, "extra_resources", again)
    assert panel_compat._Resources(mode="server").css_files


def test_a_page_behind_a_prefix_loads_what_lies_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_compat._Resources, "_known", {})
    found = [panel_compat._Resources(mode="server").css_files]
    monkeypatch.setattr(type(pn.state), "rel_path", "behind")
    found.append(panel_compat._Resources(mode="server").css_files)
    assert found[0] != found[1] == Resources(mode="server").css_files


def test_the_toolkits_latin_letters_are_found_in_both_weights_of_the_pages() -> None:
    faces = panel_compat.latin_faces()
    assert {400, 700} <= faces.keys()
    dist = Path(pmui.__file__).parent / "dist"
    assert all((dist / where.rpartition("/")[2]).is_file() for where in faces.values())


def test_the_handlers_still_have_what_ours_take_the_place_of() -> None:
    assert {"get_session", "get"} <= set(dir(DocHandler))
    assert {"open", "on_close", "on_message", "send_message", "check_origin"} <= set(dir(WSHandler))
