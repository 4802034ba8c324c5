"""What a browser calls itself, in words that its owner knows."""

from __future__ import annotations

UNKNOWN = "unknown browser"
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {"Windows": "Windows", "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "CrOS": "ChromeOS",
            "Mac OS X": "macOS", "Linux": "Linux"}  # fmt: skip


def named(agent: str) -> str:
    """Return a `User-Agent` in plain words ("Firefox on Linux"). The first that fits counts: all claim to be others."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), UNKNOWN)
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    return f"{browser} on {system}" if system else browser
