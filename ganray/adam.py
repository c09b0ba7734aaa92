"""Adam and AdamW with the kernels of `torch.optim`, and without its classes.

Their first use imports torch's compiler (torch._dynamo): 2.5 seconds of a slow core and 75 MiB of every process that trains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

SLOTS = ("step", "exp_avg", "exp_avg_sq")
EPSILON = 1e-8


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1) in one fused kernel; with `weight_decay` AdamW (Loshchilov and Hutter 2019, algorithm 2).

    `lr` and `betas` may be set between steps. `state` has the tensors SLOTS of each parameter from its first step on: the number of
    steps, and the running means of its gradients and of their squares. Bit-equal to `torch.optim.Adam(..., fused=True)`, and with weight
    decay to `torch.optim.AdamW(...)`.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float], weight_decay: float = 0.0) -> None:
        self.parameters, self.lr, self.betas, self._weight_decay = list(parameters), lr, betas, weight_decay
        self.state: dict[nn.Parameter, dict[str, Tensor]] = defaultdict(dict)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Change the parameters by their gradients, given in the same order."""
        fused = not self._weight_decay
        for parameter in self.parameters:
            if not self.state[parameter]:
                step = torch.zeros((), device=parameter.device if fused else "cpu")
                self.state[parameter] = dict(zip(SLOTS, (step, torch.zeros_like(parameter), torch.zeros_like(parameter)), strict=True))
        steps, means, squares = ([self.state[parameter][slot] for parameter in self.parameters] for slot in SLOTS)
        beta1, beta2 = self.betas
        adam(
            list(self.parameters),
            list(gradients),
            means,
            squares,
            [],
            steps,
            fused=fused or None,  # None: as torch.optim chooses
            decoupled_weight_decay=not fused,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=self.lr,
            weight_decay=self._weight_decay,
            eps=EPSILON,
            maximize=False,
        )
