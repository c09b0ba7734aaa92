"""Fill the holes of a window by texture that is copied from its known pixels; on plain ground, first what is ground with more certainty."""

from __future__ import annotations

import numpy as np

from ganray.edits.edit import Network
from ganray.edits.exemplar import exemplar
from ganray.edits.filters import Field, box_mean, sampled
from ganray.edits.hole_parts import Box, Cluster, parts_of
from ganray.edits.outline import ground_behind
from ganray.edits.smooth import smooth_fill
from ganray.edits.surface import BARE, Surface
from ganray.edits.transfer import Copies, covered, mirrored, reduced, reduction
from ganray.images.codec import Pixels
from ganray.images.components import Mask

PULLS = (0.1, 0.1, 0.2, 0.3, 0.5)  # weight of the expected colours, from the finest level on
BLUR, TAKEN = 8, 0.5  # radius in pixels of low frequencies, and how much of the network's is taken
OUTLINED = 256  # longest side in pixels at which it is decided what is ground
GROUND_SHARE = 0.4  # of a pixel: from which on it is filled as ground
CONTRAST = 40.0  # levels between product and ground from which on the network's colours tell one from the other


def copy_texture(pixels: Pixels, unknown: Mask, cluster: Cluster, network: Network | None, ground: Surface | None) -> None:
    """Fill the parts of a cluster in place, and mark them as known. On plain ground, of this surface, they are mainly product."""
    window = cluster.window
    picture, hole = pixels[window.slices], unknown[window.slices]
    factor = reduction(hole)
    small, small_hole = reduced(picture, hole, factor), covered(hole, factor)
    surface = ground.within(window.top, window.left) if ground else None
    barred = surface.reduced(factor).is_at(small) & ~small_hole if surface else np.zeros_like(small_hole)
    components = [covered(part.mask(window), factor) for part in cluster.parts]
    guide = smooth_fill(small, small_hole if network else small_hole | barred, components, network)
    pulls = PULLS if network or surface else (0.0,)  # what is diffused from product and ground alike says nothing
    sources = exemplar(small, small_hole, (guide, barred), pulls)
    rows, columns = np.nonzero(hole)
    if sources is None:
        colours = sampled(guide.astype(np.float32), hole.shape, rows, columns)
    else:
        colours, is_ground = Copies(sources, small_hole, factor, surface).of(picture, hole, rows, columns)
        if network:
            low = _low_frequencies(guide, mirrored(small).reshape(-1, 3)[sources])
            colours += np.where(is_ground, np.float32(0), np.float32(TAKEN))[:, None] * sampled(low, hole.shape, rows, columns)
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
    levels = surface.at(rows, columns)
    if surface.noise > BARE and ground.any():
        at, to = np.nonzero(ground)
        chosen = np.random.default_rng(0).integers(0, len(at), len(rows))
        at, to = at[chosen] * factor, to[chosen] * factor
        levels = surface.carried(pixels[at, to].astype(np.float32), (at, to), (rows, columns))[0]
    pixels[rows, columns] = np.rint(levels)
    unknown[rows, columns] = False


def _told(picture: Pixels, hole: Mask, ground: Mask, surface: Surface, network: Network) -> tuple[Field, Field]:
    """The share of ground by where the network's colours lie between ground and product, and how far apart these are, 0..1."""
    frame = Box(0, 0, *hole.shape)
    components = [part.mask(frame) for part in parts_of(hole)]
    level = surface.over(hole.shape)
    expected = smooth_fill(picture, hole, components, network) - level
    product = smooth_fill(picture, hole | ground, components, None) - level
    contrast = (product * product).sum(-1)
    told = 1 - np.clip((expected * product).sum(-1) / np.maximum(contrast, 1), 0, 1)
    return told, np.clip(np.sqrt(contrast) / CONTRAST, 0, 1)


def _low_frequencies(guide: Pixels, copied: Pixels) -> Field:
    """What the smooth fill [h, w, 3] has more than the copied one, float32, without detail; it vanishes at the rim, where both agree."""
    difference = guide.astype(np.float32) - copied
    for _ in range(3):
        difference = box_mean(difference, BLUR // 2)
    return difference
