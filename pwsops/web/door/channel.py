"""A page's websocket: each message is judged before anything is done with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from tornado import gen
from tornado.httputil import HTTPServerRequest

from pwsops.errors import Denied, Refused
from pwsops.web.door.allowance import Allowance
from pwsops.web.door.gate import Visit
from pwsops.web.door.limits import Limits
from pwsops.web.door.messages import PATCH, PULL, Frames, Unexpected
from pwsops.web.door.pages import Pages
from pwsops.web.panel_compat import SocketHandler

_log = structlog.get_logger(__name__)
_ENDED, _NOT_KNOWN, _REFUSED, _FAILED = 4401, 4503, 1008, 1011

Refuse = Callable[[str, HTTPServerRequest], None]


class Channel(SocketHandler):
    """The connection of a page that this visit was given."""

    def __init__(self, *args: Any, visit: Visit, pages: Pages, limits: Limits, refused: Refuse, **kwargs: Any) -> None:
        self._visit, self._pages, self._limits, self._refused = visit, pages, limits, refused
        self._frames, self._bytes, self._over = Frames(), 0, False
        self._rate = Allowance(limits.burst, limits.messages_a_second, pages.clock)
        self._pulls = Allowance(limits.pulls, 1 / limits.pull_s, pages.clock)
        super().__init__(*args, **kwargs)

    def check_origin(self, origin: str) -> bool:
        """Let the door's judgement stand: it has compared the origin with the Host."""
        return bool(origin)

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Begin, and be closed when the visit ends.

        A message is three small frames. Nothing holds back the second until the browser has acknowledged the first.
        """
        self.set_nodelay(True)
        self._pages.opened(self._visit, self)
        return super().open(*args, **kwargs)

    def on_close(self) -> None:
        """Leave nothing behind."""
        self._pages.closed(self._visit, self)
        super().on_close()

    def end(self) -> None:
        """Close it: the visit has ended."""
        self._end(_ENDED, "signed out")

    async def on_message(self, message: str | bytes) -> None:
        """Admit a frame, and do what the message says that it completes. What it says is never logged."""
        if self._over:
            return
        try:
            await self._admit(message)
            self._frames.judge(message)
            whole = await self.whole(message)
            if whole is not None:
                self._bytes = 0
                await self._do(whole)
        except Denied:
            self.end()
        except Refused:
            self._end(_NOT_KNOWN, "not known who is signed in")
        except Unexpected as error:
            _log.warning("a page sent what no page sends, and is closed", reason=str(error))
            self._refused(f"page message: {error}", self.request)
            self._end(_REFUSED, "unexpected message")
        except Exception as error:  # noqa: BLE001 - whatever a stranger makes up ends only their own page
            _log.warning("a page's message could not be read, and the page is closed", error=type(error).__name__)
            self._end(_FAILED, "unreadable message")

    def _end(self, code: int, reason: str) -> None:
        # What was sent meanwhile is still read, until the other end has closed too.
        self._over = True
        self.close(code, reason)

    async def _admit(self, frame: str | bytes) -> None:
        # The next frame is read when this one is done with: who sends too many waits, and nothing is lost.
        wait_s = self._rate.use(1)
        while (wait_s := max(wait_s, self._pages.share(self._visit).use(0))) > 0:
            await gen.sleep(wait_s)
            wait_s = 0.0
        self._visit.touch()
        self._bytes += len(frame)
        if self._bytes > self._limits.message_bytes:
            raise Unexpected("a message too large")

    async def _do(self, message: Any) -> None:
        # Writing a whole document takes as long as hundreds of changes.
        if message.msgtype == PULL and (wait_s := self._pulls.use(1)) > 0:
            await gen.sleep(wait_s)
            self._visit.touch()
        began_s = time.thread_time()
        try:
            reply = await {PATCH: self.patch, PULL: self.pull}[message.msgtype](message)
        except Exception as error:  # noqa: BLE001 - the toolkit would log the message, and a password with it
            _log.error("a page's message met an error that nobody foresaw", error=type(error).__name__)
            reply = self.failed(message, type(error).__name__)
        finally:
            self._pages.share(self._visit).use(time.thread_time() - began_s)
        if reply:
            await self.send_message(reply)
