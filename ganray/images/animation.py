"""An animation of images as an animated WebP: labelled like every generated image, with captions, and below a size limit."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganray.errors import ImageError
from ganray.images.codec import Pixels
from ganray.images.provenance import Label, check_label, xmp_packet
from ganray.images.transforms import WHITE, resize

FRAME_MS, LAST_MS = 150, 2000  # the last frame is shown longer, so that the end of the loop is visible
QUALITIES = (80, 60, 40)
EFFORT = 2  # WebP's method 0..6: a third larger than the best, in a third of the time
CAPTION = 22  # height of the caption under a frame, in pixels


def film_frame(pixels: Pixels, caption: str, side: int) -> Pixels:
    """Uint8 [h + CAPTION, w, 3] of [H, W, 3], shrunk so that no side is over `side`; the caption is a line below."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    width, height = max(1, round(scale * width)), max(1, round(scale * height))
    frame = Image.new("RGB", (width, height + CAPTION), WHITE)
    frame.paste(resize(Image.fromarray(np.ascontiguousarray(pixels)), width, height), (0, 0))
    font = ImageFont.load_default(CAPTION - 8)
    ImageDraw.Draw(frame).text((6, height + CAPTION / 2), caption, fill=(0, 0, 0), font=font, anchor="lm")
    return np.asarray(frame)


def encode_film(frames: Sequence[Pixels], label: Label, limit: int) -> bytes:
    """At most `limit` bytes of animated WebP of frames uint8 [H, W, 3], all of the first one's size or padded and cut to it.

    If the file is too large, the quality is lowered, then every other frame is dropped. Raises ImageError if a single frame is too large,
    or if the label does not read back from the bytes.
    """
    height, width = frames[0].shape[:2]
    images = [_fitted(frame, width, height) for frame in frames]
    while True:
        for quality in QUALITIES:
            data = _encode(images, label, quality)
            if len(data) <= limit:
                check_label(data, label, "webp")
                return data
        if len(images) == 1:
            raise ImageError("too_many_bytes", f"one frame of the film takes {len(data):,} bytes, the cap is {limit:,}")
        images = images[-1::-2][::-1]  # keeps the last frame


def _encode(images: Sequence[Image.Image], label: Label, quality: int) -> bytes:
    buffer = BytesIO()
    images[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=[FRAME_MS] * (len(images) - 1) + [LAST_MS],
        loop=0,
        quality=quality,
        method=EFFORT,
        xmp=xmp_packet(label),
    )
    return buffer.getvalue()


def _fitted(frame: Pixels, width: int, height: int) -> Image.Image:
    """Pad or cut a frame: a resumed run may have earlier grids of another shape."""
    image = Image.fromarray(np.ascontiguousarray(frame))
    if image.size == (width, height):
        return image
    sheet = Image.new("RGB", (width, height), WHITE)
    sheet.paste(image, (0, 0))
    return sheet
