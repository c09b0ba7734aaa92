"""GAN inversion: the 4x4 base features whose image is nearest to a photo (GAN.md D2).

The search starts at the nearest of many random draws, with the known attributes and random values of the others; then Adam optimises the
features themselves, which have more degrees of freedom than z. A weak penalty holds them near their draw, so that the network can still
edit them. A product that cannot be reconstructed is reported as `not_invertible`; another product is never returned.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

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

DRAWS, ROWS = 512, 64  # number of draws, and batch size (one fixed shape, so that bits do not depend on the number)
STARTS = 2  # nearest draws that are optimised
RATE, HOLD = 0.05, 1e-3  # learning rate of Adam, and weight of the distance to the draw
FILLS = 0.55  # share of the frame's longer side: the photo is cropped around a smaller product, as in the model's catalog
MARGIN = 0.08
KEPT = 16  # inversions of one generator


@dataclass(frozen=True)
class Inverted:
    """The result of an inversion: `features` [1, C, 4, 4], their initial draw (z [1, Z], label [1, A + T]), its attributes, and the PSNR of
    the reconstruction in dB."""

    features: Tensor
    z: Tensor
    label: Tensor
    attributes: dict[str, str]
    psnr: float


def inverted(photo: Photo, tools: Tools, steps: int, threshold: float, known: bool = True) -> Inverted:
    """The features of the photo's product; `known`: the request's attributes describe it.

    Raises EditError: no_network without a generator of the r3 family, not_invertible where the reconstruction is below `threshold` dB, and
    as `with_matte` does.
    """
    product, generator = drawing(tools)
    target, attributes = framed(photo, tools, generator.resolution), dict(tools.attributes) if known else {}
    key = (target.tobytes(), tuple(sorted(attributes.items())), steps)
    inversion = _recent(generator).get(key, lambda: _inverted(target, attributes, product, steps))
    if inversion.psnr < threshold:
        raise EditError(
            "not_invertible",
            f"the model reconstructs this product with {inversion.psnr:.1f} dB only, less than {threshold:g} dB",
            "It differs from the training photos: train with similar ones, or edit it without the model",
        )
    return inversion


def _inverted(target: Pixels, known: Mapping[str, str], product: Product, steps: int) -> Inverted:
    generator = product.generator
    assert isinstance(generator, R3Generator)
    x = to_float(torch.from_numpy(target)[None], generator.channels).to(generator.basis.device)
    with one_thread():
        z, label, attributes = _nearest(x, product, generator, known)
        start = generator.base(z, label).detach()
        features = _followed(x, start, generator, steps)
        error = ((generator.draw(features).clamp(-1, 1) - x) ** 2).mean((1, 2, 3)).tolist()
    best = int(np.argmin(error))
    psnr = float(10 * np.log10(4 / max(error[best], 1e-10)))
    row = slice(best, best + 1)
    return Inverted(features[row], z[row], label[row], attributes[best], round(psnr, 2))


class RecentInversions:
    """The last few inversions by one generator, since a request for several pictures inverts its photo for each of them.

    Who asks for what another thread computes waits for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: OrderedDict[Hashable, Future[Inverted]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Inverted]) -> Inverted:
        """The inversion of a key. What `make` raises is not kept."""
        with self._lock:
            future, mine = self._futures.get(key), False
            if future is None:
                future, mine = Future[Inverted](), True
                self._futures[key] = future
                if len(self._futures) > KEPT:
                    self._futures.popitem(last=False)
            self._futures.move_to_end(key)
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._futures.pop(key, None)
                future.set_exception(error)
        return future.result()


_RECENT: WeakKeyDictionary[R3Generator, RecentInversions] = WeakKeyDictionary()
_RECENT_LOCK = threading.Lock()


def _recent(generator: R3Generator) -> RecentInversions:
    with _RECENT_LOCK:
        return _RECENT.setdefault(generator, RecentInversions())


def drawing(tools: Tools) -> tuple[Product, R3Generator]:
    """The model's product and generator. Raises EditError without a generator, and for one of another family."""
    if tools.product is None:
        raise EditError("no_network", "the model folder has no generator", "Train one with `ganray train`")
    generator = tools.product.generator
    if not isinstance(generator, R3Generator):
        family = generator.config.name
        raise EditError("no_network", f"a model of the family {family} cannot redraw a photo", "Train one of the family r3")
    return tools.product, generator


def framed(photo: Photo, tools: Tools, side: int) -> Pixels:
    """The product on white as in the catalog, uint8 [side, side, 3]: the whole frame, or the box of a small product, padded to a square."""
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
    resampling = Image.Resampling.BOX if square.width % side == 0 else Image.Resampling.LANCZOS
    return np.array(square.resize((side, side), resampling) if square.width != side else square)


@torch.no_grad()
def drawn(features: Tensor, generator: R3Generator, begun: int = 0) -> Pixels:
    """The image uint8 [R, R, 3] of base features [1, C, 4, 4], or of features after the first `begun` stages."""
    with one_thread():
        picture = generator.finish(features, begun) if begun else generator.draw(features)
        return np.ascontiguousarray(to_pixels(picture).cpu().numpy()[0])


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: sums have one order, so bits do not depend on the number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def _nearest(x: Tensor, product: Product, generator: R3Generator, given: Mapping[str, str]) -> tuple[Tensor, Tensor, list[dict[str, str]]]:
    """The STARTS nearest of DRAWS: z, labels, attributes. Its random numbers are fixed, whatever the request's seed."""
    rng = np.random.Generator(np.random.Philox(key=[0, 0]))
    known = {name: value for name, value in given.items() if value in product.attributes.get(name, ())}
    z = torch.from_numpy(rng.standard_normal((DRAWS, generator.z_dim), dtype=np.float32)).to(x.device)
    candidates = [
        {name: known.get(name) or str(rng.choice(list(values))) for name, values in product.attributes.items()} for _ in range(DRAWS)
    ]
    label = torch.cat([product.label(attributes) for attributes in candidates]).to(x.device)
    errors = [
        ((generator(z[start : start + ROWS], label[start : start + ROWS]).clamp(-1, 1) - x) ** 2).mean((1, 2, 3))
        for start in range(0, DRAWS, ROWS)
    ]
    best = torch.argsort(torch.cat(errors), stable=True)[:STARTS]
    return z[best], label[best], [candidates[int(index)] for index in best]


def _followed(x: Tensor, start: Tensor, generator: R3Generator, steps: int) -> Tensor:
    """Adam (Kingma and Ba 2015) on the features, with a cosine schedule; the loss is a sum, so each start is optimised on its own."""
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
