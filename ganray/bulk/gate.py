"""The quality gate of a bulk job: a sample that is refused is drawn again from its next seed, a few times, else quarantined with its score.

A copy is what `copies/search.py` finds to be a photo of the catalog; by fingerprints alone, also what is nearer to one than photos are to
each other. What photos are like lies in the job's folder (gate.safetensors), measured once, so that every engine judges alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ganray.catalog.reader import Catalog
from ganray.catalog.search_groups import BATCH, groups_to_search
from ganray.config import GateConfig
from ganray.copies.methods import FINGERPRINT, METHODS, Records
from ganray.copies.search import find_copies
from ganray.engine import Engine
from ganray.errors import CatalogError, CheckpointError, ObjectExists, ObjectNotFound
from ganray.images.codec import Pixels
from ganray.metrics.features import extract, load_extractor
from ganray.metrics.gate import Gate, Limits, Reference, Verdict
from ganray.model_folder import ModelInfo
from ganray.requests import DERIVED_BITS, GenerateRequest, seed_of
from ganray.storage import Store, open_store

KEY = "gate.safetensors"
Sample = tuple[GenerateRequest, int]


class Drawn(NamedTuple):
    """Samples as they are to be written: the last of `tries`, with the seed that it was drawn from."""

    pixels: Pixels
    labels: NDArray[np.int64]
    seeds: list[int]
    tries: list[int]
    verdicts: list[Verdict]


def next_seed(seed: int, index: int, attempt: int) -> int:
    """The seed of attempt 1, 2, ... at sample `index` of a request; attempt 0 is the request's own."""
    if not attempt:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{index}/{attempt}".encode()).digest()[:8]) >> (64 - DERIVED_BITS)


def gate_digest(config: GateConfig, info: ModelInfo) -> str:
    """What verdicts depend on, beside the model: the extractor, the catalog and the limits. Raises CatalogError, CheckpointError."""
    if not config.extractor:
        return ""
    try:
        extractor = load_extractor(open_store(config.extractor))
    except ObjectNotFound as error:
        remedy = "Name the `extractor` folder of a ganray evaluate"
        raise CheckpointError(f"{config.extractor} holds no feature extractor", remedy) from error
    catalog = Catalog.open(config.catalog or info.catalog_url)
    if not extractor.resolution == catalog.info.resolution == info.model.resolution:
        sides = f"{info.model.resolution} px, the extractor {extractor.resolution} px, the catalog {catalog.info.resolution} px"
        raise CatalogError(f"gate: the model makes images of {sides}", "Take the extractor and the catalog that belong to the model")
    limits = config.model_dump_json(exclude={"extractor", "catalog"})
    return hashlib.sha256(f"{extractor.digest} {catalog.info.digest} {limits}".encode()).hexdigest()


def measure_photos(store: Store, config: GateConfig, info: ModelInfo) -> Iterator[int]:
    """Create the reference of a job, unless it lies there; yields the number of photos of each row group that was measured."""
    if store.exists(KEY):
        return
    extractor, catalog = load_extractor(open_store(config.extractor)), Catalog.open(config.catalog or info.catalog_url)
    parts: list[torch.Tensor] = []
    records: list[Records] = []
    with _one_thread() as thread:
        for shard, group, size in groups_to_search(catalog, config.search, 0):
            table = catalog.read_row_group(shard, group, ["image"])
            for start in range(0, size, BATCH):
                batch = catalog.images(table.slice(start, BATCH))
                parts.append(thread.submit(extract, extractor, batch).result())
                records.append(_records(config, batch))
            yield size
        reference = thread.submit(Reference.of, torch.cat(parts)).result()
        reference = replace(reference, records=torch.from_numpy(np.concatenate(records)))
    with suppress(ObjectExists):  # another driver's: it counts
        store.create(KEY, reference.to_bytes())


def _records(config: GateConfig, pixels: Pixels) -> Records:
    """What copies are found by; the white around padded photos is left, as generated images have it too."""
    return METHODS[config.copies_by].records([(image, None) for image in pixels])


def _one_thread() -> ThreadPoolExecutor:
    """A thread on which torch computes alone: its bits do not depend on the number of cores."""
    torch.get_num_threads()  # fixes the caller's setting, see engine.py
    return ThreadPoolExecutor(1, "gate", initializer=torch.set_num_threads, initargs=(1,))


class Judge:
    """The gate in an engine's process, on one thread."""

    def __init__(self, store: Store, config: GateConfig, engine: Engine) -> None:
        # a share of photos is near to another one without being its copy: distances decide only where nothing better is at hand
        limits = Limits(config.match, config.far, config.copies if config.copies_by == FINGERPRINT else 0.0)
        reference = Reference.from_bytes(store.get(KEY))
        self._gate = Gate(load_extractor(open_store(config.extractor)), reference, engine.vocabulary.values, limits)
        self._engine, self._config, self._photos = engine, config, reference.records.numpy()
        self._thread = _one_thread()

    def draw(self, samples: Sequence[Sample]) -> Drawn:
        """Draw each sample, and those that are refused again."""
        drawn = self._attempt(samples, 0)
        for attempt in range(1, self._config.tries + 1):
            refused = [row for row, verdict in enumerate(drawn.verdicts) if verdict.reason]
            if not refused:
                break
            again = self._attempt([samples[row] for row in refused], attempt)
            drawn.pixels[refused], drawn.labels[refused] = again.pixels, again.labels
            for row, seed, tries, verdict in zip(refused, again.seeds, again.tries, again.verdicts, strict=True):
                drawn.seeds[row], drawn.tries[row], drawn.verdicts[row] = seed, tries, verdict
        return drawn

    def _attempt(self, samples: Sequence[Sample], attempt: int) -> Drawn:
        seeds = [next_seed(seed_of(request), index, attempt) for request, index in samples]
        asked = [(request.model_copy(update={"seed": seed}), index) for (request, index), seed in zip(samples, seeds, strict=True)]
        z, labels = self._engine.draw(asked)
        pixels = self._engine.render(z, labels)
        verdicts = self._thread.submit(self._gate.look, pixels, labels).result()
        if self._config.copies:
            found = find_copies(self._config.copies_by, self._photos, _records(self._config, pixels))
            for row in np.flatnonzero(found >= 0).tolist():
                verdicts[row] = verdicts[row]._replace(score=0.0, reason="copy")
        return Drawn(pixels, labels, seeds, [attempt + 1] * len(samples), verdicts)
