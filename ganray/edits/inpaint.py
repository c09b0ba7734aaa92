"""`inpaint`: fill what a mask covers (a tag, a hanger, a stain) from its surroundings. Pixels outside the mask do not change.

Each component of the mask is filled by what suits it:

- a hole in plain ground by the smooth surface that its rim lies on (surface.py);
- a scratch by its nearest pixels (smooth.py): it is narrower than what could be copied;
- everything else by texture that is copied from the photo (texture.py). Where the model folder has a network
  (models/editor.py), it leads the search. In front of plain ground a product's outline goes on (outline.py).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field as Option

from ganray.edits.edit import Params, Tools
from ganray.edits.exemplar import depths
from ganray.edits.hole_parts import Part, clusters, parts_of
from ganray.edits.mask import read_mask
from ganray.edits.photo import Photo
from ganray.edits.smooth import relaxed
from ganray.edits.surface import BARE, frame_surface, rim_surface
from ganray.edits.texture import copy_texture, fill_ground
from ganray.errors import EditError
from ganray.images.components import Mask, near

MAX_MASK_SHARE = 0.9  # largest share of the picture that a mask may cover
THIN, THIN_SIDE = 3, 600  # depth of a scratch in pixels, in a photo of this longer side and proportionally in larger ones


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
    if ground is not None:
        before = int(unknown.sum())
        fill_ground(pixels, unknown, ground, network)
        filled["surface"] += before - int(unknown.sum())
        deep = list(parts_of(unknown))
    for cluster in clusters(deep, photo.size):
        copy_texture(pixels, unknown, cluster, network, ground)
        filled["exemplar"] += sum(len(part.rows) for part in cluster.parts)
    facts = {"inpaint": "learned" if network and deep else max(filled, key=lambda name: filled[name])}
    return photo.having(pixels=pixels, facts=facts | {"inpaint_share": round(float(hole.mean()), 4)})


def _hole(photo: Photo, params: InpaintParams, tools: Tools) -> Mask:
    hole: Mask = read_mask(photo, params.mask, tools) > 0.5
    if params.grow:
        hole = near(hole, params.grow)
    if hole.mean() > MAX_MASK_SHARE:
        raise EditError(
            "mask", f"the mask covers {100 * hole.mean():.0f} % of the photo", "Use a smaller mask: the fill needs surroundings"
        )
    return hole
