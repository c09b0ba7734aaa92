"""Fill the holes of a window by texture that is copied from its known pixels; on plain ground, first what is ground, then the product."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.edits.edit import Network
from ganray.edits.exemplar import exemplar
from ganray.edits.filters import Field, box_mean, sampled
from ganray.edits.hole_parts import Box, Cluster, parts_of
from ganray.edits.outline import ground_behind
from ganray.edits.smooth import smooth_fill
from ganray.edits.surface import BARE, Surface
from ganray.edits.transfer import Copies, covered, reduced, reduction
from ganray.images.channels import largest, total
from ganray.images.codec import Pixels
from ganray.images.components import Mask

PULLS = (0.05, 0.1, 0.3, 0.8, 2.0)  # weight of the expected colours, from the finest level on: they are smooth, texture is not
PULLS_LED = (0.3, 0.6, 1.0, 2.0, 4.0)  # where a network expects them
PULLS_PLAIN = (0.1, 0.1, 0.2, 0.3, 0.5)  # on plain ground, where they are those of the product alone
BLUR, AGREED = 5, 12.0  # of low frequencies: radius in pixels, and levels by which they may differ from the network's
OUTLINED = 256  # longest side in pixels at which it is decided what is ground
GROUND_SHARE = 0.4  # of a pixel: from which on it is filled as ground
CONTRAST = 40.0  # levels between product and ground from which on the network's colours tell one from the other


def copy_texture(pixels: Pixels, unknown: Mask, cluster: Cluster, network: Network | None, ground: Surface | None) -> None:
    """Fill the parts of a cluster in place, and mark them as known. Before plain ground, of this surface, they are taken for product."""
    window = cluster.window
    picture, hole = pixels[window.slices], unknown[window.slices]
    factor = reduction(hole)
    small, small_hole = reduced(picture, hole, factor), covered(hole, factor)
    surface = ground.within(window.top, window.left) if ground else None
    barred = surface.reduced(factor).is_at(small) & ~small_hole if surface else np.zeros_like(small_hole)
    components = [covered(part.mask(window), factor) for part in cluster.parts]
    guide = smooth_fill(small, small_hole if network else small_hole | barred, components, network)
    pulls = PULLS_LED if network else PULLS_PLAIN if surface else PULLS
    filling = exemplar(small, small_hole, (guide, barred), pulls)
    rows, columns = np.nonzero(hole)
    if filling is None:
        colours = sampled(guide.astype(np.float32), hole.shape, rows, columns)
    else:
        colours = Copies(filling.sources, small_hole, factor, surface).of(picture, hole, rows, columns)
        if network:
            colours += sampled(_correction(guide, filling.picture), hole.shape, rows, columns)
    picture[rows, columns] = np.rint(np.clip(colours, 0, 255))
    hole[:] = False


def fill_ground(pixels: Pixels, unknown: Mask, surface: Surface, network: Network | None) -> None:
    """Fill what is probably plain ground by its surface, in place, and mark it as known."""
    factor = -(-max(unknown.shape) // OUTLINED)
    small, hole = reduced(pixels, unknown, factor), covered(unknown, factor)
    ground = surface.reduced(factor).is_at(small) & ~hole
    share = ground_behind(ground, hole)
    if network:
        told, weight = _told(small, hole, ground, surface.reduced(factor), network)
        share += weight / 2 * (told - share)
    rows, columns = np.nonzero(unknown)
    probable = sampled(share, unknown.shape, rows, columns) > GROUND_SHARE
    rows, columns = rows[probable], columns[probable]
    pixels[rows, columns] = np.rint(_grained(pixels, surface, np.argwhere(ground) * factor, rows, columns))
    unknown[rows, columns] = False


def _grained(pixels: Pixels, surface: Surface, ground: NDArray[np.intp], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Field:
    """The surface at these pixels float32 [n, 3], with the deviations of known ground at places [m, 2] if these can be seen."""
    if surface.noise <= BARE or not len(ground):
        return surface.at(rows, columns)
    at, to = ground[np.random.default_rng(0).integers(0, len(ground), len(rows))].T
    colours, is_ground = surface.carried(pixels[at, to].astype(np.float32), (at, to), (rows, columns))
    return np.where(is_ground[:, None], colours, surface.at(rows, columns))  # full pixels at an edge may be product


def _told(picture: Pixels, hole: Mask, ground: Mask, surface: Surface, network: Network) -> tuple[Field, Field]:
    """The share of ground by where the network's colours lie between ground and product, and how far apart these are, 0..1."""
    frame = Box(0, 0, *hole.shape)
    components = [part.mask(frame) for part in parts_of(hole)]
    level = surface.over(hole.shape)
    expected = smooth_fill(picture, hole, components, network) - level
    product = smooth_fill(picture, hole | ground, components, None) - level
    contrast = total(product * product)
    told = 1 - np.clip(total(expected * product) / np.maximum(contrast, 1), 0, 1)
    return told, np.clip(np.sqrt(contrast) / CONTRAST, 0, 1)


def _correction(guide: Pixels, copied: Pixels) -> Field:
    """What the low frequencies of a copy lack of the network's, in levels float32 [h, w, 3]: none where they differ little, and nothing of
    its haze, which texture would lose by."""
    apart = guide.astype(np.float32) - copied
    for _ in range(3):
        apart = box_mean(apart, BLUR)
    share = np.clip(largest(np.abs(apart)) / AGREED - 1, 0, 1)
    corrected: Field = share[..., None] * apart
    return corrected
