"""Convert images of any mode and colour profile to 8-bit sRGB, alpha on white."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from ganray.errors import ImageError

SRGB_NAMES = ("srgb", "iec 61966-2.1", "iec61966-2.1")


def to_srgb(image: Image.Image, on_white: bool = True) -> Image.Image:
    """A loaded image of any mode -> RGB without info; alpha on white, or left out. Raises ImageError("unsupported_mode") if sRGB cannot
    represent it."""
    image, profile = _eight_bit(image), image.info.get("icc_profile")
    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert(image.mode.upper())
    if image.mode in ("P", "PA", "1") or "transparency" in image.info:
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if profile:
        image = _apply(image, bytes(profile))
    if image.mode in ("RGBA", "LA") and not on_white:
        image = image.convert("RGB")
    elif image.mode in ("RGBA", "LA"):
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image.convert("RGB"), mask=image.getchannel("A"))
        image = white
    if image.mode not in ("RGB", "RGBX", "L", "CMYK", "YCbCr", "HSV", "LAB"):
        raise ImageError("unsupported_mode", f"pixel mode {image.mode} cannot be converted to sRGB")
    image = image if image.mode == "RGB" else image.convert("RGB")
    image.info.clear()
    return image


def alpha_of(image: Image.Image) -> Image.Image | None:
    """The alpha of a loaded image of any mode as 8-bit grey; None if it has none."""
    if image.mode in ("RGBA", "LA", "La", "RGBa"):
        return image.getchannel("A" if image.mode in ("RGBA", "LA") else "a")
    if image.mode == "PA" or "transparency" in image.info:
        return _eight_bit(image).convert("RGBA").getchannel("A")
    return None


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey -> 8-bit by the high byte; 32-bit integers are accepted if their values fit in 16 bits."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise ImageError("unsupported_mode", f"32-bit grey with values {values.min()}..{values.max()} cannot be converted to sRGB")
    return Image.fromarray((values.astype(np.uint32) >> 8).astype(np.uint8))


def _apply(image: Image.Image, profile: bytes) -> Image.Image:
    """Apply an embedded profile; a broken one, or one of another colour model, is ignored as in browsers."""
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
