"""Colours by name: those of cloth (`fabric_colours`), and as `css:NAME` the CSS names that shops use (CSS Color 4, section 6.1)."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ganray.edits.fabric_colours import FABRICS
from ganray.images.lab import Lab, from_lab, to_lab, within

CSS: dict[str, str] = {
    "black": "#000000",
    "dimgrey": "#696969",
    "grey": "#808080",
    "silver": "#c0c0c0",
    "lightgrey": "#d3d3d3",
    "white": "#ffffff",
    "ivory": "#fffff0",
    "beige": "#f5f5dc",
    "tan": "#d2b48c",
    "khaki": "#f0e68c",
    "chocolate": "#d2691e",
    "sienna": "#a0522d",
    "brown": "#a52a2a",
    "maroon": "#800000",
    "crimson": "#dc143c",
    "red": "#ff0000",
    "tomato": "#ff6347",
    "coral": "#ff7f50",
    "salmon": "#fa8072",
    "orange": "#ffa500",
    "gold": "#ffd700",
    "yellow": "#ffff00",
    "olive": "#808000",
    "lime": "#00ff00",
    "green": "#008000",
    "darkgreen": "#006400",
    "seagreen": "#2e8b57",
    "teal": "#008080",
    "turquoise": "#40e0d0",
    "skyblue": "#87ceeb",
    "steelblue": "#4682b4",
    "royalblue": "#4169e1",
    "blue": "#0000ff",
    "navy": "#000080",
    "indigo": "#4b0082",
    "purple": "#800080",
    "violet": "#ee82ee",
    "lavender": "#e6e6fa",
    "plum": "#dda0dd",
    "magenta": "#ff00ff",
    "hotpink": "#ff69b4",
    "pink": "#ffc0cb",
}


def lab_of(colour: str) -> Lab:
    """Lab float32 [3] of a cloth's name (case, blanks and hyphens do not matter, gray is grey), of `css:NAME` or of `#rrggbb`.

    Raises ValueError, listing the names.
    """
    text = re.sub(r"[\s_-]", "", colour.lower()).replace("gray", "grey")
    if text in FABRICS:
        return np.array(FABRICS[text], np.float32)
    code = CSS.get(text.removeprefix("css:"), "") if text.startswith("css:") else text
    if not re.fullmatch(r"#[0-9a-f]{6}", code):
        raise ValueError(f"{colour!r} is not a known colour: use #rrggbb, css:NAME or one of {', '.join(FABRICS)}")
    return to_lab(np.array([int(code[start : start + 2], 16) for start in (1, 3, 5)], np.uint8))


def rgb_of(colour: str) -> NDArray[np.uint8]:
    """Uint8 [3] of a name or `#rrggbb`; raises as `lab_of`. A cloth's colour that sRGB lacks loses chroma."""
    rgb: NDArray[np.uint8] = from_lab(within(lab_of(colour)[None]))[0]
    return rgb


def hex_of(colour: str) -> str:
    """`#rrggbb` of a name or hex code; raises as `lab_of`."""
    return "#" + bytes(rgb_of(colour)).hex()
