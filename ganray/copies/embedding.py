"""What a picture shows, in 128 bytes: features of EfficientNet-Lite0 (ImageNet), for finding pictures that may be copies of each other.

One picture at a time on one thread: the bytes depend on the picture and the kind of processor alone. Between kinds of processors a
byte may differ by one; so these bytes only name candidates, and pixels decide (`registration.py`).

1,280 features are projected by fixed random signs (Achlioptas 2003) and rounded to int8, whose dot products are integers below 2^24: exact
in float32 in any order of sums.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ganray.images.codec import Pixels
from ganray.models.efficientnet import WIDTH, EfficientNetLite0
from ganray.models.pretrained import imagenet_network

SIDE = 128  # of the network's input, in pixels
BYTES = 128
STEPS = 127 * BYTES**0.5 / 4  # levels of a component of a unit vector: 127 is four times its usual size


def embed(pictures: list[Pixels]) -> NDArray[np.int8]:
    """Embeddings int8 [n, BYTES] of pictures uint8 [H, W, 3] of any size. Raises ClusterError where the weights are missing or others."""
    if not pictures:
        return np.zeros((0, BYTES), np.int8)
    return _thread().submit(_embed, pictures).result()


@torch.inference_mode()
def _embed(pictures: list[Pixels]) -> NDArray[np.int8]:
    network, signs = _network(), _signs()
    rows = []
    for picture in pictures:
        rows.append(network(levels_of(picture)[None])[0].double() @ signs)
    projected = torch.stack(rows)
    unit = projected / projected.norm(dim=1, keepdim=True).clamp_min(1e-9)
    result: NDArray[np.int8] = (unit * STEPS).round().clamp(-127, 127).to(torch.int8).numpy()
    return result


def levels_of(picture: Pixels) -> torch.Tensor:
    """A picture as the network takes it: float32 [3, SIDE, SIDE], in channels-last layout as it is."""
    small = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(small, np.float32)).permute(2, 0, 1)


@cache
def _thread() -> ThreadPoolExecutor:
    """The process's thread for this network: torch computes alone on it, so that its bits do not depend on the number of cores."""
    torch.get_num_threads()  # fixes the setting of other threads
    return ThreadPoolExecutor(1, "embedding", initializer=torch.set_num_threads, initargs=(1,))


@cache
def _network() -> EfficientNetLite0:
    return imagenet_network("use --copies-by fingerprint")


@cache
def _signs() -> torch.Tensor:
    """Signs [WIDTH, BYTES] of the projection; the same everywhere and for ever, as no random generator promises it."""
    bits = np.unpackbits(np.frombuffer(hashlib.shake_256(b"ganray copies").digest(WIDTH * BYTES // 8), np.uint8))
    return torch.from_numpy(bits.reshape(WIDTH, BYTES).astype(np.float64) * 2 - 1)
