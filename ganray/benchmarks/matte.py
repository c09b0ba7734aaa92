"""`matte`: intersection over union of mattes on held-out composites, with GrabCut and the border's colour beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganray.benchmarks import edit_fixtures as fixtures
from ganray.benchmarks.worst_sheet import WorstSheet
from ganray.config import BenchmarkConfig
from ganray.edits import Photo
from ganray.edits.border import border_matte
from ganray.edits.edit import NoParams, Tools
from ganray.edits.ground import white
from ganray.edits.matting import refined, with_matte
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.metrics.paired import boundary_f, iou

COMPOSITES, INSET, ROUNDS = 96, 0.05, 5


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row. A photo whose matte is refused counts as an empty one."""
    tools, cv2 = fixtures.load_tools(config), fixtures.opencv("matte")
    rows: list[dict[str, float]] = []
    sheet = WorstSheet("matte")
    for composite in fixtures.composites(config, config.images or COMPOSITES):
        truth = composite.alpha > 0.5
        try:
            photo = with_matte(Photo(composite.pixels), tools)
        except EditError:
            photo = Photo(composite.pixels, matte=np.zeros_like(composite.alpha))
        assert photo.matte is not None
        plain = border_matte(composite.pixels)
        ours, cut = photo.matte > 0.5, grabcut(cv2, composite.pixels)
        border = np.zeros_like(truth) if plain is None else refined(composite.pixels, plain) > 0.5
        rows.append(
            {"iou": iou(ours, truth), "boundary_f": boundary_f(ours, truth), "grabcut": iou(cut, truth), "border": iou(border, truth)}
        )
        sheet.add(rows[-1]["iou"], [composite.pixels, _on_white(photo, tools)])
    means = fixtures.mean_of(rows)
    each = np.sort([row["iou"] for row in rows])
    worst = float(each[: max(1, len(each) // 10)].mean())
    facts: dict[str, Any] = {**means, "median": round(float(np.median(each)), 4), "worst_tenth": round(worst, 4), "composites": len(rows)}
    facts |= sheet.facts()
    # the bar is of the figure itself, not of a ratio
    return [{"name": "matte", "value": means["iou"], "baseline": means["grabcut"], "ratio": means["iou"], "unit": "IoU", **facts}]


def _on_white(photo: Photo, tools: Tools) -> Pixels:
    """What `white` makes of the photo; all white where it refuses, because nothing of the product is left."""
    try:
        return white(photo, NoParams(), tools).pixels
    except EditError:
        return np.full_like(photo.pixels, 255)


def grabcut(cv2: Any, pixels: Pixels) -> NDArray[np.bool_]:
    """GrabCut (Rother et al. 2004), with a frame around the picture as background."""
    mask = np.zeros(pixels.shape[:2], np.uint8)
    height, width = pixels.shape[:2]
    box = (round(INSET * width), round(INSET * height), round((1 - 2 * INSET) * width), round((1 - 2 * INSET) * height))
    cv2.setRNGSeed(0)
    cv2.grabCut(pixels[..., ::-1].copy(), mask, box, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_RECT)
    return np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD))
