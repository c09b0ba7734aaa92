"""What is checked and recorded before a training run starts; resolve.py calls it in order."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

from ganray.catalog.reader import Catalog
from ganray.config import TrainConfig
from ganray.errors import CatalogError, CheckpointError, GanrayError
from ganray.model_folder import ModelInfo, Origin
from ganray.runs.checkpoints import FOLDER
from ganray.storage import Store

Vocabulary = dict[str, tuple[str, ...]]
RUN_FACTS = "run.json"
SHOWN_TITLES = 12  # of the catalog's, kept with the model to show what it can be asked
RESULT_FIELDS = (
    "seed",
    "batch",
    "lanes",
    "workers",
    "precision",
    "optimizer",
    "loss",
    "augment",
    "condition",
    "privacy",
    "data",
    "editor",
    "ema_kimg",
    "ema_rampup",
)


def describe(config: TrainConfig, catalog: Catalog, vocabulary: Vocabulary, private: bool) -> ModelInfo:
    """What the model will be. Of a private run's catalog neither counts of values nor the digest, which tell of single photos."""
    return ModelInfo(
        model=config.model,
        attributes=vocabulary,
        histograms={} if private else {name: catalog.info.histograms[name] for name in vocabulary},
        titles=catalog.some_titles(SHOWN_TITLES) if config.model.title_pieces else (),
        catalog_url=catalog.url,
        catalog_digest="" if private else catalog.info.digest,
        train=config,
    )


def check_catalog(config: TrainConfig, catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """The vocabulary to condition on: attributes of one value tell nothing. Raises CatalogError where catalog and model do not fit."""
    side = config.model.resolution
    if catalog.info.resolution != side:
        named, key = (config.from_model, "--from") if config.from_model else (config.preset, "preset")
        raise CatalogError(
            f"{config.catalog} holds {catalog.info.resolution} px images, the model ({named}) is for {side} px",
            f"Ingest with --resolution {side}, or choose another {key}",
        )
    if config.model.title_pieces and not catalog.info.title:
        raise CatalogError(
            f"{config.catalog} holds no titles, model.title_pieces is {config.model.title_pieces}",
            "Ingest with --table and --title COLUMN, or train with --model.title-pieces 0",
        )
    return {name: values for name, values in catalog.vocabulary(config.attributes).items() if len(values) > 1}


def run_facts(config: TrainConfig, store: Store) -> dict[str, Any]:
    """What an earlier part of the run has noted of itself; empty where there is none. Raises CheckpointError unless it is to be resumed."""
    if next(iter(store.list(FOLDER)), None) is None and not store.exists("model.json") and not store.exists("editor.json"):
        return {}
    if not config.resume:
        raise CheckpointError(f"{config.out} holds a run already", "Add --resume to continue it, or choose another --out")
    facts: dict[str, Any] = json.loads(store.get(RUN_FACTS)) if store.exists(RUN_FACTS) else {}
    return facts


def check_folder(config: TrainConfig, store: Store, catalog_digest: str, facts: dict[str, Any], origins: tuple[Origin, ...]) -> None:
    """Refuse to continue a run on other data, which would mix two runs in one folder; note what this one is."""
    now = config.model_dump(mode="json")
    if facts:
        _compare(facts["config"], now)
        taught, teacher = facts["config"].get("editor", {}).get("teacher_digest", ""), config.editor.teacher_digest
        if taught and taught != teacher:
            raise CheckpointError(
                f"{config.out} was begun with a teacher of sha256 {taught[:12]}, now it is {teacher[:12] or 'none'}",
                "Resume with that editor.teacher, or train into another --out",
            )
        if facts["catalog_digest"] != catalog_digest:
            raise CheckpointError(
                f"{config.out} was begun on a catalog of {facts['catalog_digest'][:19]}, {config.catalog} is now {catalog_digest[:19]}",
                "Restore that catalog, or train into another --out",
            )
    begun = [origin.model_dump(mode="json") for origin in origins]
    store.put(RUN_FACTS, json.dumps({"catalog_digest": catalog_digest, "config": now, "origins": begun}, indent=1).encode())


def _compare(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Say which settings have changed since the run began: allowed, but no longer the run that it would have been. Settings that came with
    a newer version had their defaults."""
    with suppress(ValueError, GanrayError):  # else this version does not know a setting of that one's
        before = TrainConfig.model_validate(before).model_dump(mode="json")
    changed = [change for name in RESULT_FIELDS for change in _changes(name, before.get(name), now[name])]
    if changed:
        print(f"train: resuming with other settings: {'; '.join(changed)}", file=sys.stderr)


def _changes(name: str, before: Any, now: Any) -> list[str]:
    """What differs, each setting of a section by itself."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [change for key in now for change in _changes(f"{name}.{key}", before.get(key), now[key])]
    return [f"{name} {before} -> {now}"] if before != now else []
