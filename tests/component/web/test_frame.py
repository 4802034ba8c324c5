"""The frame around the pages: what it shows of the toolkit, and what it leaves behind."""

from __future__ import annotations

import gc
import weakref

from pwsops.web.app import Frame
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store


def test_nothing_of_a_closed_page_stays_in_the_process(store: Store) -> None:
    session = Session(store, None)
    left = [weakref.ref(session), weakref.ref(Frame(session)._view)]
    session.close()
    del session
    gc.collect()
    assert [reference() for reference in left] == [None, None]
