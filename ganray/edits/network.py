"""A learned part as edits use it: numpy in, numpy out, one picture at a time.

A batch of exactly one is the fixed shape here (engine.py says why there must be one): squares of a hundred pixels fill a core by
themselves, and a picture's bits then depend on nothing beside it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ganray.edits.edit import Network
from ganray.errors import CheckpointError
from ganray.models.editor import EDITORS


class TaskNetwork:
    """The network of a task of models/editor.py; `size` and `halo` in pixels. Thread-safe."""

    def __init__(self, task: str, module: nn.Module, device: str = "cpu") -> None:
        self.task, self.size, self.halo = task, EDITORS[task].size, EDITORS[task].halo
        self._device = torch.device(device)
        self._module = module.eval().requires_grad_(False).to(self._device)

    @torch.inference_mode()
    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Float32 [N, C, size, size] -> [N, C', size', size']; a matte's share of product, else pictures in [-1, 1].

        Raises CheckpointError where the network gives values that are not finite.
        """
        answers = []
        for one in torch.from_numpy(np.ascontiguousarray(x)).split(1):
            answer = self._module(one.to(self._device).contiguous(memory_format=torch.channels_last))
            answers.append((answer.sigmoid() if self.task == "matte" else answer).float().cpu())
        result: NDArray[np.float32] = torch.cat(answers).contiguous().numpy()
        if not np.isfinite(result).all():
            raise CheckpointError(f"the editor's network for {self.task} gave numbers that are not finite", "Train it again")
        return result


def both_ways(network: Network, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of what the network says of pictures [N, C, S, S] and of their mirror images: twice the time, and the better judgement
    (self-ensemble, Lim et al. 2017, arXiv 1707.02921, 3.4)."""
    mirrored = network(np.ascontiguousarray(x[..., ::-1]))[..., ::-1]
    mean: NDArray[np.float32] = (network(x) + mirrored) / np.float32(2)
    return mean
