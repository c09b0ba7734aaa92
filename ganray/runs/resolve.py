"""A run with everything filled in that depends on its catalog, on what its folder holds already, and on its settings."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from ganray.catalog.reader import Catalog
from ganray.catalog.windows import Source
from ganray.config import EditorConfig, TrainConfig
from ganray.model_folder import ModelInfo, load_editor
from ganray.runs.catalog_warnings import catalog_warnings
from ganray.runs.learners import learner_of
from ganray.runs.preflight import check_catalog, check_folder, describe, run_facts
from ganray.runs.privacy import Private, keep_secret, resolve_privacy
from ganray.runs.source_model import SourceModel, find_beginning, refuse_known_photos
from ganray.runs.trackers import require
from ganray.storage import open_store
from ganray.training.gamma import resolve_gamma
from ganray.training.lanes import lanes


@dataclass(frozen=True)
class ResolvedRun:
    """What is known of a run before any worker starts; only the number of micro-batches may be left to the workers' memory."""

    config: TrainConfig
    info: ModelInfo
    source: Source
    private: Private | None
    begins_with: SourceModel | None = None  # where the run has no checkpoint of its own yet


def resolve_run(config: TrainConfig) -> ResolvedRun:
    """Check a run against its catalog and its folder, fill in its defaults, and note in the folder what it is.

    Raises ConfigError, CatalogError, CheckpointError or StorageError; prints warnings about the catalog.
    """
    require(config.track)
    learner_of(config).check(config)
    catalog, store = Catalog.open(config.catalog), open_store(config.out)
    facts = run_facts(config, store)
    beginning = find_beginning(config, store, facts)
    config = beginning.config
    vocabulary = check_catalog(config, catalog)
    refuse_known_photos(config, catalog, beginning.origins)
    privacy = resolve_privacy(config, catalog.num_images, facts)
    config = config.model_copy(
        update={
            "loss": resolve_gamma(config.loss, config.model.resolution, catalog.num_images),
            "privacy": privacy,
            "editor": with_digest(config.editor),
            "compile": "off" if privacy.epsilon else config.compile,  # compiled networks have no gradients of single images
            "lanes": lanes(config, len(catalog.row_groups()), facts),
            "catalog": catalog.url,  # workers have another working directory
            "out": store.url,
        }
    )
    check_folder(config, store, catalog.info.digest, facts, beginning.origins)
    for warning in catalog_warnings(config, catalog, vocabulary):
        print(f"train: {warning}", file=sys.stderr)
    private = keep_secret(config, catalog.num_images, store)
    info = describe(config, catalog, vocabulary, bool(private)).model_copy(update={"origins": beginning.origins})
    source = Source.of(catalog, vocabulary, config.data, config.seed, config.lanes, info.pieces)
    return ResolvedRun(config, info, source, private, beginning.source)


def with_digest(editor: EditorConfig) -> EditorConfig:
    """The same with the sha256 of its teacher's weights, where mattes are learned from one. Raises CheckpointError."""
    if not (editor.teacher and editor.mined and "matte" in editor.tasks) or editor.teacher_digest:
        return editor
    return editor.model_copy(update={"teacher_digest": load_editor(editor.teacher)[1].digest})
