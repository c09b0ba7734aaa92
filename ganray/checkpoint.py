"""Checkpoints to resume from, and model folders to serve from: tensors in safetensors, descriptions in JSON, no pickle.

Both can lie in any store. A checkpoint is a folder with `state.safetensors` and `state.json`, which is written last.
A model folder holds `model.safetensors` (the moving average of G) and `model.json`, which holds the digest of the weights
and, in a new folder, is written last. A model can be loaded from its folder alone, also while another model replaces it.
An editor is `editor.safetensors` and `editor.json` in its own folder, or in the folder `editor` beside a model.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import safetensors.torch
from pydantic import ValidationError, field_validator
from safetensors import SafetensorError
from torch import Tensor

from ganray import __version__
from ganray.config import ModelConfig, Section, TrainConfig
from ganray.errors import CheckpointError, ObjectCorrupt, ObjectNotFound
from ganray.storage import Store

FORMAT_VERSION = 1
TENSORS, STATE = "state.safetensors", "state.json"
Attributes = dict[str, tuple[str, ...]]
S = TypeVar("S", bound=Section)


class Saveable(Protocol):
    """A state that can be saved."""

    @property
    def num_images(self) -> int:
        """Images seen so far."""

    def export(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The state as named tensors and a description that JSON can hold."""


class Restorable(Protocol):
    """What a checkpoint can be loaded into: see `training.state.TrainState`."""

    def restore(self, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Load what `export` returned. Raises CheckpointError where it does not fit."""


@dataclass(frozen=True)
class Snapshot:
    """A copy of a state on the host, which later steps do not change."""

    num_images: int
    tensors: dict[str, Tensor]
    description: dict[str, Any]

    @staticmethod
    def of(state: Saveable) -> Snapshot:
        """Copy a state, once, from the device."""
        tensors, description = state.export()
        copies = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        return Snapshot(state.num_images, copies, description)

    def export(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """See `Kept`."""
        return self.tensors, self.description


class StateInfo(Section):
    """`state.json`: the run that a checkpoint belongs to, and the digest of its tensors."""

    format_version: int = FORMAT_VERSION
    software: str = __version__
    digest: str
    attributes: Attributes
    config: TrainConfig
    state: dict[str, Any]

    @field_validator("state")
    @classmethod
    def _has_a_place(cls, value: dict[str, Any]) -> dict[str, Any]:
        """It says after how many images a run goes on."""
        number = value.get("num_images")
        if type(number) is not int or number < 0:
            raise ValueError(f"num_images is {number}, not a number of images")
        return value


def save_state(state: Saveable, store: Store, config: TrainConfig, attributes: Attributes) -> None:
    """Write a checkpoint into an empty folder, `state.json` last."""
    tensors, description = state.export()
    data = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})
    info = StateInfo(digest=_digest(data), attributes=attributes, config=config, state=description)
    store.put(TENSORS, data)
    store.settle()
    store.put(STATE, info.model_dump_json(indent=1).encode())


def load_state(state: Restorable, store: Store, config: TrainConfig, attributes: Attributes) -> None:
    """Load a checkpoint into `state`, which `create_state` made from the same config.

    Raises CheckpointError if the folder has no checkpoint or one of another model, naming the differing field, and ObjectCorrupt if it is
    damaged.
    """
    try:
        info = _parse(StateInfo, store.get(STATE), store.url_of(STATE))
        _refuse_other(info, config, attributes)
        data = store.get(TENSORS)
        if _digest(data) != info.digest:  # read again: the transport does not detect a truncated body
            data = store.get(TENSORS)
    except ObjectNotFound as error:
        raise CheckpointError(error.message, "Give a folder that a training run wrote.") from error
    if _digest(data) != info.digest:
        raise ObjectCorrupt(f"{store.url_of(TENSORS)} has digest {_digest(data)[:12]}, not {info.digest[:12]}", "Use an older one.")
    state.restore(_tensors(data, store.url), info.state)


def _refuse_other(info: StateInfo, config: TrainConfig, attributes: Attributes) -> None:
    remedy = "Resume with the settings of the checkpoint, or start a new run in another folder."
    for field in ModelConfig.model_fields:
        old, new = getattr(info.config.model, field), getattr(config.model, field)
        if old != new:
            raise CheckpointError(f"the checkpoint was made with model.{field} {old}, this run has {new}", remedy)
    if info.config.privacy.noise != config.privacy.noise:  # the accountant assumes equal noise in all steps
        old_noise = info.config.privacy.noise
        raise CheckpointError(f"the checkpoint was made with privacy.noise {old_noise}, this run has {config.privacy.noise}", remedy)
    if list(info.attributes) != list(attributes):
        raise CheckpointError(f"the checkpoint is conditioned on {list(info.attributes)}, this run on {list(attributes)}", remedy)
    for name, values in attributes.items():
        if info.attributes[name] != tuple(values):
            changed = sorted(set(info.attributes[name]) ^ set(values))
            raise CheckpointError(
                f"attribute {name} has other values than in the checkpoint: {', '.join(changed) or 'another order'}", remedy
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
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{where} cannot be read: {error}", remedy) from error


def _tensors(data: bytes, where: str) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    except SafetensorError as error:
        raise CheckpointError(f"{where}: the weights cannot be read: {error}", "Use another checkpoint.") from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
