"""`recolor`: a garment in another colour, with its folds, its pattern, the skin beside it and its surroundings as they were.

A mask says what to recolour, or the garment is found by colour and place (`garment`). Its cloth is moved in CIE Lab (`dye`); prints and
stripes stay or move by their share of the dye. At the edge of a pattern, of skin or of another garment a pixel is a mixture, and moves by
the share of the garment in it (`mixtures`). Black can become white, but a photo of a black product holds few folds, and the white one will
not show more; white becomes black with compressed shadows. White is rendered as lightness 96 and black as 5 (a colour difference of 2 to
3), so that folds stay visible. Outside the garment no bit changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Option
from pydantic import model_validator

from ganray.edits.border import plain_ground
from ganray.edits.doubt import faint_outline
from ganray.edits.dye import Shift, dominant_colour, redyed, shift_to, takes_dye
from ganray.edits.edit import Params, Tools
from ganray.edits.filters import enlarged, scaled
from ganray.edits.garment import MASK_REMEDY, TOLD, Garment, Seen, find_garment, look, masked_garment, of_ground, reference_garment
from ganray.edits.ground import own_at_edges
from ganray.edits.mask import read_mask
from ganray.edits.materials import Colour
from ganray.edits.matting import with_matte
from ganray.edits.mixtures import beside_others, with_pattern
from ganray.edits.palette import lab_of
from ganray.edits.photo import Alpha, Photo
from ganray.edits.transparency import opened
from ganray.errors import EditError
from ganray.images.channels import all_of
from ganray.images.codec import Pixels
from ganray.images.lab import Lab, from_lab, to_lab
from ganray.metrics.paired import delta_e_2000

PRODUCT_MATTE = 0.95  # value of the matte from which a pixel is only product
SAMPLE = 40_000  # pixels from which the dominant colour is computed
UNDONE = ("left_share", "faint_outline")  # facts that say that a part of the garment may have kept its colour
TOO_FAINT = 0.2  # share of a garment's outline that may be hardly visible
LEAST_PIXELS, LEAST_SHARE = 16, 0.05  # smallest number of certain pixels, and share of them that must be like the dominant colour
BAND = 512  # rows that are processed at once
CHUNK = 2**19  # colours that are processed at once
COLOURS = 2**24  # number of 24-bit colours
SORTED = 2**17  # pixels up to which their colours are sorted: marking them among all COLOURS takes longer
OUTSIDE, INSIDE, EDGE = 0, 1, 2  # places: not of the garment, of it alone, beside something else
Places = NDArray[np.uint8]
Move = Callable[[Lab], Lab]


class RecolorParams(Params):
    """The new colour: by name, as #rrggbb, or that of another product's picture; and what to recolour."""

    short: ClassVar[str] = "colour"
    colour: str = Option("", description="a cloth's colour (navy, burgundy, ...), #rrggbb, or css:NAME for a colour of CSS")
    reference: str = Option("", description="name of one of the request's pictures, a product or a swatch, whose colour to take")
    mask: str = Option("", description="name of one of the request's pictures, white (or opaque) where to recolour; without, it is found")
    lightness: float = Option(
        1.0, ge=0.0, le=1.0, description="how far lightness moves to that of the target: 0 keeps it, 1 takes the target's"
    )

    @model_validator(mode="after")
    def _one(self) -> RecolorParams:
        if bool(self.colour) == bool(self.reference):
            raise ValueError("give either a colour or a reference")
        if self.colour:
            lab_of(self.colour)
        return self

    def pictures(self) -> list[str]:
        """See `Params`."""
        return [name for name in (self.reference, self.mask) if name]


def recolor(photo: Photo, params: RecolorParams, tools: Tools) -> Photo:
    """The product in another colour. Raises EditError: what `with_matte` does; no_product where too little of it has one colour;
    ambiguous_garment and skin where no mask is given and what to recolour is not sure; mask.

    Facts: `recoloured` (share of the garment that took the colour), `delta_e` (median CIEDE2000 of that to the colour asked for), `colour`;
    without a mask `garment_share`, `skin_share` and `left_share` (of the product: the garment, skin, and islands of its colour that were
    left) and `faint_outline` (of the garment's edge before a plain ground, as of white on white), which are `doubt`, too.
    """
    reference = _opened(*tools.picture(params.reference), tools) if params.reference else None
    shown = look(reference) if reference else None
    garment: Garment | None
    if params.mask:
        whole = photo.having(matte=read_mask(photo, params.mask, tools))
        garment, seen = masked_garment(whole, shown), None
    else:
        photo = whole = with_matte(photo, tools)
        seen = look(whole)
        garment = find_garment(seen, shown) if seen else None
    assert whole.matte is not None
    places = _places(garment, whole)
    sample = _sample(whole.pixels, whole.matte, places)
    target = _reference_colour(reference, shown, seen, garment) if reference else lab_of(params.colour)
    cloth = of_ground(sample, garment) if garment else np.ones(len(sample), bool)
    shift = shift_to(target, sample[cloth] if cloth.any() else sample, params.lightness)
    took = cloth & (takes_dye(sample, shift.dominant) > 0.5)
    if float(took.mean()) < LEAST_SHARE:
        raise EditError("no_product", "the product has no dominant colour", "Send a product with fewer colours")
    moves = _moves(shift, garment)
    facts: dict[str, float | str] = {
        "colour": "#" + bytes(from_lab(target)).hex(),
        "delta_e": round(float(np.median(delta_e_2000(moves[0](sample[took]), target))), 2),
        "recoloured": round(float(took.mean()), 3),
        **(garment.facts if garment else {}),
    }
    if garment and not params.mask and (faint := _faint(whole, garment)) >= TOLD:
        if faint >= TOO_FAINT:
            share = f"{100 * faint:.0f} % of the garment's outline"
            raise EditError("ambiguous_garment", f"{share} can hardly be told from the ground: a part would keep its colour", MASK_REMEDY)
        facts["faint_outline"] = round(faint, 3)
    undone = max(float(facts.get(name, 0.0)) for name in UNDONE)
    if undone:
        facts["doubt"] = round(max(float(photo.facts.get("doubt", 0.0)), undone), 3)
    return photo.having(pixels=_recoloured(whole, places, moves), facts=facts)


def _faint(photo: Photo, garment: Garment) -> float:
    """The share of a garment's outline before the ground of a studio that can hardly be seen (`doubt.py`), where the border gave the matte;
    0 elsewhere: a matte that was given, or that a network found, does not end where colours do."""
    assert photo.matte is not None
    if photo.straight or photo.facts.get("matte") != "border":
        return 0.0
    ground = plain_ground(photo.pixels)
    if ground is None or not ground.of_studio or ground.distance.shape != garment.region.shape:
        return 0.0
    height, width = garment.region.shape
    return faint_outline(garment.region, scaled(photo.matte, width, height) > 0.5, ground)


def _opened(pixels: Pixels, alpha: Alpha | None, tools: Tools) -> Photo:
    """A reference with the matte of its product; all of it is product where none is found, as in a swatch."""
    photo = opened(pixels, alpha)
    try:
        return with_matte(photo, tools)
    except EditError as error:
        if error.reason not in ("no_product", "too_small"):
            raise
        return photo.having(matte=np.ones(photo.size, np.float32))


def _reference_colour(reference: Photo, shown: Seen | None, seen: Seen | None, garment: Garment | None) -> Lab:
    """The colour Lab [3] of the garment that a reference has `shown`; of several, of that which the photo does not show, else of that at
    the same place."""
    assert reference.matte is not None
    shape = reference_garment(shown, seen, garment) if shown else None
    sample = _sample(reference.pixels, reference.matte, _places(shape, reference))
    return dominant_colour(sample[of_ground(sample, shape)] if shape else sample)


def _moves(shift: Shift, garment: Garment | None) -> tuple[Move, Move]:
    """How colours move inside of a garment, and at its edge beside something else."""
    if garment is None:
        return (lambda lab: redyed(lab, shift)), (lambda lab: redyed(lab, shift))
    ground = Colour(shift.dominant, shift.low, shift.high, 1.0)

    def inside(lab: Lab) -> Lab:
        return with_pattern(lab, shift, ground, garment.kept)

    def edge(lab: Lab) -> Lab:
        return lab + beside_others(lab, ground, garment.guards)[..., None] * (inside(lab) - lab)

    return inside, edge


def _places(garment: Garment | None, photo: Photo) -> Places:
    """INSIDE, EDGE or OUTSIDE for each pixel, uint8 [H, W]."""
    height, width = photo.size
    if garment is None:
        return np.full((height, width), INSIDE, np.uint8)
    if garment.region.shape == photo.size:
        return np.where(garment.edge, np.uint8(EDGE), garment.region.astype(np.uint8))
    region, edge = (enlarged(part.astype(np.float32), width, height) > 127 for part in (garment.region, garment.edge))
    return np.where(region, np.where(edge, np.uint8(EDGE), np.uint8(INSIDE)), np.uint8(OUTSIDE))


def _recoloured(photo: Photo, places: Places, moves: tuple[Move, Move]) -> Pixels:
    """The photo with the garment's colours moved, at edges in proportion to the matte; straight colours are moved everywhere.

    The new colour depends on the old one and its place alone, and a photo has far fewer colours than pixels: each colour is moved once.
    """
    assert photo.matte is not None
    pixels = photo.pixels.copy()
    at_edges = (
        ()
        if photo.straight
        else tuple((y, x, np.clip(np.rint(own), 0, 255).astype(np.uint8)) for y, x, own in own_at_edges(photo) if len(y))
    )
    for place, move in zip((INSIDE, EDGE), moves, strict=True):
        whole = ((photo.matte >= 1) | photo.straight) & (places == place)
        chosen = [places[y, x] == place for y, x, _ in at_edges]
        table = _moved_colours(photo.pixels, whole, [own[at] for (_, _, own), at in zip(at_edges, chosen, strict=True)], move)
        for top in range(0, len(pixels), BAND):
            inside = whole[top : top + BAND]
            pixels[top : top + BAND][inside] = table[_coded(photo.pixels[top : top + BAND][inside])]
        for (y, x, own), at in zip(at_edges, chosen, strict=True):
            rows, columns, colours = y[at], x[at], own[at]
            before, after = photo.pixels[rows, columns].astype(np.float32), table[_coded(colours)].astype(np.float32)
            mixed = before + photo.matte[rows, columns][:, None] * (after - colours)
            mixed = np.clip(
                mixed, np.minimum(before, after), np.maximum(before, after)
            )  # so that a matte that is too wide leaves no fringe
            pixels[rows, columns] = np.where(
                all_of(after == colours)[:, None], photo.pixels[rows, columns], np.clip(np.rint(mixed), 0, 255)
            )
    return pixels


def _moved_colours(pixels: Pixels, whole: NDArray[np.bool_], more: list[Pixels], move: Move) -> Pixels:
    """The new colour of each used one, at its code: uint8 [COLOURS, 3], of which only the used rows are written."""
    codes = _used(pixels, whole, more)
    moved = np.empty((COLOURS, 3), np.uint8)
    for start in range(0, len(codes), CHUNK):
        chunk = codes[start : start + CHUNK]
        old = np.stack([chunk >> 16, chunk >> 8 & 255, chunk & 255], -1).astype(np.uint8)
        moved[chunk] = from_lab(move(to_lab(old)))
    return moved


def _used(pixels: Pixels, whole: NDArray[np.bool_], more: list[Pixels]) -> NDArray[np.integer]:
    """The codes of the colours of the pixels that are `whole`, and of more, in order and each once."""
    if whole.size <= SORTED:
        return np.unique(np.concatenate([_coded(pixels[whole]), *map(_coded, more)]))
    used = np.zeros(COLOURS, bool)
    for top in range(0, len(pixels), BAND):
        used[_coded(pixels[top : top + BAND][whole[top : top + BAND]])] = True
    for colours in more:
        used[_coded(colours)] = True
    return np.flatnonzero(used)


def _coded(pixels: Pixels) -> NDArray[np.int32]:
    """One number for each colour of uint8 [..., 3]: int32 [...] below COLOURS."""
    code: NDArray[np.int32] = pixels[..., 0].astype(np.int32) << 16 | pixels[..., 1].astype(np.int32) << 8 | pixels[..., 2]
    return code


def _sample(pixels: Pixels, matte: Alpha, places: Places) -> Lab:
    """Lab [n, 3] of evenly spread certain pixels of the garment. Raises EditError if there are too few."""
    certain = (matte >= PRODUCT_MATTE) & (places == INSIDE)
    if int(certain.sum()) < LEAST_PIXELS:
        certain = (matte >= PRODUCT_MATTE) & (places != OUTSIDE)
    count = int(certain.sum())
    if count < LEAST_PIXELS:
        raise EditError("no_product", f"only {count} pixels are certainly product, too few for a colour", "Send a larger photo")
    return to_lab(pixels[certain][:: 1 + count // SAMPLE])
