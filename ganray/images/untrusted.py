"""Decode untrusted photos to pixels: in this process, or in a child process that a hostile file may crash (`images.sandbox`)."""

from __future__ import annotations

import contextlib
import functools
import queue
from dataclasses import asdict
from typing import Any, NamedTuple, TypedDict

import numpy as np

from ganray.errors import ImageError
from ganray.images.codec import Limits, Pixels, allow_pixels, decode_jpeg_source, decode_with_alpha
from ganray.images.jpeg import JpegSource
from ganray.images.sandbox import MEMORY_BYTES, Sandbox

LIMITS = Limits()
MEGAPIXELS_A_SECOND = 2.0  # a slow decoder on a loaded machine: sets the timeout for photos at the cap


class Raw(NamedTuple):
    """Uint8 [H, W, 3] sRGB, straight colours, white where alpha is 0; alpha [H, W] or None if fully opaque; Pillow's name of the format,
    the density in dots per inch, and whether the file has a colour profile."""

    pixels: Pixels
    alpha: Pixels | None
    format: str
    density: tuple[float, float] | None = None
    profiled: bool = False


def decode_raw(data: bytes, limits: Limits = LIMITS) -> Raw:
    """Decode in this process. Raises ImageError."""
    decoded, alpha = decode_with_alpha(data, limits)
    return Raw(decoded.pixels, alpha, decoded.format, decoded.density, decoded.profiled)


def raw_in_child(data: bytes, **limits: int) -> tuple[bytes, dict[str, Any]]:
    """`decode_raw` for the sandbox: the planes one after the other, and their height, width and format."""
    pixels, alpha, format, density, profiled = decode_raw(data, Limits(**limits))
    planes = [pixels.tobytes()] if alpha is None else [pixels.tobytes(), alpha.tobytes()]
    size = {"height": pixels.shape[0], "width": pixels.shape[1]}
    return b"".join(planes), {**size, "format": format, "density": density, "profiled": profiled}


def source_in_child(data: bytes, **limits: int) -> tuple[bytes, dict[str, Any]]:
    """`decode_jpeg_source` for the sandbox: the planes one after the other, and the rest."""
    source = decode_jpeg_source(data, Limits(**limits))
    if source is None:
        return b"", {}
    shapes = [plane.shape for plane in source.planes]
    note = {"tables": source.tables, "subsampling": source.subsampling, "shapes": shapes}
    return b"".join(plane.tobytes() for plane in source.planes), note


class Allowance(TypedDict):
    """What a child may use, as `Sandbox` takes it."""

    cpu_seconds: int
    wall_seconds: float
    memory_bytes: int


def allowance(limits: Limits, cpu_seconds: int = 10, wall_seconds: float = 60.0) -> Allowance:
    """What a child may use for an image at the caps: the seconds are for the default of `max_pixels`, and grow with it, as memory does."""
    scale = limits.scale
    return {
        "cpu_seconds": round(cpu_seconds * scale),
        "wall_seconds": wall_seconds * scale,
        "memory_bytes": round(MEMORY_BYTES * scale),
    }


class SafeDecoder:
    """`decode_raw` in `children` processes, each for one caller at a time; thread-safe."""

    def __init__(self, children: int = 1, limits: Limits = LIMITS) -> None:
        self._raws = _Children("raw_in_child", children, limits)
        self._sources = _Children("source_in_child", children, limits)
        allow_pixels()  # the results are opened in this process

    def __call__(self, data: bytes) -> Raw:
        """Decode one image. Raises ImageError."""
        body, note = self._raws(data)
        height, width = note["height"], note["width"]
        planes = np.frombuffer(body, np.uint8)
        area = height * width
        pixels, alpha = planes[: 3 * area].reshape(height, width, 3), planes[3 * area :]
        density = tuple(note["density"]) if note["density"] else None
        return Raw(pixels, alpha.reshape(height, width) if len(alpha) else None, note["format"], density, note["profiled"])

    def jpeg_source(self, data: bytes) -> JpegSource | None:
        """`decode_jpeg_source` in a child. Raises ImageError."""
        body, note = self._sources(data)
        if not note:
            return None
        planes, at = list[Pixels](), 0
        for height, width in note["shapes"]:
            planes.append(np.frombuffer(body, np.uint8, height * width, at).reshape(height, width))
            at += height * width
        return JpegSource(tuple(map(tuple, note["tables"])), note["subsampling"], tuple(planes))

    def close(self) -> None:
        """End the children that no caller has; a later call would start new ones."""
        self._raws.close()
        self._sources.close()


class _Children:
    """A function of this module in child processes, which are started at first use."""

    def __init__(self, function: str, num: int, limits: Limits) -> None:
        seconds = max(10, int(min(limits.max_pixels, LIMITS.max_pixels) / 1e6 / MEGAPIXELS_A_SECOND))
        self._start = functools.partial(Sandbox, f"{__name__}:{function}", asdict(limits), **allowance(limits, seconds))
        self._free: queue.SimpleQueue[Sandbox | None] = queue.SimpleQueue()
        for _ in range(num):
            self._free.put(None)

    def __call__(self, data: bytes) -> tuple[bytes, dict[str, Any]]:
        sandbox = self._free.get() or self._start()
        try:
            (result,) = sandbox.map([data])
        finally:
            self._free.put(sandbox)
        if isinstance(result, ImageError):
            raise result
        return result

    def close(self) -> None:
        """End those that are free."""
        for _ in range(self._free.qsize()):
            with contextlib.suppress(queue.Empty):
                if (sandbox := self._free.get_nowait()) is not None:
                    sandbox.close()
                self._free.put(None)
