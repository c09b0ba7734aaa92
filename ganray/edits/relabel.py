"""`relabel`, `vary`, `interpolate`, `mix`: the photo's product redrawn by the generator with other attributes or another z.

The photo is inverted (inversion.py) and the change is applied to its features as a *difference*: condition and z enter the base features
linearly, so h' = h + base(z', c') - base(z, c) changes what is requested and keeps everything else.

The result is a generated image, not the photo: R x R pixels, R the generator's resolution (facts: `resolution`), framed as the model's
catalog frames its products, on the white that the model draws: `white` after it makes that 255. It is not enlarged: `upscale` and
`conform` can follow in the chain. Facts have `psnr`, the quality of the reconstruction of the unchanged product; below `threshold` the edit
fails.
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
from ganray.edits.transparency import opened
from ganray.errors import RequestError
from ganray.models.r3 import R3Generator


class InvertParams(Params):
    """Settings of the inversion."""

    threshold: float = Option(22.0, ge=0.0, description="dB of the reconstruction below which the edit fails with not_invertible")
    steps: int = Option(180, ge=1, le=2000, description="steps of the search")


class RelabelParams(InvertParams):
    """Attributes to change, inside `to` or directly: {"category": "dress"}."""

    to: dict[str, str] = Option({}, description="attribute -> new value; `relabel: {category: dress}` is short for it")

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, params: Any) -> Any:
        if not isinstance(params, dict):
            return params
        fields = {name: value for name, value in params.items() if name in cls.model_fields}
        return {**fields, "to": {**fields.get("to", {}), **{name: value for name, value in params.items() if name not in fields}}}

    @model_validator(mode="after")
    def _some(self) -> RelabelParams:
        if not self.to:
            raise ValueError('name an attribute and its value, as in {"category": "dress"}')
        return self


class VaryParams(InvertParams):
    """The strength of a variation."""

    short = "strength"
    strength: float = Option(0.5, gt=0.0, le=2.0, description="standard deviation of the noise added to z, which has 1")


class InterpolateParams(InvertParams):
    """Between the photo and another picture."""

    short = picture_in = "picture"
    picture: str = Option(description="name of one of the request's pictures")
    t: float = Option(0.5, ge=0.0, le=1.0, description="0 is the photo, 1 the other picture")


class MixParams(InvertParams):
    """The other picture, and which stages keep the photo's shape."""

    short = picture_in = "picture"
    picture: str = Option(description="name of one of the request's pictures")
    coarse: int = Option(2, ge=1, description="number of coarse stages (4 px, 8 px, ...) that use the photo only")


def relabel(photo: Photo, params: RelabelParams, tools: Tools) -> Photo:
    """The product with some attributes changed. Raises RequestError for an attribute or value that the model does not know."""
    product, generator = drawing(tools)
    for name, value in params.to.items():
        if name not in product.attributes:
            raise RequestError(f"relabel: attribute {name!r} is unknown", f"The model knows {', '.join(product.attributes) or 'none'}")
        if value not in product.attributes[name]:
            raise RequestError(f"relabel: {name} {value!r} is unknown", f"The model knows {', '.join(product.attributes[name])}")
    inversion = inverted(photo, tools, params.steps, params.threshold)
    label = product.label({**inversion.attributes, **params.to}).to(inversion.label.device)
    return _redrawn(photo, inversion, relabelled(inversion, label, generator), generator)


def relabelled(inversion: Inverted, label: Tensor, generator: R3Generator) -> Tensor:
    """h + base(z, c') - base(z, c), [1, C, 4, 4]."""
    with torch.no_grad(), one_thread():
        return inversion.features + generator.base(inversion.z, label) - generator.base(inversion.z, inversion.label)


def vary(photo: Photo, params: VaryParams, tools: Tools) -> Photo:
    """A similar product with the same attributes; the request's seed and index select it."""
    _, generator = drawing(tools)
    inversion = inverted(photo, tools, params.steps, params.threshold)
    step = torch.from_numpy(tools.rng().standard_normal((1, generator.z_dim), dtype="float32")).to(inversion.z.device)
    with torch.no_grad(), one_thread():
        moved = generator.base(inversion.z + params.strength * step, inversion.label) - generator.base(inversion.z, inversion.label)
    return _redrawn(photo, inversion, inversion.features + moved, generator)


def interpolate(photo: Photo, params: InterpolateParams, tools: Tools) -> Photo:
    """A product between two: z along the sphere (slerp: White 2016, arXiv 1609.04468), conditions and the remaining features on a line."""
    _, generator = drawing(tools)
    first, second = inverted(photo, tools, params.steps, params.threshold), _second(params, tools)
    t = params.t
    with torch.no_grad(), one_thread():
        z = slerp(first.z, second.z, t)
        ends = [
            inversion.features - generator.base(inversion.z, inversion.label) + generator.base(z, inversion.label)
            for inversion in (first, second)
        ]
        features = (1 - t) * ends[0] + t * ends[1]
    return _redrawn(photo, first, features, generator)


def mix(photo: Photo, params: MixParams, tools: Tools) -> Photo:
    """The photo's product in its coarse stages, with the look of another picture's in the fine ones.

    An R3 generator has no condition after its base features. Its fine stages depend on the structure and the statistics of each channel of
    their input: the photo's features after `coarse` stages get mean and deviation of each channel from the other picture's
    (adaptive instance normalisation: Huang and Belongie 2017, eq. 8), and the fine stages draw that.
    """
    _, generator = drawing(tools)
    if params.coarse >= len(generator.stages):
        raise RequestError(
            f"mix: coarse is {params.coarse}",
            f"Use a smaller number: the model has {len(generator.stages)} stages, and at least one must be fine",
        )
    first, second = inverted(photo, tools, params.steps, params.threshold), _second(params, tools)
    with torch.no_grad(), one_thread():
        content, style = (generator.begin(inversion.features, params.coarse) for inversion in (first, second))
        mixed = (content - _mean(content)) / _deviation(content) * _deviation(style) + _mean(style)
        return _redrawn(photo, first, mixed, generator, params.coarse)


def slerp(first: Tensor, second: Tensor, t: float) -> Tensor:
    """Spherical interpolation from `first` [1, Z] to `second`, with linear lengths; linear for parallel vectors."""
    lengths = first.norm(), second.norm()
    cosine = ((first * second).sum() / (lengths[0] * lengths[1])).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if float(torch.sin(angle)) < 1e-4:
        return (1 - t) * first + t * second
    direction = (torch.sin((1 - t) * angle) * first / lengths[0] + torch.sin(t * angle) * second / lengths[1]) / torch.sin(angle)
    between: Tensor = direction * ((1 - t) * lengths[0] + t * lengths[1])
    return between


def _second(params: InterpolateParams | MixParams, tools: Tools) -> Inverted:
    """The inversion of the other picture, without known attributes, since the request's attributes describe the photo."""
    return inverted(opened(*tools.picture(params.picture)), tools, params.steps, params.threshold, known=False)


def _redrawn(photo: Photo, inversion: Inverted, features: Tensor, generator: R3Generator, begun: int = 0) -> Photo:
    """The generated image in place of the photo, without a matte: later edits find it again, on white."""
    facts: dict[str, float | str] = {"psnr": inversion.psnr, "resolution": generator.resolution}
    pixels = drawn(features, generator, begun)
    return photo.having(pixels=pixels, matte=None, cut=False, alpha=None, straight=False, facts=facts)


def _mean(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


def _deviation(x: Tensor) -> Tensor:
    return x.std((2, 3), keepdim=True) + 1e-5
