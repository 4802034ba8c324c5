"""Restoring, in the worker process: check everything, then put the database together beside its target and write it in.

Everything is read twice: first every byte is checked against its checksum, and only then the target is touched. The
second time every page is proven by its hash while it is written; one that is not what it was, as in a file that was
changed in between, ends the transaction, which leaves the target as it was.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise

from pwsops.engines.sqlite import damage, files, listing, occupied, sweeping, target, verify
from pwsops.engines.sqlite.connect import gone
from pwsops.engines.sqlite.identity import Recorded
from pwsops.engines.sqlite.media import Media, read_keys
from pwsops.engines.sqlite.report import Report
from pwsops.errors import MediaError, NoSpace


@dataclass(frozen=True, kw_only=True)
class RestoreOrder:
    """What the parent asks for. `sets`: a full, then at most one differential, each as it was recorded.

    `database` is what it is called; `path` is where its file really is, which is no symbolic link.
    """

    database: str
    path: str
    sets: Sequence[Recorded]
    token: str
    create_if_missing: bool = False
    must_be_new: bool = False
    """What has its name by now stays, and is a `Conflict`."""
    leave_free_bytes: int = 0
    """Of a new file: what has to stay free beside it; 0: as much as it takes."""
    may_replace_damaged: bool = True
    keeps_beside: bool = False
    """What has its name by now is not written into: it is kept beside under another name, and replaced."""
    stamp: str = ""
    """UTC time for the name of a damaged predecessor."""
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """As in `media.Keys`, in base64: what opens encrypted sets."""

    @property
    def temp(self) -> str:
        """Where the database is rebuilt: beside its target."""
        return os.path.join(os.path.dirname(self.path), files.temp_name("restore", self.key, self.token))

    @property
    def key(self) -> str:
        """What all restores of this file have in their temporary names."""
        return files.key(os.path.basename(self.path), "restore")


def restore(order: RestoreOrder, report: Report) -> dict[str, object]:
    """Restore as ordered and give what was done; until every byte's checksum held, the target is not touched.

    Raises
    ------
    MediaError
        For any damage, and for sets that do not belong together.
    NotFound
        Where the target is gone.
    Conflict
        Where the target must be new and is there.
    NoSpace
        Where there is no room for it.
    EngineError
        Where the target stays locked.
    """
    directory = os.path.dirname(order.path)
    with ExitStack() as stack:
        missing = _is_missing(order)
        chain = _opened(order, stack)
        verify.check_all(chain, report)
        last = chain[-1].header
        size = last.page_size * last.page_count
        sweeping.sweep(directory, key=order.key)
        try:
            _require_space(order.path, size, order.leave_free_bytes)
            if missing and files.is_empty(directory):
                report.say(
                    f"{directory} had nothing in it. If a disk belongs there, see that it is mounted: if it is not, "
                    f"{os.path.basename(order.path)} was written below its mount point, where mounting hides it."
                )
            fd = stack.enter_context(files.temporary(order.temp))
            if missing:
                return target.create(order.path, order.temp, fd, chain, order, report)
            return target.write_into(order.path, order.temp, fd, chain, order, report)
        except OSError as error:
            raise files.translate(error, f"Restore of {order.database}", directory) from error


def check(order: RestoreOrder) -> None:
    """Raise what `restore` raises for what can be seen before the sets are read from end to end; changes nothing.

    A set that no key opens comes last: that is not in the way of who has its certificate elsewhere.
    """
    directory = os.path.dirname(order.path)
    with ExitStack() as stack:
        missing = _is_missing(order)
        if missing or not os.path.getsize(order.path):
            target.refuse_side_files(order.path)
        chain = _opened(order, stack)
        last = chain[-1].header
        try:
            _require_space(order.path, last.page_size * last.page_count, order.leave_free_bytes)
            with files.temporary(order.temp):
                pass  # rights alone can lie: it is made as the restore makes it, and is gone again
        except OSError as error:
            raise files.translate(error, f"Restore of {order.database}", directory) from error
        if not missing:
            _refuse_hindered(order, last.page_size)
        for media in chain:
            media.unlock()


def _refuse_hindered(order: RestoreOrder, page_size: int) -> None:
    """Raise where the file that is there cannot be written into; one that is moved aside need not be writable."""
    is_moved = order.keeps_beside or (os.path.getsize(order.path) > 0 and _is_none(order.path))
    if not is_moved:
        occupied.refuse_unwritable(order.path)
    alone = not is_moved and occupied.needs_it_alone(order.path, page_size)
    occupied.refuse_occupied(order.path, readers_too=alone)


def _is_none(path: str) -> bool:
    """Whether a file is no database; one that cannot be read may be one."""
    try:
        return listing.doubt(path) != ""
    except OSError:
        return False


def _is_missing(order: RestoreOrder) -> bool:
    """Whether the target has to be made; raises where it may not be, or must be and is there."""
    there = os.path.lexists(order.path)
    if there and order.must_be_new:
        raise files.is_there(order.path)
    missing = order.create_if_missing and not there
    if not missing and not os.path.isfile(order.path):
        raise gone(order.path)
    return missing


def _opened(order: RestoreOrder, stack: ExitStack) -> Sequence[Media]:
    """Return the sets, open until the stack ends, and found to be those that were recorded."""
    keys = read_keys(order.keys)
    recorded = [Recorded(*each) for each in order.sets]
    chain = [stack.enter_context(Media(each.path, keys)) for each in recorded]
    check_chain(chain, recorded)
    return chain


def check_chain(chain: Sequence[Media], recorded: Sequence[Recorded]) -> None:
    """Refuse sets that are not what was recorded, or not a full with at most one differential that refers to it."""
    for media, each in zip(chain, recorded, strict=True):
        verify.expect(media, each)
        damage.refuse(media)
    if not chain or chain[0].header.base is not None or len(chain) > 2:
        raise MediaError(
            "A restore needs one full backup, then at most one incremental.",
            hint="Choose the incremental's full backup as well.",
        )
    for full, differential in pairwise(chain):
        base = differential.header.base
        identity = full.header.set_id, full.digest, full.header.page_count
        if base is None or (base.set_id, base.digest, base.page_count) != identity:
            raise MediaError(
                f"The incremental {differential.path} does not refer to the full backup {full.path}.",
                hint="Choose the full backup that it was taken against, or the full alone.",
            )


def _require_space(path: str, size: int, leave_free: int) -> None:
    directory, now = os.path.dirname(path), os.path.getsize(path) if os.path.lexists(path) else 0
    # The journal takes as much as the database, before or after, and the database may grow.
    needed, reason = (
        max(size, now) + max(0, size - now),
        "the journal while the database is written and what it grows by",
    )
    if leave_free:
        needed, reason = size + leave_free, f"{size} of the database, and the others to stay free"
    free = files.free_bytes(directory)
    if free is not None and free < needed:
        raise NoSpace(
            f"Restore: {directory} has {free} bytes free; {needed} are needed, for {reason}.",
            hint="Free space there and try again.",
        )
