"""Whatever mode and profile a file came in -> 8-bit sRGB, alpha on white."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from ganray.errors import ImageError

SRGB_NAMES = ("srgb", "iec 61966-2.1", "iec61966-2.1")


def to_srgb(image: Image.Image) -> Image.Image:
    """A loaded image of any mode -> RGB without info; raises ImageError("unsupported_mode") for what has no plain meaning in sRGB."""
    image, profile = _eight_bit(image), image.info.get("icc_profile")
    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert(image.mode.upper())
    if image.mode in ("P", "PA", "1") or "transparency" in image.info:
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if profile:
        image = _apply(image, bytes(profile))
    if image.mode in ("RGBA", "LA"):
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image.convert("RGB"), mask=image.getchannel("A"))
        image = white
    if image.mode not in ("RGB", "RGBX", "L", "CMYK", "YCbCr", "HSV", "LAB"):
        raise ImageError("unsupported_mode", f"pixel mode {image.mode} has no plain reading as sRGB")
    image = image if image.mode == "RGB" else image.convert("RGB")
    image.info.clear()
    return image


def alpha_of(image: Image.Image) -> Image.Image | None:
    """The alpha of a loaded image of any mode as 8-bit grey; None where it has none."""
    if image.mode in ("RGBA", "LA", "La", "RGBa"):
        return image.getchannel("A" if image.mode in ("RGBA", "LA") else "a")
    if image.mode == "PA" or "transparency" in image.info:
        return _eight_bit(image).convert("RGBA").getchannel("A")
    return None


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey -> 8-bit by the high byte; 32-bit integers pass when they hold 16-bit values."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise ImageError("unsupported_mode", f"32-bit grey with values {values.min()}..{values.max()} has no plain reading as sRGB")
    return Image.fromarray((values.astype(np.uint32) >> 8).astype(np.uint8))


def _apply(image: Image.Image, profile: bytes) -> Image.Image:
    """Apply an embedded profile; one that is broken or of another colour model is ignored, as browsers do."""
    transform = _transform(profile, image.mode) if image.mode in ("RGB", "RGBA", "L", "CMYK") else None
    if transform is None:
        return image
    converted = ImageCms.applyTransform(image, transform)
    return image if converted is None else converted


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if mode != "CMYK" and ImageCms.getProfileDescription(source).lower().startswith(SRGB_NAMES):
            return None
        target = "RGBA" if mode == "RGBA" else "RGB"
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
