"""For `panel serve … --setup pwsops/web/setup.py`: the scheduler thread starts with the process, not with a page."""

from pwsops.web.live.process import store

store()
