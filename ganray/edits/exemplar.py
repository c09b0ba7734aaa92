"""Texture for a hole, copied from the rest of the picture: from coarse to fine, patches in and around the hole take the most similar known
ones, which vote for its pixels (Wexler, Shechtman, Irani 2007, section 3; Newson et al. 2014 for the last step).

The mirror image of the picture stands beside it, so that one sleeve can be copied from the other. What comes out is a source for each
pixel: the same moves copy the texture of a photo many times as large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganray.edits.filters import box_mean
from ganray.edits.patches import (
    SIDE,
    SIMILAR,
    Costs,
    Library,
    Matches,
    Places,
    explore,
    find_all,
    patches_at,
    patches_of,
    pixels_in,
    propagate,
)
from ganray.images.codec import Pixels
from ganray.images.components import Mask

COARSEST = 20  # shorter side of the coarsest level in pixels, at least
FEWEST = 100  # known patches that a level must have
EXACT = 2e8  # pairs of numbers in a search among all patches, at most
ROUNDS = (2, 3, 4, 6, 8)  # of searching and voting, from the finest level on
DECAY = 0.77  # a patch counts less by this factor for each pixel that it is farther from what is known
FARTHEST = 24  # pixels from which on it does not count less any more
BARRED = SIDE * SIDE // 2  # barred pixels that a patch may have
AROUND = 3  # radius in pixels of the surrounding colour: that of a patch
MIDDLE = SIDE // 2


class Filling(NamedTuple):
    """What fills a hole: of each pixel [H, W] the one to copy, row * 2 W + column, columns from W on being the mirror image's (others have
    their own number); and the picture uint8 [H, W, 3] with the means of what all patches over a pixel copy."""

    sources: NDArray[np.intp]
    picture: Pixels


@dataclass(frozen=True)
class Level:
    """A level of the pyramid: picture uint8 [h, w, 3], its hole, what lies outside the frame, and how the hole is expected to look.
    What is `barred` (plain ground) may be copied only with something else beside it."""

    picture: Pixels
    hole: Mask
    outside: Mask
    guide: Pixels
    barred: Mask


@dataclass(frozen=True)
class Scene:
    """A level with its mirror image beside it: `picture` uint8 [h, 2 w, 3] and all its patches; the patches that the hole touches, at
    `places`, and the weight of each."""

    level: Level
    picture: Pixels
    library: Library
    places: Places
    trust: Costs

    def pixels(self, places: Places, down: int, right: int) -> Places:
        """The number row * 2 w + column of a pixel of each patch."""
        rows, columns = np.divmod(places, self.library.columns)
        result: Places = (rows + down) * self.picture.shape[1] + columns + right
        return result


def exemplar(picture: Pixels, hole: Mask, expected: tuple[Pixels, Mask], pulls: tuple[float, ...]) -> Filling | None:
    """Fill the hole [H, W] of a picture uint8 [H, W, 3]. `expected` are a smooth fill [H, W, 3] and what should not fill the hole, `pulls`
    the weights of the smooth fill from the finest level on. None where nothing can be copied.
    """
    rng = np.random.default_rng(0)
    scene: Scene | None = None
    matches: Matches | None = None
    depths = [(depth, level) for depth, level in enumerate(_pyramid(picture, hole, *expected))]
    for depth, level in reversed(depths):
        finer = _scene(level, pulls[min(depth, len(pulls) - 1)])
        if finer is None:
            continue
        if scene is None or matches is None:
            matches = _matches(finer)
            filled = np.where(level.hole[..., None], level.guide, level.picture)
        else:
            matches = _enlarged(matches, scene, finer, rng)
            filled = _voted(finer, matches)
        scene = finer
        rounds = ROUNDS[min(depth, len(ROUNDS) - 1)]
        for round_ in range(rounds):
            _search(scene, matches, filled, rng, round_)
            if depth == 0 or round_ < rounds - 1:  # the next finer level votes by its own pixels
                filled = _voted(scene, matches)
    if scene is None or matches is None:
        return None
    frame = slice(hole.shape[0]), slice(hole.shape[1])
    return Filling(_chosen(scene, matches, hole.shape[1])[frame], filled[frame])


def _pyramid(picture: Pixels, hole: Mask, guide: Pixels, barred: Mask) -> list[Level]:
    """From the finest level on, each half as large; padded so that each can be halved."""
    height, width = hole.shape
    depth = 0
    while min(height, width) >> (depth + 1) >= COARSEST:
        depth += 1
    pad = (0, -height % (1 << depth)), (0, -width % (1 << depth))
    outside = np.pad(np.zeros_like(hole), pad, constant_values=True)
    pictures = (np.pad(image, (*pad, (0, 0)), "edge") for image in (picture, guide))
    levels = [Level(next(pictures), np.pad(hole, pad, "edge"), outside, next(pictures), np.pad(barred, pad, "edge"))]
    while len(levels) <= depth:
        levels.append(_halved(levels[-1]))
    return levels


def _halved(level: Level) -> Level:
    """A pixel that is more than half unknown is unknown."""
    known = (~level.hole).astype(np.int32)
    count = _sums(known)
    seen = (_sums(level.picture * known[..., None]) + count[..., None] // 2) // np.maximum(count, 1)[..., None]
    guide = (_sums(level.guide.astype(np.int32)) + 2) // 4
    outside, barred = (_sums(mask.astype(np.int32)) for mask in (level.outside, level.barred))
    return Level(seen.astype(np.uint8), count < 2, outside > 0, guide.astype(np.uint8), barred > 2)


def _sums(x: NDArray[np.int32]) -> NDArray[np.int32]:
    """Sums over squares of 2 pixels."""
    return x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]


def _scene(level: Level, pull: float) -> Scene | None:
    """None where too little is known at this level."""
    height, width = level.hole.shape
    picture = np.concatenate([level.picture, level.picture[:, ::-1]], 1)
    useless = level.hole | level.outside
    usable = pixels_in(np.concatenate([useless, useless[:, ::-1]], 1)) == 0
    allowed = pixels_in(np.concatenate([level.barred, level.barred[:, ::-1]], 1)) <= BARRED
    if (usable & allowed).sum() >= FEWEST:
        usable &= allowed
    usable[:, width - SIDE + 1 : width] = False  # across the mirror
    usable = usable.ravel()
    known = np.flatnonzero(usable)
    if len(known) < FEWEST:
        return None
    filled = np.where(level.hole[..., None], level.guide, level.picture).astype(np.float32)
    around = np.rint(box_mean(filled, AROUND))
    means = np.concatenate([around, around[:, ::-1]], 1)[MIDDLE : height - MIDDLE, MIDDLE : 2 * width - MIDDLE].reshape(-1, 3)
    columns = 2 * width - SIDE + 1
    wanted = np.zeros((height - SIDE + 1, columns), bool)
    wanted[:, : width - SIDE + 1] = pixels_in(level.hole) > 0
    places = np.flatnonzero(wanted)
    library = Library(patches_of(picture), columns, usable, known, np.ascontiguousarray(means), pull)
    rows, across = np.divmod(places, columns)
    return Scene(level, picture, library, places, TRUST[depths(level.hole)[rows + MIDDLE, across + MIDDLE]])


TRUST = np.array([round(4096 * DECAY**step) + 1 for step in range(FARTHEST + 1)], np.float32)


def depths(hole: Mask, most: int = FARTHEST) -> NDArray[np.intp]:
    """How many pixels each pixel of a hole [H, W] is away from what is known (along rows, columns and diagonals), up to `most`."""
    depth, left = np.zeros(hole.shape, np.intp), hole
    for _ in range(most):
        if not left.any():
            break
        depth += left
        wide = np.pad(left, 1, mode="edge")
        tall = wide[:-2] & wide[1:-1] & wide[2:]
        left = tall[:, :-2] & tall[:, 1:-1] & tall[:, 2:]
    return depth


def _matches(scene: Scene) -> Matches:
    """Without any sources."""
    num, library = len(scene.places), scene.library
    number = np.full(len(library.usable), -1, np.int32)
    number[scene.places] = np.arange(num)
    wanted = np.empty((num, library.rows.shape[1]), np.float32)
    return Matches(scene.places, wanted, library.means[scene.places], np.full(num, -1), np.full(num, np.inf, np.float32), number)


def _enlarged(coarse: Matches, scene: Scene, finer: Scene, rng: np.random.Generator) -> Matches:
    """The matches of a level, moved twice as far, at the next finer one."""
    matches, library = _matches(finer), finer.library
    rows, columns = np.divmod(finer.places, library.columns)
    down = np.clip((rows + MIDDLE) // 2 - MIDDLE, 0, len(scene.library.usable) // scene.library.columns - 1)
    right = np.clip((columns + MIDDLE) // 2 - MIDDLE, 0, scene.library.columns - 1)
    sources = library.known[rng.integers(0, len(library.known), len(finer.places))]
    for dy, dx in ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)):
        place = (down + dy) * scene.library.columns + right + dx
        number = coarse.number[np.clip(place, 0, len(coarse.number) - 1)]
        at, to = np.divmod(coarse.sources[number], scene.library.columns)
        moved = finer.places + 2 * ((at - down - dy) * library.columns + to - right - dx)
        moved = np.clip(moved, 0, len(library.usable) - 1)
        free = (matches.sources < 0) & (number >= 0) & library.usable[moved]
        matches.sources[free] = moved[free]
    missing = matches.sources < 0
    matches.sources[missing] = sources[missing]
    matches.costs[:] = 1
    return matches


def _search(scene: Scene, matches: Matches, filled: Pixels, rng: np.random.Generator, round_: int) -> None:
    """Better sources for what the picture shows now."""
    library = scene.library
    matches.wanted[:] = patches_at(filled, *np.divmod(scene.places, library.columns))
    if len(scene.places) * len(library.known) * library.rows.shape[1] < EXACT:
        find_all(matches, library)
        return
    matches.costs[:] = library.costs(matches.wanted, matches.around, matches.sources)
    for step in (4, 2, 1) if round_ == 0 else (1, 1):
        propagate(matches, library, step)
    for radius in (0, 12, 3) if round_ == 0 else (6, 1):
        explore(matches, library, rng, radius)
    propagate(matches, library, 1)


def _weights(scene: Scene, matches: Matches) -> Costs:
    """The weight of each patch: by how well its source fits, in units of the upper quartile, and by how near it is to what is known."""
    typical = max(float(np.partition(matches.costs, int(0.75 * (len(matches.costs) - 1)))[int(0.75 * (len(matches.costs) - 1))]), 1.0)
    steps = np.minimum(16 * matches.costs / np.float32(2 * typical), 128).astype(np.intp)
    weights: Costs = SIMILAR[steps] * scene.trust
    return weights


def _voted(scene: Scene, matches: Matches) -> Pixels:
    """The picture [h, w, 3] with the hole filled by the weighted mean of what the patches over a pixel say."""
    height, width = scene.level.hole.shape
    colours = scene.picture.reshape(-1, 3).astype(np.float32)
    total, weight = np.zeros((height * 2 * width, 3), np.float32), np.zeros(height * 2 * width, np.float32)
    weights = _weights(scene, matches)
    for down in range(SIDE):
        for right in range(SIDE):
            place = scene.pixels(matches.places, down, right)
            total[place] += colours[scene.pixels(matches.sources, down, right)] * weights[:, None]
            weight[place] += weights
    mean = np.rint(total / np.maximum(weight, 1)[:, None]).reshape(height, 2 * width, 3)[:, :width].astype(np.uint8)
    return np.where(scene.level.hole[..., None], mean, scene.level.picture)


def _chosen(scene: Scene, matches: Matches, frame: int) -> NDArray[np.intp]:
    """The source of each pixel: that of the patch with the largest weight over it. Numbered in a frame of that width."""
    height, width = scene.level.hole.shape
    number = np.arange(height * 2 * width)
    best, weights = np.zeros(len(number), np.float32), _weights(scene, matches)
    for down in range(SIDE):
        for right in range(SIDE):
            place = scene.pixels(matches.places, down, right)
            better = weights > best[place]
            best[place[better]] = weights[better]
            number[place[better]] = scene.pixels(matches.sources, down, right)[better]
    rows, columns = np.divmod(number.reshape(height, 2 * width)[:, :width], 2 * width)
    own_rows, own_columns = np.indices((height, width))
    rows, columns = np.where(scene.level.hole, rows, own_rows), np.where(scene.level.hole, columns, own_columns)
    sources: NDArray[np.intp] = rows * 2 * frame + np.where(columns < width, columns, columns - 2 * (width - frame))
    return sources
