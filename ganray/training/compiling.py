"""Compilation of the networks (torch.compile, fixed shapes), and a check of the compiled gradients.

A miscompiled network raises no error: training goes on with wrong gradients. (PyTorch 2.13 on a CPU in bf16 lost those of everything
before a bilinear doubling.) So the gradients of one batch are compared between each compiled network and its eager form.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganray.config import TrainConfig
from ganray.models import Discriminator, Generator
from ganray.training.precision import autocast

TOLERANCE = 0.2  # of a gradient's norm; bf16 and another order of sums stay far below


def compiles(config: TrainConfig, device: torch.device) -> bool:
    """Whether `config.compile` compiles on a device: `auto` does on a GPU with a C compiler installed, and not on a CPU.

    On a CPU compilation takes a minute or two, more than it saves with networks that are small enough for a CPU. Exact penalties are never
    compiled: torch.compile has no double backward (the config refuses `on` with them).
    """
    exact = config.loss.penalty == "exact"
    supported = device.type == "cuda" and any(shutil.which(name) for name in (os.environ.get("CC", "gcc"), "clang"))
    return config.compile == "on" or (config.compile == "auto" and supported and not exact)


def compile_networks(config: TrainConfig, generator: Generator, discriminator: Discriminator) -> str:
    """Compile both in place, without changing the names of weights, so checkpoints stay valid. Returns a warning, or "".

    Where the compiled gradients differ from the eager ones, both networks stay uncompiled.
    """
    device = next(generator.parameters()).device
    if not compiles(config, device):
        return ""
    num = max(1, config.batch // config.workers)
    rng = torch.Generator(device).manual_seed(config.seed)
    label = torch.zeros(num, len(generator.label_sizes) + config.model.title_pieces, dtype=torch.int64, device=device)
    z = torch.randn(num, generator.z_dim, device=device, generator=rng)
    x = torch.randn(num, generator.channels, generator.resolution, generator.resolution, device=device, generator=rng).requires_grad_()
    for network, first_input in ((generator, z), (discriminator, x)):
        network.compile(dynamic=False)
        with autocast(device, config):
            difference = _different(network, (first_input, label))
        if difference:
            for compiled in (generator, discriminator):
                compiled._compiled_call_impl = None
            return f"torch.compile gives wrong gradients ({difference}): training goes on uncompiled"
    return ""


def _different(network: nn.Module, inputs: tuple[Tensor, Tensor]) -> str:
    """The name of a weight whose compiled gradient differs from the eager one; "" where all agree."""
    names = [name for name, _ in network.named_parameters()]
    compiled, eager = _gradients(network, network, inputs), _gradients(network, network.forward, inputs)
    largest = max(gradient.norm().item() for gradient in eager)
    for name, actual, expected in zip([*names, "images"], compiled, eager, strict=False):
        if (actual - expected).norm().item() > TOLERANCE * max(expected.norm().item(), 0.01 * largest):
            return name
    return ""


def _gradients(network: nn.Module, call: Callable[..., Tensor], inputs: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Gradients of a fixed weighted sum of the outputs: by all weights, and by the inputs that require one."""
    output = call(*inputs)
    weights = torch.linspace(-1, 1, output.numel(), device=output.device).sin_().view_as(output)
    variables = [*network.parameters(), *(x for x in inputs if x.requires_grad)]
    return [gradient.float() for gradient in torch.autograd.grad((output.float() * weights).sum(), variables)]
