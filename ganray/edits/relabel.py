"""`relabel`, `vary`, `interpolate`, `mix`: the photo's product as the generator draws it, changed where a photo cannot be.

The photo is inverted (inversion.py) and what is asked for is applied to its features as a *difference*: condition and z enter the base
features linearly, so h' = h + base(z', c') - base(z, c) changes what is asked for and leaves what the photo has beyond any condition.

The answer is a drawing, not the photo: R x R pixels, R the generator's resolution (facts: `resolution`), framed as the model's catalog
frames its products, on what the model draws for white: `white` after it makes that 255. It is not enlarged in secret: `upscale` and
`conform` can follow in the chain. Facts have `psnr`, how well the model draws the product as it is; below `threshold` there is no answer.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field as Option
from pydantic import model_validator
from torch import Tensor

from ganray.edits.edit import Params, Tools
from ganray.edits.inversion import Inverted, drawing, drawn, inverted, one_thread
from ganray.edits.photo import Photo
from ganray.errors import RequestError
from ganray.models.r3 import R3Generator


class InvertParams(Params):
    """How the photo is found in the generator."""

    threshold: float = Option(22.0, ge=0.0, description="dB of the reconstruction below which the answer is not_invertible")
    steps: int = Option(180, ge=1, le=2000, description="steps of the search")


class RelabelParams(InvertParams):
    """Attributes to change, as `to` or beside it: {"category": "dress"}."""

    to: dict[str, str] = Option({}, description="attribute -> value it is to have; `relabel: {category: dress}` is short for it")

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        own = {name: value for name, value in given.items() if name in cls.model_fields}
        return {**own, "to": {**own.get("to", {}), **{name: value for name, value in given.items() if name not in own}}}

    @model_validator(mode="after")
    def _some(self) -> RelabelParams:
        if not self.to:
            raise ValueError('name an attribute and its value, as in {"category": "dress"}')
        return self


class VaryParams(InvertParams):
    """How far a variation may go."""

    short = "strength"
    strength: float = Option(0.5, gt=0.0, le=2.0, description="standard deviation of what is added to z, whose own is 1")


class InterpolateParams(InvertParams):
    """Between the photo and another picture."""

    short = picture_in = "picture"
    picture: str = Option(description="name of one of the request's pictures")
    t: float = Option(0.5, ge=0.0, le=1.0, description="0 is the photo, 1 the other picture")


class MixParams(InvertParams):
    """The photo's shape with another picture's look."""

    short = picture_in = "picture"
    picture: str = Option(description="name of one of the request's pictures")
    coarse: int = Option(2, ge=1, description="stages (4 px, 8 px, ...) that are the photo's alone")


def relabel(photo: Photo, params: RelabelParams, tools: Tools) -> Photo:
    """The product with other attributes, its own otherwise. Raises RequestError for an attribute or value that the model does not know."""
    product, generator = drawing(tools)
    for name, value in params.to.items():
        if name not in product.attributes:
            raise RequestError(f"relabel: attribute {name!r} is unknown", f"The model knows {', '.join(product.attributes) or 'none'}")
        if value not in product.attributes[name]:
            raise RequestError(f"relabel: {name} {value!r} is unknown", f"The model knows {', '.join(product.attributes[name])}")
    found = inverted(photo, tools, params.steps, params.threshold)
    label = product.label({**found.attributes, **params.to}).to(found.label.device)
    return _redrawn(photo, found, relabelled(found, label, generator), generator)


def relabelled(found: Inverted, label: Tensor, generator: R3Generator) -> Tensor:
    """h + base(z, c') - base(z, c), [1, C, 4, 4]."""
    with torch.no_grad(), one_thread():
        return found.features + generator.base(found.z, label) - generator.base(found.z, found.label)


def vary(photo: Photo, params: VaryParams, tools: Tools) -> Photo:
    """Another product of the same attributes, near this one; which one, the request's seed and index say."""
    _, generator = drawing(tools)
    found = inverted(photo, tools, params.steps, params.threshold)
    step = torch.from_numpy(tools.rng().standard_normal((1, generator.z_dim), dtype="float32")).to(found.z.device)
    with torch.no_grad(), one_thread():
        moved = generator.base(found.z + params.strength * step, found.label) - generator.base(found.z, found.label)
    return _redrawn(photo, found, found.features + moved, generator)


def interpolate(photo: Photo, params: InterpolateParams, tools: Tools) -> Photo:
    """A product between two: z along the sphere (slerp: White 2016, arXiv 1609.04468), conditions and what lies beyond z on a line."""
    _, generator = drawing(tools)
    one, other = inverted(photo, tools, params.steps, params.threshold), _second(params, tools)
    t = params.t
    with torch.no_grad(), one_thread():
        z = slerp(one.z, other.z, t)
        ends = [end.features - generator.base(end.z, end.label) + generator.base(z, end.label) for end in (one, other)]
        features = (1 - t) * ends[0] + t * ends[1]
    return _redrawn(photo, one, features, generator)


def mix(photo: Photo, params: MixParams, tools: Tools) -> Photo:
    """The photo's product in its coarse stages, with the look of another picture's in the fine ones.

    An R3 generator has no condition beyond its base. What its fine stages take from their input is structure and, for each channel, how
    much of it there is: the photo's features after `coarse` stages get mean and deviation of each channel from the other picture's
    (adaptive instance normalisation: Huang and Belongie 2017, eq. 8), and the fine stages draw that.
    """
    _, generator = drawing(tools)
    if params.coarse >= len(generator.stages):
        raise RequestError(f"mix: coarse is {params.coarse}", f"The model has {len(generator.stages)} stages: leave it one to be fine")
    one, other = inverted(photo, tools, params.steps, params.threshold), _second(params, tools)
    with torch.no_grad(), one_thread():
        shape, look = (generator.begin(end.features, params.coarse) for end in (one, other))
        mixed = (shape - _mean(shape)) / _deviation(shape) * _deviation(look) + _mean(look)
        return _redrawn(photo, one, mixed, generator, params.coarse)


def slerp(one: Tensor, other: Tensor, t: float) -> Tensor:
    """Along the great circle from one [1, Z] to the other, lengths on a line; on a line where they point the same way."""
    lengths = one.norm(), other.norm()
    cosine = ((one * other).sum() / (lengths[0] * lengths[1])).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if float(torch.sin(angle)) < 1e-4:
        return (1 - t) * one + t * other
    direction = (torch.sin((1 - t) * angle) * one / lengths[0] + torch.sin(t * angle) * other / lengths[1]) / torch.sin(angle)
    between: Tensor = direction * ((1 - t) * lengths[0] + t * lengths[1])
    return between


def _second(params: InterpolateParams | MixParams, tools: Tools) -> Inverted:
    """The other picture, inverted: its attributes are found, since the request tells those of the photo."""
    pixels, alpha = tools.picture(params.picture)
    return inverted(Photo(pixels, matte=alpha), tools, params.steps, params.threshold, known=False)


def _redrawn(photo: Photo, found: Inverted, features: Tensor, generator: R3Generator, begun: int = 0) -> Photo:
    """The drawing in place of the photo. Its matte is found anew where an edit needs it: it lies on white."""
    facts: dict[str, float | str] = {"psnr": found.psnr, "resolution": generator.resolution}
    return photo.having(pixels=drawn(features, generator, begun), matte=None, cut=False, facts=facts)


def _mean(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


def _deviation(x: Tensor) -> Tensor:
    return x.std((2, 3), keepdim=True) + 1e-5
