"""Whether the networks are compiled (torch.compile, fixed shapes), and whether what came of it can be trusted.

A compiler that is wrong says nothing: training goes on, on wrong gradients. (PyTorch 2.13 on a CPU in bf16 lost those of everything before
a bilinear doubling.) So each compiled network is asked for the gradients of one batch, and so is the same network as it was before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganray.config import TrainConfig
from ganray.errors import ConfigError
from ganray.models import Discriminator, Generator
from ganray.training.precision import autocast

TOLERANCE = 0.2  # of a gradient's norm: bf16 and another order of sums stay far below


def compiles(config: TrainConfig, device: torch.device) -> bool:
    """What `config.compile` means on a device: `auto` is yes on a GPU, where a C compiler is at hand, and no on a CPU.

    On a CPU it takes a minute or two, which the small networks of a CPU do not win back. Raises ConfigError where it is asked for with
    exact penalties: torch.compile has no double backward.
    """
    exact = config.loss.penalty == "exact"
    if config.compile == "on" and exact:
        raise ConfigError("compile = on with loss.penalty = exact", "torch.compile has no double backward: use --loss.penalty finite")
    able = device.type == "cuda" and any(shutil.which(name) for name in (os.environ.get("CC", "gcc"), "clang"))
    return config.compile == "on" or (config.compile == "auto" and able and not exact)


def compile_networks(config: TrainConfig, generator: Generator, discriminator: Discriminator) -> str:
    """Compile both in place; names of weights, and so checkpoints, stay what they are. Gives what is to be said of it, if anything.

    Where the compiled gradients are not the eager ones, both networks stay as they were.
    """
    device = next(generator.parameters()).device
    if not compiles(config, device):
        return ""
    num = max(1, config.batch // config.workers)
    rng = torch.Generator(device).manual_seed(config.seed)
    label = torch.zeros(num, len(generator.label_sizes) + config.model.title_pieces, dtype=torch.int64, device=device)
    z = torch.randn(num, generator.z_dim, device=device, generator=rng)
    x = torch.randn(num, generator.channels, generator.resolution, generator.resolution, device=device, generator=rng).requires_grad_()
    for network, first in ((generator, z), (discriminator, x)):
        network.compile(dynamic=False)
        with autocast(device, config):
            wrong = _different(network, (first, label))
        if wrong:
            for each in (generator, discriminator):
                each._compiled_call_impl = None
            return f"torch.compile gives other gradients than it should ({wrong}): training goes on without it"
    return ""


def _different(network: nn.Module, inputs: tuple[Tensor, Tensor]) -> str:
    """The name of a weight whose gradient in the compiled network is not that of the plain one; nothing where all agree."""
    names = [name for name, _ in network.named_parameters()]
    compiled, plain = _gradients(network, network, inputs), _gradients(network, network.forward, inputs)
    most = max(gradient.norm().item() for gradient in plain)
    for name, ours, right in zip([*names, "images"], compiled, plain, strict=False):
        if (ours - right).norm().item() > TOLERANCE * max(right.norm().item(), 0.01 * most):
            return name
    return ""


def _gradients(network: nn.Module, call: Callable[..., Tensor], inputs: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Of a sum over outputs in fixed, uneven parts: by all weights, and by the first input where it has one."""
    output = call(*inputs)
    parts = torch.linspace(-1, 1, output.numel(), device=output.device).sin_().view_as(output)
    wanted = [*network.parameters(), *(each for each in inputs if each.requires_grad)]
    return [gradient.float() for gradient in torch.autograd.grad((output.float() * parts).sum(), wanted)]
