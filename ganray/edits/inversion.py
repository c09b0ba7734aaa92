"""A photo as the generator would draw it: the 4x4 base features whose picture is nearest to it (GAN.md D2).

First the nearest of many draws, of the attributes that are known and any of the others; then Adam on the features themselves, which has
room that z has not. Features near a draw stay ones that the network can be asked to change: what pulls them back is weak, but there.
A product that cannot be drawn like that is none of the model's, and the answer is `not_invertible`, never another product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganray.edits.edit import NoParams, Product, Tools
from ganray.edits.ground import white
from ganray.edits.matting import with_matte
from ganray.edits.photo import Photo
from ganray.errors import EditError
from ganray.images.codec import Pixels, to_float, to_pixels
from ganray.models.r3 import R3Generator

DRAWS, ROWS = 512, 64  # how many are tried, how many at once (one shape, so that bits do not depend on the number)
STARTS = 2  # of the nearest draws, each is followed
RATE, HOLD = 0.05, 1e-3  # of Adam; how strongly features are held near their draw
FILLS = 0.55  # share of the frame's longer side: a product that is smaller is cut out, as the model's catalog would show it
MARGIN = 0.08


@dataclass(frozen=True)
class Inverted:
    """What draws a photo's product: `features` [1, C, 4, 4], the draw they began at (z [1, Z], label [1, A + T]), its attributes, and
    how near it is in dB."""

    features: Tensor
    z: Tensor
    label: Tensor
    attributes: dict[str, str]
    psnr: float


def inverted(photo: Photo, tools: Tools, steps: int, threshold: float, known: bool = True) -> Inverted:
    """The features of the photo's product, which has the request's attributes where they are `known` to be its own.

    Raises EditError: no_network without a generator of the r3 family, not_invertible where the reconstruction is below `threshold` dB, and
    as `with_matte` does.
    """
    product, generator = drawing(tools)
    target = framed(photo, tools, generator.resolution)
    device = generator.basis.device
    x = to_float(torch.from_numpy(target)[None], generator.channels).to(device)
    with one_thread():
        z, label, attributes = _nearest(x, product, generator, tools.attributes if known else {})
        start = generator.base(z, label).detach()
        features = _followed(x, start, generator, steps)
        error = ((generator.draw(features).clamp(-1, 1) - x) ** 2).mean((1, 2, 3)).tolist()
    best = int(np.argmin(error))
    psnr = float(10 * np.log10(4 / max(error[best], 1e-10)))
    if psnr < threshold:
        raise EditError(
            "not_invertible",
            f"the model can draw this product to {psnr:.1f} dB only, not to {threshold:g} dB",
            "It is unlike what the model was trained on: train on photos like it, or edit it without the model",
        )
    one = slice(best, best + 1)
    return Inverted(features[one], z[one], label[one], attributes[best], round(psnr, 2))


def drawing(tools: Tools) -> tuple[Product, R3Generator]:
    """The model that draws. Raises EditError where there is none, or one of another family."""
    if tools.product is None:
        raise EditError("no_network", "the model folder has no generator", "Train one with `ganray train`")
    generator = tools.product.generator
    if not isinstance(generator, R3Generator):
        kind = generator.config.name
        raise EditError("no_network", f"a {kind} model cannot be asked to redraw a photo", "Train one of the family r3")
    return tools.product, generator


def framed(photo: Photo, tools: Tools, side: int) -> Pixels:
    """The product on white as the catalog has it, uint8 [side, side, 3]: the whole frame, or the product's box where it is small in it,
    padded to a square."""
    photo = white(with_matte(photo, tools), NoParams(), tools)
    assert photo.matte is not None
    rows, columns = (np.flatnonzero((photo.matte > 0.5).any(axis)) for axis in (1, 0))
    box = [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
    longest = max(box[2] - box[0], box[3] - box[1])
    image = Image.fromarray(photo.pixels)
    if longest < FILLS * max(photo.size):
        edge = round(MARGIN * longest)
        image = image.crop(
            (max(0, box[0] - edge), max(0, box[1] - edge), min(image.width, box[2] + edge), min(image.height, box[3] + edge))
        )
    square = Image.new("RGB", (max(image.size),) * 2, (255, 255, 255))
    square.paste(image, ((square.width - image.width) // 2, (square.height - image.height) // 2))
    how = Image.Resampling.BOX if square.width % side == 0 else Image.Resampling.LANCZOS
    return np.array(square.resize((side, side), how) if square.width != side else square)


@torch.no_grad()
def drawn(features: Tensor, generator: R3Generator, begun: int = 0) -> Pixels:
    """The picture uint8 [R, R, 3] of features [1, C, 4, 4], or of what they became after `begun` stages."""
    with one_thread():
        picture = generator.finish(features, begun) if begun else generator.draw(features)
        return np.ascontiguousarray(to_pixels(picture).cpu().numpy()[0])


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums are added in one order: the same bits on any machine's number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def _nearest(x: Tensor, product: Product, generator: R3Generator, said: Mapping[str, str]) -> tuple[Tensor, Tensor, list[dict[str, str]]]:
    """The STARTS nearest of DRAWS: z, labels, attributes. Its random numbers are its own: a photo is inverted alike in every request."""
    rng = np.random.Generator(np.random.Philox(key=[0, 0]))
    known = {name: value for name, value in said.items() if value in product.attributes.get(name, ())}
    z = torch.from_numpy(rng.standard_normal((DRAWS, generator.z_dim), dtype=np.float32)).to(x.device)
    each = [{name: known.get(name) or str(rng.choice(list(values))) for name, values in product.attributes.items()} for _ in range(DRAWS)]
    label = torch.cat([product.label(attributes) for attributes in each]).to(x.device)
    errors = [((generator(z[at : at + ROWS], label[at : at + ROWS]).clamp(-1, 1) - x) ** 2).mean((1, 2, 3)) for at in range(0, DRAWS, ROWS)]
    best = torch.argsort(torch.cat(errors), stable=True)[:STARTS]
    return z[best], label[best], [each[int(place)] for place in best]


def _followed(x: Tensor, start: Tensor, generator: R3Generator, steps: int) -> Tensor:
    """Adam (Kingma and Ba 2015) on the features, the rate falling as a cosine; each start on its own: the loss is their sum."""
    features = start.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([features], lr=RATE, betas=(0.9, 0.99))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        with torch.enable_grad():
            error = ((generator.draw(features) - x) ** 2).mean((1, 2, 3)).sum()
            loss = error + HOLD * ((features - start) ** 2).mean((1, 2, 3)).sum()
            (features.grad,) = torch.autograd.grad(loss, features)
        optimizer.step()
    return features.detach()
