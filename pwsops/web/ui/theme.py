"""The one place for colours, type and spacing, light and dark.

Colour means state and nothing else, besides the one accent; red and orange belong to profiles and runs that failed.
Markup takes the colours as CSS variables, which the frame sets for both schemes, so switching asks no server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pwsops.rules.highlight import INKS, Tone
from pwsops.web.panel_compat import latin_faces

FONT = '"Roboto Latin", Roboto'
"""Latin letters first: a browser that knows the toolkit's Roboto alone fetches its other alphabets to look for them.

Where it is used, what a browser takes without it follows: a generic family, which ends such a list.
"""
LATIN = "U+0000-00FF, U+0131, U+0152-0153, U+02C6, U+02DA, U+02DC, U+2000-206F, U+20AC, U+2122, U+2191, U+2193, U+2212"
FONT_PX = 13
RADIUS_PX = 8


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one scheme. A `*_soft` is the ground its namesake is read on."""

    canvas: str
    surface: str
    raised: str
    line: str
    edge: str
    text: str
    muted: str
    accent: str
    accent_soft: str
    on_accent: str
    ok: str
    ok_soft: str
    orange: str
    orange_soft: str
    red: str
    red_soft: str
    running: str
    running_soft: str
    incremental: str


LIGHT = Palette(
    canvas="#f6f7f9",
    surface="#ffffff",
    raised="#f3f5f7",
    line="#e0e4e8",
    edge="#8b96a1",
    text="#1c2126",
    muted="#59636e",
    accent="#0b5cad",
    accent_soft="#e9f1fa",
    on_accent="#ffffff",
    ok="#1a7a3c",
    ok_soft="#e5f4ea",
    orange=INKS[Tone.WARNING].text,
    orange_soft=INKS[Tone.WARNING].ground,
    red=INKS[Tone.ERROR].text,
    red_soft=INKS[Tone.ERROR].ground,
    running="#0b5cad",
    running_soft="#e3eefa",
    incremental="#5b8fc7",
)

DARK = Palette(
    canvas="#0f1215",
    surface="#16191d",
    raised="#1d2126",
    line="#2b3138",
    edge="#5f6b77",
    text="#e7eaed",
    muted="#9aa5b1",
    accent="#6cb2f7",
    accent_soft="#172a3d",
    on_accent="#0b1622",
    ok="#6cc98a",
    ok_soft="#15291c",
    orange="#f4a55c",
    orange_soft="#3a2610",
    red="#ff8f85",
    red_soft="#411c1b",
    running="#6cb2f7",
    running_soft="#172a3d",
    incremental="#4c7fb3",
)


def variables(colours: Palette) -> dict[str, str]:
    """Return a palette as CSS variables, ``--pw-accent-soft`` and so on."""
    return {f"--pw-{name.replace('_', '-')}": value for name, value in asdict(colours).items()}


def page_style() -> dict[str, Any]:
    """Return what the frame adds to the toolkit's own look: the variables of both schemes, and a quiet header."""
    return {
        "&.mui-light": {**variables(LIGHT), "colorScheme": "light"},
        "&.mui-dark": {**variables(DARK), "colorScheme": "dark"},
        "& > .header.MuiAppBar-root": {
            "backgroundColor": "var(--pw-surface)",
            "backgroundImage": "none",
            "color": "var(--pw-text)",
            "boxShadow": "none",
            "borderBottom": "1px solid var(--pw-line)",
        },
        "& > .header .MuiToolbar-root": {"minHeight": "56px"},
        # There even where it is not wanted, and without a name.
        "& > .header .MuiLinearProgress-root": {"display": "none"},
        "& > .header .MuiTypography-root": {"color": "var(--pw-text)"},
        "@media (max-width: 600px)": {"& > .header .MuiTypography-root": {"fontSize": "1rem"}},
        "& main": {"backgroundColor": "var(--pw-canvas)"},
        "& .sidebar": {"backgroundColor": "var(--pw-surface)", "borderRight": "1px solid var(--pw-line)"},
    }


def faces() -> str:
    """Return the rules that say where the letters of most pages lie."""
    return "".join(
        f'@font-face {{ font-family: "Roboto Latin"; font-weight: {weight}; font-display: swap; src: url("{where}"); '
        f"unicode-range: {LATIN}; }}\n"
        for weight, where in sorted(latin_faces().items())
    )


def toolkit_theme() -> dict[str, Mapping[str, Any]]:
    """Return the same colours and type in the terms of the toolkit."""
    return {"light": _scheme(LIGHT), "dark": _scheme(DARK)}


def _scheme(colours: Palette) -> dict[str, Any]:
    return {
        "palette": {
            "primary": {"main": colours.accent, "contrastText": colours.on_accent},
            "background": {"default": colours.canvas, "paper": colours.surface},
            "text": {"primary": colours.text, "secondary": colours.muted},
            "divider": colours.line,
        },
        "typography": {
            "fontFamily": f"{FONT}, sans-serif",
            "fontSize": FONT_PX,
            "h5": {"fontSize": "1.05rem", "fontWeight": 700},
        },
        "shape": {"borderRadius": RADIUS_PX},
        # The toolkit's title, and the empty lines that keep its bars high, are no headings: a page has its own.
        "components": {
            "MuiTypography": {"defaultProps": {"variantMapping": {"h3": "span", "h5": "span"}}},
            # On a narrow screen the sidebar is a layer beside the page, out of reach of its variables.
            "MuiDrawer": {
                "styleOverrides": {
                    "paper": {
                        **variables(colours),
                        "backgroundColor": colours.surface,
                        "backgroundImage": "none",
                    }
                }
            },
        },
    }
