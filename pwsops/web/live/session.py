"""One open page: what it knows, where it is, and what its buttons do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from bokeh.document import Document

from pwsops.engines.records import Capabilities
from pwsops.errors import Denied, InvalidInput, PwsopsError
from pwsops.rules.model import BackupKind
from pwsops.rules.rights import GRANTS, Principal, Right, Role
from pwsops.web.live import questions
from pwsops.web.live.attention import Attention
from pwsops.web.live.query import in_background
from pwsops.web.live.questions import Question
from pwsops.web.live.snapshot import Problem, Snapshot, Snapshots, Store, problem_of
from pwsops.web.live.turns import Turns
from pwsops.web.nav import RIGHTS, RUN, RUNS, Nav, count
from pwsops.web.panel_compat import loop_of
from pwsops.web.ui.download import Download

if TYPE_CHECKING:
    from pwsops.operations import Operations
    from pwsops.web.pages.wizard.draft import Draft

Action = Callable[[str], object]
WORK = "pwsops-query"
"""The name of the threads that a page's questions and tasks are done in."""


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
    loop
        The event loop of a notebook's kernel, which shows a page without a document of ours.
    on_change
        Redraws the page; always called where the document may be changed.
    """

    def __init__(
        self,
        store: Store,
        doc: Document | None,
        *,
        who: Callable[[], Principal] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.store = store
        self.ops: Operations = store.ops if who is None else store.ops.acting_as(who)
        self.nav = Nav()
        self.attention = Attention()
        self.notice: Problem | None = None
        self._doings: list[str] = []
        self._questions, self._tasks = Turns(), Turns()
        self.snapshot: Snapshot = store.snapshot(self.ops.principal)
        self.asking: Question | None = None
        """What is done once somebody says so."""
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
        self._loop = loop_of(doc) if doc is not None else loop
        self._early: list[Callable[[], None]] | None = None if self._loop is None else []
        """What came before the browser was there; None from then on."""
        self._closed = False
        self.visits = 0
        """Grows whenever a page is left, for another or for a message in its place."""
        self._unsubscribe: Callable[[], None] = lambda: None
        self.nav.param.watch(lambda *_: self.leave(), "page")
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
        self._unsubscribe()
        self._unsubscribe = self.store.watcher.subscribe(self._on_snapshots)
        if self._closed:
            # Some have left before the browser has told that it shows the page.
            self._unsubscribe()

    def pause(self) -> None:
        """Follow nothing until `open` is called again: nobody looks."""
        self._unsubscribe()

    def close(self) -> None:
        """Leave nothing behind."""
        self._closed = True
        self._unsubscribe()
        self._questions.forget()
        self._tasks.forget()
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
        """Return what an instance can do, and which login it is asked as; empty: the service user. Reaches nobody."""
        found = next((each for each in self.ops.instances.list() if each.name == instance), None)
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
        question = questions.about(action, key)
        if question is not None and not self.why_not(question.right, everywhere=question.everywhere):
            self._ask(question)
            # What is put on a page with its first drawing is not focused by the browser.
            self.attention.focus_on('[data-action="unask"]')
            return
        known = self._actions.get(action)
        if known is not None:
            with suppress(ValueError):  # no page of ours has such a key
                known(key)

    def background(self, work: Callable[[], None], *, asks: bool) -> bool:
        """Do something in another thread, in its turn; whether there is room for it. See `Query` and `Task`."""
        if self._closed:
            return False
        try:
            thread = (self._questions if asks else self._tasks).take(work, name=WORK)
        except OverflowError:
            return False
        if self._loop is None and thread is not None:
            thread.join()
        return True

    def later(self, work: Callable[[], None]) -> None:
        """Do something where the page may be changed; nothing where the page is closed."""
        if self._closed:
            return
        if self._loop is None:
            work()
            return
        # A document loses what another thread adds to it while it is held, so that is done in the loop's own.
        with suppress(RuntimeError):  # the loop has ended, and the page with it
            self._loop.call_soon_threadsafe(self._tell, work)

    def hand_over(self, name: str, file: BinaryIO) -> None:
        """Let the browser save an open file under a name; why it does not, is shown above the page."""
        try:
            self.download.offer(name, file, whose=self.ops.principal.subject)
        except PwsopsError as error:
            file.close()
            self.notice = problem_of(error, "Handing the file over")

    def leave(self) -> None:
        """Let nothing that the page has asked for change it any more: another takes its place."""
        self.visits += 1

    def notify(self, notice: Problem | None) -> None:
        """Show a problem above whatever page is open; None: no more."""
        self.notice = notice
        self.changed()

    def _on_snapshots(self, snapshots: Snapshots) -> None:
        with suppress(Denied):  # who may ask nothing any more is told nothing
            self.later(partial(self._take, snapshots.seen_by(self.ops.principal)))

    def _take(self, snapshot: Snapshot) -> None:
        # Two threads read snapshots, the watcher's and that of an action: the one that is ready last may be the older.
        if snapshot.number >= self.snapshot.number:
            self.snapshot = snapshot
        self.changed()

    def _tell(self, work: Callable[[], None]) -> None:
        """Do something to the page, in the thread of its loop."""
        if self._closed:
            return
        if self._early is not None:
            # The toolkit forgets what changes after the browser has fetched the page and before it has drawn it.
            self._early.append(work)
        elif self._doc is None:
            work()
        else:
            self._doc.add_next_tick_callback(work)

    def _catch_up(self) -> None:
        early, self._early = self._early, None
        for work in early or ():
            self._tell(work)

    def _navigation(self) -> dict[str, Action]:
        go, nav = self.nav.go, self.nav
        return {
            # The list stays as it is searched and sorted, and the calendar where it is.
            "select": partial(self._select, nav),
            "select-all": lambda _: self._select(nav, ""),
            "open-run": lambda key: go(page=RUN, run=count(key)),
            "open-runs": lambda _: go(page=RUNS),
            "go": nav.read,
            "confirm": self._confirm,
            "unask": self._unask,
            "dismiss": lambda _: self.notify(None),
            "delete": self._ask_to_delete,
            "keep": self._keep,
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

    @staticmethod
    def _select(nav: Nav, name: str) -> None:
        nav.go(profile=name, month=nav.month, view=nav.view, day=nav.day, q=nav.q, sort=nav.sort)

    def _ask(self, question: Question | None) -> None:
        self.asking = question
        self.changed()

    def _confirm(self, key: str) -> None:
        # What a browser sends proves nothing: the question has to have been asked, and about this one.
        question = self.asking
        if question is not None and key == f"{question.action} {question.key}":
            self._ask(None)
            self._actions[question.action](question.key)
            self.attention.focus_on("h1")

    def _unask(self, _key: str) -> None:
        question = self.asking
        self._ask(None)
        if question is not None:
            self.attention.focus_on_action(question.action, question.key)

    def _ask_to_delete(self, name: str) -> None:
        self.deleting = name
        self.changed()

    def _keep(self, _key: str) -> None:
        self._ask_to_delete("")
        self.attention.focus_on('[data-action="delete"]')

    def _delete(self, name: str) -> None:
        # What a browser sends proves nothing: the question has to have been asked, and about this one.
        asked, self.deleting = self.deleting, ""
        if asked != name:
            raise InvalidInput(f"{name!r} was not deleted: nobody was asked first.", hint="Press Delete, and answer.")
        self.ops.profiles.delete(name)
        self.later(partial(self._unselect, name))

    def _unselect(self, name: str) -> None:
        if self.nav.profile == name:
            self.nav.profile = ""
        self.attention.announce(f"The profile {name} is deleted. Its history and its backups stay.")
        self.attention.focus_on("#profiles-title, #welcome-title")

    def _operate(self, doing: str, work: Action, key: str) -> None:
        # Not in the server's own thread: an operation may wait for another process, and every page would wait too.
        self.notice = None
        self._doings.append(doing)
        self.changed()
        in_background(self, doing, partial(self._do, doing, work, key), partial(self._done, doing))

    def _do(self, doing: str, work: Action, key: str) -> tuple[Problem | None, Snapshot | None]:
        notice, snapshot = None, None
        try:
            work(key)
        except Exception as error:  # noqa: BLE001 - a click is answered with a message, never a traceback
            notice = problem_of(error, doing)
        try:
            snapshot = self.store.snapshot(self.ops.principal)
        except Exception as error:  # noqa: BLE001 - likewise
            notice = notice or problem_of(error, "Reading what there is now")
        return notice, snapshot

    def _done(self, doing: str, answer: tuple[Problem | None, Snapshot | None] | Problem) -> None:
        notice, snapshot = (answer, None) if isinstance(answer, Problem) else answer
        self._doings.remove(doing)
        # Of several that were clicked, one may have been refused: that stays said when another succeeds.
        self.notice = notice or self.notice
        self._take(snapshot or self.snapshot)


def _number(key: str) -> int:
    try:
        return count(key)
    except ValueError:
        raise InvalidInput(
            "No run was cancelled: what was sent is no number of one.", hint="Load the page again."
        ) from None
