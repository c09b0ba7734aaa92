"""Which materials of a product are skin: by colour, and by what is around them.

Skin has hues of 20 to 85 degrees in CIE Lab, red and yellow at once, at any lightness and little to moderate chroma (Chai and Ngan 1999
found the same narrow range of chroma in YCbCr for all tones). So have camel coats, tan bags and brown shoes. What decides is the context: a
face (where the extra `faces` finds one) or a head over a neck shows the person's own tone; without a person, the product's own material is
no skin, however it looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganray.edits.filters import box_mean
from ganray.edits.materials import Colour, Materials, distance
from ganray.images.codec import Pixels
from ganray.images.components import Mask, numbered
from ganray.images.faces import find_faces
from ganray.images.lab import Lab, chroma, to_lab

HUES = 18.0, 85.0  # degrees
CHROMA = 7.0, 40.0
REDNESS = 2.5  # a of Lab, at least: sand and khaki have less
LIGHTNESS = 12.0, 95.0
SURE, ALIKE = 7.0, 12.0  # distance within which a material surely has a person's tone, and within which it may
LEAST_TONE = 0.003  # share of the product that shows a tone at least
FULL = 0.75  # share of a square that is of a mask
HEAD = 0.45  # of the product's height in which a head is
FACE = 0.45  # of a head's height: where hair ends, if there is any
NECK, SHOULDERS = 0.88, 1.6  # width of a neck over that of the head above it, at most; of shoulders over the neck, at least


@dataclass(frozen=True)
class Person:
    """What is known of a person: `found` by (face, head or nothing), the skin's own `tones`, and the materials that are skin, of which some
    are `doubtful`."""

    found: str
    tones: tuple[Lab, ...]
    skin: tuple[int, ...]
    doubtful: tuple[int, ...] = ()


def is_skin_like(lab: Lab) -> bool:
    """Whether skin may have a colour Lab [3]."""
    hue, depth = float(np.degrees(np.arctan2(lab[2], lab[1]))), float(chroma(lab))
    in_hues = HUES[0] <= hue <= HUES[1] and float(lab[1]) >= REDNESS
    return in_hues and CHROMA[0] <= depth <= CHROMA[1] and LIGHTNESS[0] <= float(lab[0]) <= LIGHTNESS[1]


def face_tones(pixels: Pixels) -> list[Lab]:
    """The tone Lab [3] of each face in uint8 [H, W, 3]: the median of its middle, where there is neither hair nor ground. Folds and prints
    that look like a face and are not of skin are none."""
    tones: list[Lab] = []
    for left, top, width, height in find_faces(pixels):
        middle = pixels[top + int(0.35 * height) : top + int(0.75 * height), left + int(0.3 * width) : left + int(0.7 * width)]
        tone = np.median(to_lab(middle).reshape(-1, 3), 0).astype(np.float32) if middle.size else np.zeros(3, np.float32)
        if is_skin_like(tone):
            tones.append(tone)
    return tones


def person_in(materials: Materials, faces: list[Lab]) -> Person:
    """The person in the picture, if there is one; `faces` are the tones of faces that were found."""
    head = None if faces else head_tone(materials)
    tones = tuple(faces) if faces else (head,) if head is not None else ()
    names = materials.names()
    like = [name for name in names if is_skin_like(materials.colours[name].lab)]
    if tones:
        apart = {name: min(_tone_apart(materials.colours[name], tone) for tone in tones) for name in like}
        skin = tuple(name for name in like if apart[name] < ALIKE)
        return Person("face" if faces else "head", tones, skin, tuple(name for name in skin if apart[name] >= SURE))
    skin = tuple(name for name in like if name != names[0])
    first = materials.colours[skin[0]].lab if skin else None
    return Person("", (), skin, tuple(name for name in skin if _tone_apart(materials.colours[name], first) >= SURE))


def thickness(mask: Mask) -> int:
    """The largest radius of a square that lies in a mask [h, w] but for a quarter (dots, stripes), in pixels; 0 for an
    empty one."""
    field, radius = mask.astype(np.float32), 0
    for step in (32, 16, 8, 4, 2, 1):
        if radius + step < min(mask.shape) // 2 and float((box_mean(field, radius + step) * field).max()) > FULL:
            radius += step
    return radius


def head_tone(materials: Materials) -> Lab | None:
    """The tone of a face above a neck, Lab [3]; None where the product has no head, or none of its skin is seen."""
    product = materials.product
    rows = np.flatnonzero(product.any(1))
    top, tall = int(rows[0]), int(rows[-1] - rows[0] + 1)
    small = _head(product[::2, ::2], top // 2, tall // 2)
    if small is None:
        return None
    head = small.repeat(2, 0).repeat(2, 1)[: product.shape[0], : product.shape[1]] & product
    counts = np.bincount(materials.labels[head][materials.labels[head] >= 0], minlength=len(materials.colours))
    order = np.argsort(-counts, kind="stable").tolist()
    for place in order:
        enough = counts[place] >= max(6, LEAST_TONE * product.sum(), 0.12 * counts.sum())
        if enough and is_skin_like(materials.colours[place].lab):
            inside: Lab = np.median(materials.lab[head & (materials.labels == place)], 0).astype(np.float32)
            return inside
    return None


def _tone_apart(colour: Colour, tone: Lab | None) -> float:
    """How far a material is from a person's tone Lab [3]: limbs are darker or lighter than faces, not of another hue."""
    assert tone is not None
    apart = float(np.hypot(colour.lab[1] - tone[1], colour.lab[2] - tone[2]))
    beyond = max(0.0, abs(float(colour.lab[0] - tone[0])) - 2 * ALIKE)
    return min(float(distance(tone, colour)), apart + beyond)


def _head(product: Mask, top: int, tall: int) -> Mask | None:
    """The lower part of a head, without most of its hair, in a product [h, w]: over the neck, a row that is narrower than one above it and
    than shoulders below it."""
    end = top + max(4, round(HEAD * tall))
    first = product[top : top + max(2, tall // 25)]
    parts = numbered(np.pad(product[top:end], 1), corners=False)[1:-1, 1:-1]
    for column in np.unique(np.nonzero(first)[1])[:: max(1, first.shape[1] // 64)].tolist():
        part = parts[np.flatnonzero(product[top:end, column])[0], column]
        width = _widths(parts == part, column)
        for neck in range(2, len(width) - 2):
            above, below = width[:neck].max(), width[neck + 1 : neck + 1 + max(3, tall // 6)].max()
            if 0 < width[neck] <= NECK * above and below >= SHOULDERS * width[neck] and below >= 1.25 * above and above < 0.3 * tall:
                head = np.zeros_like(product)
                rows = slice(top + round(FACE * neck), top + neck)
                half = int(0.5 * above)
                head[rows, max(0, column - half) : column + half] = product[rows, max(0, column - half) : column + half]
                return head
    return None


def _widths(part: Mask, column: int) -> NDArray[np.int64]:
    """In each row, the length of the run of a part [h, w] around a column that is followed from the top, the middle of each run next."""
    widths = np.zeros(len(part), np.int64)
    for row, line in enumerate(part):
        if not line[column]:
            continue
        gaps = np.flatnonzero(~line)
        left, right = gaps[gaps < column], gaps[gaps > column]
        start, stop = (int(left[-1]) + 1 if len(left) else 0), (int(right[0]) if len(right) else len(line))
        widths[row] = stop - start
        column = (start + stop) // 2
    return widths
