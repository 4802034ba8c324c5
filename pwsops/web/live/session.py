"""One open page: what it knows, where it is, and what its buttons do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bokeh.document import Document

from pwsops.engines.base import Capabilities
from pwsops.errors import Denied, InvalidInput
from pwsops.rules.model import BackupKind
from pwsops.rules.rights import GRANTS, Principal, Right, Role
from pwsops.web.live.snapshot import Snapshot, Snapshots, Store, Trouble, trouble
from pwsops.web.live.turns import Turns
from pwsops.web.nav import RIGHTS, RUN, RUNS, Nav, count
from pwsops.web.pages.wizard.draft import Draft
from pwsops.web.ui.download import Download

if TYPE_CHECKING:
    from pwsops.operations import Operations

TOO_MUCH = Trouble(
    message="This page has asked for too much at once, and this was not done.",
    hint="Wait until what was asked for is done, and try again.",
)
Action = Callable[[str], object]
Answer = TypeVar("Answer")


class Session:
    """What the pieces of a page share. Calls `on_change` whenever something that they show is different.

    Parameters
    ----------
    store
        The process's own.
    doc
        The browser's document, which belongs to the running event loop; None in tests, where all happens at once.
    who
        Who is signed in, as of now; None: who the operations act for.
    on_change
        Redraws the page; always called where the document may be changed.
    """

    def __init__(self, store: Store, doc: Document | None, *, who: Callable[[], Principal] | None = None) -> None:
        self.store = store
        self.ops: Operations = store.ops if who is None else store.ops.acting_as(who)
        self.nav = Nav()
        self.notice: Trouble | None = None
        self._doings: list[str] = []
        self._turns = Turns()
        self.snapshot: Snapshot = store.snapshot(self.ops.principal)
        self.deleting = ""
        """The profile that is to be deleted once somebody says so."""
        self.drafts: dict[str, Draft] = {}
        self.setting_edits: dict[str, tuple[str | bool, str | bool]] = {}
        """By field of the settings page: what was typed there and is not saved, and what was stored before."""
        self.dark = False
        """Whether the page is shown in dark colours: markup follows by itself, figures are painted anew."""
        self.download = Download()
        """The way of files to the browser. The frame holds it: what a page holds reaches nobody who has left it."""
        self.on_change: Callable[[], None] = lambda: None
        self._doc = doc
        self._loop = _loop_of(doc) if doc is not None else None
        self._early: list[Callable[[], None]] | None = None if doc is None else []
        """What came before the browser was there; None from then on."""
        self._closed = False
        self._visits = 0
        self._unsubscribe: Callable[[], None] = lambda: None
        self.nav.param.watch(self._moved, "page")
        self.nav.param.watch(lambda *_: self.changed(), list(self.nav.param))
        self._actions = self._navigation() | self._operations()

    @property
    def switching(self) -> str:
        """What was clicked last of all that is still being done; empty where nothing is."""
        return self._doings[-1] if self._doings else ""

    @property
    def drawn(self) -> bool:
        """Whether the browser has drawn the page as it was made."""
        return self._early is None

    def when_drawn(self, work: Callable[[], None]) -> None:
        """Do something to the page as soon as the browser has drawn it as it was made."""
        if self.drawn:
            work()
        else:
            self._tell(work)

    def open(self) -> None:
        """Begin to follow what changes: the browser shows the page as it was made."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._catch_up)
        self._unsubscribe = self.store.watcher.subscribe(self._told)
        if self._closed:
            # Some have left before the browser has told that it shows the page.
            self._unsubscribe()

    def close(self) -> None:
        """Leave nothing behind."""
        self._closed = True
        self._unsubscribe()
        self._turns.forget()
        self.download.withdraw()
        self.on_change = lambda: None

    def changed(self) -> None:
        """Redraw the page."""
        self.on_change()

    def paint(self, *, dark: bool) -> None:
        """Follow the page's scheme."""
        if dark != self.dark:
            self.dark = dark
            self.changed()

    def able(self, instance: str) -> tuple[Capabilities, str]:
        """Say what an instance can do, and which login it is asked as: empty for the service user. Reaches nobody."""
        found = next((one for one in self.ops.instances.list() if one.name == instance), None)
        if found is None:
            return Capabilities(), ""
        return self.ops.instances.offers(found.engine), found.login or ""

    def why_not(self, right: Right, *, everywhere: bool = False) -> str:
        """Return why somebody may not do what needs a right, for a button that is offered all the same; empty: may.

        `everywhere`: it concerns all instances.
        """
        try:
            principal = self.ops.principal
        except Denied as error:
            return error.message
        if not principal.has(right):
            *others, last = (role.value for role in Role if right in GRANTS[role])
            able = f"{', '.join(others)} or {last}" if others else last
            return f"Your role is {principal.role.value}: that needs the role {able}."
        if everywhere and principal.instances is not None:
            return "It concerns all instances, and yours are some."
        return ""

    def why_not_open(self, page: str) -> str:
        """Return why a page is not for somebody; empty: it is."""
        return self.why_not(RIGHTS.get(page, Right.LOOK))

    def act(self, action: str, key: str) -> None:
        """Do what was clicked. What it is refused for is shown, with the next step."""
        known = self._actions.get(action)
        if known is not None:
            with suppress(ValueError):  # no page of ours has such a key
                known(key)

    def ask(self, doing: str, work: Callable[[], Answer], then: Callable[[Answer | Trouble], None]) -> None:
        """Do `work`, which may take its time, elsewhere; `then` is given the answer, or the trouble, on the page.

        Ask a slow server this way: whatever is done in the page's own thread keeps every other page waiting.
        """

        def do() -> None:
            answer: Answer | Trouble
            try:
                answer = work()
            except Exception as error:  # noqa: BLE001 - a page shows a message, never a traceback
                answer = trouble(error, doing)
            if isinstance(answer, Trouble) and answer.anew:
                # Whatever the page makes of it, the way to sign in once more stands above it.
                self._later(partial(self._notify, answer))
            self._later(partial(then, answer))

        if not self._turn(do, "pwsops-question"):
            self._later(partial(then, TOO_MUCH))

    def ask_here(
        self,
        doing: str,
        work: Callable[[], Answer],
        then: Callable[[Answer | Trouble, bool], None],
        *,
        about: Callable[[], object],
    ) -> None:
        """Do as `ask` does, for a page that may be left, or turned to something else, before the answer comes.

        Parameters
        ----------
        doing, work
            As `ask` has them.
        then
            Is also told whether somebody is still where it was asked. Where not, a trouble is shown above whatever
            page there is, and nothing there may be changed.
        about
            Gives what the page is about; it is compared with what it gives now.
        """
        before = self._visits, about()

        def answered(answer: Answer | Trouble) -> None:
            here = (self._visits, about()) == before
            then(answer, here)
            if isinstance(answer, Trouble) and not here:
                self._notify(answer)

        self.ask(doing, work, answered)

    def _moved(self, *_: object) -> None:
        self._visits += 1

    def _told(self, snapshots: Snapshots) -> None:
        with suppress(Denied):  # who may ask nothing any more is told nothing
            self._later(partial(self._take, snapshots.seen_by(self.ops.principal)))

    def _take(self, snapshot: Snapshot) -> None:
        # Two threads read snapshots, the watcher's and that of an action: the one that is ready last may be the older.
        if snapshot.number >= self.snapshot.number:
            self.snapshot = snapshot
        self.changed()

    def _later(self, work: Callable[[], None]) -> None:
        if self._doc is None or self._loop is None:
            work()
            return
        # A document loses what another thread adds to it while it is held, so that is done in the loop's own.
        with suppress(RuntimeError):  # the loop has ended, and the page with it
            self._loop.call_soon_threadsafe(self._tell, work)

    def _tell(self, work: Callable[[], None]) -> None:
        """Do something to the page, in the thread of its loop."""
        if self._closed or self._doc is None:
            return
        if self._early is not None:
            # The toolkit forgets what changes after the browser has fetched the page and before it has drawn it.
            self._early.append(work)
        else:
            self._doc.add_next_tick_callback(work)

    def _catch_up(self) -> None:
        early, self._early = self._early, None
        for work in early or ():
            self._tell(work)

    def _navigation(self) -> dict[str, Action]:
        go, nav = self.nav.go, self.nav
        return {
            "select": lambda key: go(profile=key, month=nav.month, view=nav.view, day=nav.day),
            "select-all": lambda _: go(month=nav.month, view=nav.view, day=nav.day),
            "open-run": lambda key: go(page=RUN, run=count(key)),
            "open-runs": lambda _: go(page=RUNS),
            "go": nav.read,
            "dismiss": lambda _: self._notify(None),
            "delete": self._ask_to_delete,
            "keep": lambda _: self._ask_to_delete(""),
        }

    def _operations(self) -> dict[str, Action]:
        ops = self.ops
        doings: dict[str, tuple[str, Action]] = {
            "start": ("Starting the run", ops.runs.start),
            "start-full": ("Starting the run", lambda name: ops.runs.start(name, BackupKind.FULL)),
            "cancel": ("Cancelling the run", lambda key: ops.runs.cancel(_number(key))),
            "activate": ("Activating the profile", ops.profiles.activate),
            "deactivate": ("Deactivating the profile", ops.profiles.deactivate),
            "delete-now": ("Deleting the profile", self._delete),
            "service-start": ("Starting the service", lambda _: ops.service.start()),
            "service-stop": ("Stopping the service", lambda _: ops.service.stop()),
        }
        return {name: partial(self._operate, doing, work) for name, (doing, work) in doings.items()}

    def _ask_to_delete(self, name: str) -> None:
        self.deleting = name
        self.changed()

    def _delete(self, name: str) -> None:
        # What a browser sends proves nothing: the question has to have been asked, and about this one.
        asked, self.deleting = self.deleting, ""
        if asked != name:
            raise InvalidInput(f"{name!r} was not deleted: nobody was asked first.", hint="Press Delete, and answer.")
        self.ops.profiles.delete(name)
        self._later(partial(self._unselect, name))

    def _unselect(self, name: str) -> None:
        if self.nav.profile == name:
            self.nav.profile = ""

    def _operate(self, doing: str, work: Action, key: str) -> None:
        # Not in the server's own thread: an operation may wait for another process, and every page would wait too.
        self.notice = None
        self._doings.append(doing)
        self.changed()
        if not self._turn(partial(self._do, doing, work, key), "pwsops-action"):
            self._done(doing, TOO_MUCH, None)

    def _turn(self, work: Callable[[], None], name: str) -> bool:
        """Have something done in another thread; whether there is room for it."""
        try:
            thread = self._turns.take(work, name=name)
        except OverflowError:
            return False
        if self._doc is None and thread is not None:
            thread.join()
        return True

    def _do(self, doing: str, work: Action, key: str) -> None:
        notice, snapshot = None, None
        try:
            work(key)
        except Exception as error:  # noqa: BLE001 - a click is answered with a message, never a traceback
            notice = trouble(error, doing)
        try:
            snapshot = self.store.snapshot(self.ops.principal)
        except Exception as error:  # noqa: BLE001 - likewise
            notice = notice or trouble(error, "Reading what there is now")
        self._later(partial(self._done, doing, notice, snapshot))

    def _done(self, doing: str, notice: Trouble | None, snapshot: Snapshot | None) -> None:
        self._doings.remove(doing)
        # Of several that were clicked, one may have been refused: that stays said when another succeeds.
        self.notice = notice or self.notice
        self._take(snapshot or self.snapshot)

    def _notify(self, notice: Trouble | None) -> None:
        self.notice = notice
        self.changed()


def _number(key: str) -> int:
    try:
        return count(key)
    except ValueError:
        raise InvalidInput(
            "No run was cancelled: what was sent is no number of one.", hint="Load the page again."
        ) from None


def _loop_of(doc: Document) -> asyncio.AbstractEventLoop:
    """Return the event loop that serves a document; a newer Bokeh makes documents in other threads."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        loop: Any = doc.session_context.server_context.application_context.io_loop
        found: asyncio.AbstractEventLoop = getattr(loop, "asyncio_loop", loop)
        return found
