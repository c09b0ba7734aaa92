"""Clean one record: untrusted bytes -> an encoded square image at the training resolution, or an ImageError with the reason.

Decoder processes import this file, so it imports neither pydantic nor pyarrow: they would take most of a process's start.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import PIL

from ganray.catalog.automatic import automatic
from ganray.errors import ConfigError
from ganray.images.codec import Format, Limits, decode, encode
from ganray.images.sandbox import Sandbox
from ganray.images.transforms import square_crop, square_pad
from ganray.images.untrusted import allowance

if TYPE_CHECKING:
    from ganray.config import IngestConfig

DECODER = f"Pillow {PIL.__version__}"


@dataclass(frozen=True)
class Recipe:
    """How records are cleaned: side in pixels, how they are made square, encoding, caps, automatic attributes (`automatic.py`)."""

    resolution: int
    square: Literal["pad", "crop"] = "pad"
    format: Format = "png"
    limits: Limits = field(default_factory=Limits)
    automatic: tuple[str, ...] = ()

    @staticmethod
    def of(config: IngestConfig) -> Recipe:
        """The recipe of a config."""
        limits = Limits(max_bytes=config.max_bytes, max_pixels=config.max_pixels, max_frames=config.max_frames)
        return Recipe(config.resolution, config.square, config.format, limits, tuple(dict.fromkeys(config.auto_attributes)))

    @staticmethod
    def from_json(text: str) -> Recipe:
        """Parse a JSON object. Raises ConfigError."""
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(Recipe).validate_json(text)
        except ValidationError as error:
            raise ConfigError(f"{text!r} is not a recipe: {error.errors()[0]['msg']}", "Copy it from the quarantine") from error


@dataclass(frozen=True)
class Cleaned:
    """A prepared image: its bytes, the upright (width, height) of the original, and the automatic attributes of the recipe."""

    image: bytes
    size: tuple[int, int]
    attributes: dict[str, str]


def clean(data: bytes, recipe: Recipe) -> Cleaned:
    """Prepare an image from untrusted bytes. Raises ImageError."""
    crop = recipe.square == "crop"
    decoded = decode(data, recipe.limits, recipe.resolution, cover=crop)
    image = (square_crop if crop else square_pad)(decoded.image, recipe.resolution)
    return Cleaned(encode(np.asarray(image), recipe.format), decoded.original_size, automatic(decoded.image, recipe.automatic))


def sandbox(recipe: Recipe) -> Sandbox:
    """A child process for cleaning: each result is (bytes, {"width": ..., "height": ..., "attributes": {NAME: automatic value}})."""
    return Sandbox(f"{__name__}:clean_in_child", asdict(recipe), **allowance(recipe.limits))


def clean_in_child(data: bytes, limits: dict[str, int], automatic: list[str], **recipe: Any) -> tuple[bytes, dict[str, Any]]:
    """`clean` for the sandbox: the recipe arrives as JSON."""
    cleaned = clean(data, Recipe(limits=Limits(**limits), automatic=tuple(automatic), **recipe))
    return cleaned.image, {"width": cleaned.size[0], "height": cleaned.size[1], "attributes": cleaned.attributes}
