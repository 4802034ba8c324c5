"""What `panel serve dashboards/*.py notebooks/*.ipynb --index index` shows first: a list of what it serves."""

from pathlib import Path

from pwsops.web.index import build

build(Path(__file__).resolve().parents[1] / "notebooks").servable()
