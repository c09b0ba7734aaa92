"""Fill the holes of a window by texture that is copied from its known pixels; on plain ground, first what is ground with more certainty."""

from __future__ import annotations

import numpy as np

from ganray.edits.edit import Network
from ganray.edits.exemplar import exemplar
from ganray.edits.filters import Field, box_mean, sampled
from ganray.edits.hole_parts import Cluster
from ganray.edits.smooth import smooth_fill
from ganray.edits.surface import BARE, Surface
from ganray.edits.transfer import Copies, covered, mirrored, reduced, reduction
from ganray.images.codec import Pixels
from ganray.images.components import Mask

PULLS_DIFFUSION, PULLS_NETWORK = (0.0,), (0.1, 0.1, 0.2, 0.3, 0.5)  # weight of the expected colours, from the finest level on
BLUR, TAKEN = 8, 0.5  # radius in pixels of low frequencies, and how much of the network's is taken
GROUND_SHARE = 0.4  # of a pixel: from which on it is filled as ground
CONTRAST = 40.0  # levels between product and ground from which on the network's colours tell one from the other


def copy_texture(pixels: Pixels, unknown: Mask, cluster: Cluster, network: Network | None, ground: Surface | None) -> None:
    """Fill the parts of a cluster in place, and mark them as known. `ground` is the surface of a plain frame."""
    window = cluster.window
    picture, hole = pixels[window.slices], unknown[window.slices]
    surface = ground.within(window.top, window.left) if ground else None
    if surface is not None and surface.noise <= BARE:
        _fill_ground(picture, hole, cluster, network, surface)
    if not hole.any():
        return
    factor = reduction(hole)
    small, small_hole = reduced(picture, hole, factor), covered(hole, factor)
    guide = smooth_fill(small, small_hole, _components(hole, cluster, factor), network)
    sources = exemplar(small, small_hole, guide, PULLS_NETWORK if network else PULLS_DIFFUSION)
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


def _fill_ground(picture: Pixels, hole: Mask, cluster: Cluster, network: Network | None, surface: Surface) -> None:
    """Fill what is probably ground by its surface, in place."""
    factor = reduction(hole)
    small, small_hole = reduced(picture, hole, factor), covered(hole, factor)
    share = ground_share(small, small_hole, _components(hole, cluster, factor), surface.reduced(factor), network)
    rows, columns = np.nonzero(hole)
    probable = sampled(share, hole.shape, rows, columns) > GROUND_SHARE
    rows, columns = rows[probable], columns[probable]
    picture[rows, columns] = np.rint(surface.at(rows, columns))
    hole[rows, columns] = False


def ground_share(picture: Pixels, hole: Mask, components: list[Mask], surface: Surface, network: Network | None) -> Field:
    """How probably each pixel [h, w] is ground: diffused from the rim, or where the network's colours lie between ground and product."""
    rows, columns = np.indices(hole.shape)
    level = surface.at(rows.ravel(), columns.ravel()).reshape(picture.shape)
    is_ground = surface.near(picture.astype(np.float32), level)
    marked = np.repeat(np.uint8(255) * is_ground[..., None].astype(np.uint8), 3, 2)
    share: Field = smooth_fill(marked, hole, components, None)[..., 0] / np.float32(255)
    if network is None:
        return share
    expected = smooth_fill(picture, hole, components, network) - level
    product = smooth_fill(picture, hole | is_ground, components, None) - level
    contrast = (product * product).sum(-1)
    told = 1 - np.clip((expected * product).sum(-1) / np.maximum(contrast, 1), 0, 1)
    weight = np.clip(np.sqrt(contrast) / CONTRAST, 0, 1)
    return share + weight * (told - share)


def _components(hole: Mask, cluster: Cluster, factor: int) -> list[Mask]:
    """What is left of each part, reduced."""
    left = (covered(part.mask(cluster.window) & hole, factor) for part in cluster.parts)
    return [mask for mask in left if mask.any()]


def _low_frequencies(guide: Pixels, copied: Pixels) -> Field:
    """What the smooth fill [h, w, 3] has more than the copied one, float32, without detail; it vanishes at the rim, where both agree."""
    difference = guide.astype(np.float32) - copied
    for _ in range(3):
        difference = box_mean(difference, BLUR // 2)
    return difference
