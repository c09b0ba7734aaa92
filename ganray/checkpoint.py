"""Checkpoints to go on from, and model folders to serve from: safetensors for numbers, JSON for words, no pickle anywhere.

Both lie in any store. A checkpoint is a folder with `state.safetensors` and `state.json`, which is written last.
A model folder holds `model.safetensors` (the moving average of G) and `model.json`, which holds the digest of the weights
and, in a new folder, is written last. A model rebuilds itself from its folder alone, also while another one replaces it.
An editor is `editor.safetensors` and `editor.json` in its own folder, or in the folder `editor` beside a model.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import safetensors.torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from torch import Tensor, nn

from ganray import __version__
from ganray.config import EditorConfig, ModelConfig, Section, TrainConfig
from ganray.errors import CheckpointError, ObjectCorrupt, ObjectNotFound
from ganray.models import Generator, build_generator, fold_strength, label_sizes
from ganray.models.editor import build_editor
from ganray.storage import Store, open_store
from ganray.training.accountant import PrivacyRecord
from ganray.words import Pieces

FORMAT_VERSION = 1
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
EDITOR_WEIGHTS, EDITOR, EDITOR_FOLDER = "editor.safetensors", "editor.json", "editor"
TENSORS, STATE = "state.safetensors", "state.json"
Attributes = dict[str, tuple[str, ...]]
S = TypeVar("S", bound=Section)


class Kept(Protocol):
    """What can be kept."""

    @property
    def num_images(self) -> int:
        """The clock."""

    def export(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Give named tensors and a JSON-able description."""


class State(Kept, Protocol):
    """What can be kept and taken back: see `training.state.TrainState`."""

    def restore(self, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Take them back; CheckpointError where they do not fit."""


@dataclass(frozen=True)
class Snapshot:
    """A state as it was: copies on the host, which later steps do not change."""

    num_images: int
    tensors: dict[str, Tensor]
    description: dict[str, Any]

    @staticmethod
    def of(state: Kept) -> Snapshot:
        """Copy a state, once, from the device."""
        tensors, description = state.export()
        copies = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        return Snapshot(state.num_images, copies, description)

    def export(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """See `Kept`."""
        return self.tensors, self.description


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
    privacy: PrivacyRecord | None = None
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


class EditorInfo(Section):
    """`editor.json`: everything needed to rebuild the editor's networks, one for each task."""

    format_version: int = FORMAT_VERSION
    software: str = __version__
    editor: EditorConfig
    catalog_url: str = ""
    catalog_digest: str = ""
    num_images: int = 0
    train: TrainConfig | None = None
    size: int = 0
    digest: str = ""


def save_state(state: Kept, store: Store, config: TrainConfig, attributes: Attributes) -> None:
    """Write a checkpoint into an empty folder; what makes it whole is written last."""
    tensors, description = state.export()
    data = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})
    info = StateInfo(digest=_digest(data), attributes=attributes, config=config, state=description)
    store.put(TENSORS, data)
    store.settle()
    store.put(STATE, info.model_dump_json(indent=1).encode())


def load_state(state: State, store: Store, config: TrainConfig, attributes: Attributes) -> None:
    """Put the checkpoint's values into `state`, made by `create_state` from the same config.

    Raises CheckpointError if the folder holds none, or if it belongs to another model: the differing field is named. Raises
    ObjectCorrupt if it is damaged.
    """
    try:
        info = _parse(StateInfo, store.get(STATE), store.url_of(STATE))
        _refuse_other(info, config, attributes)
        data = store.get(TENSORS)
        if _digest(data) != info.digest:  # a body cut on its way passes the transport's checks
            data = store.get(TENSORS)
    except ObjectNotFound as error:
        raise CheckpointError(error.message, "Point at a folder written by a training run.") from error
    if _digest(data) != info.digest:
        raise ObjectCorrupt(f"{store.url_of(TENSORS)} has digest {_digest(data)[:12]}, not {info.digest[:12]}", "Use an older one.")
    state.restore(_tensors(data, store.url), info.state)


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


def save_editor(store: Store, networks: nn.ModuleDict, info: EditorInfo) -> EditorInfo:
    """Write the weights of the tasks' networks, then `editor.json`; gives `info` with size and digest filled in."""
    data = safetensors.torch.save({name: tensor.contiguous() for name, tensor in networks.state_dict().items()})
    info = info.model_copy(update={"size": len(data), "digest": _digest(data)})
    store.put(EDITOR_WEIGHTS, data)
    store.settle()
    store.put(EDITOR, info.model_dump_json(indent=1).encode())
    return info


def has_editor(url: str) -> bool:
    """Whether a folder is an editor's, or a model's that has one."""
    store = open_store(url)
    return store.exists(EDITOR) or store.child(EDITOR_FOLDER).exists(EDITOR)


def load_editor(url: str) -> tuple[dict[str, nn.Module], EditorInfo]:
    """Rebuild the networks of an editor on the CPU, in eval mode, task by task, their weights checked against the digest.

    `url` is the folder of an editor, or of a model that has one. Raises CheckpointError.
    """
    store = open_store(url)
    if not store.exists(EDITOR):
        store = store.child(EDITOR_FOLDER)
    try:
        info = _parse(EditorInfo, store.get(EDITOR), store.url_of(EDITOR))
        data = store.get_verified(EDITOR_WEIGHTS, info.size, info.digest)
    except ObjectNotFound as error:
        raise CheckpointError(f"{url} has no editor: {error.message}", "Train one with `ganray train-editor --out URL`.") from error
    except ObjectCorrupt as error:
        raise CheckpointError(f"{url} is damaged: {error.message}", "Copy the folder again, or resume its training run.") from error
    networks = build_editor(info.editor)
    try:
        networks.load_state_dict(_tensors(data, url))
    except RuntimeError as error:
        raise CheckpointError(f"{url}: {EDITOR_WEIGHTS} is not of the editor in {EDITOR}", "Train it again.") from error
    return dict(networks.eval().requires_grad_(False).items()), info


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
    if info.config.privacy.noise != config.privacy.noise:  # one number is to tell of all steps
        was = info.config.privacy.noise
        raise CheckpointError(f"the checkpoint was made with privacy.noise {was}, this run has {config.privacy.noise}", remedy)
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
