"""`inpaint`: fill what a mask covers (a tag, a hanger, a stain) from its surroundings. Pixels outside the mask do not change.

Each component of the mask is filled by what suits it:

- a hole in plain ground by the smooth surface that its rim lies on (surface.py);
- a scratch by its nearest pixels (smooth.py): it is narrower than what could be copied;
- everything else by texture that is copied from the photo (exemplar.py, transfer.py). Where the model folder has a network
  (models/editor.py), the search is led by what the network expects, and its low frequencies are taken over.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field as Option

from ganray.edits.edit import Network, Params, Tools
from ganray.edits.exemplar import depths, exemplar
from ganray.edits.filters import Field, box_mean, sampled
from ganray.edits.hole_parts import Cluster, Part, clusters, parts_of
from ganray.edits.photo import Photo
from ganray.edits.smooth import relaxed, smooth_fill
from ganray.edits.surface import Surface, frame_surface, rim_surface
from ganray.edits.transfer import Copies, covered, mirrored, reduced, reduction
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.images.components import Mask, near

MAX_MASK_SHARE = 0.9  # largest share of the picture that a mask may cover
THIN, THIN_SIDE = 3, 600  # depth of a scratch in pixels, in a photo of this longer side and proportionally in larger ones
BARE = 1.0  # levels: plain ground with less noise is filled without texture
PULLS_DIFFUSION, PULLS_NETWORK = (0.0,), (0.1, 0.1, 0.2, 0.3, 0.5)  # weight of the expected colours, from the finest level on
BLUR, TAKEN = 8, 0.5  # radius in pixels of low frequencies, and how much of the network's is taken


class InpaintParams(Params):
    """The mask and its margin."""

    short: ClassVar[str] = "mask"
    picture_in: ClassVar[str] = "mask"
    mask: str = Option("mask", description="name of the request's picture that is white (or opaque) where the photo is to be filled")
    grow: int = Option(2, ge=0, le=64, description="pixels by which the mask is enlarged, since its edge is rarely exact")


def inpaint(photo: Photo, params: InpaintParams, tools: Tools) -> Photo:
    """The photo with the masked part filled. Raises EditError("mask") for a mask of another size, an empty one or one of nearly all."""
    hole = _hole(photo, params, tools)
    network = tools.network("inpaint")
    pixels, unknown = photo.pixels.copy(), hole.copy()
    filled = {"surface": 0, "diffusion": 0, "exemplar": 0}
    deep: list[Part] = []
    thin = round(THIN * max(1.0, max(photo.size) / THIN_SIDE))
    for part in parts_of(hole):
        depth = int(depths(part.mask(part.box.grown(1, photo.size)), thin + 1).max())
        surface = rim_surface(pixels, unknown, part)
        if surface is not None and surface.noise <= BARE:
            pixels[part.rows, part.columns] = np.rint(surface.at(part.rows, part.columns))
            filled["surface"] += len(part.rows)
        elif depth <= thin:
            pixels[part.rows, part.columns] = np.rint(relaxed(pixels, unknown, part.rows, part.columns, depth))
            filled["diffusion"] += len(part.rows)
        else:
            deep.append(part)
            continue
        unknown[part.rows, part.columns] = False
    ground = frame_surface(pixels, unknown) if deep else None
    for cluster in clusters(deep, photo.size):
        _copy_texture(pixels, unknown, cluster, network, ground)
        filled["exemplar"] += sum(len(part.rows) for part in cluster.parts)
    facts = {"inpaint": "learned" if network and deep else max(filled, key=lambda name: filled[name])}
    return photo.having(pixels=pixels, facts=facts | {"inpaint_share": round(float(hole.mean()), 4)})


def _hole(photo: Photo, params: InpaintParams, tools: Tools) -> Mask:
    picture, alpha = tools.picture(params.mask)
    if picture.shape[:2] != photo.size:
        mask_size, photo_size = (f"{size[1]}x{size[0]}" for size in (picture.shape[:2], photo.size))
        raise EditError("mask", f"the mask has {mask_size} pixels, the photo {photo_size}", "Send a mask of the photo's size")
    hole: Mask = alpha > 0.5 if alpha is not None and float(alpha.min()) < 0.5 else picture.max(2) > 127
    if not hole.any():
        raise EditError("mask", "the mask is empty", "Paint the part to fill white and the rest black")
    if params.grow:
        hole = near(hole, params.grow)
    if hole.mean() > MAX_MASK_SHARE:
        raise EditError(
            "mask", f"the mask covers {100 * hole.mean():.0f} % of the photo", "Use a smaller mask: the fill needs surroundings"
        )
    return hole


def _copy_texture(pixels: Pixels, unknown: Mask, cluster: Cluster, network: Network | None, ground: Surface | None) -> None:
    """Fill the parts of a cluster in place."""
    window = cluster.window
    picture, hole = pixels[window.slices], unknown[window.slices]
    factor = reduction(hole)
    small, small_hole = reduced(picture, hole, factor), covered(hole, factor)
    guide = smooth_fill(small, small_hole, [covered(part.mask(window), factor) for part in cluster.parts], network)
    sources = exemplar(small, small_hole, guide, PULLS_NETWORK if network else PULLS_DIFFUSION)
    rows, columns = np.nonzero(hole)
    if sources is None:
        colours = sampled(guide.astype(np.float32), hole.shape, rows, columns)
    else:
        copies = Copies(sources, small_hole, factor, ground.within(window.top, window.left) if ground else None)
        colours, is_ground = copies.of(picture, hole, rows, columns)
        if network:
            low = _low_frequencies(guide, mirrored(small).reshape(-1, 3)[sources])
            colours += np.where(is_ground, np.float32(0), np.float32(TAKEN))[:, None] * sampled(low, hole.shape, rows, columns)
    picture[rows, columns] = np.rint(np.clip(colours, 0, 255))
    hole[:] = False


def _low_frequencies(guide: Pixels, copied: Pixels) -> Field:
    """What the smooth fill [h, w, 3] has more than the copied one, float32, without detail; it vanishes at the rim, where both agree."""
    difference = guide.astype(np.float32) - copied
    for _ in range(3):
        difference = box_mean(difference, BLUR // 2)
    return difference
