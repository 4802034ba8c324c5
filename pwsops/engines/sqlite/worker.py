"""The process that does the work on files. It reads one request and answers with lines of JSON.

`{"progress": [phase, done, total]}` and `{"message": text}` any number of times, `{"finishing": true}` before a step
that cannot be taken back, and once `{"result": ...}` or `{"error": {...}}`; then it tidies up. When its standard input
ends, its parent is gone or has cancelled: it removes what it began and ends at once, unless it is finishing; then it
ends when it has answered. Imports are few, because it starts for each backup.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pwsops.engines.off_limits import of_values
from pwsops.engines.sqlite import (
    access,
    backup,
    certificate_files,
    contents,
    examination,
    files,
    finding,
    limits,
    listing,
    names,
    reach,
    recovery_kit,
    recovery_notes,
    restore,
    sighting,
    stating,
    trial,
    verify,
)
from pwsops.engines.sqlite.connect import Error, wants_memory
from pwsops.engines.sqlite.identity import Recorded
from pwsops.engines.sqlite.media import read_keys
from pwsops.engines.sqlite.own_files import own_files
from pwsops.engines.sqlite.report import Report
from pwsops.errors import EngineError, NotFound, PwsopsError

GIVE_UP_EXIT = 75

Operation = Callable[[Mapping[str, Any], Report], object]


def take_backup(given: Mapping[str, Any], report: Report) -> object:
    """Take a backup, and then see that the recovery script and notes on what it brings back lie beside it."""
    order = backup.Order(**located(given))
    taken = backup.take(order, report)
    report.result(taken)
    for place in (recovery_kit.place, recovery_notes.place):
        if why := place(order.directory, order.token):
            report.say(why)
    return taken


def located(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the same with the database's own path in the place of its instance's address."""
    rest = {key: value for key, value in given.items() if key != "of"}
    name, path = names.locate(
        rest.pop("address"),
        rest.pop("database"),
        follow_links=rest.pop("follow_links", False),
        off_limits=of_values(rest.pop("off_limits", None)),
    )
    return {"database": name, "path": path, **rest}


def located_target(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the same for a restore, which may create the database."""
    try:
        found = located(given)
    except NotFound:
        if not given["create_if_missing"]:
            raise
    else:
        if given.get("must_be_new"):
            raise files.is_there(str(found["path"]))
        return found
    rest = {key: value for key, value in given.items() if key not in ("follow_links", "off_limits", "of")}
    as_recorded = given["database"] == given["of"]
    return {"path": names.new_database(rest.pop("address"), rest["database"], as_recorded=as_recorded), **rest}


def restore_file(given: Mapping[str, Any], report: Report) -> object:
    """Restore into a plain file, which is made in a directory that is there."""
    return restore.restore(file_order(given), report)


def file_order(given: Mapping[str, Any]) -> restore.RestoreOrder:
    """Return the order for a restore into a plain file; raises `NotFound` where its directory is missing."""
    order = {key: value for key, value in given.items() if key not in ("directory", "off_limits")}
    files.require_directory(given["path"])
    return restore.RestoreOrder(**order, create_if_missing=True, must_be_new=True)


OPERATIONS: Mapping[str, Operation] = {
    "backup": take_backup,
    "restore": lambda given, report: restore.restore(restore.RestoreOrder(**located_target(given)), report),
    "restore_file": restore_file,
    "check_restore": lambda given, report: restore.check(restore.RestoreOrder(**located_target(given))),
    "check_restore_file": lambda given, report: restore.check(file_order(given)),
    "verify": lambda given, report: verify.check(
        given["path"], Recorded(*given["set"]), report, read_keys(given["keys"])
    ),
    "read_media": lambda given, report: listing.read_media(given["path"]),
    "contents": lambda given, report: contents.tables(located(given)["path"]),
    "check_scratch": lambda given, report: examination.check(given["path"]),
    "count_scratch": lambda given, report: examination.count(given["path"]),
    "ask_scratch": lambda given, report: examination.ask(given["path"], given["queries"], given["query_s"]),
    "survey": lambda given, report: access.survey(
        given["address"],
        follow_links=given.get("follow_links", False),
        off_limits=of_values(given.get("off_limits")),
    ),
    "looks": lambda given, report: listing.looks(given["paths"]),
    "look_for": lambda given, report: sighting.look_for(given["sets"]),
    "walk": lambda given, report: finding.walk(given["root"]),
    "read_found": lambda given, report: finding.read(given["paths"]),
    "save_statement": lambda given, report: stating.save(given),
    "read_statement": lambda given, report: stating.read(given["path"], read_keys(given["keys"])),
    "find": lambda given, report: listing.find(given["database"], given["directory"], given["description"]),
    "look_for_certificate": lambda given, report: certificate_files.look(given["directory"], given["name"]),
    "save_certificate": lambda given, report: certificate_files.write(
        given["path"], given["content"], given["token"], report.say
    ),
    "try_directory": lambda given, report: trial.look(given["directory"], given["token"]),
    "delete": lambda given, report: listing.delete(given["sets"]),
}


def watch(stream: int, limit_s: float | None, report: Report) -> None:
    """End this process when `stream` ends, or after `limit_s`; not while it does what cannot be taken back."""
    ready, _, _ = select.select([stream], [], [], limit_s)
    while ready and os.read(stream, 4096):
        ready, _, _ = select.select([stream], [], [], limit_s)
    with report.may_end:
        files.discard_all()
        os._exit(GIVE_UP_EXIT)


def answer(request: Mapping[str, Any], report: Report) -> None:
    """Do what one request asks and report everything there is to say about it."""
    try:
        reach.refuse_home(request["operation"], request["given"])
        report.result(OPERATIONS[request["operation"]](request["given"], report))
    except PwsopsError as error:
        report.error(as_values(error))
    except MemoryError:
        report.error(as_values(wants_memory(str(request["operation"]).replace("_", " ").capitalize())))
    except (OSError, Error) as error:
        hint = "Look at the system's log (disk, memory); if it happens again, report it."
        unexpected = EngineError(f"{request['operation']} failed: {type(error).__name__}: {error}.", hint=hint)
        report.error(as_values(unexpected))


def as_values(error: PwsopsError) -> dict[str, object]:
    """Return an error as plain values."""
    return {
        "type": next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == PwsopsError.__module__),
        "message": error.message,
        "hint": error.hint,
        "transient": error.transient,
        "path": error.path,
        "cause": error.cause,
        "thumbprint": error.thumbprint,
    }


def main() -> None:
    """Serve one request."""
    stream = sys.stdin.fileno()
    request = json.loads(read_line(stream))
    limits.apply(request["limits"])
    report = Report(send)
    own_files()
    reach.give_up_the_rest(request["operation"], request["given"])
    threading.Thread(target=watch, args=(stream, request.get("limit_s"), report), daemon=True).start()
    answer(request, report)
    os._exit(0)  # the watching thread still waits, and nothing is left to tidy


def send(values: Mapping[str, object]) -> None:
    """Send a message to the parent."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def read_line(stream: int) -> bytes:
    """Read the request, unbuffered: what follows belongs to `watch`."""
    data = b""
    while not data.endswith(b"\n"):
        part = os.read(stream, 1 << 16)
        if not part:
            os._exit(GIVE_UP_EXIT)
        data += part
    return data


if __name__ == "__main__":
    main()
