"""`conform`: the picture in the form that a marketplace requires: fill, background, size and file format of its profile.

Pictures are never enlarged: where the product has too few pixels for the smallest allowed frame, the error recommends `upscale`. Where the
market accepts any background, the photo's own is kept, and a photo without a recognisable product is used whole.
"""

from __future__ import annotations

import math
from datetime import date
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from PIL import Image
from pydantic import Field as Option
from pydantic import field_validator, model_validator

from ganray.edits.edit import Params, Tools
from ganray.edits.filters import scaled
from ganray.edits.ground import WHITE, own_colours
from ganray.edits.matte_views import PRODUCT_MATTE
from ganray.edits.matting import with_matte
from ganray.edits.photo import Alpha, Output, Photo
from ganray.edits.transparency import flattened
from ganray.errors import EditError, RequestError
from ganray.images.codec import Pixels
from ganray.images.components import Mask, distance, from_border, near, without_small
from ganray.profiles import Rules, profile
from ganray.profiles.profile import best_frame, least_frame, output_format

GRID = 256  # cells along the longer side in which connected components are found
SPECK, SPECK_OF_LARGEST = 1e-3, 0.02  # shares of the frame and of the largest component: smaller ones are dirt, not product
PRODUCT_LEVELS = 24  # levels: pixels that differ more from the background's colour belong to the product's box
FAINT_LEVELS, TAIL = (
    10,
    6,
)  # levels beyond the tolerance, and pixels: what differs less and is farther from all that differs more is background
PLAIN_LEVELS, PLAIN_SHARE = 20, 0.9  # levels from the border's median, and the share of the border that must be within them
END = 0.01  # share of the picture's side: a thin end that is longer belongs to the product's box
FILL_TOLERANCE, ROUNDS = 0.006, 3  # accepted difference from the intended fill, and the number of corrections
MARGIN = 0.01  # of the frame: distance of the fill from its bounds

Box = tuple[int, int, int, int]


class ConformParams(Params):
    """A marketplace's profile."""

    short: ClassVar[str] = "profile"
    profile: str = Option(description="name of a profile (`ganray profiles` lists them), or the path of a YAML file of your own")
    kind: str = Option("", description="kind of goods, if the profile has several, e.g. apparel")
    day: str = Option("", description="YYYY-MM-DD: use the rules of that day; empty: the latest ones known")
    format: Literal["", "jpeg", "png", "webp", "avif"] = Option(
        "", description="one of the formats that the market accepts; empty: the first one"
    )
    quality: int | None = Option(None, ge=1, le=100, description="initial quality, 1..100; it is lowered until the file is small enough")

    @field_validator("day")
    @classmethod
    def _date(cls, value: str) -> str:
        return date.fromisoformat(value).isoformat() if value else ""

    @model_validator(mode="after")
    def _known(self) -> ConformParams:
        accepted = self.rules().formats
        if self.format and self.format not in accepted:
            raise RequestError(f"conform: {self.profile} does not accept {self.format}", f"Use one of {', '.join(accepted)}")
        return self

    def rules(self) -> Rules:
        """The rules of the profile. Raises RequestError for an unknown profile or kind."""
        return profile(self.profile).on(date.fromisoformat(self.day) if self.day else None, self.kind)


class Layout(NamedTuple):
    """The scale of the photo (at most 1), the part of it that is used (left, top, right, bottom), its size after scaling (width, height),
    the position of its corner in the frame (x, y; may be negative), and the frame (width, height)."""

    scale: float
    part: Box
    size: tuple[int, int]
    corner: tuple[int, int]
    frame: tuple[int, int]


def conform(photo: Photo, params: ConformParams, tools: Tools) -> Photo:
    """The photo in the profile's frame. Raises EditError: "profile" for too few pixels, and what `with_matte` raises if the profile
    prescribes the background."""
    rules = params.rules()
    own_ground = rules.background.kind == "any" and not photo.cut
    if own_ground and photo.straight:
        photo = flattened(photo)
    prepared = _with_product(photo, tools, own_ground)
    if prepared.matte is None:
        layout = _of_whole(prepared, rules, params.profile)
        pixels = _placed(_part(prepared.pixels, layout), layout, rules.background.rgb)
        fill = 1.0
    elif own_ground:
        box = _box(_certain(prepared.matte))
        layout = _of_product(box, prepared, rules, params.profile, inside=True)
        pixels, fill = _on_own_ground(prepared, layout, rules), _fill(box, layout)
    else:
        pixels, layout, fill = _on_ground(prepared, rules, params.profile)
    used_profile = profile(params.profile)
    facts = dict(prepared.facts)
    if own_ground and "doubt" in facts:  # of a matte that frames the photo and changes nothing in it
        facts["doubt"] = photo.facts.get("doubt", 0.0)
    return photo.having(
        pixels=pixels,
        matte=None,
        cut=False,
        alpha=None,
        straight=False,
        output=_output(params, rules, own_ground),
        facts={
            **facts,
            "profile": f"{used_profile.name} {used_profile.version}",
            "fill": round(fill, 4),
            "scale": round(layout.scale, 4),
        },
    )


def _with_product(photo: Photo, tools: Tools, optional: bool) -> Photo:
    """The photo with a matte without specks; without a matte if no product is found and `optional`."""
    try:
        photo = with_matte(photo, tools)
    except EditError:
        if not optional:
            raise
        return photo
    assert photo.matte is not None
    kept, dropped = without_small(photo.matte > 0.1, GRID, SPECK, SPECK_OF_LARGEST)
    if not dropped:
        return photo
    matte = np.where(near(kept, TAIL), photo.matte, 0).astype(np.float32)
    lost = 1 - float(matte.sum(dtype=np.float64)) / float(photo.matte.sum(dtype=np.float64))
    before = float(photo.facts.get("dropped_share", 0.0))
    return photo.having(matte=matte, facts={"dropped_share": round(1 - (1 - before) * (1 - lost), 4)})


def _certain(matte: Alpha) -> Mask:
    """Where the product is; of a product that is nowhere opaque (glass), where it is half as opaque as it gets."""
    return matte > PRODUCT_MATTE * min(1.0, float(matte.max()))


def _box(mask: Mask) -> Box:
    """(left, top, right, bottom) of the rows and columns with more than a few pixels of the mask; with any pixel, where that is a larger
    part of the picture: a needle's end."""
    lines = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
    if not len(lines[0]):
        raise EditError("no_product", "nothing in the picture stands out from the background", "Send a photo of a product")
    for at, axis in enumerate((1, 0)):
        thick = np.flatnonzero(mask.sum(axis) > mask.shape[axis] // 500)
        if len(thick) and max(thick[0] - lines[at][0], lines[at][-1] - thick[-1]) <= END * mask.shape[at]:
            lines[at] = thick
    rows, columns = lines
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _frame(wide: float, high: float, ratio: float, rules: Rules, name: str) -> tuple[int, int]:
    """The (width, height) of the frame for a product of `wide` x `high` pixels: as large as it fills, within the limits of the rules."""
    fill = rules.fill
    best, least = best_frame(rules, ratio), least_frame(rules, ratio)
    width = min(best[0], int(max(wide, high * ratio) / (fill.aim if fill else 1.0) + 1e-6))
    if width < least[0]:
        width = least[0]
        loosest = min(fill.aim, fill.min + MARGIN) if fill else 1.0  # a slightly lower fill is better than enlarging the product
        if max(wide, high * ratio) < loosest * width:
            need = loosest * width / max(wide, high * ratio)
            raise EditError(
                "profile",
                f"{name} asks for at least {least[0]}x{least[1]} pixels, and the product has only {wide:.0f}x{high:.0f}",
                f"Put upscale before conform (x{max(2, math.ceil(need))})" if need <= 4 else "Send a larger photo",
            )
    return (width, least[1]) if width == least[0] else (best if width == best[0] else (width, max(1, round(width / ratio))))


def _of_product(box: Box, photo: Photo, rules: Rules, name: str, *, inside: bool) -> Layout:
    """The product in the middle of the frame, at the fill that the rules aim at. With `inside` the frame is moved to contain as much of the
    photo as possible."""
    left, top, right, bottom = box
    ratio = _ratio(rules)
    width, height = frame = _frame(right - left, bottom - top, ratio, rules, name)
    aim = rules.fill.aim if rules.fill else 1.0
    scale = min(1.0, aim * min(width / (right - left), height / (bottom - top)))
    rows, columns = photo.size
    x = _start((left + right) / 2, width / scale, columns if inside else 0)
    y = _start((top + bottom) / 2, height / scale, rows if inside else 0)
    return _layout(scale, (x, y), frame, photo.size)


def _of_whole(photo: Photo, rules: Rules, name: str) -> Layout:
    """The whole photo in the frame, as large as the rules allow."""
    rows, columns = photo.size
    ratio = rules.aspect.ratio if rules.aspect else columns / rows
    bare = rules.model_copy(update={"fill": None})
    width, height = frame = _frame(columns, rows, ratio, bare, name)
    scale = min(1.0, width / columns, height / rows)
    return _layout(scale, ((columns - width / scale) / 2, (rows - height / scale) / 2), frame, photo.size)


def _ratio(rules: Rules) -> float:
    if rules.aspect:
        return rules.aspect.ratio
    wide, high = rules.width.recommended, rules.height.recommended
    return wide / high if wide and high else 1.0


def _start(middle: float, length: float, within: int) -> float:
    """The start of an interval around `middle`; moved into 0..`within`, or centred on it if longer, where `within` is not 0."""
    start = middle - length / 2
    if not within:
        return start
    return (within - length) / 2 if length >= within else min(max(start, 0.0), within - length)


def _layout(scale: float, start: tuple[float, float], frame: tuple[int, int], size: tuple[int, int]) -> Layout:
    """The layout of a frame whose corner lies at `start` (x, y) of the photo, which may be outside of it."""
    (x, y), (width, height), (rows, columns) = start, frame, size
    left, right = max(0, math.floor(x)), min(columns, math.ceil(x + width / scale))
    top, bottom = max(0, math.floor(y)), min(rows, math.ceil(y + height / scale))
    corner = (round((left - x) * scale), round((top - y) * scale))
    placed = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    return Layout(scale, (left, top, right, bottom), placed, corner, frame)


def _fill(box: Box, layout: Layout) -> float:
    return max((box[2] - box[0]) * layout.scale / layout.frame[0], (box[3] - box[1]) * layout.scale / layout.frame[1])


def _part(pixels: Pixels, layout: Layout) -> Pixels:
    """The used part of the photo at its new size; unchanged at scale 1."""
    left, top, right, bottom = layout.part
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    if part.shape[1::-1] == layout.size:
        return part
    return np.asarray(Image.fromarray(part).resize(layout.size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def _placed(part: Pixels, layout: Layout, ground: tuple[int, int, int]) -> Pixels:
    """The part in a frame of the background's colour."""
    width, height = layout.frame
    frame = Image.new("RGB", (width, height), ground)
    frame.paste(Image.fromarray(part), layout.corner)
    return np.array(frame)


def _on_ground(photo: Photo, rules: Rules, name: str) -> tuple[Pixels, Layout, float]:
    """The product alone on the profile's colour, with its layout and fill.

    Only what is visible fills a frame: a white sleeve on white does not, a soft shadow does. So the box is measured in the result, and the
    layout is corrected until the fill is right.
    """
    assert photo.matte is not None
    ground = rules.background.rgb
    box = _box(_certain(photo.matte))
    for _ in range(ROUNDS):
        layout = _of_product(box, photo, rules, name, inside=False)
        pixels = _settled(_laid(photo, layout, ground), rules)
        visible = distance(pixels, ground) > PRODUCT_LEVELS
        if not visible.any():
            return pixels, layout, _fill(box, layout)
        visible_box = _in_photo(_box(visible), layout)
        if abs(_fill(visible_box, layout) - _fill(box, layout)) <= FILL_TOLERANCE:
            break
        box = visible_box
    return pixels, layout, _fill(visible_box, layout)


def _in_photo(box: Box, layout: Layout) -> Box:
    """A box in the frame, in pixels of the photo."""
    (x, y), (left, top, *_) = layout.corner, layout.part
    across, down = (round((at - x) / layout.scale) + left for at in box[::2]), (round((at - y) / layout.scale) + top for at in box[1::2])
    (first, last), (upper, lower) = across, down
    return first, upper, last, lower


def _laid(photo: Photo, layout: Layout, ground: tuple[int, int, int]) -> Pixels:
    """The used part of the photo in its frame: the product alone on the background."""
    assert photo.matte is not None
    left, top, right, bottom = layout.part
    matte: Alpha = np.clip(scaled(np.ascontiguousarray(photo.matte[top:bottom, left:right]), *layout.size), 0, 1)
    small = Photo(_part(photo.pixels, layout), matte, straight=photo.straight)
    if ground == WHITE and "white" in photo.edits:  # the background is white already
        return _placed(np.where(matte[..., None] > 0, small.pixels, np.uint8(255)), layout, ground)
    mixed = own_colours(small) * matte[..., None] + np.array(ground, np.float32) * (1 - matte[..., None])
    return _placed(np.where(matte[..., None] >= 1, small.pixels, np.clip(np.rint(mixed), 0, 255).astype(np.uint8)), layout, ground)


def _settled(pixels: Pixels, rules: Rules) -> Pixels:
    """The picture with an exact background: without specks, and without faint tails of the matte."""
    ground = rules.background.rgb
    product, _ = without_small(distance(pixels, ground) > FAINT_LEVELS + rules.background.tolerance, GRID, SPECK, SPECK_OF_LARGEST)
    if not product.any():
        raise EditError("no_product", f"the product does not differ from the background {ground}", "Use a profile with another background")
    pixels[from_border(~near(product, TAIL), GRID)] = ground
    return pixels


def _on_own_ground(photo: Photo, layout: Layout, rules: Rules) -> Pixels:
    """The product on the photo's own background. Outside the photo, the frame repeats the photo's border if that is plain, and has the
    profile's colour otherwise: plain bars beside a scene look better than stretched ones."""
    part, (width, height), (x, y) = _part(photo.pixels, layout), layout.frame, layout.corner
    if not _is_plain(photo.pixels):
        return _placed(part, layout, rules.background.rgb)
    part = part[max(0, -y) : height - y, max(0, -x) : width - x]
    x, y = max(0, x), max(0, y)
    margins = ((y, height - y - part.shape[0]), (x, width - x - part.shape[1]), (0, 0))
    return np.pad(part, margins, mode="edge")


def _is_plain(pixels: Pixels) -> bool:
    """Whether PLAIN_SHARE of the photo's border has about one colour."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.int16)
    return bool((np.abs(border - np.median(border, 0)).max(1) <= PLAIN_LEVELS).mean() >= PLAIN_SHARE)


def _output(params: ConformParams, rules: Rules, own_ground: bool) -> Output:
    return Output(
        format=params.format or output_format(rules),
        quality=params.quality,
        max_bytes=rules.max_bytes or 0,
        ground=None if own_ground else rules.background.rgb,
        tolerance=rules.background.tolerance,
        profile=params.profile,
    )
