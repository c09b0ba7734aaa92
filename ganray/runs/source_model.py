"""A run that begins with another model's weights (`from`): finds that model, and writes the run's first checkpoint, of 0 images.

The driver writes it before any worker starts, and the run then is one that is resumed: all ranks read the same weights, a worker that is
lost early begins with them again, and nobody reads the other model a second time.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from ganray.catalog.reader import Catalog
from ganray.checkpoint import save_state
from ganray.config import ModelConfig, TrainConfig
from ganray.errors import CheckpointError, ConfigError, ObjectCorrupt
from ganray.model_folder import ModelInfo, Origin, describe_folder, load_model
from ganray.models import Discriminator, Generator, Words, build_discriminator, copy_weights, shared_values
from ganray.runs.checkpoints import CheckpointRef, places, restore
from ganray.storage import Store, open_store
from ganray.storage.retry import retry_while_unavailable
from ganray.training.state import copy_into, create_state

WORDS = ("title_pieces", "title_buckets")  # of a model's keys those that another vocabulary may change


@dataclass(frozen=True)
class SourceModel:
    """The model that a run begins with; without its discriminator where none of its checkpoints is there."""

    info: ModelInfo
    generator: Generator
    discriminator: Discriminator | None


@dataclass(frozen=True)
class Beginning:
    """How a run begins: its config with the networks of `source`, and where their weights come from, the nearest model first.

    `source` is None where the run begins from nothing, or has a checkpoint of its own.
    """

    config: TrainConfig
    origins: tuple[Origin, ...] = ()
    source: SourceModel | None = None


def find_beginning(config: TrainConfig, store: Store, facts: dict[str, Any]) -> Beginning:
    """Read the model that `config.from_model` names; where the run has a checkpoint already, what it has noted of that model (`facts`).

    Raises ConfigError where `config.model` contradicts it, CheckpointError and StorageError.
    """
    url, noted = open_store(config.from_model).url if config.from_model else "", facts.get("origins", [])
    if facts:
        _refuse_another(config.out, facts["config"].get("from_model", ""), url)
    if not url:
        return Beginning(config)
    if noted and places(store):
        model = ModelConfig.model_validate(facts["config"]["model"])
        return Beginning(_with_model(config, model, url), tuple(Origin.model_validate(origin) for origin in noted))
    source = _read(url)
    origins = (_origin(source), *source.info.origins)
    if noted and noted[0]["digest"] != origins[0].digest:
        was, now = noted[0]["digest"][:12], origins[0].digest[:12]
        raise CheckpointError(f"{config.out} was to begin with model {was}, {url} is now {now}", "Train into another --out")
    return Beginning(_with_model(config, source.info.model, url), origins, source)


def _refuse_another(out: str, begun: str, url: str) -> None:
    """Raise CheckpointError where a run is resumed as one that began otherwise."""
    if begun != url:
        was, now = (f"with the weights of {place}" if place else "from nothing" for place in (begun, url))
        how = f"with --from {begun}" if begun else "without --from"
        raise CheckpointError(f"{out} began {was}, not {now}", f"Resume {how}, or choose another --out")


def _origin(source: SourceModel) -> Origin:
    info = source.info
    return Origin(
        digest=info.digest,
        catalog_url=info.catalog_url,
        catalog_digest=info.catalog_digest,
        num_images=info.num_images,
        discriminator=source.discriminator is not None,
    )


def _with_model(config: TrainConfig, model: ModelConfig, url: str) -> TrainConfig:
    """The config with another model's networks; of the keys that were set, titles may differ. Raises ConfigError for others."""
    said = {name: getattr(config.model, name) for name in config.model.model_fields_set}
    for name, value in said.items():
        if name not in WORDS and value != getattr(model, name):
            raise ConfigError(
                f"model.{name} = {value}, but {url} has {getattr(model, name)}",
                f"Leave model.{name} out, which then is that model's, or choose another --from",
            )
    titles = {name: value for name, value in said.items() if name in WORDS}
    return config.model_copy(update={"model": model.model_copy(update=titles), "from_model": url})


def _read(url: str) -> SourceModel:
    model, editor = describe_folder(url)
    if editor and not model:
        raise ConfigError(f"from = {url}: an editor's folder, without a generator", "Give the folder of a model that `ganray train` wrote")
    generator, info = load_model(url)
    discriminator, problem = _read_discriminator(open_store(url), info)
    if problem:
        _say(f"D begins anew: {problem}")
    return SourceModel(info, generator, discriminator)


class _Tensors:
    """Takes a checkpoint's tensors as they are."""

    def __init__(self) -> None:
        self.all: dict[str, Tensor] = {}

    def restore(self, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """See `checkpoint.Restorable`."""
        self.all = tensors


def _read_discriminator(store: Store, info: ModelInfo) -> tuple[Discriminator | None, str]:
    """D of the newest checkpoint beside a model, or None and why."""
    tensors = _Tensors()
    try:
        if info.train is None or restore(tensors, store, info.train, info.attributes, _say) is None:
            return None, f"{store.url} has no checkpoint, and a model alone is G"
        discriminator = build_discriminator(info.model, info.label_sizes)
        copy_into("discriminator", discriminator, tensors.all)
    except (CheckpointError, ObjectCorrupt) as error:
        return None, error.message
    return discriminator, ""


def refuse_known_photos(config: TrainConfig, catalog: Catalog, origins: tuple[Origin, ...]) -> None:
    """Raise ConfigError where a private run would begin with weights that have seen its photos, which its noise cannot hide any more."""
    for origin in origins if config.privacy.epsilon else ():
        if origin.catalog_url == catalog.url or origin.catalog_digest == catalog.info.digest:
            raise ConfigError(
                f"privacy.epsilon with from = {config.from_model}: model {origin.digest[:12]} has learned from this catalog already",
                "Begin with a model of another catalog, or without --from",
            )


def begin(config: TrainConfig, info: ModelInfo, source: SourceModel) -> None:
    """Write the run's first checkpoint: weights of `source`, and where it has none, those of a run from nothing."""
    state = create_state(config.model_copy(update={"compile": "off"}), info.label_sizes)
    words = _words(source.info), _words(info)
    copy_weights(source.generator, state.generator, words)
    state.ema.load_state_dict(state.generator.state_dict())
    if source.discriminator:
        copy_weights(source.discriminator, state.discriminator, words)
    folder = open_store(config.out).child(CheckpointRef.new(0).folder)
    retry_while_unavailable(partial(save_state, state, folder, config, info.attributes), "the first checkpoint", _say)
    _say(_summary(source, info))


def _words(info: ModelInfo) -> Words:
    return Words(info.attributes, bool(info.model.title_pieces))


def _summary(source: SourceModel, info: ModelInfo) -> str:
    shared = shared_values(_words(source.info), _words(info))
    known = [f"{name} {len(shared.get(name, ()))} of {len(values)}" for name, values in info.attributes.items()]
    return (
        f"begins with {'G and D' if source.discriminator else 'G'} of model {source.info.digest[:12]}, "
        f"{source.info.num_images / 1000:g} kimg{'; values that it knows: ' if known else ''}{', '.join(known)}"
    )


def _say(text: str) -> None:
    print(f"train: {text}", file=sys.stderr)
