"""The number format in which the networks compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ganray.config import TrainConfig

N = TypeVar("N", bound=nn.Module)
CAST = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)  # layers whose weights autocast casts, in the networks of GANs


def in_bf16(device: torch.device, config: TrainConfig) -> bool:
    """Whether `config.precision` is bf16, or auto on a GPU or a CPU with bf16 instructions (others emulate it, slowly)."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))
    return config.precision == "bf16" or (config.precision == "auto" and native)


def autocast(device: torch.device, config: TrainConfig) -> torch.autocast:
    """Compute in bf16 where `in_bf16` says so."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=in_bf16(device, config))


class CastOnce(Generic[N]):
    """A network with its weights as they are now, in the format that autocast computes in: cast by one kernel, not by one for each layer.

    `variables` are what the network is differentiated by, in the order of its parameters: bf16 copies of those that are cast. Gradients are
    those of autocast, bit by bit, before it casts them back.
    """

    def __init__(self, network: N, bf16: bool) -> None:
        self.network = network
        self.variables: list[Tensor] = list(network.parameters())
        names = {id(parameter): name for name, parameter in network.named_parameters()} if bf16 else {}
        masters: list[Tensor] = [*_cast_by_autocast(network)] if bf16 else []
        copies = [torch.empty_like(master, dtype=torch.bfloat16) for master in masters]
        with torch.no_grad():
            if copies:
                torch._foreach_copy_(copies, masters)
        self._copies = {names[id(master)]: copy.requires_grad_() for master, copy in zip(masters, copies, strict=True)}
        self.variables = [self._copies.get(names.get(id(parameter), ""), parameter) for parameter in self.variables]

    def __call__(self, *inputs: Tensor | int) -> Any:
        """The network's output."""
        return functional_call(self.network, self._copies, inputs) if self._copies else self.network(*inputs)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Gradients by the weights are not asked for: a compiler would compute them all the same."""
        wanted = [variable for variable in self.variables if variable.requires_grad]
        for variable in wanted:
            variable.requires_grad_(False)
        try:
            yield
        finally:
            for variable in wanted:
                variable.requires_grad_()


def _cast_by_autocast(module: nn.Module) -> list[nn.Parameter]:
    """The weights of all layers that compute in autocast's format: those below a module that `computes_in_float32` do not."""
    if getattr(module, "computes_in_float32", False):
        return []
    own = [parameter for parameter in module.parameters(recurse=False) if isinstance(module, CAST)]
    return own + [parameter for child in module.children() for parameter in _cast_by_autocast(child)]
