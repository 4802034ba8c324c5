"""The one handler that makes a page, and with it the only one that makes session ids and tokens."""

from __future__ import annotations

import re
import secrets
import time
from http import HTTPStatus
from typing import Any

from tornado import gen
from tornado.web import authenticated

from pwsops.web.door.gate import Visit
from pwsops.web.door.pages import Pages
from pwsops.web.door.sealing import page_policy, sealed
from pwsops.web.panel_compat import PageHandler

_SCRIPT = re.compile(r"<script(?=[\s>])")


class Page(PageHandler):
    """Answers `GET /` of somebody who is signed in."""

    def __init__(self, *args: Any, visit: Visit, pages: Pages, **kwargs: Any) -> None:
        self._visit, self._pages = visit, pages
        super().__init__(*args, **kwargs)

    async def get_session(self) -> Any:
        """Make a session for this visit; an id or a token that the browser brings is not looked at."""
        session, session_id, token = await self.new_session()
        self._pages.issue(self._visit, session_id, token)
        return session

    @authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Write the page, whose scripts are ours by a nonce."""
        del args, kwargs
        while (wait_s := self._pages.share(self._visit).use(0)) > 0:
            await gen.sleep(wait_s)
        if not self._pages.room(self._visit):
            self.set_header("Retry-After", "15")
            self.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
            self.finish("Too many pages are open, or were just closed. Close some, and try again in 15 seconds.\n")
            return
        began_s = time.thread_time()
        try:
            await self._write()
        finally:
            self._pages.share(self._visit).use(time.thread_time() - began_s)

    async def _write(self) -> None:
        text = self.text_of(await self.get_session())
        nonce = secrets.token_urlsafe(16)
        policy = page_policy(nonce, self.request.headers["Host"], secure=self.request.protocol == "https")
        self.set_header("Content-Security-Policy", policy)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", sealed(self.request).caching)
        # Nothing of what a page shows is in here yet: it comes by the websocket, and never as a script element.
        self.finish(_SCRIPT.sub(f'<script nonce="{nonce}"', text))
