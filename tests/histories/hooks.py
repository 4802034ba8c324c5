"""Workers of the embedded engine in this process, which may be made to die."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pwsops.engines.sqlite import process, worker
from pwsops.engines.sqlite.report import Report
from tests.homes import Home


class Killed(BaseException):
    """The process died here."""


class Hooks:
    """Workers in this process, which may be made to die."""

    def __init__(self) -> None:
        self.dies = 0
        """With 1 the process dies when a backup is finished, with 2 while it is told how far it is."""
        self._homes: list[Home] = []

    def opened(self, home: Home) -> None:
        self._homes.append(home)

    def close(self) -> None:
        for home in self._homes:
            with suppress(Exception):
                home.close()

    def run(self, asked: Any) -> Any:
        """Do what `process.Worker.run` does, here."""

        def tell(values: Mapping[str, object]) -> None:
            if self.dies == 2 and asked._operation == "backup" and "finishing" in values:
                raise Killed
            asked._listen(json.loads(json.dumps(values)))

        request = {"operation": asked._operation, "given": json.loads(json.dumps(asked._given))}
        worker.answer(request, Report(tell))
        if self.dies == 1 and asked._operation == "backup":
            raise Killed
        if "result" in asked._answer:
            return asked._answer["result"]
        raise process.as_error(asked._answer["error"])
