"""Convert images of any mode and colour space to 8-bit sRGB, alpha on white: the colours that a browser would show."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from ganray.errors import ImageError
from ganray.images.colour_spaces import declared_profiles

SAME = 2  # levels: a profile whose colours differ by no more from sRGB is sRGB, whatever it is called; and one by more is not
TRANSFORMED = {"GRAY": ("L", "I;16"), "RGB": ("RGB", "RGBA"), "CMYK": ("CMYK",)}  # modes of images that a profile's colour model fits
PNG_COLOUR_TYPE, GREY_WITH_ALPHA = 25, 4  # its offset in the file


class Conversion(NamedTuple):
    """What a profile does to an image: the transform to sRGB, the mode that it takes, and how far it moves the colours of sRGB, in levels
    of 255 at most (0 for other models)."""

    transform: ImageCms.ImageCmsTransform
    mode: str
    distance: int


def to_srgb(image: Image.Image, data: bytes = b"", on_white: bool = True) -> Image.Image:
    """A loaded image of any mode -> RGB without info; alpha on white, or left out. `data` is its file. Raises
    ImageError("unsupported_mode") if sRGB cannot represent it."""
    plain = _plain(image, data)
    conversion = _conversion(image, plain.mode, data)
    image = _eight_bit(plain) if conversion is None else _converted(plain, conversion)
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


def distance_from_srgb(image: Image.Image, data: bytes = b"") -> tuple[int, str]:
    """How far the colours of a picture are from what they would be as sRGB: levels of 255 at most, and the name of its colour space. Of an
    opened image, and its file."""
    for profile in declared_profiles(image, data):
        conversion = _usable(profile, image.mode)
        if conversion is not None:
            return conversion.distance, _name(profile)
    return 0, "sRGB"


def is_converted(image: Image.Image, data: bytes = b"") -> bool:
    """Whether a profile changes the colours of an opened image."""
    return _conversion(image, image.mode, data) is not None


def _plain(image: Image.Image, data: bytes) -> Image.Image:
    """The image in a mode that profiles apply to: without palette, premultiplied alpha and transparent colour."""
    if image.mode in ("La", "RGBa"):
        return image.convert(image.mode.upper())
    if image.mode == "RGBA" and image.format == "PNG" and data[PNG_COLOUR_TYPE : PNG_COLOUR_TYPE + 1] == bytes([GREY_WITH_ALPHA]):
        return Image.merge("LA", (image.getchannel("R"), image.getchannel("A")))  # 16 bits
    clear = "transparency" in image.info
    if image.mode in ("1", "L"):
        return image.convert("LA" if clear else "L")
    if image.mode in ("P", "PA") or clear:
        image = _eight_bit(image)
        return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey -> 8-bit by the high byte; 32-bit integers are accepted if their values fit in 16 bits."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise ImageError("unsupported_mode", f"32-bit grey with values {values.min()}..{values.max()} cannot be converted to sRGB")
    return Image.fromarray((values.astype(np.uint32) >> 8).astype(np.uint8))


def _conversion(image: Image.Image, mode: str, data: bytes) -> Conversion | None:
    """The conversion of the first declared profile that fits; None if none does, or if it is that of sRGB."""
    for profile in declared_profiles(image, data):
        conversion = _usable(profile, mode)
        if conversion is not None:
            return conversion if conversion.distance > SAME or conversion.mode == "CMYK" else None
    return None


def _usable(profile: bytes, mode: str) -> Conversion | None:
    """The conversion by a profile of an image of this mode. A broken profile, or one of another colour model, is ignored as in browsers;
    grey pictures may have profiles of RGB."""
    wanted = {"L": "L", "LA": "L", "1": "L", "I": "I;16", "I;16B": "I;16", "P": "RGB", "PA": "RGB", "RGBa": "RGBA", "La": "L"}.get(
        mode, mode
    )
    for candidate in dict.fromkeys((wanted, "RGB" if wanted in ("L", "I;16") else wanted)):
        conversion = _built(profile, candidate)
        if conversion is not None:
            return conversion
    return None


def _converted(image: Image.Image, conversion: Conversion) -> Image.Image:
    """The image in sRGB: RGB, or RGBA if it has alpha."""
    alpha = image.getchannel("A") if image.mode == "LA" else None
    if image.mode == "LA":
        image = image.getchannel("L")
    if conversion.mode == "I;16":
        image = _sixteen_bit(image)
    elif conversion.mode != image.mode:  # grey with a profile of RGB
        image = _eight_bit(image).convert(conversion.mode)
    converted = ImageCms.applyTransform(image, conversion.transform)
    assert converted is not None
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _sixteen_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    _eight_bit(image)  # raises for values beyond 16 bits
    return Image.fromarray(values.astype(np.uint16))


@lru_cache(maxsize=32)
def _built(profile: bytes, mode: str) -> Conversion | None:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if mode not in TRANSFORMED.get(str(source.profile.xcolor_space).strip(), ()):
            return None
        target = "RGBA" if mode == "RGBA" else "RGB"
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target)
        return Conversion(transform, mode, _distance(transform, mode))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _distance(transform: ImageCms.ImageCmsTransform, mode: str) -> int:
    """The largest change of a channel among colours spread over sRGB."""
    ramp = np.arange(256, dtype=np.uint8)
    if mode == "CMYK":
        return 0
    if mode in ("L", "I;16"):
        image = Image.fromarray(ramp[None] if mode == "L" else ramp[None].astype(np.uint16) * 257)
        before = np.repeat(ramp[None, :, None], 3, 2)
    else:
        steps = np.linspace(0, 255, 9).astype(np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
        before = np.concatenate([cube, np.repeat(ramp[:, None], 3, 1)])[None]
        image = Image.fromarray(before).convert(mode)
    after = ImageCms.applyTransform(image, transform)
    assert after is not None
    return int(np.abs(np.asarray(after.convert("RGB")).astype(int) - before.astype(int)).max())


def _name(profile: bytes) -> str:
    """The profile's description in a line."""
    try:
        return " ".join(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile))).split()) or "a profile without a name"
    except (ImageCms.PyCMSError, OSError, ValueError):
        return "a profile without a name"
