"""What an edit is, and what it may ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ganray.edits.photo import Alpha, Photo
from ganray.images.codec import Pixels
from ganray.models import Generator


class Params(BaseModel):
    """An edit's parameters; `short` names the one that a single value sets (`recolor: "#aa2200"`), `picture_in` the one that is the name
    of one of the request's pictures."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    short: ClassVar[str] = ""
    picture_in: ClassVar[str] = ""


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


class Product(Protocol):
    """A model that draws products, and what it knows of them."""

    generator: Generator  # in eval mode, on its device
    attributes: Mapping[str, Sequence[str]]  # name -> the values it knows, in the order of the label's columns

    def label(self, attributes: Mapping[str, str]) -> Tensor:
        """Int64 [1, A + T] on the CPU, of a value for every attribute; no title. Raises RequestError for what the model does not know."""


class Tools(Protocol):
    """What the engine lends an edit."""

    product: Product | None  # the model folder's generator, where it has one
    attributes: Mapping[str, str]  # what the request says that the photo shows

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
