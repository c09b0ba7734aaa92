"""Too dark or too bright, by the luma of the frame and of the product.

A black product on white is no fault. A picture without any light part is, and so is a product that is dark all over and yet coloured:
black cloth is grey, a dimmed red is red.
"""

from __future__ import annotations

import numpy as np

from ganray.images.channels import largest, least
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, Evidence, strongest
from ganray.profiles.foreground import Foreground

DIM, DARK = 120.0, 80.0  # levels of the lightest hundredth of a frame
PRODUCT_DIM = 90.0  # levels of the lightest twentieth of a product
COLOURED = 0.25  # share of its largest channel by which a pixel is coloured
BURNT, WASHED = 0.5, 0.85  # share of the product, or of a scene, that is pure white
LEAST = 400  # pixels of a product that are needed


def exposure(seen: Foreground) -> Evidence:
    """Whether a picture is under- or overexposed."""
    luma = seen.small @ np.array([0.299, 0.587, 0.114], np.float32)
    lightest = float(np.percentile(luma, 99))
    frame = Evidence(
        CERTAIN if lightest < DARK else LIKELY if lightest < DIM else CLEAR,
        f"the lightest hundredth of the frame has {lightest:.0f} levels",
    )
    if not seen.plain or seen.shape.sum() < LEAST:
        burnt = float((least(seen.small) >= 254).mean())
        bright = CERTAIN if not seen.plain and burnt >= WASHED else LIKELY if not seen.plain and burnt >= BURNT else CLEAR
        return strongest(frame, Evidence(bright, f"{100 * burnt:.0f} % of the frame is pure white"))
    return strongest(frame, _product(seen))


def _product(seen: Foreground) -> Evidence:
    """The exposure of the product."""
    product = seen.small[seen.shape]
    luma = product @ np.array([0.299, 0.587, 0.114], np.float32)
    light, highest, lowest = float(np.percentile(luma, 95)), largest(product), least(product)
    colour = float(np.mean((highest - lowest) / np.maximum(highest, 8.0)))
    found = f"the lightest twentieth of the product has {light:.0f} levels, and its colours are {100 * colour:.0f} % saturated"
    if light < PRODUCT_DIM and colour >= COLOURED:
        return Evidence(LIKELY, found)  # or navy cloth, or bottle glass
    burnt = float((lowest >= 254).mean())
    return Evidence(LIKELY if burnt >= BURNT else CLEAR, f"{found}, {100 * burnt:.0f} % of it is pure white")
