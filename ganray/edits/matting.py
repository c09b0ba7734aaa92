"""Finds the product: by the learned matte, or by the border's colour on plain backgrounds; then a guided filter refines edges.

A matte is found at a working size and applied at the photo's own: the guided filter's coefficients are enlarged, so that edges follow the
photo at full resolution.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ganray.edits.border import PlainGround, plain_ground, small_picture
from ganray.edits.colour_model import by_colours
from ganray.edits.doubt import matte_doubt
from ganray.edits.edit import Network, Tools
from ganray.edits.filters import Field, Places, box_mean, enlarged, guided, sampled, scaled
from ganray.edits.matte_views import PRODUCT_MATTE, learned_mattes
from ganray.edits.parts import ALONE, long_parts, longest_part, without_specks
from ganray.edits.photo import Alpha, Photo
from ganray.edits.shadows import DARKEST, soft_shadows
from ganray.errors import EditError
from ganray.images.channels import length, total
from ganray.images.codec import Pixels
from ganray.images.components import near

MIN_PRODUCT, MAX_PRODUCT = 0.005, 0.98  # share of the picture that a product may fill
LEAST_TOLD = 0.001  # share of the matte or the picture: less is not told
EDGE = 0.25, 0.75  # values of the guided filter that are ground and product: it spreads an edge over what looks like both (LOG.md)
EXPLAINED = 0.5, 0.8  # share of an edge that colours explain: below the first it is smoothed, from the second on it is as the filter has it
SMOOTHING, STEEPNESS = 0.006, 4.0  # of such an edge: radius as a share of the shorter side, and how much steeper it is made after that
THIN = 0.012  # smoothing would remove rods and gaps: those at least this long (share of the shorter side) are kept
AROUND_THIN = 4  # pixels of the working size around it
CHUNK = 2**20  # pixels at edges that are processed at once
RINGING = 4.0, 0.07  # levels that a JPEG adds to the noise of the ground beside an edge, and those of each level of the edge
REACH = 3  # pixels of the working size from the ground within which specks of its colour are ground
SOFT = 0.5, 0.9  # values of the refined matte below which a pixel of the ground's colour is ground, and above which it is product
CONFIRMING_MATTE = 0.15  # value of the learned matte that confirms the border's matte nearby
UNCONFIRMED = 0.5  # doubt of a matte of a floor or wall that no network has seen: of 24 of sellers' photos 19 kept shadows and joints
SAME_PRODUCT_IOU = 0.5  # intersection over union from which two mattes show the same product


def with_matte(photo: Photo, tools: Tools) -> Photo:
    """The photo with its matte, found by `cut_out` where it has none."""
    return photo if photo.matte is not None else cut_out(photo, tools.network("matte"))


def cut_out(photo: Photo, network: Network | None) -> Photo:
    """The photo with a matte of its product, by a network for mattes where there is one.

    Raises EditError: no_product, too_small, and no_network for a cluttered background without the learned matte.

    Facts: `matte` (border or learned), `matte_share`; `matte_agreement`, the intersection over union of what border and network see, where
    both were asked; `doubt`, the share of the product that may be wrong, where the network was asked or would have been needed;
    `dropped_share` of the matte in small parts that were left out, and `enclosed_share` of the picture that may be ground inside the
    product and was kept.
    """
    if min(photo.size) < 8:
        raise EditError("too_small", f"{photo.size[1]}x{photo.size[0]} pixels are too few to find a product in", "Send a larger photo")
    ground = plain_ground(photo.pixels)
    learned = learned_mattes(photo.pixels, network) if network is not None else []
    if ground is not None and ground.of_studio and learned:
        ground = replace(ground, shadows=soft_shadows(ground, learned[-1]))
    rough, method, told = _rough(photo.pixels, ground, learned)
    whole, dropped = without_specks(rough, ground)
    matte = refined(photo.pixels, whole, ground)
    share = float(matte.mean())
    if not MIN_PRODUCT <= share <= MAX_PRODUCT or float(matte.max()) < PRODUCT_MATTE:
        thin = method == "border" and share < MIN_PRODUCT and longest_part(whole > PRODUCT_MATTE) >= ALONE * max(whole.shape)
        if not thin:
            raise EditError(
                "no_product", f"{100 * share:.1f} % of the picture looks like a product", "Send a photo of one product, not cut off"
            )
    facts: dict[str, float | str] = {"matte": method, "matte_share": round(share, 4)}
    facts |= told
    if dropped >= LEAST_TOLD:
        facts["dropped_share"] = round(dropped, 4)
    if ground is not None and ground.enclosed.share >= LEAST_TOLD:
        facts["enclosed_share"] = round(ground.enclosed.share, 4)
    return photo.having(matte=matte, facts=facts)


def _rough(pixels: Pixels, ground: PlainGround | None, learned: list[Alpha]) -> tuple[Alpha, str, dict[str, float | str]]:
    """The matte at a working size, how it was found, and facts about what it was made of. Raises EditError("no_network").

    The border of a studio's ground is believed: a network leaves out what it has not learned, such as the people who wear a product. Plain
    floors and walls are rougher, and have creases, shadows and lines between boards, which the network does not take for a product; without
    one the result is doubtful.
    """
    if not learned:
        if ground is None:
            raise EditError(
                "no_network",
                "the background is not plain, and the model folder has no network for mattes",
                "Train one with `ganray train-editor`, or photograph on a plain background",
            )
        return ground.matte, "border", {} if ground.of_studio else {"doubt": UNCONFIRMED}
    if ground is None:
        rough = by_colours(pixels, learned[-1])
        return rough, "learned", {"doubt": round(matte_doubt(rough, learned, None), 3)}
    if ground.of_studio:
        rough = ground.matte
        return rough, "border", {"matte_agreement": round(_agreement(rough, learned[-1]), 3), "doubt": 0.0}
    rough = by_colours(pixels, learned[-1])
    agreement = _agreement(confirmed := _confirmed(ground.matte, learned[0]), rough)
    facts: dict[str, float | str] = {"matte_agreement": round(agreement, 3)}
    if agreement < SAME_PRODUCT_IOU:
        return confirmed, "border", facts | {"doubt": round(1 - agreement, 3)}
    rough = scaled(rough, *ground.distance.shape[::-1])
    if ground.enclosed.holes.any():
        rough = np.where(ground.enclosed.holes, 0, rough).astype(np.float32)
    return rough, "learned", facts | {"doubt": round(matte_doubt(rough, learned, ground), 3)}


def _confirmed(plain: Alpha, learned: Alpha) -> Alpha:
    """The border's matte where the learned one is positive nearby: without creases and lines on the floor."""
    height, width = plain.shape
    nearby = box_mean((scaled(learned, width, height) > CONFIRMING_MATTE).astype(np.float32), max(2, min(plain.shape) // 25)) > 0
    return np.where(nearby, plain, 0).astype(np.float32)


def _agreement(plain: Alpha, learned: Alpha) -> float:
    """Intersection over union of the product in the border's matte and in the learned one. Where it is small on a plain background, the
    background is more reliable; where it is large, the network is: it leaves out shadows, creases and lines between boards."""
    by_border, by_network = plain > PRODUCT_MATTE, scaled(learned, plain.shape[1], plain.shape[0]) > PRODUCT_MATTE
    return float((by_border & by_network).sum()) / max(1.0, float((by_border | by_network).sum()))


def refined(pixels: Pixels, rough: Alpha, ground: PlainGround | None = None) -> Alpha:
    """A matte of any size aligned with the photo's edges, at the photo's size; away from edges it is 0 or 1.

    Where product and ground share colours, as a patterned cloth's, the filter's edge is frayed: there it is smoothed.
    What has the colour of a plain `ground` and is connected with the border has no share of the product: otherwise the filter leaves a soft
    rim of the old ground, as wide as it looks.
    """
    small = (small_picture(pixels) if ground is None else ground.picture) / np.float32(255)
    height, width = small.shape[:2]
    mask = scaled(rough, width, height)
    a, b, explained = guided(mask, small, max(2, round(0.012 * min(height, width))), 1e-4)
    size = (pixels.shape[0], pixels.shape[1])
    matte = (enlarged(mask, size[1], size[0]) > 255 * PRODUCT_MATTE).astype(np.float32)
    product = (mask > PRODUCT_MATTE).astype(np.float32)
    share = box_mean(product, max(2, round(0.02 * min(height, width))))
    edge = ((share > 0.001) & (share < 0.999)).astype(np.float32)
    smooth = _smoothed(np.where(edge > 0, _stretched(total(small * a) + b), product))
    trust = np.clip((explained - EXPLAINED[0]) / (EXPLAINED[1] - EXPLAINED[0]), 0, 1)
    lost = np.abs(_smoothed(product) - product) > PRODUCT_MATTE
    trust[near(long_parts(lost, round(THIN * min(height, width))), AROUND_THIN)] = 1
    rows, columns = np.nonzero(enlarged(edge, size[1], size[0]) > 2)
    for start in range(0, len(rows), CHUNK):
        y, x = rows[start : start + CHUNK], columns[start : start + CHUNK]
        colours = pixels[y, x].astype(np.float32) / np.float32(255)
        values = _stretched(total(colours * sampled(a, size, y, x)) + sampled(b, size, y, x))
        values += (1 - sampled(trust, size, y, x)) * (sampled(smooth, size, y, x) - values)
        if ground is not None:
            soft = np.clip((SOFT[1] - values) / (SOFT[1] - SOFT[0]), 0, 1)
            values = values * (1 - soft * _is_ground(pixels, ground, y, x))
        matte[y, x] = values
    return matte


def _stretched(values: Field) -> Field:
    """Values of the guided filter as a share of the product."""
    share: Field = np.clip((values - EDGE[0]) / (EDGE[1] - EDGE[0]), 0, 1)
    return share


def _smoothed(matte: Alpha) -> Alpha:
    """A matte [h, w] whose outline has nothing finer than SMOOTHING."""
    radius = max(1, round(SMOOTHING * min(matte.shape)))
    blurred = box_mean(box_mean(matte.astype(np.float32), radius), radius)
    smooth: Alpha = np.clip((blurred - 0.5) * STEEPNESS + 0.5, 0, 1)
    return smooth


def _is_ground(pixels: Pixels, ground: PlainGround, y: Places, x: Places) -> Field:
    """How far the pixels at (y, x) are ground, 0 to 1, by their colour and by what they are connected with: float32 [n]."""
    size = (pixels.shape[0], pixels.shape[1])
    seen, surface = pixels[y, x].astype(np.float32), sampled(ground.surface, size, y, x)
    distance = length(seen - surface)
    if ground.shadows is not None and ground.shadows.any():
        light = (seen * surface).sum(1, keepdims=True) / np.maximum((surface * surface).sum(1, keepdims=True), 1)
        shaded = sampled(near(ground.shadows, 1).astype(np.float32)[..., None], size, y, x)[:, 0] > 0.5
        shaded &= (light[:, 0] > DARKEST) & (light[:, 0] < 1)
        distance = np.where(shaded, length(seen - light * surface), distance)
    outside = sampled(near(ground.background, REACH).astype(np.float32)[..., None], size, y, x)[:, 0] > 0.5
    ringing = RINGING[0] + RINGING[1] * sampled(ground.contrast[..., None], size, y, x)[:, 0]
    alike: Field = outside * np.clip(2 - distance / (ground.low + ringing), 0, 1)
    return alike.astype(np.float32)
