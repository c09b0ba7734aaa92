"""Compilation of the networks (torch.compile, fixed shapes), and a check of the compiled gradients.

A miscompiled network raises no error: training goes on with wrong gradients. (PyTorch 2.13 on a CPU in bf16 lost those of everything
before a bilinear doubling.) So the gradients of one batch are compared between each compiled network and its eager form, for the three
graphs that a step runs: G, D in its own half, and D in G's half, where its weights are frozen. A step of several micro-batches compiles
more while it trains: G without gradients, and D for every other number of rows.
"""

from __future__ import annotations

import copy
import math
import os
import shutil
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganray.config import TrainConfig
from ganray.models import Discriminator, Generator
from ganray.training.draws import Draws
from ganray.training.precision import CastOnce, autocast, in_bf16

TOLERANCE = 0.2  # of a gradient's norm; bf16 and another order of sums stay far below
WORTHWHILE = 1e9  # pixels drawn in a run from which on compilation, two or three minutes on a GPU, is less than what it saves


def compiles(config: TrainConfig, device: torch.device) -> bool:
    """Whether `config.compile` compiles on a device: `auto` does in a long run on a GPU with a C compiler installed, and not on a CPU.

    On a CPU compilation takes a minute or two, more than it saves with networks that are small enough for a CPU. Exact penalties are never
    compiled: torch.compile has no double backward (the config refuses `on` with them).
    """
    return config.compile == "on" or (_wanted(config, device) and _compiler())


def _wanted(config: TrainConfig, device: torch.device) -> bool:
    pixels = 1000 * config.kimg * config.model.resolution**2
    fits = config.loss.penalty != "exact" and not config.grow.kimg  # graphs are of one side
    return config.compile == "auto" and device.type == "cuda" and fits and pixels >= WORTHWHILE


def _compiler() -> bool:
    """Whether there is a C compiler, and what Triton's launcher includes."""
    return _headers() and any(shutil.which(name) for name in (os.environ.get("CC", "gcc"), "clang"))


def _headers() -> bool:
    return (Path(sysconfig.get_paths()["include"]) / "Python.h").exists()


def compile_networks(config: TrainConfig, generator: Generator, discriminator: Discriminator) -> str:
    """Compile both in place, without changing the names of weights, so checkpoints stay valid. Returns a warning, or "".

    Where the compiled gradients differ from the eager ones, or do not fit into memory, both networks stay uncompiled.
    """
    device = next(generator.parameters()).device
    if not compiles(config, device):
        slower = "torch.compile needs a C compiler and Python's headers, and they are not installed: a step takes a third longer"
        return f"{slower} (the image's target gpu-compile has one)" if _wanted(config, device) else ""
    statistics = {network: copy.deepcopy(dict(network.named_buffers())) for network in (generator, discriminator)}
    for network in (generator, discriminator):
        network.compile(dynamic=False)
    try:
        difference = _difference(config, generator, discriminator)
        problem = f"gives wrong gradients ({difference})" if difference else ""
    except torch.OutOfMemoryError:
        problem = "needs more memory than there is"
    except Exception as error:  # a compiler's: whatever it is, training goes on
        if config.compile == "on":
            raise
        problem = f"failed ({type(error).__name__}: {(str(error).strip().splitlines() or ['no message'])[0]})"
    finally:
        for network, buffers in statistics.items():
            for name, buffer in network.named_buffers():
                buffer.copy_(buffers[name])  # batch norm has seen noise
    if not problem:
        return ""
    for network in (generator, discriminator):
        network._compiled_call_impl = None
    return f"torch.compile {problem}: training goes on uncompiled"


@dataclass(frozen=True)
class _Graph:
    """A network as a step calls it: by its weights, or `frozen` and by its first input."""

    network: CastOnce[Any]
    inputs: tuple[Tensor, ...]
    classifies: bool = False
    frozen: bool = False


def _graphs(config: TrainConfig, generator: Generator, discriminator: Discriminator) -> list[_Graph]:
    """What a step of the first worker calls, in the shapes of its first micro-batch."""
    device = next(generator.parameters()).device
    share = max(1, config.batch // config.workers)
    num = math.ceil(share / (config.accumulate or 1))
    near = 2 * len(Draws(config.seed, config.batch).chosen(num, config.loss.fraction)) if config.loss.penalty == "finite" else 0
    rows = num if discriminator.batch_statistics else 2 * num + near
    rng = torch.Generator(device).manual_seed(config.seed)

    def normal(num: int, *size: int) -> Tensor:
        return torch.randn(num, *size, device=device, generator=rng)

    def label(num: int) -> Tensor:
        return torch.zeros(num, len(generator.label_sizes) + config.model.title_pieces, dtype=torch.int64, device=device)

    image, bf16 = (generator.channels, generator.resolution, generator.resolution), in_bf16(device, config)
    draws, judges = CastOnce(generator, bf16), CastOnce(discriminator, bf16)
    return [
        _Graph(draws, (normal(num, generator.z_dim), label(num))),
        _Graph(judges, (normal(rows, *image), label(rows)), config.model.classifier),
        _Graph(judges, (normal(num, *image).requires_grad_(), label(num)), config.model.classifier, frozen=True),
    ]


def _difference(config: TrainConfig, generator: Generator, discriminator: Discriminator) -> str:
    """The name of a weight whose compiled gradient differs from the eager one; "" where all agree."""
    device = next(generator.parameters()).device
    for graph in _graphs(config, generator, discriminator):
        with autocast(device, config):
            compiled = _gradients(graph)
            with _eager(graph.network.network):
                expected = _gradients(graph)
        names = ["images"] if graph.frozen else [name for name, _ in graph.network.network.named_parameters()]
        largest = max(gradient.norm().item() for gradient in expected)
        for name, actual, right in zip(names, compiled, expected, strict=True):
            if (actual - right).norm().item() > TOLERANCE * max(right.norm().item(), 0.01 * largest):
                return name
    return ""


def _gradients(graph: _Graph) -> list[Tensor]:
    """Gradients of a fixed weighted sum of the outputs."""
    with graph.network.frozen() if graph.frozen else nullcontext():
        output = graph.network(*graph.inputs, *[True] * graph.classifies)
    weights = torch.linspace(-1, 1, output.numel(), device=output.device).sin_().view_as(output)
    variables = [graph.inputs[0]] if graph.frozen else graph.network.variables
    return [gradient.float() for gradient in torch.autograd.grad((output.float() * weights).sum(), variables)]


@contextmanager
def _eager(network: nn.Module) -> Iterator[None]:
    """The network is called uncompiled."""
    compiled, network._compiled_call_impl = network._compiled_call_impl, None
    try:
        yield
    finally:
        network._compiled_call_impl = compiled
