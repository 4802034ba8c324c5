"""For `panel serve … --setup pwsops/views/setup.py`: the scheduler thread starts with the process, not with a page."""

from pwsops.views.state import store

store()
