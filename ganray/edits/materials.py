"""What a product is made of: its colours as places at a working size, joined where one dye lies in other light or two make a pattern.

Colours are taken one after the other, the most common first, and each pixel goes to the nearest. Two of them are one material where they
are the same dye in other light (one line of chroma, and no edge between), or where they lie among each other (stripes, checks) or one lies
within the other (a print).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganray.edits.border import small_picture
from ganray.edits.dye import bend, dominant_colour
from ganray.edits.filters import Field, box_mean, scaled
from ganray.edits.photo import Alpha
from ganray.images.channels import length, total
from ganray.images.codec import Pixels
from ganray.images.components import Mask
from ganray.images.lab import Lab, chroma, to_lab

CERTAIN = 0.9  # value of the matte from which a pixel of the working size is only product
MOST, LEAST_SHARE = 10, 0.012  # number of colours, and the smallest share of the product that is one
LIGHTER, DARKER = 16.0, 22.0  # lightness within which a colour is one
AMONG, WITHIN = 0.24, 0.7  # how much of each other two colours of a pattern see nearby; how much of a print's border is its ground
SOFT_STEP, SOFT_LIGHTNESS = 0.35, 38.0  # the step between two colours of one dye over the distance of both, and its largest lightness
VIVID = 40.0  # chroma from which cloth of one colour is one material whatever the edges in it
BRIGHTEST = 1.25  # times the chroma of a colour: bright surfaces are nearer to white again
NEAR = 0.045  # of the product's height: nearby
Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Colour:
    """One colour of a product in its light: the median Lab [3], its usual range of lightness, its share of the product."""

    lab: Lab
    low: float
    high: float
    share: float


@dataclass(frozen=True)
class Materials:
    """A product at the working size: `lab` [h, w, 3], the certain `product` [h, w], `labels` [h, w] of `colours` (-1: none), and `groups`:
    the material of each colour, named by its most common colour. `steps` [n, n] are the median differences across the borders of two
    colours, infinite where they have none."""

    lab: Lab
    product: Mask
    labels: Labels
    colours: tuple[Colour, ...]
    groups: tuple[int, ...]
    steps: Field

    def of(self, group: int) -> Mask:
        """Where a material is [h, w]."""
        return np.isin(self.labels, [place for place, member in enumerate(self.groups) if member == group])

    def share(self, group: int) -> float:
        """A material's share of the product."""
        return sum(colour.share for colour, member in zip(self.colours, self.groups, strict=True) if member == group)

    def names(self) -> list[int]:
        """All materials, the largest first."""
        return sorted(set(self.groups), key=lambda group: -self.share(group))


def materials_of(pixels: Pixels, matte: Alpha) -> Materials | None:
    """The materials of a photo's product; None where the product has too few pixels at the working size."""
    small = np.rint(small_picture(pixels)).astype(np.uint8)
    product = scaled(matte, small.shape[1], small.shape[0]) > CERTAIN
    if int(product.sum()) < 64:
        return None
    lab = to_lab(small)
    colours = _colours(lab[product])
    labels = _labels(lab, product, colours)
    shares = np.bincount(labels[product], minlength=len(colours)) / product.sum()
    measured = tuple(_measured(lab[labels == place], colour, float(shares[place])) for place, colour in enumerate(colours))
    contact, steps = _borders(lab, labels, len(colours))
    return Materials(lab, product, labels, measured, _grouped(product, labels, measured, (contact, steps)), steps)


def colours_of(sample: Lab) -> tuple[Colour, ...]:
    """The colours of Lab [n, 3], the most common first."""
    colours = _colours(sample)
    nearest = np.stack([_alike(sample, colour) for colour in colours]).argmin(0)
    return tuple(_measured(sample[nearest == place], colour, float((nearest == place).mean())) for place, colour in enumerate(colours))


def distance(lab: Lab, colour: Colour) -> Field:
    """How far colours Lab [..., 3] are from one in any light: their chroma's distance at equal lightness, and the lightness beyond the
    usual range: float32 [...]."""
    across = np.hypot(*np.moveaxis(lab[..., 1:] - in_light(lab[..., 0], colour.lab), -1, 0))
    beyond = np.maximum(0, np.maximum(lab[..., 0] - colour.high, colour.low - lab[..., 0]))
    apart: Field = np.hypot(across, 0.8 * beyond).astype(np.float32)
    return apart


def in_parts(lab: Lab) -> list[Colour]:
    """The dark, the middle and the light third of one colour's pixels Lab [n, 3]: a surface in strong light is no scaled copy of itself."""
    thirds = np.array_split(lab[np.argsort(lab[:, 0], kind="stable")], 3)
    return [_measured(third, third[0], len(third) / len(lab)) for third in thirds if len(third)]


def in_light(lightness: NDArray[np.float32], colour: Lab) -> NDArray[np.float32]:
    """The chroma [..., 2] of a colour Lab [3] at other lightnesses. Light times k gives a surface about k ** (1/3) times L + 16, a and b
    (CIE 15, where the cube root holds)."""
    share = np.clip((lightness + 16) / (float(colour[0]) + 16), 0, BRIGHTEST)
    chromatic: NDArray[np.float32] = share[..., None] * colour[1:]
    return chromatic


def _colours(sample: Lab) -> list[Lab]:
    """The colours of Lab [n, 3], the most common first."""
    rest, colours = sample, list[Lab]()
    while len(colours) < MOST and len(rest) >= LEAST_SHARE * len(sample):
        colour = dominant_colour(rest)
        alike = _alike(rest, colour) < 1
        if alike.sum() < LEAST_SHARE * len(sample):
            nearest = total(np.abs(rest - colour)).argsort()[: max(1, int(LEAST_SHARE * len(sample)))]
            alike = np.zeros(len(rest), bool)
            alike[nearest] = True
        else:
            colours.append(np.median(rest[alike], 0).astype(np.float32))
        rest = rest[~alike]
    return colours or [dominant_colour(sample)]


def _alike(lab: Lab, colour: Lab) -> Field:
    """Below 1 for what is one colour with the given Lab [3]."""
    across = np.hypot(*np.moveaxis(lab[..., 1:] - in_light(lab[..., 0], colour), -1, 0))
    depth = float(chroma(colour))
    across = across / (5 + 0.12 * depth + bend(depth))
    apart = lab[..., 0] - colour[0]
    apart = np.where(apart > 0, apart / LIGHTER, -apart / DARKER)
    alike: Field = np.hypot(across, apart).astype(np.float32)
    return alike


def _labels(lab: Lab, product: Mask, colours: list[Lab]) -> Labels:
    """The nearest colour of each certain pixel, without single pixels of another one; -1 outside."""
    nearest = np.stack([_alike(lab, colour) for colour in colours]).argmin(0)
    votes = np.stack([box_mean(((nearest == place) & product).astype(np.float32), 1) for place in range(len(colours))])
    return np.where(product, votes.argmax(0), -1)


def _measured(lab: Lab, colour: Lab, share: float) -> Colour:
    if not len(lab):
        return Colour(colour, float(colour[0]), float(colour[0]), 0.0)
    low, high = np.percentile(lab[:, 0], (3, 97)).tolist()
    return Colour(np.median(lab, 0).astype(np.float32), low, high, share)


def _grouped(product: Mask, labels: Labels, colours: tuple[Colour, ...], borders: tuple[Field, Field]) -> tuple[int, ...]:
    """The material of each colour."""
    num = len(colours)
    rows = np.flatnonzero(product.any(1))
    radius = max(3, round(NEAR * (rows[-1] - rows[0] + 1)))
    dense = np.stack([box_mean((labels == place).astype(np.float32), radius) for place in range(num)])
    group = list(range(num))
    order = sorted(range(num), key=lambda place: -colours[place].share)
    for rank, first in enumerate(order):
        for second in order[rank + 1 :]:
            if _joined(first, second, colours, (labels, dense, *borders)):
                group = [group[first] if member == group[second] else member for member in group]
    largest = {member: max((p for p in range(num) if group[p] == member), key=lambda p: colours[p].share) for member in set(group)}
    return tuple(largest[member] for member in group)


def _joined(first: int, second: int, colours: tuple[Colour, ...], seen: tuple[Labels, Field, Field, Field]) -> bool:
    """Whether two colours (the first the more common one) are one material."""
    labels, dense, contact, step = seen
    if not colours[second].share or not contact[first, second]:
        return False
    pair = dense[first] + dense[second] + 1e-6
    sees = [float((dense[other] / pair)[labels == own].mean()) for own, other in ((first, second), (second, first))]
    border = contact[second].sum()
    enclosed = contact[first, second] / border if border else 0.0
    if min(sees) > AMONG or enclosed > WITHIN:
        return True
    if not one_dye(colours[first].lab, colours[second].lab):
        return False
    apart = float(np.linalg.norm(colours[first].lab - colours[second].lab))
    if float(chroma(colours[first].lab)) > VIVID and abs(float(colours[first].lab[0] - colours[second].lab[0])) < LIGHTER:
        return True  # two vivid garments of one colour are rarer than glossy folds
    return bool(step[first, second] < SOFT_STEP * apart or min(sees) > 0.75 * AMONG)


def one_dye(first: Lab, second: Lab) -> bool:
    """Whether two colours Lab [3] may be one dye in other light: of one hue, and of as much chroma as the light explains."""
    light, dark = sorted((first, second), key=lambda lab: -float(lab[0]))
    depth = float(chroma(light))
    missing = dark[1:] - in_light(dark[0], light)
    unit = light[1:] / max(depth, 1e-3) if depth > 1 else np.zeros(2, np.float32)
    along = float(abs(missing @ unit))
    across = float(np.sqrt(max(0.0, float(missing @ missing) - along**2)))
    return across < 3 + 0.08 * depth + bend(depth) and along < 5 + 0.25 * depth and float(light[0] - dark[0]) < SOFT_LIGHTNESS


def _borders(lab: Lab, labels: Labels, num: int) -> tuple[Field, Field]:
    """Between each two colours, the length of their border in pixels and the median step across it [num + 1, num + 1]; the last is the
    ground."""
    places, steps = [], []
    for turned in (False, True):
        of, values = (labels.T, lab.transpose(1, 0, 2)) if turned else (labels, lab)
        left, right = of[:, 1:-2] % (num + 1), of[:, 2:-1] % (num + 1)
        edge = left != right
        places.append(np.stack([left[edge], right[edge]], -1))
        steps.append(length((values[:, 3:] - values[:, :-3])[edge]))
    pairs, step = np.concatenate(places), np.concatenate(steps)
    contact, middle = np.zeros((num + 1, num + 1), np.float32), np.full((num + 1, num + 1), np.inf, np.float32)
    for first in range(num + 1):
        for second in range(first):
            between = ((pairs == (first, second)).all(1)) | ((pairs == (second, first)).all(1))
            contact[first, second] = contact[second, first] = between.sum()
            if between.any():
                middle[first, second] = middle[second, first] = np.median(step[between])
    return contact, middle
