"""Bytes <-> uint8 NHWC sRGB <-> float NCHW in [-1, 1]: the only converter.

`decode` is for untrusted images: an allow-list of formats, caps, a full decode. It raises ImageError only, but a C decoder can still crash
or hang on a hostile file: use `images.sandbox` for those. `decode_prepared` is for bytes that ganray wrote.
"""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from ganray.errors import EditError, ImageError
from ganray.images.colour import alpha_of, is_converted, to_srgb
from ganray.images.icc import srgb_profile
from ganray.images.jpeg import JpegSource, encode_like, read_source

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[np.uint8]
Format = Literal["png", "jpeg", "webp", "avif"]
SUFFIXES: dict[str, str] = {"png": "png", "jpeg": "jpg", "webp": "webp", "avif": "avif"}
MEDIA_TYPES = {name: f"image/{name}" for name in SUFFIXES}
QUALITY = {"jpeg": 92, "avif": 85}  # default of the lossy formats

MAX_PIXELS = 50_000_000  # default cap on an image's pixels
PIXELS_CEILING = 1_000_000_000  # the largest cap, as in config/limits.py, which decoder processes do not load
WIDEST = {"jpeg": 65_500, "webp": 16_383, "avif": 65_535}  # pixels of a side that the formats, or their encoders, can hold

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
PREPARED = ("PNG", "WEBP", "JPEG", "AVIF")
ORIENTATION = 0x0112
MAX_DENSITY = 65_535  # dots per inch that a JPEG can state
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Limits:
    """Caps on an untrusted image, similar to imgproxy's (50 MP, 1 frame).

    `max_side` is that of a side in pixels where `max_pixels` is at most its default; above, it grows in proportion (`side`), so that one
    option lifts both. The time and the memory that an image may take grow alike (`scale`).
    """

    max_bytes: int = 25_000_000
    max_pixels: int = MAX_PIXELS
    max_frames: int = 1
    max_side: int = 16_000

    @property
    def scale(self) -> float:
        """How many times its default `max_pixels` is, at least 1."""
        return max(1.0, self.max_pixels / MAX_PIXELS)

    @property
    def side(self) -> int:
        """The cap on a side, in pixels."""
        return round(self.max_side * self.scale)


@dataclass(frozen=True)
class Decoded:
    """An upright sRGB image without alpha or metadata; `original_size` is (width, height) as stored, upright.

    Of the file's metadata there are the `density` in dots per inch (across, down), and whether it had a colour profile.
    """

    image: Image.Image
    original_size: tuple[int, int]
    format: str
    density: tuple[float, float] | None = None
    profiled: bool = False

    @property
    def pixels(self) -> Pixels:
        """Uint8 [height, width, 3]."""
        return np.array(self.image)


@dataclass(frozen=True)
class Kept:
    """What the file of an edited photo keeps of the photo's file: its `density` in dots per inch, and a colour profile, which is then that
    of sRGB. With `jpeg` it is encoded as the photo was, whose decoded pixels were `before`."""

    density: tuple[float, float] | None = None
    profiled: bool = False
    jpeg: JpegSource | None = None
    before: Pixels | None = None


NOTHING = Kept()


def decode(data: bytes, limits: Limits = Limits(), side: int = 0, cover: bool = False) -> Decoded:
    """Decode an untrusted image: fully, upright, in sRGB, alpha on white, without metadata.

    With `side` > 0 the caller will shrink the longer side (`cover`: the shorter side) to that many pixels: a JPEG is then decoded at 1/2,
    1/4 or 1/8 of its size, but never below twice `side`. Raises ImageError with a reason code of `catalog.quarantine.REASONS`.
    """
    return _decoded(data, limits, side, cover)[0]


def decode_with_alpha(data: bytes, limits: Limits = Limits()) -> tuple[Decoded, Pixels | None]:
    """`decode` with straight colours, white where nothing of them is visible, and the alpha channel, upright uint8 [height, width]; None if
    the image has none or is fully opaque."""
    decoded, alpha = _decoded(data, limits, on_white=False)
    values = None if alpha is None else np.array(alpha)
    if alpha is None or values is None or values.min() == 255:
        return decoded, None
    decoded.image.paste((255, 255, 255), mask=alpha.point(lambda level: 255 * (level == 0)))
    return decoded, values


def allow_pixels() -> None:
    """Let Pillow open images up to PIXELS_CEILING; it refuses those of over 179 million by itself. The setting is the process's, and never
    lowered: `decode` checks every image against its own limits before it reads pixels."""
    if Image.MAX_IMAGE_PIXELS is not None:
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, PIXELS_CEILING)


def drop_unused_alpha(image: Image.Image) -> Image.Image:
    """A loaded image, without its alpha if that is 0 all over in a BMP: Windows programs leave the fourth byte empty, and browsers show
    such a file as opaque."""
    if image.format == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        opaque = image.convert("RGB")
        opaque.format = image.format
        return opaque
    return image


def _decoded(data: bytes, limits: Limits, side: int = 0, cover: bool = False, on_white: bool = True) -> tuple[Decoded, Image.Image | None]:
    if not data:
        raise ImageError("empty", "the file has no bytes")
    if len(data) > limits.max_bytes:
        raise ImageError(
            "too_many_bytes",
            f"{len(data):,} bytes, the cap is {limits.max_bytes:,}",
            "Send a smaller file, or raise max_bytes",
        )
    allow_pixels()
    with _reasons():
        file = Image.open(BytesIO(data), formats=FORMATS)
        size, kind = _check(file, limits), str(file.format)
        fraction = (min(size) if cover else max(size)) // (2 * side) if side else 1
        if fraction > 1 and kind in ("JPEG", "MPO"):
            file.draft(None, (max(1, size[0] // fraction), max(1, size[1] // fraction)))
        file.load()
        turn = _orientation(file)  # after load(), which turns TIFF images itself
        shown = drop_unused_alpha(file)
        alpha, image = alpha_of(shown), to_srgb(shown, data, on_white)
        if turn in TURNS:
            image, alpha = image.transpose(TURNS[turn]), alpha and alpha.transpose(TURNS[turn])
        density, profiled = _density(file, turn), bool(file.info.get("icc_profile"))
    return Decoded(image, size[::-1] if turn >= 5 else size, "JPEG" if kind == "MPO" else kind, density, profiled), alpha


def decode_jpeg_source(data: bytes, limits: Limits = Limits()) -> JpegSource | None:
    """How an untrusted JPEG was encoded; None for other formats and for CMYK. Raises ImageError."""
    with _reasons():
        file = Image.open(BytesIO(data), formats=FORMATS)
        _check(file, limits)
        if file.format not in ("JPEG", "MPO"):
            return None
        return read_source(data, TURNS.get(_orientation(file)), is_converted(file, data))


def decode_prepared(data: bytes) -> Pixels:
    """Decode an image that ganray wrote: uint8 [height, width, 3], without checks."""
    with Image.open(BytesIO(data), formats=PREPARED) as image:
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def encode(
    pixels: Pixels,
    format: Format,
    xmp: bytes | None = None,
    quality: int | None = None,
    *,
    alpha: Pixels | None = None,
    kept: Kept = NOTHING,
) -> bytes:
    """Encode uint8 [height, width, 3], with optional `alpha` uint8 [height, width]; equal pixels give equal bytes.

    `quality` is 1..100. The default is that of the source for a JPEG with `kept.jpeg`, QUALITY for other JPEGs and AVIF (both 4:4:4), and
    lossless for WebP; PNG is always lossless. JPEG and PNG have a density.
    Raises EditError: "no_alpha" for alpha in a JPEG, "too_large" for more pixels a side than the format holds.
    """
    if alpha is not None and format == "jpeg":
        raise EditError("no_alpha", "a cut-out has transparency, which jpeg does not support", "Ask for png, webp or avif, or add white")
    if max(pixels.shape[:2]) > WIDEST.get(format, max(pixels.shape[:2])):
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise EditError("too_large", f"{format} holds at most {WIDEST[format]:,} pixels a side, not {size}", "Ask for png")
    image, buffer = Image.fromarray(pixels if alpha is None else np.dstack([pixels, alpha])), BytesIO()
    profile = srgb_profile() if kept.profiled else None
    if format == "png":
        info = PngImagePlugin.PngInfo()
        if xmp is not None:
            info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        image.save(buffer, "PNG", compress_level=3, pnginfo=info, dpi=kept.density, icc_profile=profile)
    elif format == "jpeg":
        metadata = {"xmp": xmp or b"", "icc_profile": profile, "dpi": kept.density or (0, 0)}
        if kept.jpeg is not None and kept.before is not None and quality is None:
            return encode_like(kept.jpeg, kept.before, pixels, **metadata)
        image.save(buffer, "JPEG", quality=quality or QUALITY["jpeg"], subsampling=0, **metadata)
    elif format == "webp":
        options = {"lossless": True, "quality": 50, "method": 1} if quality is None else {"quality": quality, "method": 4}
        image.save(buffer, "WEBP", xmp=xmp or b"", icc_profile=profile, **options)
    else:  # one thread: libaom's bytes depend on the number of threads
        options = {"quality": quality or QUALITY["avif"], "speed": 8, "max_threads": 1}
        # sharp edges of an alpha need more than colours do: else they are off by up to 17 levels, now 8
        finer = {"advanced": {"a:cq-level": "4"}} if alpha is not None else {}
        image.save(buffer, "AVIF", subsampling="4:4:4", xmp=xmp or b"", icc_profile=profile, **options, **finer)
    return buffer.getvalue()


def to_float(images: Tensor, channels: int = 3) -> Tensor:
    """Uint8 [N, H, W, 3] -> float32 [N, C, H, W] in [-1, 1]; `channels` = 1 gives luma (ITU-R BT.601)."""
    x = images.permute(0, 3, 1, 2).float()
    if channels == 1:
        x = 0.299 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]
    return x.div_(127.5).sub_(1.0).contiguous()


def to_pixels(x: Tensor) -> Tensor:
    """Float [N, 1 or 3, H, W], about [-1, 1] -> uint8 [N, H, W, 3]: rounded and clamped, a single channel repeated."""
    pixels = x.detach().float().add(1.0).mul_(127.5).round_().clamp_(0.0, 255.0).byte()
    return pixels.permute(0, 2, 3, 1).expand(-1, -1, -1, 3).contiguous()


def _check(image: Image.Image, limits: Limits) -> tuple[int, int]:
    width, height = image.size
    if width * height > limits.max_pixels or max(width, height) > limits.side:
        cap = f"{limits.max_pixels:,} pixels and {limits.side:,} per side"
        raise ImageError("too_many_pixels", f"{width}x{height} pixels, the caps are {cap}", _remedy(width, height, limits))
    frames = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))  # the other frames of an MPO are previews
    if frames > limits.max_frames:
        remedy = "Send one frame; ingest takes the first one if max_frames is higher"
        raise ImageError("animated", f"{frames} frames, the cap is {limits.max_frames}", remedy)
    return width, height


def _density(image: Image.Image, turn: int) -> tuple[float, float] | None:
    """Dots per inch (across, down), upright; None for none or nonsense."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not (1 <= across <= MAX_DENSITY and 1 <= down <= MAX_DENSITY):
        return None
    return (down, across) if turn >= 5 else (across, down)


def _remedy(width: int, height: int, limits: Limits) -> str:
    """What lifts the caps for an image of that size."""
    need = max(width * height, -(-max(width, height) * MAX_PIXELS // limits.max_side))
    if need > PIXELS_CEILING:
        return f"Send a smaller image: max_pixels goes up to {PIXELS_CEILING:,}"
    return f"Send a smaller image, or raise max_pixels to {need:,}"


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # a broken EXIF block does not make the image unusable
        return 1
    return value if isinstance(value, int) else 1


class _reasons(contextlib.ContextDecorator):
    """Convert any exception of a decoder to an ImageError with a reason code."""

    def __enter__(self) -> None:
        self._no_warnings = warnings.catch_warnings()
        self._no_warnings.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._no_warnings.__exit__(None, None, None)
        if error is None or isinstance(error, ImageError) or not isinstance(error, Exception):
            return
        text = f"{type(error).__name__}: {error}"
        if isinstance(error, UnidentifiedImageError):
            raise ImageError("unknown_format", f"the bytes are not one of {', '.join(FORMATS)}") from error
        if isinstance(error, Image.DecompressionBombError):
            remedy = f"Send a smaller image: max_pixels goes up to {PIXELS_CEILING:,}"
            raise ImageError("too_many_pixels", text, remedy) from error
        if isinstance(error, MemoryError):
            raise ImageError("too_much_memory", "decoding needs more memory than the process may have") from error
        raise ImageError("truncated" if "truncated" in text.lower() else "corrupt", text) from error
