"""Checkpoints to go on from, and model folders to serve from: safetensors for numbers, JSON for words, no pickle anywhere.

A checkpoint is a local folder (Ray Train carries it to the store): `state.safetensors`, `state.json`.
A model folder lies in any store: `model.safetensors` (the moving average of G) and `model.json`, which holds the digest of the weights
and, in a new folder, is written last. A model rebuilds itself from its folder alone, also while another one replaces it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol, TypeVar

import safetensors.torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from torch import Tensor

from ganray import __version__
from ganray.config import ModelConfig, Section, TrainConfig
from ganray.errors import CheckpointError, ObjectCorrupt, ObjectNotFound
from ganray.models import Generator, build_generator, fold_strength, label_sizes
from ganray.storage import Store, open_store
from ganray.words import Pieces

FORMAT_VERSION = 1
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
Attributes = dict[str, tuple[str, ...]]
S = TypeVar("S", bound=Section)


class State(Protocol):
    """What can be kept: see `training.state.TrainState`."""

    def export(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Give named tensors and a JSON-able description."""

    def restore(self, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Take them back; CheckpointError where they do not fit."""


class StateInfo(Section):
    """`state.json`: what a checkpoint belongs to."""

    format_version: int = FORMAT_VERSION
    software: str = __version__
    digest: str
    attributes: Attributes
    config: TrainConfig
    state: dict[str, Any]


class ModelInfo(Section):
    """`model.json`: everything needed to rebuild, condition and describe the model. `attributes` keeps the order of label
    columns, `histograms` how many catalog images have each value (what is not asked for is drawn accordingly). A model whose
    `model.title_pieces` is not 0 reads titles: `titles` are some of its catalog's, to show what it can be asked."""

    format_version: int = FORMAT_VERSION
    software: str = __version__
    model: ModelConfig
    attributes: Attributes
    histograms: dict[str, dict[str, int]] = Field(default_factory=dict)
    titles: tuple[str, ...] = ()
    catalog_url: str = ""
    catalog_digest: str = ""
    num_images: int = 0
    train: TrainConfig | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    size: int = 0
    digest: str = ""

    @property
    def label_sizes(self) -> tuple[int, ...]:
        """Rows of each attribute's table."""
        return label_sizes(self.model, self.attributes)

    @property
    def pieces(self) -> Pieces:
        """How it reads titles, if it does."""
        return Pieces(self.model.title_pieces, self.model.title_buckets)


def save_state(state: State, folder: Path, config: TrainConfig, attributes: Attributes) -> None:
    """Write a checkpoint into an existing folder; `state.json` is written last."""
    tensors, description = state.export()
    data = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})
    (folder / "state.safetensors").write_bytes(data)
    info = StateInfo(digest=_digest(data), attributes=attributes, config=config, state=description)
    (folder / "state.json").write_text(info.model_dump_json(indent=1))


def load_state(state: State, folder: Path, config: TrainConfig, attributes: Attributes) -> None:
    """Put the checkpoint's values into `state`, made by `create_state` from the same config.

    Raises CheckpointError if the folder holds none, if it is damaged, or if it belongs to another model: the differing field is named.
    """
    try:
        info = _parse(StateInfo, (folder / "state.json").read_bytes(), str(folder / "state.json"))
        data = (folder / "state.safetensors").read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{error.filename} does not exist", "Point at a folder written by a training run.") from error
    _refuse_other(info, config, attributes)
    if _digest(data) != info.digest:
        raise CheckpointError(
            f"{folder / 'state.safetensors'} has digest {_digest(data)[:12]}, not {info.digest[:12]}", "Use an older one."
        )
    state.restore(_tensors(data, str(folder)), info.state)


def save_model(store: Store, generator: Generator, info: ModelInfo) -> ModelInfo:
    """Write the weights, then `model.json`; gives `info` with size and digest filled in.

    Where a model is replaced, the new weights lie under their digest until both files are the new ones: whoever reads meanwhile, and
    whoever comes after a writer that was cut off, finds the weights of the description that is there.
    """
    data = safetensors.torch.save({name: tensor.contiguous() for name, tensor in fold_strength(generator).state_dict().items()})
    info = info.model_copy(update={"size": len(data), "digest": _digest(data)})
    replaces = store.exists(DESCRIPTION)
    store.put(_aside(info) if replaces else WEIGHTS, data)
    store.settle()
    store.put(DESCRIPTION, info.model_dump_json(indent=1).encode())
    if replaces:
        store.put(WEIGHTS, data)
        store.settle()
        store.delete(_aside(info))
    return info


def load_model(url: str) -> tuple[Generator, ModelInfo]:
    """Rebuild the generator of a model folder on the CPU, in eval mode, its weights checked against the digest."""
    store = open_store(url)
    try:
        info, data = _read_model(store)
    except ObjectNotFound as error:
        raise CheckpointError(f"{url} is no model folder: {error.message}", "Train one with `ganray train --out URL`.") from error
    except ObjectCorrupt as error:
        raise CheckpointError(f"{url} is damaged: {error.message}", "Copy the folder again, or resume its training run.") from error
    generator = build_generator(info.model, info.label_sizes)
    try:
        generator.load_state_dict(_tensors(data, url))
    except RuntimeError as error:
        raise CheckpointError(f"{url}: model.safetensors is not of the model in model.json", "Train it again.") from error
    return generator.eval().requires_grad_(False), info


def _read_model(store: Store, again: bool = True) -> tuple[ModelInfo, bytes]:
    """The description and its weights. Raises ObjectCorrupt where they are in neither of their places, now and read `again`."""
    info = _parse(ModelInfo, store.get(DESCRIPTION), store.url_of(DESCRIPTION))
    try:
        return info, store.get_verified(WEIGHTS, info.size, info.digest)
    except ObjectCorrupt as error:
        try:
            return info, store.get_verified(_aside(info), info.size, info.digest)
        except ObjectNotFound:
            if again:  # one of the two was replaced between our reads: both are by now, `save_model` goes one way
                return _read_model(store, again=False)
            raise error from None


def _aside(info: ModelInfo) -> str:
    """Where the weights of a model lie while it replaces another."""
    return f"model-{info.digest[:16]}.safetensors"


def _refuse_other(info: StateInfo, config: TrainConfig, attributes: Attributes) -> None:
    remedy = "Resume with the settings it was made with, or start a new run in another folder."
    for field in ModelConfig.model_fields:
        old, new = getattr(info.config.model, field), getattr(config.model, field)
        if old != new:
            raise CheckpointError(f"the checkpoint was made with model.{field} {old}, this run has {new}", remedy)
    if list(info.attributes) != list(attributes):
        raise CheckpointError(f"the checkpoint is conditioned on {list(info.attributes)}, this run on {list(attributes)}", remedy)
    for name, values in attributes.items():
        if info.attributes[name] != tuple(values):
            changed = sorted(set(info.attributes[name]) ^ set(values))
            raise CheckpointError(
                f"attribute {name} has other values than the checkpoint's: {', '.join(changed) or 'another order'}", remedy
            )


def _parse(kind: type[S], data: bytes, where: str) -> S:
    remedy = "It is damaged or from another version of ganray."
    try:
        version = json.loads(data)["format_version"]
        if version != FORMAT_VERSION:
            raise CheckpointError(
                f"{where} has format_version {version}, this ganray reads {FORMAT_VERSION}", "Install the ganray that wrote it."
            )
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise CheckpointError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}", remedy) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{where} cannot be read: {error}", remedy) from error


def _tensors(data: bytes, where: str) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    except SafetensorError as error:
        raise CheckpointError(f"{where}: the weights cannot be read: {error}", "Use another checkpoint.") from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
