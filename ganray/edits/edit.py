"""What an edit is, and what it may ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ganray.edits.photo import Alpha, Photo
from ganray.images.codec import Pixels


class Params(BaseModel):
    """An edit's parameters; `short` names the one that a single value sets (`recolor: "#aa2200"`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    short: ClassVar[str] = ""


class NoParams(Params):
    """Of an edit that has none."""


P = TypeVar("P", bound=Params)


class Stage(IntEnum):
    """When in a chain an edit may come: never after a later one."""

    REPAIR = 0  # of the photo as it was taken: enhance, inpaint
    PRODUCT = 1  # of the product itself: cutout, recolor, relabel, vary
    GROUND = 2  # what is behind it: white, background
    SIZE = 3  # upscale
    FRAME = 4  # conform


class Network(Protocol):
    """A learned part. Whatever it is given at once, a picture's answer has the same bits."""

    size: int  # side of the squares it works on, in pixels
    halo: int  # margin of a square that only helps the rest

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Float32 [N, C, size, size] -> float32 [N, C', size', size']."""


class Tools(Protocol):
    """What the engine lends an edit."""

    def network(self, task: str) -> Network | None:
        """The network that has learned a task (matte, inpaint, upscale, enhance), or None where the model folder has none."""

    def picture(self, name: str) -> tuple[Pixels, Alpha | None]:
        """A picture that the request gives under `pictures`: uint8 [H, W, 3], and its alpha [H, W] where it has one.

        Raises RequestError where it gives none of that name.
        """

    def rng(self) -> np.random.Generator:
        """The random numbers of this request and index, from their beginning."""


@dataclass(frozen=True)
class Edit(Generic[P]):
    """A row of EDITS. `source_type` is the term of IPTC's digital source type vocabulary that the result has (PROVENANCE 1), empty where
    the photo keeps its own."""

    params: type[P]
    apply: Callable[[Photo, P, Tools], Photo]
    stage: Stage
    source_type: str = ""
