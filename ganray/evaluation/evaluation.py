"""Score a model against its catalog: photos, requests, features, scores, report."""

from __future__ import annotations

import itertools
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganray import __version__
from ganray.catalog.reader import Catalog, Labels
from ganray.catalog.search_groups import groups_to_search, photo_at
from ganray.config import EvaluateConfig
from ganray.copies.methods import chosen_method
from ganray.engine import Engine
from ganray.errors import CheckpointError, EvaluationError
from ganray.evaluation.copies import CopyFinder, Searchers, find_pairs, search
from ganray.evaluation.truncation import Subject, describe_curve, measure_curve, write_curve
from ganray.evaluation.value_pairs import ATTRIBUTES, chosen_samples, photos_at, places_of, with_photos
from ganray.images.codec import Pixels
from ganray.images.provenance import encode_labelled
from ganray.images.transforms import contact_sheet
from ganray.metrics import score, score_neighbours
from ganray.metrics.features import Extractor, extract, heads_of, load_extractor, new_extractor, save_extractor, training
from ganray.metrics.neighbours import Nearest, usual_distances
from ganray.metrics.page import COMPOSITE_TYPE, Pictures, enlarged, label_of, render_page, value_sheet
from ganray.metrics.recognition import recognition
from ganray.metrics.scorer import Scorer
from ganray.metrics.summary import summary
from ganray.model_folder import ModelInfo
from ganray.requests import GenerateRequest
from ganray.storage import Store, open_store
from ganray.storage.retry import patiently

FORMAT_VERSION = 2
EXTRACTOR = "extractor"  # subfolder of `out`
PIXEL_MEMORY = 2**30  # bytes of uint8 pixels held at once: photos of both halves and samples
SMALLEST = 32  # scores of fewer images of each kind are meaningless
SHEET_COLUMNS, SHEET_VALUES = 8, 20
SHEETS = [f"nearest_photos{number}.png" for number in ("", *(f"_{place}" for place in range(2, ATTRIBUTES + 1)))]  # an attribute each


class Step(NamedTuple):
    """Progress: `images` more are done; `stage` is what happens now."""

    images: int
    stage: str


class Photos(NamedTuple):
    """Photos with their labels (columns as in the catalog's vocabulary) and titles, or samples with those of their requests."""

    pixels: Pixels
    labels: Labels
    titles: Sequence[str] = ()


def num_of_each(config: EvaluateConfig, catalog: Catalog) -> int:
    """Images of each kind: the least of `num`, half of the catalog, and what fits into 1 GiB of pixels."""
    num = min(config.num, catalog.num_images // 2, PIXEL_MEMORY // (9 * catalog.info.resolution**2))
    if num < SMALLEST:
        raise EvaluationError(
            f"catalog {catalog.url} has {catalog.num_images} images of {catalog.info.resolution} px: only {num} can be compared",
            f"Evaluate on a catalog of at least {2 * SMALLEST} images",
        )
    return num


def examine(config: EvaluateConfig, device: str, threads: int) -> Iterator[Step | dict[str, Any]]:
    """Evaluate the model of `config` with this many torch threads: yields Steps, and the report at the end."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield from _examine(config, device, threads)
    finally:
        torch.set_num_threads(before)


def _examine(config: EvaluateConfig, device: str, threads: int) -> Iterator[Step | dict[str, Any]]:
    catalog = patiently("evaluate", Catalog.open, config.catalog)
    engine = patiently("evaluate", Engine.load, config.model, device, threads)
    check_fit(engine, catalog)
    num = num_of_each(config, catalog)
    yield Step(0, "reading photos")
    train, holdout = patiently("evaluate", split_photos, catalog, num, config.seed)
    if (train.pixels == train.pixels[0]).all() and (holdout.pixels == train.pixels[0]).all():
        raise EvaluationError(f"all photos of catalog {catalog.url} are one picture", "Evaluate on a catalog of different photos")
    yield Step(0, "training the extractor")
    extractor = yield from trained_extractor(config, catalog, train, device)
    sample = Photos(np.empty_like(holdout.pixels), holdout.labels, holdout.titles)
    requests = requests_for(catalog.vocabulary(), engine.info, holdout, config.seed)
    for place, generated in enumerate(engine.generate(requests)):
        sample.pixels[place] = generated.pixels
        if place % 64 == 63 or place == num - 1:
            yield Step(place % 64 + 1, "generating")
    yield Step(0, "measuring")
    features = []
    for photos in (train, holdout, sample):
        features.append(extract(extractor, photos.pixels))
        yield Step(num, "measuring")
    groups = groups_to_search(catalog, config.search, config.seed)
    copies = CopyFinder(chosen_method(config.copies_by), sample.pixels)
    searchers = Searchers(Nearest(features[1]), Nearest(features[2]), copies)
    for num_searched in search(catalog, groups, extractor, holdout.pixels, searchers):
        yield Step(num_searched, "searching for copies")
    report = describe(config, catalog, engine, extractor, num) | {"searched": searchers.near.searched}
    report |= {"copies": {"method": copies.method, "found": int((copies.places >= 0).sum())}}
    usual, near, attributes = searchers.usual, searchers.near, scored_attributes(catalog, engine.info)
    report |= measure(extractor, attributes, features, (usual, near), head_labels(catalog, holdout.labels))
    report["summary"] = summary(report)
    if config.truncations:
        scorer = Scorer(extractor, train.pixels, holdout.pixels, head_labels(catalog, holdout.labels), tuple(attributes))
        report["truncation"] = yield from _curve(Subject(engine, requests, scorer.score), config.truncations, report)
    chosen, places = chosen_samples(report["accuracy"], catalog.vocabulary(), holdout.labels), near.places.cpu().numpy()
    nearest = dict(photos_at(catalog, groups, places[places_of(chosen)].tolist()))
    report["sheets"] = dict(zip(chosen, SHEETS, strict=False))
    pictures = Pictures(
        contact_sheet(sheet_rows(catalog.vocabulary(), attributes, holdout, sample), tile=len(enlarged(sample.pixels[0]))),
        find_pairs(searchers, partial(patiently, "evaluate", photo_at, catalog, groups), sample.pixels, requests),
        with_photos(chosen, sample.pixels, places, nearest),
    )
    patiently("evaluate", write, open_store(config.out), report, pictures)
    if config.truncations:
        patiently("evaluate", write_curve, open_store(config.model), report["truncation"])
    yield report


def _curve(subject: Subject, asked: Sequence[float], report: Mapping[str, Any]) -> Generator[Step, None, dict[str, Any]]:
    rows = list[dict[str, float]]()
    for row in measure_curve(subject, asked):
        rows.append(row)
        yield Step(len(subject.requests), "truncating")
    return describe_curve(rows, report)


def check_fit(engine: Engine, catalog: Catalog) -> None:
    """Raise CheckpointError or CatalogError unless the model has the resolution of the catalog and knows all its attribute values."""
    remedy = "Evaluate on the catalog it was trained on, or train it on this one"
    if engine.resolution != catalog.info.resolution:
        sides = f"{engine.resolution} px images, catalog {catalog.url} has {catalog.info.resolution} px"
        raise CheckpointError(f"the model generates {sides}", remedy)
    for name, values in catalog.vocabulary(list(engine.info.attributes)).items():
        unknown = [value for value in values if value not in engine.info.attributes[name]]
        if unknown:
            raise CheckpointError(f"the model does not know {name} {unknown[0]!r} of catalog {catalog.url}", remedy)


def split_photos(catalog: Catalog, num: int, seed: int) -> tuple[Photos, Photos]:
    """Two disjoint sets of `num` photos each, sampled over the whole catalog and shuffled."""
    rng = np.random.default_rng([seed, 0])
    tables = catalog.sample_tables(2 * num, rng, catalog.columns(titled=True))
    pixels, labels, titles = zip(*((catalog.images(table), catalog.labels(table), catalog.titles(table)) for table in tables), strict=True)
    photos = Photos(np.concatenate(pixels), np.concatenate(labels), list(itertools.chain(*titles)))
    order = rng.permutation(2 * num)
    return _select(photos, order[:num]), _select(photos, order[num:])


def _select(photos: Photos, places: Labels) -> Photos:
    return Photos(photos.pixels[places], photos.labels[places], [photos.titles[place] for place in places])


def requests_for(vocabulary: Mapping[str, Sequence[str]], info: ModelInfo, photos: Photos, seed: int) -> list[GenerateRequest]:
    """One request for each photo with the values of the model's attributes, and the title if the model reads titles.

    They are not validated: values of a catalog may be longer than a request allows.
    """
    columns = {name: place for place, name in enumerate(vocabulary)}
    attributes = [{name: vocabulary[name][row[columns[name]]] for name in info.attributes} for row in photos.labels.tolist()]
    titles = photos.titles if info.pieces.num else [""] * len(attributes)
    return [
        GenerateRequest.model_construct(id=f"evaluate-{place}", attributes=values, title=title).resolved(seed)
        for place, (values, title) in enumerate(zip(attributes, titles, strict=True))
    ]


def scored_attributes(catalog: Catalog, info: ModelInfo) -> list[str]:
    """The catalog's attributes that requests specify: those of the model, or all if titles may contain them."""
    return list(catalog.vocabulary()) if info.pieces.num and catalog.info.title else list(info.attributes)


def head_labels(catalog: Catalog, labels: Labels) -> Labels:
    """The label columns for which an extractor of this catalog has heads: int64 [n, heads]."""
    heads = heads_of(catalog.vocabulary())
    return labels[:, [place for place, name in enumerate(catalog.vocabulary()) if name in heads]]


def describe(config: EvaluateConfig, catalog: Catalog, engine: Engine, extractor: Extractor, num: int) -> dict[str, Any]:
    """The part of the report that says what was compared."""
    info = engine.info
    return {
        "format_version": FORMAT_VERSION,
        "software": __version__,
        "model": {"url": config.model, "digest": info.digest, "num_images": info.num_images, "attributes": list(info.attributes)},
        "catalog": {"url": catalog.url, "digest": catalog.info.digest, "num_images": catalog.num_images},
        "extractor": {"url": config.extractor or f"{config.out.rstrip('/')}/{EXTRACTOR}", "digest": extractor.digest},
        "resolution": engine.resolution,
        "num": num,
        "seed": config.seed,
    }


def measure(
    extractor: Extractor, attributes: Sequence[str], features: list[Tensor], neighbours: tuple[Nearest, Nearest], labels: Labels
) -> dict[str, Any]:
    """`scores`, `floors` and `accuracy` by attribute. `features` are those of train, holdout and sample; `neighbours` of the last two."""
    usual, near = neighbours
    neighbour_scores = score_neighbours(usual_distances(usual.distances), near.distances)
    scores, floors = (figures | more for figures, more in zip(score(*features), neighbour_scores, strict=True))
    accuracy = recognition(extractor, features[1], features[2], labels, attributes)
    scored = [row for row in accuracy.values() if row["generated"] is not None]
    if scored:
        scores["accuracy"], floors["accuracy"] = (round(sum(row[of] for row in scored) / len(scored), 6) for of in ("generated", "photos"))
    return {"scores": scores, "floors": floors, "accuracy": accuracy}


def sheet_rows(
    vocabulary: Mapping[str, Sequence[str]], attributes: Sequence[str], photos: Photos, sample: Photos
) -> list[tuple[str, list[Pixels]]]:
    """Rows of photos above rows of samples for the most frequent values of the category, or else of the model's first attribute."""
    shown = "category" if "category" in attributes else next(iter(attributes), "")
    if not shown:
        starts = range(0, min(len(photos.pixels), 4 * SHEET_COLUMNS), SHEET_COLUMNS)
        kinds = (("photos", photos), ("generated", sample))
        return [(title, list(images.pixels[start : start + SHEET_COLUMNS])) for title, images in kinds for start in starts]
    column = photos.labels[:, list(vocabulary).index(shown)]
    most_frequent = np.bincount(column, minlength=len(vocabulary[shown])).argsort(kind="stable")[::-1][:SHEET_VALUES]
    rows: list[tuple[str, list[Pixels]]] = []
    for value in sorted(most_frequent.tolist()):
        places = np.flatnonzero(column == value)[:SHEET_COLUMNS]
        rows.append((vocabulary[shown][value] or "(none)", list(photos.pixels[places])))
        rows.append(("generated", list(sample.pixels[places])))
    return rows


def write(store: Store, report: dict[str, Any], pictures: Pictures) -> None:
    """Write sheets and page, then report.json: if it exists, the others exist and belong to it.

    The sheets are labelled as partly generated.
    """
    store.delete("report.json")  # of an earlier evaluation
    store.put("contact_sheet.png", encode_labelled(pictures.sheet, "png", label_of(report, "contact sheet", COMPOSITE_TYPE)))
    for key in SHEETS:
        store.delete(key)
    for name, key in report["sheets"].items():
        picture = value_sheet(report["accuracy"][name]["values"], pictures.values[name])
        store.put(key, encode_labelled(picture, "png", label_of(report, key.removesuffix(".png"), COMPOSITE_TYPE)))
    store.put("report.html", render_page(report, pictures).encode())
    store.put("report.json", (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())


def trained_extractor(config: EvaluateConfig, catalog: Catalog, train: Photos, device: str) -> Generator[Step, None, Extractor]:
    """Load the extractor of `config`, or train one on `train` and save it under `out`; yields the progress of the training."""
    vocabulary, resolution = catalog.vocabulary(), catalog.info.resolution
    if config.extractor:
        loaded = patiently("evaluate", load_extractor, open_store(config.extractor), device)
        if (loaded.resolution, loaded.heads) != (resolution, heads_of(vocabulary)):
            raise EvaluationError(
                f"extractor {config.extractor} was trained on another catalog, not {config.catalog}: resolution or attribute values differ",
                "Leave extractor empty to train one",
            )
        return loaded
    extractor = new_extractor(resolution, vocabulary, config.seed, device)
    for done in training(extractor, train.pixels, head_labels(catalog, train.labels), config.extractor_kimg, config.seed):
        yield Step(done, "training the extractor")
    facts = {"catalog_digest": catalog.info.digest, "num": len(train.pixels), "kimg": config.extractor_kimg, "seed": config.seed}
    patiently("evaluate", save_extractor, open_store(config.out).child(EXTRACTOR), extractor, facts)
    return extractor
