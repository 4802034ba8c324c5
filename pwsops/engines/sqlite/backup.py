"""Taking one backup, in the worker process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pwsops import __version__
from pwsops.engines.sqlite import (
    connect,
    continuity,
    damage,
    files,
    layout,
    limits,
    mounts,
    names,
    noting,
    pages,
    pipeline,
    place,
    snapshot,
)
from pwsops.engines.sqlite.birth import born_at
from pwsops.engines.sqlite.identity import Recorded
from pwsops.engines.sqlite.layout import Base, Envelope, FrameHead, Header
from pwsops.engines.sqlite.media import Media, read_keys
from pwsops.engines.sqlite.place import Former, NameRequest, Source
from pwsops.engines.sqlite.recipient import Recipient
from pwsops.engines.sqlite.report import Report
from pwsops.engines.sqlite.sets import describe
from pwsops.engines.sqlite.snapshot import Snapshot, SnapshotChanged
from pwsops.engines.sqlite.writer import MediaWriter
from pwsops.errors import BaseUnusable, CertificateNeeded, EngineError, MediaError
from pwsops.rules.incarnation import HEADER_BYTES, Origin, origin, traces, unlike_as_noted


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the parent asks for. `base_*` are set for a differential; `token` marks our temporary files.

    `database` is what it is called; `path` is where its file really is, which is no symbolic link.
    `recipient` (see there): whom to encrypt for. `keys` as in `media.Keys`, in base64: an encrypted base needs one,
    because what a differential compares with is encrypted as well, and so does a set that may be replaced.
    `replaceable`: of each of these sets what was recorded, as in `Recorded`, its `Origin` as plain values, whether it
    is a full whose structure was checked, or may have been, and the id of the full that it needs.
    """

    database: str
    path: str
    directory: str
    file_name: str
    description: str
    set_id: str
    started_at: str
    token: str
    overwrite: bool = False
    replaceable: Sequence[tuple[Sequence[Any], Mapping[str, Any] | None, bool, str | None]] = ()
    adopt: Sequence[str] = ()
    """The ids that earlier attempts gave their sets, where it is not known whether they finished them."""
    check_structure: bool = True
    copy_only: bool = False
    """What is there is saved as it is, before a restore replaces it."""
    mount: str | None = None
    """Where the file system was mounted that the backup before this one was written to."""
    base_path: str | None = None
    base_id: str | None = None
    base_digest: str | None = None
    recipient: Mapping[str, Any] | None = None
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def requested(self) -> NameRequest:
        """Which name the finished file should get."""
        return NameRequest(
            directory=self.directory,
            file_name=files.plain_name(self.file_name),
            key=files.key(self.database, self.description),
            token=self.token,
            overwrite=self.overwrite,
            replaceable={
                str(former.recorded.set_id): former
                for former in (
                    Former(Recorded(*recorded), origin(kept), checked, base_id)
                    for recorded, kept, checked, base_id in self.replaceable
                )
            },
            keys=read_keys(self.keys),
        )

    def temp(self, role: str) -> str:
        """Name a temporary file of this backup."""
        name = files.temp_name(role, files.key(self.database, self.description), self.token)
        return os.path.join(self.directory, name)


def take(order: Order, report: Report) -> dict[str, object]:
    """Take the backup that `order` describes and give its set, as plain values.

    Raises
    ------
    BaseUnusable
        Before anything is written.
    EngineError
        For everything else; nothing is left behind.
    """
    files.check_directory(order.directory)
    mounts.require(order.directory, order.mount)
    if (finished := _finished_before(order, report)) is not None:
        return finished
    began = time.monotonic()
    with ExitStack() as stack:
        base = None if order.base_path is None else stack.enter_context(closing(_open_base(order)))
        for _ in range(snapshot.STARTS):
            try:
                return _attempt(order, base, report, began)
            except SnapshotChanged:
                report.say(f"{order.database} was written to while its lock was let go; reading starts over.")
            except OSError as error:
                raise files.translate(error, f"Backup of {order.database}", order.directory) from error
    raise EngineError(
        f"Backup of {order.database}: writers changed it in each of {snapshot.STARTS} attempts, and no single "
        f"attempt may keep them waiting for more than {limits.slice_s():.0f} s.",
        hint="Switch the database to PRAGMA journal_mode=WAL, which needs no waiting; or back it up in a quieter hour.",
        transient=True,
    )


def _finished_before(order: Order, report: Report) -> dict[str, object] | None:
    """Return the set that an earlier attempt of this run finished; refuse a name that is taken before any work."""
    for path in order.requested.paths():
        if not os.path.lexists(path):
            continue
        if not order.overwrite and not order.adopt:
            raise files.taken(path)
        with suppress(MediaError), Media(path) as media:
            if media.header.set_id in order.adopt:
                report.say(f"An earlier attempt of this run had finished {path}; it was taken over.")
                return describe(media)
        if not order.overwrite:
            raise files.taken(path)
    return None


def _unusable(order: Order, why: str) -> BaseUnusable:
    return BaseUnusable(
        f"An incremental of {order.database} cannot refer to {order.base_path}: {why}.", hint="Take a full backup."
    )


def _open_base(order: Order) -> Media:
    assert order.base_path is not None
    try:
        base = Media(order.base_path, read_keys(order.keys))
    except MediaError as error:
        raise BaseUnusable(error.message, hint="Take a full backup.") from error
    try:
        _unlock(base)
        if base.header.base is not None:
            raise _unusable(order, "it is an incremental itself")
        if base.trailer.damaged is not None:
            raise _unusable(order, "it was read from a damaged database")
        if base.header.database != order.database:
            raise _unusable(order, f"it is a backup of {base.header.database}")
        if base.header.set_id != order.base_id or order.base_digest not in (None, base.digest):
            raise _unusable(order, "the file holds another backup than the one that was recorded")
    except BaseException:
        base.close()
        raise
    return base


def _unlock(base: Media) -> None:
    try:
        base.unlock()
    except (MediaError, CertificateNeeded) as error:
        raise BaseUnusable(error.message, hint=error.hint) from error


def _attempt(order: Order, base: Media | None, report: Report, began: float) -> dict[str, object]:
    temp = order.temp("backup")
    with files.temporary(temp) as fd, ExitStack() as stack:
        with snapshot.hold(order.path, order.temp("copy"), report.say) as view:
            _warn_of_links(order, view, report)
            if base is not None and base.header.page_size != view.page_size:
                raise _unusable(order, f"its pages have {base.header.page_size} bytes, now they have {view.page_size}")
            came_from, shown = _origin(order, view)
            key, envelope = _new_key(order)
            header = _header(order, base, view, envelope)
            writer = stack.enter_context(closing(MediaWriter(fd, temp, header, key)))
            findings, is_checked = _write(order, base, view, writer, report)
        finished_at = datetime.fromisoformat(order.started_at) + timedelta(seconds=time.monotonic() - began)
        writer.finish(finished_at.isoformat(), damage.mark(order.path) if findings else None)
        finished = stack.enter_context(Media(temp, read_keys(order.keys)))
        report.finishing()
        if findings:
            raise damage.refusal(order, temp, findings, finished_at, report.say)
        source = Source(
            database=order.database,
            origin=came_from,
            is_checked=is_checked,
            unlike=lambda former, same_file, noted, its_base: continuity.unlike(
                former,
                finished,
                base or its_base,
                same_file=same_file,
                as_noted=lambda: unlike_as_noted(noted, shown),
            ),
        )
        path = place.publish(temp, order.requested, source, report.say)
        return describe(finished) | {
            "path": path,
            "checked": is_checked,
            "noted": {"origin": asdict(came_from), "mount": mounts.mount_of(order.directory)},
        }


def _origin(order: Order, view: Snapshot) -> tuple[Origin, Mapping[int, str]]:
    """Return what tells this database from another of its name, and the hashes of the pages that were noted before.

    A copy that SQLite made counts anew: it is not asked for its counters. A first page in the file may be older than
    one in the log, as it may have been at the backup before: it never goes back.
    """
    born = born_at(order.path)
    shown: Mapping[int, str] = {}
    noted: Sequence[tuple[int, str]] = ()
    if order.recipient is not None:
        formers = [former.origin.pages for former in order.requested.replaceable.values() if former.origin is not None]
        own = noting.chosen(view.page_count)
        shown = noting.hashes(view, {*own, *(number for kept in formers for number, _ in kept)})
        noted = [(number, shown[number]) for number in own if number in shown]
    origin_now = Origin(
        inode=os.fstat(view.origin).st_ino,
        born_at=None if born is None else born.isoformat(),
        traces=traces(os.pread(view.origin, HEADER_BYTES, 0)),
        pages=noted,
    )
    return origin_now, shown


def _warn_of_links(order: Order, view: Snapshot, report: Report) -> None:
    if os.fstat(view.origin).st_nlink > 1:
        report.say(f"{order.database}: {names.HARD_LINKED}")


def _write(
    order: Order, base: Media | None, view: Snapshot, writer: MediaWriter, report: Report
) -> tuple[tuple[str, ...], bool]:
    """Write the pages; return what a check of the structure found meanwhile, and whether it proved it to be whole."""
    read = f"{order.database} was read with {connect.library()}"
    if base is not None:
        _write_differential(base, view, writer, report)
        report.say(f"{read}; only a full checks the structure.")
        return (), False
    if not order.check_structure:
        _write_full(view, writer, report)
        why = "a copy takes what is there as it is" if order.copy_only else "the profile leaves that out"
        report.say(f"{read}; its structure was not checked, because {why}.")
        return (), False
    with view.checked() as check:
        _write_full(view, writer, report)
        view.await_check(check)
    for line in check.report():
        report.say(f"{read}; {line}.")
    return check.findings, check.is_proof


def _new_key(order: Order) -> tuple[bytes | None, Envelope | None]:
    """Return a key for one file; another attempt is another file."""
    if order.recipient is None:
        return None, None
    # Here and not above: most backups are not encrypted, and a worker has to start fast.
    from pwsops.engines.sqlite.cipher import new_key

    return new_key(Recipient(**order.recipient))


def _header(order: Order, base: Media | None, view: Snapshot, envelope: Envelope | None) -> Header:
    return Header(
        set_id=order.set_id,
        database=order.database,
        kind="full" if base is None else "differential",
        description=order.description,
        started_at=order.started_at,
        page_size=view.page_size,
        page_count=view.page_count,
        base=None if base is None else _reference(base),
        app=f"pwsops {__version__}",
        sqlite=connect.version(),
        encryption=envelope,
    )


def _reference(base: Media) -> Base:
    return Base(set_id=base.header.set_id, digest=base.digest, page_count=base.header.page_count)


def _runs(view: Snapshot, first_page: int) -> Iterator[tuple[int, int]]:
    step = max(1, layout.FRAME_BYTES // view.page_size)
    for page in range(first_page, view.page_count + 1, step):
        yield page, min(step, view.page_count + 1 - page)


def _write_full(view: Snapshot, writer: MediaWriter, report: Report) -> None:
    total = view.page_count * view.page_size
    done = 0

    def encode(item: tuple[int, tuple[int, int]]) -> tuple[bytes, bytes, int]:
        sequence, (first_page, count) = item
        head, payload = pages.encode_run(view.fd, view.path, view.page_size, sequence, first_page, count, writer.cipher)
        return head, payload, count

    with pipeline.pool() as pool:
        for head, payload, count in pipeline.ordered(pool, encode, enumerate(_runs(view, 1)), view):
            writer.add(head, payload, count)
            done += count * view.page_size
            report.progress("backing up", done, total)


def _write_differential(base: Media, view: Snapshot, writer: MediaWriter, report: Report) -> None:
    pending: list[pages.Page] = []
    for changed in _changes(base, view, report):
        pending.extend(changed)
        while len(pending) >= base.header.pages_per_frame:
            _add_listed(view, writer, pending[: base.header.pages_per_frame])
            del pending[: base.header.pages_per_frame]
    if pending:
        _add_listed(view, writer, pending)


def _add_listed(view: Snapshot, writer: MediaWriter, listed: Sequence[pages.Page]) -> None:
    head, payload = pages.encode_listed(view.page_size, writer.frames, listed, writer.cipher)
    writer.add(head, payload, len(listed))


def _changes(base: Media, view: Snapshot, report: Report) -> Iterator[Sequence[pages.Page]]:
    """Return the changed pages, ascending, then those behind the base's end."""
    done, total = 0, view.page_count * view.page_size

    def work(item: tuple[int, FrameHead]) -> tuple[int, list[pages.Page]]:
        head = item[1]
        count = min(head.pages, view.page_count + 1 - head.first_page)
        if count <= 0:
            return 0, []
        data = pages.read_pages(view.fd, view.path, view.page_size, head.first_page, count)
        return count, pages.changed(data, view.page_size, head)

    with pipeline.pool() as pool:
        try:
            for count, found in pipeline.ordered(pool, work, base.frames(), view):
                yield found
                done += count * view.page_size
                report.progress("comparing", done, total)
        except MediaError as error:
            raise BaseUnusable(error.message, hint="Take a full backup.") from error
    for first_page, count in _runs(view, base.header.page_count + 1):
        if view.due():
            view.rest()
        data = pages.read_pages(view.fd, view.path, view.page_size, first_page, count)
        yield pages.split(data, view.page_size, first_page)
