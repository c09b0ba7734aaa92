"""A small feature extractor, trained once on the catalog itself and then frozen: 64 numbers for each image.

Nothing has to be downloaded, the features fit the catalog, and 64 dimensions keep the Frechet distance's bias small at a few thousand
images. Heads for the catalog's attributes make features depend on what the products are, a colour head (colours on a 4 x 4 grid) on how
they look. Scores of different extractors are not comparable: each score is published with a sha256 over weights and description.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ganray.adam import Adam
from ganray.errors import CheckpointError
from ganray.images.codec import to_float
from ganray.storage import Store

FORMAT_VERSION = 1
WEIGHTS, DESCRIPTION = "extractor.safetensors", "extractor.json"
DIM, WIDTHS, GRID = 64, (24, 48, 96), 4
LARGEST = 64  # larger images are reduced to this side, in pixels
TURNS = 4  # the task without labels: by how many quarter turns was the image rotated? (Gidaris et al. 2018, arXiv 1803.07728)
BATCH, LEARNING_RATE, COLOUR_WEIGHT = 32, 5e-3, 0.3


class Extractor(nn.Module):
    """uint8 [N, R, R, 3] -> float32 [N, 64], each feature with about zero mean and unit variance on the training images.

    `heads` are the attributes that it recognises: name -> values. Without any, it recognises quarter turns instead.
    """

    def __init__(self, resolution: int, heads: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.resolution = resolution
        self.heads = {name: tuple(values) for name, values in heads.items()}
        self.sizes = [len(values) for values in self.heads.values()] or [TURNS]
        first, second, third = WIDTHS
        self.trunk = nn.Sequential(
            *_convolution(3, first, stride=2 if resolution > 40 else 1),
            *_convolution(first, second, stride=2),
            *_convolution(second, third, stride=2),
            nn.AdaptiveAvgPool2d(GRID),
            nn.Flatten(),
            nn.Linear(third * GRID * GRID, DIM, bias=False),
            nn.BatchNorm1d(DIM, affine=False),
        ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.classes = nn.Linear(DIM, sum(self.sizes))
        self.colours = nn.Linear(DIM, 3 * GRID * GRID)

    def view(self, images: Tensor) -> Tensor:
        """The network's input: uint8 [N, R, R, 3] -> float32 [N, 3, S, S] in [-1, 1], S at most 64."""
        x = to_float(images)
        if x.shape[-1] > LARGEST:
            x = F.interpolate(x, size=(LARGEST, LARGEST), mode="bilinear", antialias=True)
        return x.contiguous(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 [N, R, R, 3] -> features float32 [N, 64], equal for an image and its mirror image."""
        x = self.view(images)
        features: Tensor = self.trunk(x) + self.trunk(x.flip(3))
        return features / 2.0

    def name(self, features: Tensor) -> Tensor:
        """Features [N, 64] -> the most likely value of each head, int64 [N, len(heads)] (quarter turns, [N, 1], without heads)."""
        return torch.stack([logits.argmax(1) for logits in self.classes(features).split(self.sizes, dim=1)], dim=1)

    @property
    def digest(self) -> str:
        """sha256 over description and weights."""
        digest = hashlib.sha256(json.dumps([FORMAT_VERSION, self.resolution, list(self.heads.items())]).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


@torch.no_grad()
def extract(extractor: Extractor, images: np.ndarray) -> Tensor:
    """Features float32 [N, 64], on the extractor's device, of uint8 [N, R, R, 3], computed 256 images at a time."""
    device = next(extractor.parameters()).device
    features = torch.empty(len(images), DIM, device=device)
    for start in range(0, len(images), 256):
        rows = slice(start, start + 256)
        features[rows] = extractor(torch.from_numpy(images[rows]).to(device))
    return features


def heads_of(vocabulary: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The attributes that can be learned: those with two values or more."""
    return {name: tuple(values) for name, values in vocabulary.items() if len(values) > 1}


def new_extractor(resolution: int, vocabulary: Mapping[str, Sequence[str]], seed: int = 0, device: str = "cpu") -> Extractor:
    """An untrained extractor of images `resolution` pixels a side, with a head for every attribute that can be learned."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Extractor(resolution, heads_of(vocabulary)).to(device)


def training(extractor: Extractor, images: np.ndarray, labels: np.ndarray, kimg: float = 20.0, seed: int = 0) -> Iterator[int]:
    """Train on uint8 [n, R, R, 3] and labels int64 [n, heads], then freeze; yields the number of images of each step.

    Deterministic in `seed` on one machine type with a fixed number of threads. One cycle of AdamW over shuffled batches, half mirrored.
    """
    device = next(extractor.parameters()).device
    with torch.no_grad():
        views = torch.cat([extractor.view(torch.from_numpy(part).to(device)) for part in np.array_split(images, len(images) // 256 + 1)])
    targets = torch.from_numpy(np.ascontiguousarray(labels)).to(device)
    batch_size = min(BATCH, len(views))
    steps = max(1, round(kimg * 1000 / batch_size))
    optimizer = Adam(extractor.parameters(), LEARNING_RATE, (0.9, 0.999), weight_decay=0.01)
    rng, order = torch.Generator().manual_seed(seed), torch.empty(0, dtype=torch.int64)
    extractor.train()
    for step in range(steps):
        if len(order) < batch_size:
            order = torch.randperm(len(views), generator=rng)
        chosen, order = order[:batch_size].to(device), order[batch_size:]
        batch = torch.cat([views[chosen[: batch_size // 2]].flip(3), views[chosen[batch_size // 2 :]]])
        optimizer.lr, beta1 = one_cycle(step, steps)
        optimizer.betas = beta1, 0.999
        optimizer.step(torch.autograd.grad(_loss(extractor, batch, targets[chosen], rng), optimizer.parameters))
        yield batch_size
    extractor.eval().requires_grad_(False)


def one_cycle(step: int, steps: int) -> tuple[float, float]:
    """(learning rate, beta1) of one step of a run: up to LEARNING_RATE over a fifth of it and down to nothing, both by half a cosine, and
    beta1 the other way (Smith 2018, section 4; the numbers are those of PyTorch's OneCycleLR)."""
    top, end, slow = 0.2 * steps - 1, steps - 1, LEARNING_RATE / 25
    (start, first), (stop, last) = ((slow, 0.95), (LEARNING_RATE, 0.85)) if step <= top else ((LEARNING_RATE, 0.85), (slow / 1e4, 0.95))
    begin, length = (0, top) if step <= top else (top, end - top)
    rest = math.cos(math.pi * ((step - begin) / length if length else 1.0)) + 1
    return stop + (start - stop) / 2 * rest, last + (first - last) / 2 * rest


def accuracies(extractor: Extractor, features: Tensor, labels: np.ndarray) -> dict[str, float]:
    """Share of images, by head, whose features [N, 64] the extractor recognises as labels int64 [N, heads] have it."""
    shares = (extractor.name(features).cpu() == torch.from_numpy(labels)).double().mean(0)
    return dict(zip(extractor.heads, shares.tolist(), strict=True))


def save_extractor(store: Store, extractor: Extractor, facts: Mapping[str, object]) -> None:
    """Write weights (safetensors) and description (JSON, last); `facts` are stored with it."""
    store.put(WEIGHTS, save({name: tensor.cpu().contiguous() for name, tensor in extractor.state_dict().items()}))
    description = {"format_version": FORMAT_VERSION, "resolution": extractor.resolution, "heads": extractor.heads}
    store.put(DESCRIPTION, json.dumps(description | {"digest": extractor.digest, "facts": facts}, indent=1, ensure_ascii=False).encode())


def load_extractor(store: Store, device: str = "cpu") -> Extractor:
    """Read what `save_extractor` wrote, frozen. Raises CheckpointError when weights and description do not belong together."""
    try:
        description = json.loads(store.get(DESCRIPTION))
        extractor = Extractor(description["resolution"], description["heads"])
        extractor.load_state_dict(load(store.get(WEIGHTS)))
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{DESCRIPTION} does not describe an extractor that fits {WEIGHTS}: {error}", "Train it again") from error
    if extractor.digest != description["digest"]:
        raise CheckpointError(f"{WEIGHTS} has digest {extractor.digest}, {DESCRIPTION} says {description['digest']}", "Train it again")
    return extractor.to(device).eval().requires_grad_(False)


def _convolution(channels: int, width: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]


def _turn(x: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
    """Each image rotated by its number of quarter turns, and the labels [N, 1]."""
    rotated = torch.stack([torch.rot90(image, int(turn), (1, 2)) for image, turn in zip(x, turns, strict=True)])
    return rotated.contiguous(memory_format=torch.channels_last), turns[:, None]


def _loss(extractor: Extractor, x: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
    if not extractor.heads:
        x, labels = _turn(x, torch.randint(TURNS, (len(x),), generator=rng).to(x.device))
    features = extractor.trunk(x)
    logits = extractor.classes(features).split(extractor.sizes, dim=1)
    recognition = torch.stack([F.cross_entropy(head, labels[:, column]) for column, head in enumerate(logits)]).mean()
    colours = F.mse_loss(extractor.colours(features), F.adaptive_avg_pool2d(x, GRID).flatten(1))
    return recognition + COLOUR_WEIGHT * colours
