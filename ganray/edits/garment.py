"""Where the product's dye is: by its colour and by its place, without skin, without other garments.

The product's materials are told apart at a working size. The largest that is not skin is the garment, unless another one is nearly as
large. Its parts that lie together are taken, and parts that are nearly as large (a pair of shoes); far islands of the same colour are not.
What touches it and is something else (skin, hair, other garments) guards the edge: pixels between both move by their share of the garment.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganray.edits.dye import dye_share, takes_dye
from ganray.edits.filters import scaled
from ganray.edits.materials import Colour, Materials, colours_of, distance, in_parts, materials_of, one_dye
from ganray.edits.photo import Photo
from ganray.edits.skin import Person, face_tones, is_skin_like, person_in, thickness
from ganray.errors import EditError
from ganray.images.components import Mask, cells, near, numbered
from ganray.images.lab import Lab, chroma, to_lab

LEAST_REFERENCE = 0.08  # smallest share of a reference's product that its garment has
BESIDE = 0.25  # share of a colour's pixels in the rows of another, up to which one lies above the other
SAME_PLACE = 0.7  # share of a garment's place that a reference's garment covers from which both are photographed in one pose
LEAST_GARMENT = 0.12  # smallest share of the product that a garment on a person has
RIVALS = {"person": 0.45, "skin": 0.6, "": 0.8}  # share of the garment's area from which another may be meant, by what else was seen
GRID = 160  # cells of the longer side at which connected parts are found
PART = 0.25  # share of the largest part's area from which another part of that colour belongs to the product
GAP = 0.02  # of the product's height: half the gap that a strap or a hand may leave in a garment
SAME = 10.0  # colour difference below which two pictures show one colour
SHADE, SMALL = 0.5, 0.35  # share of its dye that a part of a product takes, and of its area that the part has if it is worn
PRINTED = 22.0  # lightness above a grey cloth from which a colour on it is printed: no light makes a highlight of it
FIRM = 0.5  # step across the border of two colours over their difference, from which they are two
PATTERNED = 0.15  # share of other colours in a material from which it is not skin alone
TRUNK, DOUBTFUL = 0.65, 0.45  # of the product's thickness: skin is thinner, and what may be skin or not is no limb from here
CONFUSED = 10.0  # distance below which a garment and what touches it cannot be told apart
GUARD = 3  # pixels of the working size beside another material in which the edge lies
REACH = 8  # pixels of the working size from which the colours of what lies beside are taken
COMMON = 0.35  # share of the most common colour from which another may be the cloth's
CHROMATIC, TINT = 8.0, 0.25  # chroma from which a cloth is dyed, and the least share of the dye in its tints
RING, EDGE = 0.01, 1  # width of what guards a mask, as a share of the longer side, and pixels inside a mask's edge that may be mixtures
SAMPLE = 20_000  # pixels from which the colours around a mask are taken
LEAST_PIXELS = 6  # of the working size: fewer of a colour are none
TOLD = 0.002  # share from which something is told
MASK_REMEDY = "Give a mask: the name of a picture that is white where the product is to change"


@dataclass(frozen=True)
class Garment:
    """At the working size [h, w]: the `region` of a garment and, within it, the `edge` beside other materials. `ground` is the colour of
    its cloth, `kept` are those of its pattern, `guards` those of what touches it."""

    region: Mask
    edge: Mask
    ground: Colour | None = None
    kept: tuple[Colour, ...] = ()
    guards: tuple[Colour, ...] = ()
    facts: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What was seen of a picture's product."""

    materials: Materials
    person: Person

    @property
    def garments(self) -> list[int]:
        """The materials that are not skin, the largest first."""
        return [name for name in self.materials.names() if name not in self.person.skin]

    def shows(self, lab: Lab) -> bool:
        """Whether a garment has a colour Lab [3]."""
        return any(float(np.linalg.norm(self.materials.colours[name].lab - lab)) < SAME for name in self.garments)

    def has_colour(self, lab: Lab) -> bool:
        """Whether anything of the product has a colour Lab [3]."""
        return any(float(np.linalg.norm(colour.lab - lab)) < SAME for colour in self.materials.colours)


def look(photo: Photo) -> Seen | None:
    """The materials of a photo with a matte, and its person; None where the product is too small to be looked at."""
    assert photo.matte is not None
    materials = materials_of(photo.pixels, photo.matte)
    return None if materials is None else Seen(materials, person_in(materials, face_tones(photo.pixels)))


def find_garment(seen: Seen, other: Seen | None = None) -> Garment:
    """The garment of a photo. `other` shows the same in another colour: of several garments, the one that it does not show is meant. Raises
    EditError: skin, ambiguous_garment."""
    chosen = _chosen(seen, other)
    seen = _with_shades(seen, chosen)
    materials, person = seen.materials, seen.person
    if (person.found or person.skin) and _is_stacked(materials, chosen):
        raise EditError("ambiguous_garment", "what was found is light above and dark below, or the reverse: it may be two", MASK_REMEDY)
    region, left = _region(materials, chosen)
    garment = _guarded(seen, chosen, region, other)
    _check_skin(seen, chosen, garment)
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
    return replace(garment, facts=facts)


def reference_garment(shown: Seen, seen: Seen | None, garment: Garment | None) -> Garment:
    """The garment of a reference: of several, what the photo shows nowhere but in its own garment, and of these what lies at the same place
    of the frame (most products are photographed in one pose); else the largest that is no skin."""
    materials = shown.materials
    names = [name for name in materials.names() if materials.share(name) >= LEAST_REFERENCE] or materials.names()[:1]
    if seen and garment and garment.ground:
        beside = [colour for colour in seen.materials.colours if float(np.linalg.norm(colour.lab - garment.ground.lab)) >= SAME]
        fresh = [name for name in names if all(_apart(materials.colours[name], colour) >= SAME for colour in beside)]
        names = fresh or names
    place = _placed(garment, materials.product.shape)
    chosen = max(names, key=lambda name: (_overlap(materials.of(name), place), name in shown.garments, materials.share(name)))
    region = _region(materials, chosen)[0]
    there = region & place
    if there.sum() >= SAME_PLACE * max(1, place.sum()) and (there & materials.of(chosen)).sum() >= LEAST_PIXELS:
        region = there  # of a suit, the part that is meant
    return _guarded(shown, chosen, region, seen)


def _placed(garment: Garment | None, size: tuple[int, ...]) -> Mask:
    """A garment's region stretched to a frame of this size (h, w); none without a garment."""
    height, width = size
    if garment is None:
        return np.zeros((height, width), bool)
    return scaled(garment.region.astype(np.float32), width, height) > 0.5


def _overlap(mask: Mask, place: Mask) -> float:
    """Intersection over union of two masks [h, w], in tenths, so that little counts as nothing."""
    union = int((mask | place).sum())
    return round(10 * int((mask & place).sum()) / union) / 10 if union else 0.0


def masked_garment(photo: Photo, other: Seen | None = None) -> Garment:
    """What a mask covers (the photo's matte is the mask), at the photo's own size. What lies around it guards its edge, except what has its
    colour, where the mask cuts a garment. `other` shows the same in another colour."""
    assert photo.matte is not None
    meant = photo.matte > 0
    materials = materials_of(photo.pixels, photo.matte)
    height, width = photo.size
    ring = max(1, round(RING * max(height, width)))
    around = near(meant, min(ring, 127)) & ~meant
    colours = colours_of(to_lab(photo.pixels[around][:: 1 + int(around.sum()) // SAMPLE])) if around.any() else ()
    edge = meant & near(~meant, EDGE)
    if materials is None:
        return Garment(meant, edge, None, (), colours)
    first = _ground(materials, np.array([colour.share for colour in materials.colours]), other)
    kept = tuple(colour for place, colour in enumerate(materials.colours) if _is_firm(materials, first, place, other))
    guards = tuple(colour for colour in colours if all(_apart(colour, own) >= CONFUSED for own in materials.colours))
    return Garment(meant, edge, materials.colours[first], kept, guards)


def _chosen(seen: Seen, other: Seen | None) -> int:
    """The material that is the garment."""
    materials, person, garments = seen.materials, seen.person, seen.garments
    with_person = bool(person.found or person.skin)
    share = [materials.share(name) for name in garments] + [0.0, 0.0]
    if share[0] < (LEAST_GARMENT if with_person else 1e-6):
        raise EditError("skin", "most of what was found looks like skin", MASK_REMEDY)
    if not person.found and is_skin_like(materials.colours[garments[0]].lab) and _is_cut(materials) and share[1] >= LEAST_GARMENT:
        raise EditError("skin", "the product's main colour may be skin, and no face was seen", MASK_REMEDY)
    rivals = [name for name in garments if materials.share(name) >= max(LEAST_GARMENT, 0.25 * share[0])]
    unlike = [name for name in rivals if other and not other.shows(materials.colours[name].lab)]
    if len(rivals) > 1 and len(unlike) == 1:
        return unlike[0]
    if other and other.shows(materials.colours[garments[0]].lab) and _hidden(seen, other):
        raise EditError("ambiguous_garment", "the reference shows the colour of the largest part, and lacks another", MASK_REMEDY)
    if share[1] >= RIVALS["person" if person.found else "skin" if person.skin else ""] * share[0]:
        raise EditError(
            "ambiguous_garment",
            f"two parts may be meant ({100 * share[0]:.0f} and {100 * share[1]:.0f} % of what was found)",
            MASK_REMEDY,
        )
    return garments[0]


def _hidden(seen: Seen, other: Seen) -> bool:
    """Whether `other` lacks a colour of what was found, even one that may be skin: brown cloth beside brown skin."""
    materials = seen.materials
    return any(materials.share(name) >= LEAST_GARMENT and not other.shows(materials.colours[name].lab) for name in materials.names())


def _with_shades(seen: Seen, chosen: int) -> Seen:
    """Materials that take the garment's dye as well are parts of it in other light or in another tone: none is to be left undone. On a
    person they may be another garment, unless they are small and the dye is one."""
    materials = seen.materials
    cloth, share = materials.colours[chosen].lab, materials.share(chosen)
    alone = not seen.person.found and sum(materials.share(name) for name in seen.person.skin) < LEAST_GARMENT
    dyed = float(chroma(cloth)) > 1.5 * CHROMATIC
    alike = {
        name
        for name in seen.garments
        if float(takes_dye(materials.colours[name].lab, cloth)) > SHADE and (alone or (dyed and materials.share(name) < SMALL * share))
    }
    groups = tuple(chosen if group in alike else group for group in materials.groups)
    return replace(seen, materials=replace(materials, groups=groups))


def _is_stacked(materials: Materials, chosen: int) -> bool:
    """Whether a grey material may be two garments, one above the other: white and grey cloth meet in the shade of a hem without an edge."""
    members = [place for place, group in enumerate(materials.groups) if group == chosen]
    main = max(members, key=lambda place: materials.colours[place].share)
    cloth = materials.colours[main].lab
    low, high = np.percentile(np.nonzero(materials.labels == main)[0], (10, 90))
    for place in members:
        colour = materials.colours[place]
        is_grey = max(float(chroma(cloth)), float(chroma(colour.lab))) < CHROMATIC
        if is_grey and colour.share >= LEAST_GARMENT and abs(float(cloth[0] - colour.lab[0])) > PRINTED:
            rows = np.nonzero(materials.labels == place)[0]
            if ((rows >= low) & (rows <= high)).mean() < BESIDE:
                return True
    return False


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
    counts, side = cells(closed & materials.product, GRID)
    parts = numbered(counts > 0).repeat(side, 0).repeat(side, 1)[: own.shape[0], : own.shape[1]]
    areas = np.bincount(parts[own], minlength=2)
    areas[0] = 0
    taken = np.flatnonzero(areas >= PART * areas.max())
    inside = np.isin(parts, taken[taken > 0]) & closed & materials.product
    return inside, float((own & ~inside).sum())


def of_ground(lab: Lab, garment: Garment) -> NDArray[np.bool_]:
    """Whether colours Lab [n, 3] of a garment are of its cloth, not of its pattern: bool [n]."""
    if garment.ground is None or not garment.kept:
        return np.ones(len(lab), bool)
    own: NDArray[np.bool_] = distance(lab, garment.ground) < np.min([distance(lab, colour) for colour in garment.kept], 0)
    return own


def _guarded(seen: Seen, chosen: int, region: Mask, other: Seen | None) -> Garment:
    """The garment with what guards its edge: skin and other garments wherever they are, and all else that lies beside it."""
    materials, num = seen.materials, len(seen.materials.colours)
    apart = [group for group in set(materials.groups) - {chosen} if group in seen.person.skin or materials.share(group) >= LEAST_GARMENT]
    others = materials.product & (~region | np.isin(materials.labels, [place for place in range(num) if materials.groups[place] in apart]))
    inside = np.bincount(materials.labels[region & ~others & materials.product], minlength=num)
    beside = np.bincount(materials.labels[near(region, GUARD) & others], minlength=num)
    of_garment = [group == chosen for group in materials.groups]
    ground = _ground(materials, np.where(of_garment, inside, 0), other)
    kept = tuple(
        materials.colours[place] for place in range(num) if inside[place] >= LEAST_PIXELS and _is_firm(materials, ground, place, other)
    )
    around = near(region, REACH) & others
    guards = [
        part
        for place in range(num)
        if not of_garment[place] and beside[place] >= LEAST_PIXELS
        for part in in_parts(materials.lab[around & (materials.labels == place)])
    ]
    wide = near(region, 2)
    return Garment(wide, near(others, GUARD) & wide, materials.colours[ground], kept, tuple(guards))


def _ground(materials: Materials, amounts: NDArray[Any], other: Seen | None) -> int:
    """Which colour of a garment, of `amounts` [n] in any unit, is its cloth's: of some that are as common, what another picture does not
    show. Else the dyed one of white and a dye, and the full one of a dye and its tint (checks), also where the dye is grey; else the most
    common."""
    colours = materials.colours
    common = [place for place in np.argsort(-amounts, kind="stable").tolist() if amounts[place] >= COMMON * amounts.max() > 0]
    unlike = [place for place in common if other and not other.has_colour(colours[place].lab)]
    best = (unlike or common)[0]
    for place in unlike or common:
        own, more = colours[best].lab, colours[place].lab
        is_more = float(chroma(more)) > max(CHROMATIC, 1.3 * float(chroma(own)))
        if is_more and (float(chroma(own)) < CHROMATIC or float(dye_share(own, more)) > TINT):
            best = place
        is_grey = max(float(chroma(own)), float(chroma(more))) < CHROMATIC
        if is_grey and more[0] < own[0] and _is_edged(materials, best, place):
            best = place
    return int(best)


def _is_firm(materials: Materials, ground: int, place: int, other: Seen | None) -> bool:
    """Whether a colour within a garment is one of its pattern, not its ground in other light: it has sharp borders, and is no shade, no
    highlight and no tint of the ground, or another picture shows it, too."""
    cloth, colour = materials.colours[ground].lab, materials.colours[place].lab
    apart, lighter = float(np.linalg.norm(cloth - colour)), float(colour[0] - cloth[0])
    if place == ground or float(materials.steps[ground, place]) < FIRM * apart:
        return False
    if other and other.has_colour(colour) and _is_edged(materials, ground, place):
        return True
    return not one_dye(cloth, colour) or (float(chroma(cloth)) < CHROMATIC and lighter > PRINTED)


def _is_edged(materials: Materials, first: int, second: int) -> bool:
    """Whether two colours meet, and meet in an edge."""
    step = float(materials.steps[first, second])
    return FIRM * float(np.linalg.norm(materials.colours[first].lab - materials.colours[second].lab)) <= step < np.inf


def _check_skin(seen: Seen, chosen: int, garment: Garment) -> None:
    """Raise EditError where skin that touches the garment cannot be told from it, where a person's tone is the garment's, and where what
    was taken for skin is as thick as a trunk: it may be a garment."""
    materials, person, ground = seen.materials, seen.person, garment.ground
    assert ground is not None
    skins = [name for name in person.skin if name != chosen]
    touching = [guard for guard in garment.guards if is_skin_like(guard.lab)] if skins else []
    tones = [float(distance(tone, ground)) for tone in person.tones]
    if any(_apart(ground, guard) < CONFUSED for guard in touching) or any(apart < CONFUSED for apart in tones):
        raise EditError("skin", "the product has nearly the colour of the skin beside it", MASK_REMEDY)
    trunk = thickness(materials.product)
    if any(thickness(materials.of(name)) > (DOUBTFUL if name in person.doubtful else TRUNK) * trunk for name in skins):
        raise EditError("skin", "what looks like skin may be a garment", MASK_REMEDY)
    if any(_patterned(materials, name) > PATTERNED for name in skins):
        raise EditError("skin", "what looks like skin has a pattern, and may be a garment", MASK_REMEDY)


def _patterned(materials: Materials, name: int) -> float:
    """The share of a material that has other colours than skin."""
    members = [colour for colour, group in zip(materials.colours, materials.groups, strict=True) if group == name]
    return sum(colour.share for colour in members if not is_skin_like(colour.lab)) / max(1e-6, materials.share(name))


def _apart(first: Colour, second: Colour) -> float:
    return min(float(distance(first.lab, second)), float(distance(second.lab, first)))
