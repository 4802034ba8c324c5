"""Where to restore from: the backups that are known, or a file on the database's server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pwsops.rules.model import BackupSet
from pwsops.web.live.query import Query
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Problem
from pwsops.web.nav import RESTORE
from pwsops.web.pages.restore import texts
from pwsops.web.pages.restore.login import LoginPart
from pwsops.web.pages.restore.texts import FROM_FILE, Looked, RestorePoint
from pwsops.web.ui import formatting
from pwsops.web.ui.markup import Markup

SOURCES = 25
"""How many known backups are listed at first, and how many more each time."""


class Source:
    """The part of the page Restore in which a backup is chosen; the address holds the choice.

    Parameters
    ----------
    session
        Whose page it is.
    who
        Whom the server is asked as.
    look_again
        Called when the whole page is to be asked for anew.
    """

    def __init__(self, session: Session, who: LoginPart, look_again: Callable[[str], None]) -> None:
        self._session = session
        self._who = who
        self._look_again = look_again
        self.piece = Markup(self._act, self._typed)
        self._known: Query[Sequence[BackupSet]] = Query(session, "Listing the backups")
        self._looked: Query[Looked] = Query(session, "Looking into the file")
        self._place = ("", "")
        self._path: str | None = None
        self._limit = SOURCES
        self._round = 0
        self._chosen: set[tuple[str, str]] = set()
        self._unfolded = False
        self._pointed = ""
        self._points: dict[str, RestorePoint] = {}

    def show(self, place: tuple[str, str]) -> tuple[str, int] | None:
        """Show what there is for an instance's database; give the file and position that are chosen.

        What is chosen is one line, until it is to be changed: then nothing counts as chosen.
        """
        if place != self._place:
            self._place, self._path, self._limit, self._unfolded = place, None, SOURCES, False
        return self._show_files() if self._session.nav.view == FROM_FILE else self._show_history()

    def is_asked_for(self, path: str) -> bool:
        """Whether somebody chose a file on a page of ours.

        An address may be made up by others: a server that opens a path of theirs, on a share, shows them its login.
        """
        place = (self._place[0], path)
        if not self._session.nav.by_link:
            self._chosen.add(place)
        return place in self._chosen

    def ask_anew(self) -> None:
        """Forget what the server answered: somebody else asks it, or the same path may have another answer by now."""
        self._round += 1

    def _show_history(self) -> tuple[str, int] | None:
        ops, nav, (instance, database) = self._session.ops, self._session.nav, self._place
        snapshot = self._session.snapshot
        runs = [(profile.id, profile.last_run and profile.last_run.id) for profile in snapshot.profiles]
        who = self._who.credentials
        found = self._known.ask(
            (instance, database, self._round),
            lambda: ops.restores.sources(instance, database, credentials=who),
            version=runs,
        )
        sets = [] if found is None or isinstance(found, Problem) else found
        chosen = (nav.file, nav.position or 1) if nav.file else None
        points = self._number(self._as_points(sets, chosen, ""))
        unlisted = isinstance(found, Problem)
        if chosen is not None and not self._unfolded and not unlisted:
            self._fold(points, chosen)
            return chosen
        self._make_room(points)
        self.piece.show(
            "restore/history.html",
            tabs=self._tabs(),
            database=database,
            awaited=found is None,
            problem=found if isinstance(found, Problem) else None,
            rows=points[: self._limit],
            more=max(0, len(sets) - self._limit),
            now=snapshot.at,
            zone=snapshot.zone,
        )
        return chosen if unlisted else None

    def _fold(self, points: Sequence[RestorePoint], chosen: tuple[str, int]) -> None:
        path, position = chosen
        self.piece.show(
            "restore/chosen.html",
            point=next((point for point in points if point.chosen), None),
            path=path,
            position=position,
            now=self._session.snapshot.at,
            zone=self._session.snapshot.zone,
        )

    def _number(self, points: Sequence[RestorePoint]) -> list[RestorePoint]:
        """Remember the points that can be chosen, and point at one of them: at the newest, unless somebody did.

        A safety copy is never pointed at first.
        """
        self._points = {point.query: point for point in points}
        chosen = next((point.query for point in points if point.chosen), "")
        # What somebody wanted to get away from is there to be chosen, and is not what they want back.
        first = next((point.query for point in points if not point.set.is_safety_copy), "")
        pointed = self._pointed if self._pointed in self._points else chosen or first
        return [replace(point, pointed=point.query == pointed) for point in points]

    def _make_room(self, points: Sequence[RestorePoint]) -> None:
        """List so many that the one which is pointed at is among them: what is gone on with must be seen."""
        place = next((number for number, point in enumerate(points) if point.pointed), 0)
        while place >= self._limit:
            self._limit += SOURCES

    def _show_files(self) -> tuple[str, int] | None:
        ops, nav, (instance, _) = self._session.ops, self._session.nav, self._place
        path, who = nav.file or self._directory(), self._who.credentials
        unread = bool(nav.file) and not self.is_asked_for(nav.file)
        looked = None
        if not unread:
            looked = self._looked.ask(
                (instance, path, self._round), lambda: texts.look_at_path(ops, instance, path, who)
            )
        found = looked if isinstance(looked, Looked) else None
        path = found.path if found else path
        sets = list(found.sets or ()) if found else []
        position = sets[0].position if len(sets) == 1 else nav.position
        chosen = (path, position) if position in [backup_set.position for backup_set in sets] else None
        points = self._number(self._as_points(sets, chosen, FROM_FILE))
        if chosen is not None and not self._unfolded:
            self._fold(points, chosen)
            return chosen
        self.piece.show(
            "restore/file.html",
            tabs=self._tabs(),
            path=path if self._path is None else self._path,
            unread=unread,
            awaited=looked is None and not unread,
            problem=looked if isinstance(looked, Problem) else found and found.problem,
            listing=texts.listing(found) if found else None,
            address=self._address_of,
            opened=path,
            rows=points,
            is_file=found is not None and found.sets is not None,
            now=self._session.snapshot.at,
            zone=self._session.snapshot.zone,
        )
        return None

    def _tabs(self) -> list[tuple[str, str, bool]]:
        from_file = self._session.nav.view == FROM_FILE
        return [
            ("From the history", self._address_of(), not from_file),
            ("From a file", self._address_of(view=FROM_FILE), from_file),
        ]

    def _address_of(self, **where: Any) -> str:
        instance, database = self._place
        return texts.address(instance=instance, database=database, **where)

    def _as_points(
        self, sets: Sequence[BackupSet], chosen: tuple[str, int] | None, view: str
    ) -> Sequence[RestorePoint]:
        snapshot = self._session.snapshot
        fulls = {each.set_id: formatting.short_time(each.finished_at, snapshot.at, snapshot.zone) for each in sets}
        return [
            RestorePoint(
                set=backup_set,
                age=formatting.ago((snapshot.at - backup_set.finished_at).total_seconds()),
                proof=texts.proof(backup_set, fulls.get(backup_set.base_id or "", "")),
                query=self._address_of(view=view, file=backup_set.path, position=backup_set.position),
                chosen=(backup_set.path, backup_set.position) == chosen,
            )
            for backup_set in sets
        ]

    def _directory(self) -> str:
        """Return where to look first: where a profile puts this database's backups; empty: where the server does."""
        instance, database = self._place
        here = [profile for profile in self._session.snapshot.profiles if profile.instance == instance]
        own = [profile for profile in here if database in profile.databases]
        return next((profile.directory for profile in [*own, *here]), "")

    def _typed(self, field: str, _key: str, value: str | bool) -> None:
        if field == "point":
            self._pointed = str(value)
        else:
            self._path = str(value)
        self._session.changed()

    def _act(self, action: str, key: str) -> None:
        session = self._session
        if action == "read-file":
            session.nav.by_link = False
            session.changed()
        elif action == "open-path":
            self._open_path()
        elif action == "choose":
            self._choose(key)
        elif action == "continue":
            self._choose(next((point.query for point in self._number([*self._points.values()]) if point.pointed), ""))
        elif action == "change-point":
            self._unfolded = True
            session.changed()
            session.attention.focus_on(".rail input:checked", "#source-title")
        elif action == "look-again":
            self._look_again(key)
        elif action == "more-sources":
            self._limit += SOURCES
            self._session.changed()
        else:
            self._path, self._unfolded = None, False
            session.act(action, key)
            if action == "go":
                # Another directory, or the sets of a file: the same page, and another list on it.
                session.attention.focus_on("#plan-title", "#browse-title", "#source-title")

    def _open_path(self) -> None:
        path = self._session.nav.file if self._path is None else self._path.strip()
        self._path, self._unfolded = None, False
        self.ask_anew()
        instance, database = self._place
        self._session.nav.go(page=RESTORE, instance=instance, database=database, view=FROM_FILE, file=path)
        self._session.changed()
        self._session.attention.focus_on("#plan-title", ".rail input:checked", "#browse-title", "#source-title")

    def _choose(self, query: str) -> None:
        """Choose one of the points that are shown, and go on to the next step."""
        point = self._points.get(query)
        if point is None:
            return
        self._unfolded, self._pointed = False, query
        self._session.nav.read(query)
        self._session.changed()
        self._session.attention.focus_on("#plan-title")
