"""Where the product's dye is: by its colour and by its place, without skin, without other garments.

The product's materials are told apart at a working size. The largest that is not skin is the garment, unless another one is nearly as
large. Its parts that lie together are taken, and parts that are nearly as large (a pair of shoes); far islands of the same colour are not.
What touches it and is something else (skin, hair, other garments) guards the edge: pixels between both move by their share of the garment.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ganray.edits.faces import face_tones
from ganray.edits.materials import Colour, Materials, colours_of, distance, materials_of
from ganray.edits.photo import Photo
from ganray.edits.skin import Person, is_skin_like, person_in
from ganray.errors import EditError
from ganray.images.components import Mask, near, numbered
from ganray.images.lab import to_lab

LEAST_GARMENT = 0.12  # smallest share of the product that a garment on a person has
RIVAL_WITH_PERSON, RIVAL = 0.45, 0.8  # share of the garment's area from which another material may be meant as well
PART = 0.25  # share of the largest part's area from which another part of that colour belongs to the product
GAP = 0.02  # of the product's height: half the gap that a strap or a hand may leave in a garment
CONFUSED = 9.0  # distance below which a garment and what touches it cannot be told apart
GUARD = 3  # pixels of the working size beside another material in which the edge lies
RING, EDGE = 0.01, 1  # width of what guards a mask, as a share of the longer side, and pixels inside a mask's edge that may be mixtures
SAMPLE = 20_000  # pixels from which the colours around a mask are taken
LEAST_PIXELS = 6  # of the working size: fewer of a colour are none
TOLD = 0.002  # share from which something is told
MASK_REMEDY = "Give a mask: the name of a picture that is white where the product is to change"


@dataclass(frozen=True)
class Garment:
    """At the working size [h, w]: the `region` of a garment and, within it, the `edge` beside other materials. `kept` are the pattern's
    colours, `guards` those of what touches it. `centre` is its (y, x) within the picture, 0 to 1."""

    region: Mask
    edge: Mask
    kept: tuple[Colour, ...] = ()
    guards: tuple[Colour, ...] = ()
    centre: tuple[float, float] = (0.5, 0.5)
    facts: dict[str, float | str] = field(default_factory=dict)


def find_garment(photo: Photo, beside: tuple[float, float] | None = None) -> Garment | None:
    """The garment of a photo with a matte; None where the product is too small to be looked at. Of several, the one nearest to `beside`
    if that is given. Raises EditError: skin, ambiguous_garment."""
    assert photo.matte is not None
    materials = materials_of(photo.pixels, photo.matte)
    if materials is None:
        return None
    person = person_in(materials, face_tones(photo.pixels))
    chosen = _chosen(materials, person, beside)
    region, left = _region(materials, chosen)
    garment = _guarded(materials, chosen, region)
    _check_edge(materials, chosen, garment, person)
    size = float(materials.product.sum())
    skin = sum(materials.share(name) for name in person.skin if name != chosen)
    facts: dict[str, float | str] = {"garment_share": round(float(region.sum()) / size, 3)}
    if person.found:
        facts["person"] = person.found
    if skin >= TOLD:
        facts["skin_share"] = round(skin, 3)
    if left / size >= TOLD:
        facts["left_share"] = round(left / size, 3)
    if not person.found and is_skin_like(materials.colours[chosen].lab):
        facts["skin_like"] = "the product has a colour of skin, and no person was seen"
    return Garment(garment.region, garment.edge, garment.kept, garment.guards, _middle(region), facts)


def masked_garment(photo: Photo) -> Garment:
    """What a mask covers (the photo's matte is the mask), at the photo's own size. What lies around it guards its edge, except what has its
    colour, where the mask cuts a garment."""
    assert photo.matte is not None
    meant = photo.matte > 0
    materials = materials_of(photo.pixels, photo.matte)
    height, width = photo.size
    ring = max(1, round(RING * max(height, width)))
    around = near(meant, min(ring, 127)) & ~meant
    colours = colours_of(to_lab(photo.pixels[around][:: 1 + int(around.sum()) // SAMPLE])) if around.any() else ()
    edge = meant & near(~meant, EDGE)
    if materials is None:
        return Garment(meant, edge, (), colours)
    ground = max(materials.colours, key=lambda colour: colour.share)
    kept = tuple(colour for colour in materials.colours if colour is not ground)
    guards = tuple(colour for colour in colours if all(_apart(colour, own) >= CONFUSED for own in materials.colours))
    return Garment(meant, edge, kept, guards, _middle(photo.matte > 0.5))


def _chosen(materials: Materials, person: Person, beside: tuple[float, float] | None) -> int:
    """The material that is the garment."""
    names = materials.names()
    garments = [name for name in names if name not in person.skin]
    least = LEAST_GARMENT if person.found or person.skin else 0.0
    if not garments or materials.share(garments[0]) < least:
        raise EditError("skin", "most of what was found looks like skin", MASK_REMEDY)
    first = garments[0]
    if not person.found and is_skin_like(materials.colours[first].lab) and _is_cut(materials) and len(garments) > 1:
        second = materials.share(garments[1])
        if second >= LEAST_GARMENT:
            raise EditError("skin", "the product's main colour may be skin, and no face was seen", MASK_REMEDY)
    rivals = [name for name in garments if materials.share(name) >= LEAST_GARMENT]
    if beside is not None and len(rivals) > 1:
        return min(rivals, key=lambda name: abs(_middle(materials.of(name))[0] - beside[0]))
    second = materials.share(garments[1]) if len(garments) > 1 else 0.0
    limit = RIVAL_WITH_PERSON if person.found or person.skin else RIVAL
    if second >= limit * materials.share(first):
        raise EditError(
            "ambiguous_garment",
            f"two parts may be meant ({100 * materials.share(first):.0f} and {100 * second:.0f} % of what was found)",
            MASK_REMEDY,
        )
    return first


def _is_cut(materials: Materials) -> bool:
    """Whether the product goes on beyond the frame, above or below."""
    product = materials.product
    return bool(product[0].mean() > 0.05 or product[-1].mean() > 0.05)


def _region(materials: Materials, chosen: int) -> tuple[Mask, float]:
    """Where the garment is [h, w], with what it encloses, and the number of pixels of its colour that were left out."""
    own = materials.of(chosen)
    rows = np.flatnonzero(materials.product.any(1))
    gap = max(1, round(GAP * (rows[-1] - rows[0] + 1)))
    closed = ~near(~near(np.pad(own, gap), gap), gap)[gap:-gap, gap:-gap]
    parts = numbered(closed & materials.product, corners=True)
    areas = np.bincount(parts[own], minlength=2)
    areas[0] = 0
    taken = np.flatnonzero(areas >= PART * areas.max())
    inside = np.isin(parts, taken[taken > 0])
    return inside, float((own & ~inside).sum())


def _guarded(materials: Materials, chosen: int, region: Mask) -> Garment:
    """The garment with what guards its edge."""
    others, num = materials.product & ~region, len(materials.colours)
    inside = np.bincount(materials.labels[region], minlength=num)
    beside = np.bincount(materials.labels[near(region, GUARD) & others], minlength=num)
    of_garment = [group == chosen for group in materials.groups]
    ground = int(np.where(of_garment, inside, -1).argmax())
    kept = tuple(colour for place, colour in enumerate(materials.colours) if place != ground and inside[place] >= LEAST_PIXELS)
    guards = tuple(colour for place, colour in enumerate(materials.colours) if not of_garment[place] and beside[place] >= LEAST_PIXELS)
    wide = near(region, 2)
    return Garment(wide, near(others, GUARD) & wide, kept, guards)


def _check_edge(materials: Materials, chosen: int, garment: Garment, person: Person) -> None:
    """Raise EditError where skin that touches the garment cannot be told from it, and where a person's tone is the garment's."""
    ground = materials.colours[chosen]
    if not person.found and not person.skin:
        return
    skins = [materials.colours[name] for name in person.skin if name != chosen]
    touching = [colour for colour in skins if any(colour is guard for guard in garment.guards)]
    alike = any(_apart(ground, colour) < CONFUSED for colour in touching) or any(
        float(distance(tone, ground)) < CONFUSED for tone in person.tones
    )
    if alike:
        raise EditError("skin", "the product has nearly the colour of the skin beside it", MASK_REMEDY)


def _apart(first: Colour, second: Colour) -> float:
    return min(float(distance(first.lab, second)), float(distance(second.lab, first)))


def _middle(mask: Mask) -> tuple[float, float]:
    """The (y, x) of a mask within its picture, 0 to 1."""
    rows, columns = np.nonzero(mask)
    return float(rows.mean() / mask.shape[0]), float(columns.mean() / mask.shape[1])
