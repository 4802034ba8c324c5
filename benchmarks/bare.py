"""`python -m benchmarks.bare`: what the toolkit can do at best, an empty page and a field that is echoed."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui


def empty() -> Any:
    return pmui.Page(title="Bare")


def echo() -> Any:
    field = pmui.TextInput(label="Text")
    label = pmui.Typography("nothing", css_classes=["echo"])

    def copy(event: Any) -> None:
        label.object = event.new

    field.param.watch(copy, "value_input")
    return pmui.Page(title="Bare", main=[field, label])


if __name__ == "__main__":
    server = pn.io.server.get_server({"/": empty, "/echo": echo}, port=0, address="127.0.0.1")
    server.io_loop.add_callback(print, "ready", f"http://127.0.0.1:{server.port}/", flush=True)
    server.run_until_shutdown()
