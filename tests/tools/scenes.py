"""Photo-like pictures, drawn, for tests of copies."""

import io

import numpy as np
from PIL import Image


def scene(seed: int, colour=(200, 60, 60)) -> Image.Image:
    """A photo-like picture of 200x260: soft noise, and a product of one colour."""
    rng = np.random.default_rng(seed)
    back = Image.fromarray(rng.integers(90, 220, (7, 5, 3), np.uint8)).resize((200, 260), Image.Resampling.BICUBIC)
    product = (
        Image.fromarray(rng.integers(0, 256, (6, 6), np.uint8))
        .resize((200, 260), Image.Resampling.BICUBIC)
        .point(lambda v: 255 * (v > 128))
    )
    back.paste(Image.new("RGB", back.size, colour), (0, 0), product)
    return back


def jpeg(image: Image.Image, quality: int = 80) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")
