"""The interface of an edit: parameters, stages, and the tools that the engine provides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganray.edits.photo import Alpha, Photo
from ganray.images.codec import Pixels
from ganray.models import Generator
from ganray.request_body import Body


class Params(Body):
    """An edit's parameters; `short` names the one that a single value sets (`recolor: "#aa2200"`), `picture_in` the one that names a
    picture of the request. An edit that takes several has its own `pictures`."""

    short: ClassVar[str] = ""
    picture_in: ClassVar[str] = ""

    def pictures(self) -> list[str]:
        """The names of the request's pictures that these parameters refer to."""
        name = getattr(self, self.picture_in) if self.picture_in else ""
        return [name] if name else []


class NoParams(Params):
    """The parameters of an edit without any."""


P = TypeVar("P", bound=Params)


class Stage(IntEnum):
    """The order of edits in a chain: no edit may follow one of a later stage."""

    REPAIR = 0  # of the original photo: enhance, inpaint
    PRODUCT = 1  # the product itself: cutout, recolor, relabel, vary
    GROUND = 2  # the background: white, background
    SIZE = 3  # upscale
    FRAME = 4  # conform


class Network(Protocol):
    """A learned network. The answer for a picture has the same bits whatever else is in the batch.

    It may also have `factor`, of an upscaler that is none of 2; `channels`, 4 of an upscaler that is told the quality of a JPEG;
    `mirrored`, False where `both_ways` is to ask it once; and `views`, how often a matte looks at a photo.
    """

    size: int  # side of its square inputs, in pixels
    halo: int  # margin of a square that is context only, in pixels

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Float32 [N, C, size, size] -> float32 [N, C', size', size']."""


class Product(Protocol):
    """A generator of products and its vocabulary."""

    generator: Generator  # in eval mode, on its device
    attributes: Mapping[str, Sequence[str]]  # name -> known values, in the order of the label's columns

    def label(self, attributes: Mapping[str, str]) -> Tensor:
        """Int64 [1, A + T] on the CPU, of a value for every attribute, without a title. Raises RequestError for unknown or missing ones."""


class Tools(Protocol):
    """What the engine provides to an edit."""

    product: Product | None  # the model folder's generator, where it has one
    attributes: Mapping[str, str]  # what the photo shows, according to the request

    def network(self, task: str) -> Network | None:
        """The network of a task (matte, inpaint, upscale, enhance), or None if the model folder has none."""

    def picture(self, name: str) -> tuple[Pixels, Alpha | None]:
        """A picture of the request's `pictures`: uint8 [H, W, 3] straight colours, and its alpha [H, W] if it has one.

        Raises RequestError for an unknown name.
        """

    def rng(self) -> np.random.Generator:
        """The random numbers of this request and index, from the start."""


@dataclass(frozen=True)
class Edit(Generic[P]):
    """A row of EDITS. `source_type` is the result's term of IPTC's digital source type vocabulary (PROVENANCE 1), empty if the photo keeps
    its own. A `local` edit keeps all pixels but those of the part that it changes, at their places."""

    params: type[P]
    apply: Callable[[Photo, P, Tools], Photo]
    stage: Stage
    source_type: str = ""
    local: bool = False
