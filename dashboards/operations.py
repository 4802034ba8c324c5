"""What `panel serve dashboards/operations.py` serves.

The names at the top of a served script are gone when its session ends, so there are none besides the import: all is
built in a function. Add `--setup pwsops/web/setup.py`, and the scheduler starts before the first session.
"""

from pwsops.web.app import build

build().servable()
