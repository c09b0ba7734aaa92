"""Fixtures of the benchmarks of edits: held-out photos and cut-outs, the networks under test, composites with known mattes, sheets."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ganray.benchmarks.catalogs import ROOT
from ganray.config import BenchmarkConfig
from ganray.edits.edit import Network
from ganray.edits.network import TaskNetwork
from ganray.edits.photo import Alpha
from ganray.errors import ConfigError, RequestError
from ganray.images.codec import Pixels, decode
from ganray.images.names import is_cutout_name, is_image_name
from ganray.model_folder import load_editor
from ganray.storage import open_store

PICTURES_SHOWN, TILE = 24, 160  # pictures of a sheet, and their longer side in pixels
COMPOSITE = 400  # side of a composite in pixels


@dataclass
class BenchmarkTools:
    """`edits.Tools` of a benchmark: the networks of an editor, and the pictures of one photo."""

    networks: Mapping[str, Network]
    pictures: dict[str, Pixels] = field(default_factory=dict)
    product: Any = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def network(self, task: str) -> Network | None:
        """See `Tools`."""
        return self.networks.get(task)

    def picture(self, name: str) -> tuple[Pixels, Alpha | None]:
        """See `Tools`."""
        if name not in self.pictures:
            raise RequestError(f"picture {name!r} is not given")
        return self.pictures[name], None

    def rng(self) -> np.random.Generator:
        """See `Tools`."""
        return np.random.default_rng(0)


@dataclass(frozen=True)
class Composite:
    """A product over a photo's border: uint8 [S, S, 3], and the product's true share of each pixel float32 [S, S]."""

    pixels: Pixels
    alpha: Alpha


def load_tools(config: BenchmarkConfig) -> BenchmarkTools:
    """The editor under test, on one thread."""
    torch.set_num_threads(1)
    networks, _ = load_editor(config.editor)
    return BenchmarkTools({task: TaskNetwork(task, network) for task, network in networks.items()})


def photos(config: BenchmarkConfig, num: int) -> list[Pixels]:
    """`num` random photos (one seed) from under `config.photos`. Raises ConfigError where there are none."""
    store, keys = open_store(config.photos), []
    for info in store.list("") if config.photos else ():
        if is_image_name(info.key):
            keys.append(info.key)
    if not keys:
        raise ConfigError(f"benchmark {config.name}: no photos under {config.photos!r}", "Name held-out photos with --photos URL")
    chosen = np.random.default_rng(0).permutation(len(keys))[:num]
    return [decode(store.get(keys[place])).pixels for place in chosen.tolist()]


def cutouts(config: BenchmarkConfig) -> list[Pixels]:
    """All cut-outs under `config.cutouts`, uint8 [H, W, 4]. Raises ConfigError where there are none."""
    cutouts = []
    store = open_store(config.cutouts)
    for info in store.list("") if config.cutouts else ():
        if is_cutout_name(info.key):
            with Image.open(BytesIO(store.get(info.key))) as image:
                if "A" in image.getbands():
                    cutouts.append(np.asarray(image.convert("RGBA")))
    if not cutouts:
        raise ConfigError(
            f"benchmark {config.name}: no cut-outs with alpha under {config.cutouts!r}", "Name held-out ones with --cutouts URL"
        )
    return cutouts


def composites(config: BenchmarkConfig, num: int) -> Iterator[Composite]:
    """Cut-outs in turn over the borders of photos, at a random place, size and angle (one seed); half of them with a shadow."""
    rng = np.random.default_rng(1)
    grounds = photos(config, num)
    for cutout, ground in itertools.islice(zip(itertools.cycle(cutouts(config)), itertools.cycle(grounds)), num):
        yield composite(cutout, ground, rng)


def composite(cutout: Pixels, ground: Pixels, rng: np.random.Generator) -> Composite:
    """A cut-out over the border of a photo."""
    side = COMPOSITE
    height, width = ground.shape[:2]
    edge = int(min(height, width) * rng.uniform(0.4, 0.6))
    left = 0 if rng.random() < 0.5 else width - edge
    top = int(rng.uniform(0, height - edge))
    back = Image.fromarray(ground[top : top + edge, left : left + edge]).resize((side, side), Image.Resampling.BICUBIC)
    image = Image.fromarray(cutout)
    box = image.getchannel("A").getbbox() or (0, 0, *image.size)
    image = image.crop(box).rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC, expand=True)
    scale = side * rng.uniform(0.5, 0.85) / max(image.size)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS)
    sheet = Image.new("RGBA", (side, side))
    free = side - image.width, side - image.height
    sheet.paste(image, (round(free[0] * rng.uniform(0.3, 0.7)), round(free[1] * rng.uniform(0.3, 0.7))))
    rgba = np.asarray(sheet, np.float32)
    alpha: Alpha = rgba[..., 3] / np.float32(255)
    under = np.asarray(back, np.float32)
    if rng.random() < 0.5:
        shade = np.asarray(
            Image.fromarray(np.roll(rgba[..., 3], (8, 6), (0, 1)).astype(np.uint8)).reduce(10).resize((side, side)), np.float32
        )
        under = under * (1 - np.float32(0.4 / 255) * shade)[..., None]
    pixels = np.rint(rgba[..., :3] * alpha[..., None] + under * (1 - alpha[..., None])).astype(np.uint8)
    return Composite(pixels, alpha)


def opencv(name: str) -> ModuleType:
    """OpenCV, for the baselines. Raises ConfigError where it is not installed."""
    try:
        import cv2
    except ImportError as error:
        raise ConfigError(
            f"benchmark {name} compares with OpenCV, which is not installed", "Run pip install opencv-python-headless"
        ) from error
    cv2.setNumThreads(1)
    return cv2


def write_sheet(name: str, rows: list[list[Pixels]]) -> str:
    """Write `out/benchmark/NAME.jpg`: a row of pictures for each example, four examples a line; returns its path, or "" for no examples."""
    if not rows:
        return ""
    across, wide = 4, max(len(row) for row in rows)
    lines = -(-len(rows) // across)
    sheet = Image.new("RGB", (across * (wide * (TILE + 2) + 8), lines * (TILE + 6)), (70, 70, 120))
    for place, row in enumerate(rows):
        x, y = place % across * (wide * (TILE + 2) + 8), place // across * (TILE + 6)
        for column, pixels in enumerate(row):
            image = Image.fromarray(pixels)
            scale = TILE / max(image.size)
            image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
            sheet.paste(image, (x + column * (TILE + 2) + (TILE - image.width) // 2, y + (TILE - image.height) // 2))
    path = Path(ROOT, f"{name}.jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=82)
    return str(path)


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure."""
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}


def hole_of_share(size: tuple[int, int], rng: np.random.Generator, low: float, high: float) -> NDArray[np.bool_]:
    """A mask [H, W] of boxes, ovals and strokes that covers between `low` and `high` of it."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    while True:
        hole = np.zeros(size, bool)
        while hole.mean() < low:
            cx, cy, a, b, angle, kind = rng.uniform(0, width / max(size)), rng.uniform(0, height / max(size)), *rng.uniform(0, 1, 4)
            cos, sin = np.cos(np.pi * angle), np.sin(np.pi * angle)
            right, down = (x - cx) * cos + (y - cy) * sin, (y - cy) * cos - (x - cx) * sin
            a, b = 0.05 + 0.15 * a, 0.05 + 0.15 * b
            shapes = (
                (np.abs(x - cx) < a) & (np.abs(y - cy) < b),
                (right / a) ** 2 + (down / b) ** 2 < 1,
                (np.abs(right) < 2 * a) & (np.abs(down) < 0.04),
            )
            hole |= shapes[int(kind * 3)]
        if hole.mean() <= high:
            return hole
