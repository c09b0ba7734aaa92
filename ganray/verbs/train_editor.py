"""The verb `train-editor`: a prepared catalog in, the networks of the learned edits out. It is `train` with the preset `editor`.

The run lies in the folder `editor` of `out`, which may be a model's: what was learned to make and to edit then lies together.
"""

from __future__ import annotations

from typing import Any

from ganray.catalog.reader import Catalog
from ganray.config import EditorConfig, OptimizerConfig, TrainConfig, TrainEditorConfig
from ganray.copies.methods import AUTO, IMAGENET, chosen_method
from ganray.model_folder import EDITOR_FOLDER
from ganray.presets import editor_preset
from ganray.storage import open_store
from ganray.verbs.train import train


def train_editor(config: TrainEditorConfig) -> dict[str, Any]:
    """Train until `kimg` or `minutes`; see `train`. Photos may have any size: the catalog's is taken.

    >>> ganray.train_editor(ganray.TrainEditorConfig(catalog="catalog", out="trained", executor="local"))
    Traceback (most recent call last):
    ganray.errors.ConfigError: train: photos of 8 px are too small for ...
    """
    return train(to_train_config(config))


def to_train_config(config: TrainEditorConfig) -> TrainConfig:
    """The run as `train` takes it."""
    base = editor_preset()
    given = {name: getattr(config, name) for name in TrainEditorConfig.model_fields if name not in ("out", "editor", "optimizer")}
    given["editor"] = EditorConfig.model_validate(config.editor.model_dump() | {"encoder": encoder_of(config)})
    given["optimizer"] = OptimizerConfig.model_validate(config.optimizer.model_dump())
    model = base.model.model_copy(update={"resolution": Catalog.open(config.catalog).info.resolution})
    return base.model_copy(update={**given, "model": model, "out": open_store(config.out).child(EDITOR_FOLDER).url})


def encoder_of(config: TrainEditorConfig) -> str:
    """The encoder that `auto` means here: ImageNet's where copies are found by its features, too, as the package is the same."""
    auto = "imagenet" if "matte" in config.editor.tasks and chosen_method(AUTO) == IMAGENET else ""
    return auto if config.editor.encoder == "auto" else config.editor.encoder
