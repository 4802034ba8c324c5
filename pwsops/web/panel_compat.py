"""All that touches the insides of Panel, Bokeh and Tornado, each with the version that makes it unnecessary.

Nothing else under `pwsops` imports what they do not document, or names what is private to them; `tests/component/web/
test_panel_compat.py` says so, and says of each part here when it is broken, and when it is no longer needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document
from bokeh.io import doc as current_documents
from bokeh.server.session import ServerSession
from bokeh.util.token import generate_jwt_token, generate_session_id
from panel.custom import JSComponent
from panel.io.location import Location
from panel.io.resources import Resources
from panel.io.server import DocHandler, WSHandler, get_server, server_html_page_for_session
from panel.io.state import set_curdoc

__all__ = [
    "CellColumn",
    "JSPiece",
    "Location",
    "PageHandler",
    "SocketHandler",
    "answer_with",
    "cell_outputs",
    "forget_current",
    "get_server",
    "handler_options",
    "kernel_loop",
    "latin_faces",
    "loop_of",
    "parts_of",
    "served_document",
    "unwatch_busy",
]


def loop_of(doc: Document) -> asyncio.AbstractEventLoop:
    """Return the event loop that serves a document; Bokeh 3.10 makes documents in other threads.

    Needed until: none known; the way to the loop is documented nowhere.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        loop: Any = doc.session_context.server_context.application_context.io_loop
        found: asyncio.AbstractEventLoop = getattr(loop, "asyncio_loop", loop)
        return found


def cell_outputs() -> list[Any]:
    """Return what the cells of the notebook that is being served have shown so far, in order.

    Needed until: none known; Panel lays the cells out itself, in templates that ask for a font from elsewhere.
    """
    return [part for parts in pn.state._cell_outputs.values() for part in parts if part is not None]


class CellColumn(pn.Column):  # type: ignore[misc]  # panel ships no complete types
    """A column that a notebook shows, whose messages are all handled where the kernel runs its cells.

    JupyterLab has a kernel take what browsers say in other threads (subshells), one for each cell; there the toolkit
    would change a document while the kernel's own thread does, and part of what both changed would reach no browser.

    Needed until: none known, as of Panel 1.10 and JupyterLab 4.6.
    """

    def __init__(self, *parts: Any, **parameters: Any) -> None:
        super().__init__(*parts, **parameters)
        self._loop = kernel_loop()

    def _on_msg(self, ref: str, manager: Any, msg: Any) -> None:
        if self._loop is None:
            super()._on_msg(ref, manager, msg)
        else:
            self._loop.call_soon_threadsafe(super()._on_msg, ref, manager, msg)


def served_document() -> Document | None:
    """Return the document of the page that a server makes or answers just now; None in a notebook and in a script.

    What is made while a notebook's message is answered has a current document as well: one without a session, whose
    callbacks nobody calls.

    Needed until: none known; the toolkit tells the two apart by that as well.
    """
    document: Document | None = pn.state.curdoc
    return document if document is not None and document.session_context is not None else None


def kernel_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop of the kernel that runs a notebook; None where there is none, as in a script or on a server.

    Needed until: none known; the toolkit has no name for it.
    """
    if served_document() is not None:
        return None
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def unwatch_busy(page: Any) -> None:
    """Have a page of panel-material-ui no longer follow whether the process is busy.

    That flag is the whole process's: it would keep every page, and its session, for ever, and each change walks all
    models of the page.

    Needed until: none known, as of panel-material-ui 0.16.
    """
    for watcher in list(pn.state.param.watchers.get("busy", {}).get("value", ())):
        if getattr(getattr(watcher.fn, "__self__", None), "self", None) is page:
            pn.state.param.unwatch(watcher)


@cache
def latin_faces() -> Mapping[int, str]:
    """Return where the toolkit's Latin letters lie, by their weight, from the page's address on.

    Needed until: none known; the toolkit names its files by what is in them, and tells nobody.
    """
    found = {}
    for path in (Path(pmui.__file__).parent / "dist").glob("roboto-latin-[0-9]00-normal-*.woff2"):
        found[int(path.name.split("-")[2])] = f"static/extensions/panel-material-ui/{path.name}"
    return found


def forget_current(document: Document) -> None:
    """Take a document from Bokeh's list of current ones, where it stays when a message fails.

    It would be the current document of every thread from then on, whoever's page that works for.

    Needed until: Bokeh 3.10, which keeps them by context.
    """
    current = getattr(current_documents, "_PATCHED_CURDOCS", None)
    if isinstance(current, list):
        current[:] = [found for found in current if found() not in (document, None)]


class JSPiece(JSComponent):  # type: ignore[misc]  # panel ships no complete types
    """A component that knows its present model in the browser: one that is taken off a page and put back gets another.

    Needed until: none known; Panel hands over what a former model sent as if it came from the present one.
    """

    def renewed(self) -> None:
        """Begin anew: the next message is the first of a new model."""

    def _get_model(self, *args: Any, **kwargs: Any) -> Any:
        self.renewed()
        return super()._get_model(*args, **kwargs)

    def _process_event(self, event: Any) -> None:
        if any(event.model is model for model, _ in self._models.values()):
            super()._process_event(event)


def parts_of(server: Any) -> tuple[Any, Any, Any]:
    """Return the Tornado application, the HTTP server and the loop of a server of Panel's.

    Needed until: none known; `get_server` takes neither a router nor an HTTP server.
    """
    return server._tornado, server._http, server.io_loop


def answer_with(http: Any, door: Any, guard: Callable[[Any], Any]) -> None:
    """Have an HTTP server of Tornado's answer by `door`, and take streams by what `guard` makes of its own way.

    Needed until: none known; Panel makes its own HTTP server, and leaves nothing to be chosen but time-outs and sizes.
    """
    http.handle_stream = guard(http.handle_stream)
    http.request_callback = door


def handler_options(app: Any) -> dict[str, Any]:
    """Return what the handlers of Panel's one page are made with.

    Needed until: none known; Bokeh makes its handlers from routes of its own.
    """
    return {"application_context": next(iter(app.applications.values())), "bokeh_websocket_path": "/ws"}


class _Resources(Resources):  # type: ignore[misc]  # panel ships no complete types
    """What a page loads, as Panel finds it; what components load is looked for once, and not for each page.

    Needed until: none known; Panel goes through all classes of components for each page, a third of what one costs.
    """

    _known: ClassVar[dict[tuple[object, ...], list[str]]] = {}

    def extra_resources(self, resources: list[str], resource_type: str) -> None:
        """Add what components load of a type, as their classes say."""
        loaded = None if pn.state._extensions is None else tuple(pn.state._extensions)
        key = (resource_type, self.mode, pn.state.rel_path, loaded)
        if key not in self._known:
            found: list[str] = []
            super().extra_resources(found, resource_type)
            self._known[key] = found
        resources.extend(each for each in self._known[key] if each not in resources)


class PageHandler(DocHandler):  # type: ignore[misc]  # panel ships no complete types
    """What makes a page's session, token and text.

    Needed until: none known; Panel's own takes ids and tokens that a browser brings, and puts headers and cookies into
    tokens, for scripts of the page to read.
    """

    async def new_session(self) -> tuple[Any, str, str]:
        """Return a new session with its id and token, whatever the browser brought."""
        app = self.application
        signing = {"secret_key": app.secret_key, "signed": True}
        session_id = generate_session_id(**signing)
        token = generate_jwt_token(session_id, expiration=app.session_token_expiration, **signing)
        session = await self.application_context.create_session_if_needed(session_id, self.request, token)
        return session, session_id, token

    def text_of(self, session: Any) -> str:
        """Return the page of a session."""
        with set_curdoc(session.document):
            text: str = server_html_page_for_session(
                session,
                resources=_Resources.from_bokeh(self.application.resources()),
                title=session.document.title,
                token=session.token,
                template=session.document.template,
                template_variables=session.document.template_variables,
            )
        return text


class SocketHandler(WSHandler):  # type: ignore[misc]  # panel ships no complete types
    """What takes a page's messages, and does what they say.

    Needed until: none known; Bokeh's own logs a message that fails, and what somebody typed with it.
    """

    async def whole(self, frame: str | bytes) -> Any:
        """Return the message that a frame completes; None: there is more to come."""
        return await self.receiver.consume(frame)

    async def patch(self, message: Any) -> Any:
        """Change the document as a message says; return the reply."""
        return await ServerSession.patch(message, self.connection)

    async def pull(self, message: Any) -> Any:
        """Return the whole document, as a reply to a message."""
        return await ServerSession.pull(message, self.connection)

    def failed(self, message: Any, why: str) -> Any:
        """Return the reply to a message that failed; its document is nobody's current one any more."""
        forget_current(self.connection.session.document)
        return self.connection.error(message, why)
