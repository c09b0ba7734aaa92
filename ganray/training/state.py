"""The state of a training run: with it and the config, a run resumes exactly where it stopped.

It has no random state: each step draws from its own stream, keyed by (seed, images seen), see draws.py.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganray.adam import SLOTS, Adam
from ganray.config import OptimizerConfig, TrainConfig
from ganray.errors import CheckpointError
from ganray.models import Discriminator, Generator, build_discriminator, build_generator
from ganray.training.adapt import Adaptive
from ganray.training.compiling import compile_networks
from ganray.training.spread import Spread


@dataclass
class TrainState:
    """Both networks, G's moving average, both optimizers, the clock (images seen by all workers), and what adapts."""

    generator: Generator
    discriminator: Discriminator
    ema: Generator
    opt_g: Adam
    opt_d: Adam
    num_images: int = 0
    adaptive: Adaptive | None = None  # the augmentation's probability, where `augment.target` is set
    note: str = ""  # a warning from building the networks, for the user
    spread: Spread | None = None  # diversity within labels, where `loss.spread` is set

    def export(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The state as named tensors (shared, not copied) and a description that JSON can hold."""
        tensors = {f"{name}.{key}": value for name, module in self._modules() for key, value in module.state_dict().items()}
        for name, module, optimizer in self._optimizers():
            tensors |= optimizer_tensors(name, module, optimizer)
        if self.adaptive:
            tensors |= {"adaptive.p": self.adaptive.p, "adaptive.sign": self.adaptive.sign}
        if self.spread:
            tensors["spread.sums"] = self.spread.sums
        return tensors, {"num_images": self.num_images}

    def restore(self, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Load what `export` returned. Raises CheckpointError for a tensor that is missing or has another shape, and names it.

        Only `adaptive` and `spread` may be missing: a resumed run that turns them on starts them.
        """
        for name, module in self._modules():
            copy_into(name, module, tensors)
        if self.adaptive and "adaptive.p" in tensors:
            self.adaptive.p.copy_(tensors["adaptive.p"])
            self.adaptive.sign.copy_(tensors["adaptive.sign"])
        if self.spread and "spread.sums" in tensors:
            self.spread.sums.copy_(tensors["spread.sums"])
        self.num_images = int(description["num_images"])
        if self.num_images:
            for name, module, optimizer in self._optimizers():
                restore_optimizer(name, module, optimizer, tensors)

    def _modules(self) -> tuple[tuple[str, nn.Module], ...]:
        return ("generator", self.generator), ("discriminator", self.discriminator), ("ema", self.ema)

    def _optimizers(self) -> tuple[tuple[str, nn.Module, Adam], ...]:
        return ("opt_g", self.generator, self.opt_g), ("opt_d", self.discriminator, self.opt_d)


def create_state(config: TrainConfig, label_sizes: tuple[int, ...], device: torch.device | str = "cpu") -> TrainState:
    """The state at the start of a run: weights depend on `config.seed` alone; `label_sizes` = values per attribute."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = build_generator(config.model, label_sizes)
        discriminator = build_discriminator(config.model, label_sizes)
    generator, discriminator = generator.to(device), discriminator.to(device)
    ema = copy.deepcopy(generator).eval().requires_grad_(False)
    note = compile_networks(config, generator, discriminator)
    opt_g, opt_d = _adam(generator, config.optimizer), _adam(discriminator, config.optimizer)
    adaptive = Adaptive.start(config.augment, device) if config.augment.target else None
    spread = Spread.start(device) if config.loss.spread else None
    return TrainState(generator, discriminator, ema, opt_g, opt_d, adaptive=adaptive, spread=spread, note=note)


def optimizer_tensors(name: str, module: nn.Module, optimizer: Adam) -> dict[str, Tensor]:
    """Adam's state of each parameter of a module, as `NAME.PARAMETER.SLOT`."""
    named = module.named_parameters()
    return {f"{name}.{key}.{slot}": value for key, parameter in named for slot, value in optimizer.state[parameter].items()}


@torch.no_grad()
def copy_into(name: str, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Load the tensors `NAME.*` into a module. Raises CheckpointError."""
    for key, value in module.state_dict().items():
        value.copy_(_find(tensors, f"{name}.{key}", value))


@torch.no_grad()
def restore_optimizer(name: str, module: nn.Module, optimizer: Adam, tensors: dict[str, Tensor]) -> None:
    """Load what `optimizer_tensors` returned into Adam. Raises CheckpointError."""
    for key, parameter in module.named_parameters():
        like = dict(zip(SLOTS, (torch.zeros(()), parameter, parameter), strict=True))
        optimizer.state[parameter] = {
            slot: torch.empty_like(value, device=parameter.device).copy_(_find(tensors, f"{name}.{key}.{slot}", value))
            for slot, value in like.items()
        }


def _adam(module: nn.Module, config: OptimizerConfig) -> Adam:
    return Adam(module.parameters(), config.lr, (config.beta1, config.beta2))


def _find(tensors: dict[str, Tensor], name: str, like: Tensor) -> Tensor:
    if name not in tensors:
        raise CheckpointError(f"the checkpoint has no tensor {name}", "It belongs to other networks: start a new run in another folder.")
    if tensors[name].shape != like.shape:
        raise CheckpointError(
            f"the checkpoint's {name} has shape {tuple(tensors[name].shape)}, this model's {tuple(like.shape)}",
            "It belongs to other networks: start a new run in another folder.",
        )
    return tensors[name]
