"""A learned network for edits: numpy in, numpy out, one picture at a time.

The fixed batch size is 1 (engine.py explains why it must be fixed): a square of a hundred pixels is enough work for a core, and the bits of
a picture then do not depend on others.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ganray.edits.edit import Network
from ganray.errors import CheckpointError
from ganray.models.editor import EDITORS, channels_of, input_size


class TaskNetwork:
    """The network of a task of models/editor.py; `size` and `halo` in pixels, `channels` those of its input. Thread-safe."""

    def __init__(self, task: str, module: nn.Module, device: str = "cpu") -> None:
        self.task, self.size, self.halo = task, input_size(task, module), EDITORS[task].halo
        self.channels = channels_of(task, module)
        self._device = torch.device(device)
        self._module = module.eval().requires_grad_(False).to(self._device)

    @torch.inference_mode()
    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Float32 [N, C, size, size] -> [N, C', size', size']; the share of product for mattes, else pictures in [-1, 1].

        Raises CheckpointError if the network returns values that are not finite.
        """
        answers = []
        for picture in torch.from_numpy(np.ascontiguousarray(x)).split(1):
            answer = self._module(picture.to(self._device).contiguous(memory_format=torch.channels_last))
            answers.append((answer.sigmoid() if self.task == "matte" else answer).float().cpu())
        result: NDArray[np.float32] = torch.cat(answers).contiguous().numpy()
        if not np.isfinite(result).all():
            raise CheckpointError(f"the editor's network for {self.task} returned numbers that are not finite", "Train it again")
        return result


def both_ways(network: Network, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the network's answers for pictures [N, C, S, S] and for their mirror images: twice the time, and a better result
    (self-ensemble, Lim et al. 2017, arXiv 1707.02921, 3.4). One answer alone from a network whose `mirrored` is False."""
    if not getattr(network, "mirrored", True):
        return network(x)
    mirrored = network(np.ascontiguousarray(x[..., ::-1]))[..., ::-1]
    mean: NDArray[np.float32] = (network(x) + mirrored) / np.float32(2)
    return mean


class Halved:
    """An upscaler of factor 4 as one of factor 2: its answer by means of 2x2 pixels."""

    factor = 2

    def __init__(self, network: Network) -> None:
        self.size, self.halo, self._network = network.size, network.halo, network
        self.channels = int(getattr(network, "channels", 0))

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Float32 [N, C, S, S] -> [N, C', 2 S, 2 S]."""
        answer = self._network(x)
        num, channels, side = answer.shape[:3]
        halved: NDArray[np.float32] = answer.reshape(num, channels, side // 2, 2, side // 2, 2).mean((3, 5))
        return halved


def factor_of(network: Network) -> int:
    """How many times as large an upscaler's answer is: its `factor`, 2 where it has none."""
    return int(getattr(network, "factor", 2))


def knows_quality(network: Network | None) -> bool:
    """Whether an upscaler is to be told the quality of a JPEG, as a fourth channel (models/editor.py)."""
    return getattr(network, "channels", 0) == 4
