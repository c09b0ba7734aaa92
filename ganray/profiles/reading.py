"""Text by an OCR network (extra `ocr`): lines beside the product, words of watermarks anywhere, and whether they stand on their heads."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ganray.images.codec import Pixels
from ganray.images.components import Mask, filled
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN, Evidence, strongest
from ganray.profiles.foreground import Foreground

REMEDY = "pip install 'ganray[ocr]'"
SIDE = 960  # longest side in pixels at which text is read
SURE, LETTERS = 0.75, 3  # of a line's score, and characters
TALL = 0.012  # of the longer side: smaller text is small print of the product
BESIDE = 0.5  # share of a line's box that lies beside the product
WORDS = re.compile(
    r"©|www\.|https?|\.com\b|\.net\b|copyright|watermark|\bsample\b|preview|shutterstock|getty|alamy|istock|stock photo", re.I
)
OFFERS = re.compile(r"\bsale\b|% ?off|\bfree\b|shipping|discount|best ?seller|\bnew\b|limited|promo|\bdeal\b|save \$?\d", re.I)


class Line(NamedTuple):
    """A line of text: its box (left, top, right, bottom) as shares of the frame, what it says, and the score of the reader in 0..1."""

    box: tuple[float, float, float, float]
    words: str
    score: float


def is_there() -> bool:
    """Whether the extra is installed."""
    try:
        import rapidocr_onnxruntime  # noqa: F401
    except ImportError:
        return False
    return True


def read(pixels: Pixels) -> list[Line]:
    """The lines of text of uint8 [H, W, 3]. Raises ImportError without the extra."""
    image = Image.fromarray(pixels)
    scale = min(1.0, SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0))
    found, _ = _reader()(np.ascontiguousarray(small[..., ::-1]), use_cls=False)
    lines = []
    for corners, words, score in found or ():
        at = np.asarray(corners, np.float64) / np.array(size)
        lines.append(Line((*at.min(0).tolist(), *at.max(0).tolist()), str(words), float(score)))
    return lines


@lru_cache(maxsize=1)
def _reader() -> Any:
    """The network, on one thread, so that it gives the same result anywhere."""
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1, print_verbose=False)


def text_beside(lines: list[Line], seen: Foreground) -> Evidence:
    """Lines that do not lie on the product; on another than a plain background nobody knows where that is."""
    found = Evidence(CLEAR, "none")
    product = product_of(seen)
    for line in lines:
        if not _is_text(line):
            continue
        told = f"{line.words!r} at {100 * line.box[0]:.0f}, {100 * line.box[1]:.0f} %"
        if product is None:
            strength = CERTAIN if OFFERS.search(line.words) else LIKELY
            found = strongest(found, Evidence(strength, f"{told}; perhaps it is on the product"))
        elif 1 - share_of(product, line.box) >= BESIDE:
            found = strongest(found, Evidence(CERTAIN, f"{told}, beside the product"))
        elif OFFERS.search(line.words):
            found = strongest(found, Evidence(LIKELY, f"{told}, over the product"))
    return found


def watermark_words(lines: list[Line]) -> Evidence:
    """Words that only watermarks have, wherever they are."""
    found = next((line for line in lines if line.score >= SURE and WORDS.search(line.words)), None)
    return Evidence(CLEAR, "none") if found is None else Evidence(LIKELY, f"{found.words!r}")


def turned_text(lines: list[Line], turned: list[Line]) -> Evidence:
    """Whether the text can be read better after half a turn: by the lines of the picture, and of the turned picture."""
    upright, reverse = (sum(line.score * len(line.words) for line in each if _is_text(line)) for each in (lines, turned))
    if max(upright, reverse) == 0:
        return Evidence(UNKNOWN, "no text tells")
    if reverse > 2 * upright:
        return Evidence(CERTAIN, f"{max(turned, key=lambda line: line.score).words!r} stands on its head")
    return Evidence(CLEAR, "text is upright") if upright > 1.3 * reverse else Evidence(UNKNOWN, "no text tells")


def _is_text(line: Line) -> bool:
    letters = sum(character.isalnum() for character in line.words)
    return line.score >= SURE and letters >= LETTERS and line.box[3] - line.box[1] >= TALL


def product_of(seen: Foreground) -> Mask | None:
    """The product's largest part [h, w] without its holes; None where it is not known."""
    return filled(seen.mask_of(seen.parts[0])) if seen.plain and seen.parts else None


def share_of(mask: Mask, box: tuple[float, float, float, float]) -> float:
    """The share of a box, given in shares of the frame, that a mask [h, w] covers."""
    height, width = mask.shape
    left, right = round(box[0] * width), max(round(box[2] * width), round(box[0] * width) + 1)
    top, bottom = round(box[1] * height), max(round(box[3] * height), round(box[1] * height) + 1)
    part = mask[max(0, top) : bottom, max(0, left) : right]
    return float(part.mean()) if part.size else 0.0
