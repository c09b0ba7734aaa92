"""`relabel`: a generator is trained on the sample catalog, and photos that it has not seen are given another category each.

Scored by an extractor trained on photos: how often the result is recognised as the requested category, against how often photos are; how
much of the colour is kept (intraclass correlation of L, a, b over the requested categories); PSNR of the reconstructions.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganray.benchmarks import edit_fixtures as fixtures
from ganray.benchmarks.worst_sheet import WorstSheet
from ganray.catalog.products import CATEGORIES
from ganray.catalog.sample import COLOURS, draw, product
from ganray.config import BenchmarkConfig
from ganray.edit_engine import EngineProduct
from ganray.edits import Photo
from ganray.edits.relabel import RelabelParams, relabel
from ganray.engine import Engine
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.images.lab import to_lab
from ganray.metrics.features import Extractor, extract, new_extractor, training
from ganray.metrics.paired import icc
from ganray.model_folder import ModelInfo
from ganray.presets import preset
from ganray.training.context import LocalContext
from ganray.training.loop import fit, gan_step
from ganray.training.staging import Batch
from ganray.training.state import create_state

PRODUCTS, KIMG, EXTRACTOR_KIMG, PHOTOS, CATEGORIES_EACH = 3000, 24.0, 20.0, 12, 4
VOCABULARY = {"category": tuple(CATEGORIES), "colour": tuple(COLOURS)}


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row: the share of results recognised as the requested category, over that of photos recognised as theirs."""
    torch.set_num_threads(1)
    pixels, labels = photos_of(range(PRODUCTS))
    judge = new_extractor(pixels.shape[1], VOCABULARY)
    for _ in training(judge, pixels, labels, EXTRACTOR_KIMG):
        pass
    started = time.process_time()
    engine = trained(pixels, labels)
    minutes = (time.process_time() - started) / 60
    fresh, truth = photos_of(range(10 * PRODUCTS, 10 * PRODUCTS + 500))
    real = float((recognised(judge, fresh) == truth[:, 0]).mean())
    tools = fixtures.BenchmarkTools({}, product=EngineProduct(engine))
    right: list[bool] = []
    psnrs: list[float] = []
    colours: list[list[list[float]]] = []
    sheet = WorstSheet("relabel")
    refused = photos = 0
    for photo, (category, colour) in zip(fresh[: config.images or PHOTOS], truth.tolist(), strict=False):
        tools.attributes = {"category": VOCABULARY["category"][category], "colour": VOCABULARY["colour"][colour]}
        row, made = [photo], list[list[float]]()
        for step in range(1, CATEGORIES_EACH + 1):
            wanted = (category + 5 * step) % len(CATEGORIES)
            try:
                result = relabel(Photo(photo), RelabelParams(to={"category": VOCABULARY["category"][wanted]}), tools)
            except EditError:
                refused += 1
                break
            right.append(int(recognised(judge, result.pixels[None])[0]) == wanted)
            psnrs.append(float(result.facts["psnr"]))
            made.append(middle_colour(result.pixels))
            row.append(result.pixels)
        if len(made) == CATEGORIES_EACH:
            colours.append(made)
        if made:
            sheet.add(min(psnrs[-len(made) :]), row)
        photos += 1
    accuracy = float(np.mean(right)) if right else 0.0
    values = np.array(colours)
    kept = {f"icc_{name}": round(float(icc(values[:, :, channel])), 3) for channel, name in enumerate("Lab")} if len(values) > 1 else {}
    psnr = round(float(np.median(psnrs)), 1) if psnrs else 0.0
    facts = {"photos": photos, "refused": refused, "psnr_median": psnr, **kept, "gan_cpu_minutes": round(minutes, 1)}
    return [{"name": "relabel", "value": accuracy, "baseline": real, "ratio": accuracy / real, "unit": "right", **facts, **sheet.facts()}]


def photos_of(indices: range) -> tuple[Pixels, NDArray[np.int64]]:
    """Drawn products uint8 [n, R, R, 3] and their labels [n, 2]."""
    items = [product(0, index) for index in indices]
    side = preset("demo-32").model.resolution
    labels = [[VOCABULARY["category"].index(item.category), VOCABULARY["colour"].index(item.colour)] for item in items]
    return np.stack([draw(item, side)[0] for item in items]), np.array(labels, np.int64)


def trained(pixels: Pixels, labels: NDArray[np.int64]) -> Engine:
    """The engine of `demo-32` after KIMG thousand images, one thread, without Ray."""
    config = preset("demo-32").model_copy(update={"kimg": KIMG, "log_kimg": KIMG, "checkpoint_kimg": KIMG, "grid_kimg": KIMG})
    images, known = torch.from_numpy(pixels), torch.from_numpy(labels)

    def batches() -> Iterator[Batch]:
        rng = torch.Generator().manual_seed(0)
        while True:
            for chosen in torch.randperm(len(images), generator=rng).split(config.batch)[:-1]:
                yield Batch(images[chosen], known[chosen])

    state = fit(create_state(config, tuple(map(len, VOCABULARY.values()))), batches(), config, LocalContext(), gan_step)
    return Engine(state.ema, ModelInfo(model=config.model, attributes=VOCABULARY, num_images=state.num_images), "cpu", threads=1)


def recognised(judge: Extractor, pixels: Pixels) -> NDArray[np.int64]:
    """The category that the extractor recognises in each picture."""
    categories: NDArray[np.int64] = judge.name(extract(judge, pixels)).cpu().numpy()[:, 0]
    return categories


def middle_colour(pixels: Pixels) -> list[float]:
    """The median Lab of what is not white."""
    lab = to_lab(pixels).reshape(-1, 3)
    product_ = lab[np.abs(pixels.reshape(-1, 3).astype(int) - 255).max(1) > 40]
    return [float(value) for value in np.median(product_ if len(product_) else lab, 0)]
