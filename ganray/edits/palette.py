"""Colours by name: the CSS names that shops use (CSS Color 4, section 6.1), and some that are not in CSS."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

COLOURS: dict[str, str] = {
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
    # not in CSS
    "charcoal": "#36454f",
    "cream": "#fff6e0",
    "camel": "#c19a6b",
    "mustard": "#d4a017",
    "rust": "#a8461f",
    "burgundy": "#6d0f28",
    "sage": "#9caf88",
    "mint": "#aaf0d1",
    "denim": "#4a6a8f",
}


def hex_of(colour: str) -> str:
    """`#rrggbb` of a name (case, blanks and hyphens do not matter, gray is grey) or of a hex code. Raises ValueError, listing the names."""
    text = re.sub(r"[\s_-]", "", colour.lower()).replace("gray", "grey")
    if re.fullmatch(r"#[0-9a-f]{6}", text):
        return text
    if text not in COLOURS:
        raise ValueError(f"{colour!r} is not a known colour: use #rrggbb or one of {', '.join(COLOURS)}")
    return COLOURS[text]


def rgb_of(colour: str) -> NDArray[np.uint8]:
    """Uint8 [3] of a name or `#rrggbb`."""
    text = hex_of(colour)
    return np.array([int(text[start : start + 2], 16) for start in (1, 3, 5)], np.uint8)
