"""Cleaning one record: bytes from outside -> one encoded square image at the training resolution, or an ImageError that says why not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import PIL
from pydantic import TypeAdapter, ValidationError

from ganray.config import IngestConfig
from ganray.errors import ConfigError
from ganray.images.codec import Format, Limits, decode, encode
from ganray.images.sandbox import Sandbox
from ganray.images.transforms import square_crop, square_pad

DECODER = f"Pillow {PIL.__version__}"


@dataclass(frozen=True)
class Recipe:
    """How records are cleaned: side in pixels, how they become square, encoding, caps."""

    resolution: int
    square: Literal["pad", "crop"] = "pad"
    format: Format = "png"
    limits: Limits = field(default_factory=Limits)

    @staticmethod
    def of(config: IngestConfig) -> Recipe:
        """The recipe that a run asks for."""
        limits = Limits(max_bytes=config.max_bytes, max_pixels=config.max_pixels, max_frames=config.max_frames)
        return Recipe(config.resolution, config.square, config.format, limits)

    @staticmethod
    def from_json(text: str) -> Recipe:
        """The recipe of a JSON object; raises ConfigError."""
        try:
            return TypeAdapter(Recipe).validate_json(text)
        except ValidationError as error:
            raise ConfigError(f"{text!r} is no recipe: {error.errors()[0]['msg']}", "Copy it as quarantine gives it") from error


def clean(data: bytes, recipe: Recipe) -> tuple[bytes, tuple[int, int]]:
    """The prepared image's bytes and the upright (width, height) of the original; raises ImageError."""
    crop = recipe.square == "crop"
    decoded = decode(data, recipe.limits, recipe.resolution, cover=crop)
    image = (square_crop if crop else square_pad)(decoded.image, recipe.resolution)
    return encode(np.asarray(image), recipe.format), decoded.original_size


def sandbox(recipe: Recipe) -> Sandbox:
    """A child process that cleans: each result is (bytes, {"width": ..., "height": ...})."""
    return Sandbox(f"{__name__}:clean_in_child", asdict(recipe))


def clean_in_child(data: bytes, limits: dict[str, int], **recipe: Any) -> tuple[bytes, dict[str, int]]:
    """`clean` as the sandbox calls it, with a recipe that travelled as JSON."""
    image, (width, height) = clean(data, Recipe(limits=Limits(**limits), **recipe))
    return image, {"width": width, "height": height}
