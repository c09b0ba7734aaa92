"""`titles`: pictures of combinations of words that training never saw.

Ten of the sample catalog's 108 pairs of category and colour are kept out of training, so that each category and each colour is still
seen with others. The demo's networks learn from the rest by titles alone. Samples requested by titles of the held-out pairs are then
scored beside samples of seen pairs, by an extractor trained on photos of all of them. The ratio is of the shares of samples
whose category and colour are both right; photos outside of the training set give the floors. The pictures go to out/benchmark/titles.png.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganray.benchmarks.catalogs import ROOT
from ganray.catalog.drawing import PATTERNS
from ganray.catalog.products import CATEGORIES
from ganray.catalog.sample import COLOURS, Product, draw, product, title
from ganray.config import BenchmarkConfig, TrainConfig
from ganray.engine import Engine
from ganray.images.codec import Pixels
from ganray.images.provenance import Label, encode_labelled
from ganray.images.transforms import contact_sheet
from ganray.metrics.features import Extractor, extract, new_extractor, training
from ganray.model_folder import ModelInfo
from ganray.presets import preset
from ganray.requests import GenerateRequest
from ganray.titles import Pieces, drop_title_words
from ganray.training.context import LocalContext
from ganray.training.loop import fit, gan_step
from ganray.training.staging import Batch
from ganray.training.state import create_state

PRODUCTS, JUDGED, KIMG, EXTRACTOR_KIMG = 3000, 480, 24.0, 20.0
HELD_OUT = 10
PIECES = 48
VOCABULARY = {"category": tuple(CATEGORIES), "colour": tuple(COLOURS), "pattern": PATTERNS}
Pair = tuple[str, str]


@dataclass(frozen=True)
class Photos:
    """Products drawn by code, or samples of what they are: uint8 [n, R, R, 3], and the products."""

    pixels: Pixels
    items: list[Product]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Int64 [n, 3], in the order of VOCABULARY."""
        rows = [[values.index(getattr(item, name)) for name, values in VOCABULARY.items()] for item in self.items]
        return np.array(rows, np.int64).reshape(-1, len(VOCABULARY))


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row: medians over `seeds` trainings."""
    torch.set_num_threads(1)
    base = preset("demo-32")
    base = base.model_copy(update={"kimg": KIMG, "model": base.model.model_copy(update={"title_pieces": PIECES})})
    held = held_out()
    photos = drawn(range(config.images or PRODUCTS), base.model.resolution)
    judge = new_extractor(base.model.resolution, VOCABULARY)
    for _ in training(judge, photos.pixels, photos.labels, EXTRACTOR_KIMG):
        pass
    seen = [pair for pair in itertools.product(CATEGORIES, COLOURS) if pair not in held]
    requested = {"held_out": wanted(held), "seen": wanted(seen)}
    figures: list[dict[str, dict[str, float]]] = []
    started = time.process_time()
    for seed in range(config.seeds):
        engine = trained(photos, held, base.model_copy(update={"seed": seed}))
        samples = {name: generated(engine, items) for name, items in requested.items()}
        figures.append({name: right(judge, part) for name, part in samples.items()})
        if seed == 0:
            Path(ROOT).mkdir(parents=True, exist_ok=True)
            Path(ROOT, "titles.png").write_bytes(sheet(samples["held_out"]))
    minutes = (time.process_time() - started) / 60 / config.seeds
    floors = {name: right(judge, fresh(held if name == "held_out" else seen, base.model.resolution)) for name in requested}
    return [row(figures, floors) | {"seeds": config.seeds, "kimg": KIMG, "cpu_minutes": round(minutes, 2)}]


def held_out() -> list[Pair]:
    """The pairs that training does not see: of a category at most one, of a colour at most two."""
    rng = np.random.default_rng(0)
    categories, colours = rng.permutation(list(CATEGORIES)).tolist(), rng.permutation(list(COLOURS)).tolist()
    return list(zip(categories[:HELD_OUT], itertools.cycle(colours), strict=False))


def drawn(indices: Sequence[int], side: int) -> Photos:
    """These products of the sample catalog."""
    items = [product(0, index) for index in indices]
    return Photos(np.stack([draw(item, side)[0] for item in items]), items)


def fresh(pairs: Sequence[Pair], side: int) -> Photos:
    """Photos of these pairs that lie behind those of the training."""
    indices = (index for index in itertools.count(10 * PRODUCTS) for item in [product(0, index)] if (item.category, item.colour) in pairs)
    return drawn(list(itertools.islice(indices, JUDGED)), side)


def wanted(pairs: Sequence[Pair]) -> list[Product]:
    """Products to request: the pairs and the patterns in turn."""
    kinds = itertools.islice(itertools.cycle(itertools.product(PATTERNS, pairs)), JUDGED)
    return [
        Product(f"{index}", category, colour, pattern, "white", title(category, colour, pattern), 0, index)
        for index, (pattern, (category, colour)) in enumerate(kinds)
    ]


def trained(photos: Photos, held: Sequence[Pair], config: TrainConfig) -> Engine:
    """An engine of the moving average after a training on what is not held out."""
    places = [place for place, item in enumerate(photos.items) if (item.category, item.colour) not in held]
    seen = Photos(photos.pixels[places], [photos.items[place] for place in places])
    state = create_state(config, ())
    fit(state, batches(seen, config), config, LocalContext(), gan_step)
    return Engine(state.ema, ModelInfo(model=config.model, attributes={}, num_images=state.num_images), "cpu", threads=1)


def batches(photos: Photos, config: TrainConfig) -> Iterator[Batch]:
    """Shuffled, and words dropped anew, each epoch, without end."""
    rng = np.random.default_rng([config.seed, 1])
    pieces, titles = Pieces(config.model.title_pieces, config.model.title_buckets), [item.title for item in photos.items]
    while True:
        label = torch.from_numpy(drop_title_words(np.empty((len(titles), 0), np.int64), titles, (), pieces, config.data.word_drop, rng))
        order = rng.permutation(len(titles))
        for start in range(0, len(order) - config.batch + 1, config.batch):
            chosen = order[start : start + config.batch]
            yield Batch(torch.from_numpy(photos.pixels[chosen]), label[chosen])


def generated(engine: Engine, items: list[Product]) -> Photos:
    """A sample for each product, requested by its title."""
    requests = [GenerateRequest(id=item.sku, title=item.title, seed=item.index) for item in items]
    return Photos(np.stack([sample.pixels for sample in engine.generate(requests)]), items)


def right(judge: Extractor, photos: Photos) -> dict[str, float]:
    """Shares of photos whose attributes the judge recognises."""
    return shares(judge.name(extract(judge, photos.pixels)).numpy(), photos.labels)


def shares(named: NDArray[np.int64], labels: NDArray[np.int64]) -> dict[str, float]:
    """How often labels [n, 3] are recognised, column by column; `both` is category and colour at once."""
    agreed = named == labels
    return {"both": float(agreed[:, :2].all(axis=1).mean()), **dict(zip(VOCABULARY, agreed.mean(axis=0).tolist(), strict=True))}


def row(figures: list[dict[str, dict[str, float]]], floors: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Medians over the trainings, beside the scores of photos."""
    medians = {
        kind: {name: round(statistics.median(figure[kind][name] for figure in figures), 4) for name in figures[0][kind]}
        for kind in figures[0]
    }
    value, baseline = medians["held_out"]["both"], medians["seen"]["both"]
    photos = {kind: {name: round(share, 4) for name, share in shares.items()} for kind, shares in floors.items()}
    ratio = round(value / baseline, 4) if baseline else 0.0
    return {"name": "titles", "value": value, "baseline": baseline, "ratio": ratio, "unit": "share right", **medians, "photos": photos}


def sheet(samples: Photos) -> bytes:
    """A row for each title, of eight samples: a labelled PNG."""
    rows: dict[str, list[Pixels]] = {}
    for image, item in zip(samples.pixels, samples.items, strict=True):
        rows.setdefault(item.title, []).append(image)
    label = Label(model_digest="in training", request_id="titles", seed=0)
    return encode_labelled(contact_sheet([(name, images[:8]) for name, images in rows.items()]), "png", label)
