"""The folder of a finished model: weights as safetensors, a JSON description, and a reader that rebuilds the model from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import safetensors.torch
import torch
from pydantic import Field
from torch import Tensor, nn

from ganray import __version__
from ganray.checkpoint import (
    FORMAT_VERSION,
    Attributes,
    _digest,
    _parse,
    _tensors,
)
from ganray.config import EditorConfig, ModelConfig, Section, TrainConfig
from ganray.errors import CheckpointError, ObjectCorrupt, ObjectNotFound
from ganray.models import Generator, build_generator, fold_strength, label_sizes
from ganray.models.editor import build_editor
from ganray.storage import Store, open_store
from ganray.titles import Pieces
from ganray.training.accountant import PrivacyRecord

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
EDITOR_WEIGHTS, EDITOR, EDITOR_FOLDER = "editor.safetensors", "editor.json", "editor"


class Origin(Section):
    """A model whose weights another one began with, and whether D was there too."""

    digest: str
    catalog_url: str = ""
    catalog_digest: str = ""
    num_images: int = 0
    discriminator: bool = False


class ModelInfo(Section):
    """`model.json`: everything needed to rebuild, condition and describe the model. `attributes` keeps the order of label
    columns, `histograms` the number of catalog images of each value (omitted attributes are drawn accordingly). A model whose
    `model.title_pieces` is not 0 reads titles: `titles` are some of its catalog's, as examples. `origins` are the model that it began
    with, the one which that one began with, and so on."""

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
    origins: tuple[Origin, ...] = ()
    size: int = 0
    digest: str = ""

    @property
    def label_sizes(self) -> tuple[int, ...]:
        """Rows of each attribute's table."""
        return label_sizes(self.model, self.attributes)

    @property
    def pieces(self) -> Pieces:
        """How it reads titles; without any where it does not."""
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


def save_model(store: Store, generator: Generator, info: ModelInfo) -> ModelInfo:
    """Write the weights, then `model.json`; returns `info` with size and digest filled in.

    Where a model is replaced, the new weights are also stored under their digest until both files are replaced: a reader at any time, also
    after an interrupted write, finds the weights of the description that is there.
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
    """Rebuild the generator of a model folder on the CPU, in eval mode, its weights checked against the digest.

    Raises CheckpointError.

    >>> generator, info = ganray.load_model("model")
    >>> generator.resolution, list(info.attributes)
    (8, ['category', 'colour'])
    """
    store = open_store(url)
    try:
        info, data = _read_model(store)
    except ObjectNotFound as error:
        raise CheckpointError(f"{url} is not a model folder: {error.message}", "Train one with `ganray train --out URL`.") from error
    except ObjectCorrupt as error:
        raise CheckpointError(f"{url} is damaged: {error.message}", "Copy the folder again, or resume its training run.") from error
    tensors = _tensors(data, url)
    if not _fits(tensors, info.model.blocks, lambda: build_generator(info.model, info.label_sizes)):
        raise CheckpointError(f"{url}: model.safetensors does not fit the model in model.json", "Train it again.")
    generator = build_generator(info.model, info.label_sizes)
    generator.load_state_dict(tensors)
    return generator.eval().requires_grad_(False), info


def save_editor(store: Store, networks: nn.ModuleDict, info: EditorInfo) -> EditorInfo:
    """Write the weights of the tasks' networks, then `editor.json`; returns `info` with size and digest filled in."""
    data = safetensors.torch.save({name: tensor.contiguous() for name, tensor in networks.state_dict().items()})
    info = info.model_copy(update={"size": len(data), "digest": _digest(data)})
    store.put(EDITOR_WEIGHTS, data)
    store.settle()
    store.put(EDITOR, info.model_dump_json(indent=1).encode())
    return info


def describe_folder(url: str) -> tuple[ModelInfo | None, EditorInfo | None]:
    """What a folder says of its generator and of its editor, without their weights; None for what it has not.

    Raises CheckpointError for a description that cannot be read.
    """
    store = open_store(url)
    places: tuple[tuple[type[ModelInfo | EditorInfo], Store, str], ...] = (
        (ModelInfo, store, DESCRIPTION),
        (EditorInfo, store, EDITOR),
        (EditorInfo, store.child(EDITOR_FOLDER), EDITOR),
    )
    found: list[Any] = []
    for kind, folder, key in places:
        try:
            found.append(_parse(kind, folder.get(key), folder.url_of(key)))
        except ObjectNotFound:
            found.append(None)
    return found[0], found[1] or found[2]


def has_editor(url: str) -> bool:
    """Whether a folder holds an editor, by itself or beside a model."""
    store = open_store(url)
    return store.exists(EDITOR) or store.child(EDITOR_FOLDER).exists(EDITOR)


def load_editor(url: str) -> tuple[dict[str, nn.Module], EditorInfo]:
    """Rebuild the networks of an editor on the CPU, in eval mode, task by task, their weights checked against the digest.

    `url` is the folder of an editor, or of a model with one. Raises CheckpointError.
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
    misfit = CheckpointError(f"{url}: {EDITOR_WEIGHTS} does not fit the editor in {EDITOR}", "Train it again.")
    tensors = _tensors(data, url)
    own = tuple(task for task in info.editor.tasks if task != "matte" or not info.editor.encoder)  # the others have one size
    sized = info.editor.model_copy(update={"tasks": own})
    of_own = {name: tensor for name, tensor in tensors.items() if name.partition(".")[0] in own}
    if not _fits(of_own, max(sized.blocks, sized.detail_blocks) if own else 0, lambda: build_editor(sized)):
        raise misfit
    networks = build_editor(info.editor)
    try:
        networks.load_state_dict(tensors)
    except RuntimeError as error:
        raise misfit from error
    return dict(networks.eval().requires_grad_(False).items()), info


def _fits(tensors: dict[str, Tensor], blocks: int, build: Callable[[], nn.Module]) -> bool:
    """Whether weights have the names and shapes of a network, told without its memory: a description from elsewhere may ask for more than
    there is. Each of `blocks` has a tensor, at least."""
    if blocks > len(tensors):
        return False
    with torch.device("meta"):
        wanted = {name: tensor.shape for name, tensor in build().state_dict().items()}
    return wanted == {name: tensor.shape for name, tensor in tensors.items()}


def _read_model(store: Store, again: bool = True) -> tuple[ModelInfo, bytes]:
    """The description and its weights. Raises ObjectCorrupt if neither file has them, also on a second read (if `again`)."""
    info = _parse(ModelInfo, store.get(DESCRIPTION), store.url_of(DESCRIPTION))
    try:
        return info, store.get_verified(WEIGHTS, info.size, info.digest)
    except ObjectCorrupt as error:
        try:
            return info, store.get_verified(_aside(info), info.size, info.digest)
        except ObjectNotFound:
            if again:  # a writer replaced one file between our reads; by now it has replaced both
                return _read_model(store, again=False)
            raise error from None


def _aside(info: ModelInfo) -> str:
    """The temporary key of a model's weights while it replaces another model."""
    return f"model-{info.digest[:16]}.safetensors"
