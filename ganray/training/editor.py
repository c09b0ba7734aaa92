"""Training of the editor: its state, and one step over all tasks. It shares loop, clock, checkpoints and resume with GANs.

Every step takes one batch of photos, degrades it once for each task (degrade.py) and trains each network to undo its degradation. Where
`editor.adversarial` is set, a critic also judges inpainted and upscaled images in the relativistic game of losses.py: results are sharper
and have a slightly lower PSNR.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganray.adam import Adam
from ganray.config import OptimizerConfig, TrainConfig
from ganray.models.editor import EDITORS, build_critics, build_editor, input_size
from ganray.models.feature_matte import FeatureMatte
from ganray.models.pretrained import imagenet_network
from ganray.training.degrade import Pair, enhance_pair, inpaint_pair, matte_pair, upscale_pair
from ganray.training.draws import Draws
from ganray.training.ema import update_ema
from ganray.training.losses import GAMES, STEP, finite_penalty
from ganray.training.precision import autocast
from ganray.training.state import copy_into, optimizer_tensors, restore_optimizer
from ganray.training.step import StepInputs, applied, averaged, descend

GAME = GAMES["relativistic"]
GAMMA = 0.1  # of the critics' penalties: small, since the answers are close to the targets from the start


@dataclass
class EditorState:
    """The networks by task, their moving average, their critics, both optimizers and the clock; and the cut-out products that mattes are
    learned on, uint8 [K, 4, S, S], which are not part of a checkpoint."""

    networks: nn.ModuleDict
    critics: nn.ModuleDict
    ema: nn.ModuleDict
    optimizer: Adam
    opt_critics: Adam | None
    cutouts: Tensor
    num_images: int = 0
    note: str = ""

    def export(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The state as named tensors (shared, not copied) and a description that JSON can hold."""
        tensors = {f"{name}.{key}": value for name, module in self._modules() for key, value in module.state_dict().items()}
        for name, module, optimizer in self._optimizers():
            tensors |= optimizer_tensors(name, module, optimizer)
        return tensors, {"num_images": self.num_images}

    def restore(self, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Load what `export` returned. Raises CheckpointError where a tensor is missing or has another shape."""
        for name, module in self._modules():
            copy_into(name, module, tensors)
        self.num_images = int(description["num_images"])
        if self.num_images:
            for name, module, optimizer in self._optimizers():
                restore_optimizer(name, module, optimizer, tensors)

    def _modules(self) -> tuple[tuple[str, nn.Module], ...]:
        return ("networks", self.networks), ("critics", self.critics), ("ema", self.ema)

    def _optimizers(self) -> list[tuple[str, nn.Module, Adam]]:
        optimizers: list[tuple[str, nn.Module, Adam]] = [("optimizer", self.networks, self.optimizer)]
        return optimizers + ([("opt_critics", self.critics, self.opt_critics)] if self.opt_critics else [])


class MatteShape(NamedTuple):
    """How many pairs of mattes there are for a photo, and their side in pixels."""

    composites: int
    size: int


def create_editor_state(config: TrainConfig, cutouts: Tensor, device: torch.device | str = "cpu") -> EditorState:
    """The state at the start of a run: weights depend on `config.seed` alone. `cutouts` may be empty where no matte is learned.

    Raises ClusterError where `editor.encoder` asks for published weights that are not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        networks, critics = build_editor(config.editor).to(device), build_critics(config.editor).to(device)
    for network in networks.values():
        if isinstance(network, FeatureMatte):
            network.take_encoder(imagenet_network("set editor.encoder to ''"))
    ema = copy.deepcopy(networks).eval().requires_grad_(False)
    opt_critics = _adam(critics, config.optimizer) if len(critics) else None
    return EditorState(networks, critics, ema, _adam(networks, config.optimizer), opt_critics, cutouts.to(device))


def editor_step(state: EditorState, real: Tensor, terms: StepInputs) -> dict[str, Tensor]:
    """Update the state in place from photos [N, 3, R, R] in [-1, 1]; returns scalars that stay on the device."""
    metrics: dict[str, Tensor] = {}
    losses: list[Tensor] = []
    judged: dict[str, tuple[Tensor, Tensor]] = {}
    for task in state.networks:
        shape = MatteShape(terms.config.editor.composites, input_size(task, state.networks[task]))
        pair = degraded(task, real, state.cutouts, terms.draws, shape)
        with autocast(real.device, terms.config):
            answer = state.networks[task](pair.x.contiguous(memory_format=torch.channels_last)).float()
        loss = task_loss(task, answer, pair)
        metrics[task] = loss.detach()
        if task in state.critics:
            judged[task] = answer, pair.target
        losses.append(loss)
    total = torch.stack(losses).sum()
    if judged:
        metrics |= _critic_step(state, judged, terms)
        total = total + terms.config.editor.adversarial * _adversarial_loss(state, judged)
    gradients = list(torch.autograd.grad(total, list(state.networks.parameters())))
    gradients = averaged(gradients, state.networks, terms)
    cap_(gradients, state.networks)
    metrics["grad"] = applied(gradients, state.networks, state.optimizer, terms)
    update_ema(state.ema, state.networks, terms.hyper.ema_beta)
    return metrics


def cap_(gradients: list[Tensor], networks: nn.ModuleDict) -> None:
    """Shorten, in place, each network's gradients to the `cap` of its row in EDITORS."""
    remaining = iter(gradients)
    for task, network in networks.items():
        of_network = [next(remaining) for _ in network.parameters()]
        if (cap := EDITORS[task].cap) < math.inf:
            norm = torch.stack(list(torch._foreach_norm(of_network))).norm()
            torch._foreach_mul_(of_network, (cap / norm.clamp_min(1e-12)).clamp_max(1.0))


def degraded(task: str, real: Tensor, cutouts: Tensor, draws: Draws, shape: MatteShape) -> Pair:
    """Input and target of a task, of photos [N, 3, R, R] in [-1, 1]: one pair for each photo, those of `shape` for mattes."""
    if task == "matte":
        pairs = [matte_pair(real, cutouts, draws, shape.size) for _ in range(shape.composites)]
        return Pair(*(torch.cat(parts) for parts in zip(*pairs, strict=True)))
    return {"inpaint": inpaint_pair, "upscale": upscale_pair, "enhance": enhance_pair}[task](real, draws)


def task_loss(task: str, answer: Tensor, pair: Pair) -> Tensor:
    """Mattes: cross entropy plus half of (1 - soft intersection over union). Images: Charbonnier distance, weighted by `pair.weight`."""
    if task == "matte":
        alpha = answer.sigmoid()
        intersection = (alpha * pair.target).sum((1, 2, 3))
        union = (alpha + pair.target).sum((1, 2, 3)) - intersection
        return F.binary_cross_entropy_with_logits(answer, pair.target) + 0.5 * (1 - intersection / union.clamp_min(1.0)).mean()
    distance = ((answer - pair.target).square() + 1e-4).sqrt() * pair.weight
    return distance.sum() / (pair.weight.sum() * (distance.numel() / pair.weight.numel())).clamp_min(1.0)


def _critic_step(state: EditorState, judged: dict[str, tuple[Tensor, Tensor]], terms: StepInputs) -> dict[str, Tensor]:
    """One step of the critics; returns their losses."""
    assert state.opt_critics is not None
    losses, metrics = [], {}
    for task, (answer, target) in judged.items():
        critic, fake, sigma = state.critics[task], answer.detach(), terms.config.loss.sigma or STEP
        noise = terms.draws.normal(len(fake), 2 * fake[0].numel()).view(2, *fake.shape) * sigma
        real_logits, fake_logits, near_real, near_fake = critic(torch.cat([target, fake, target + noise[0], fake + noise[1]])).chunk(4)
        game = GAME.discriminator(real_logits, fake_logits)
        penalty = finite_penalty(real_logits, near_real, sigma) + finite_penalty(fake_logits, near_fake, sigma)
        losses.append(game + GAMMA / 2 * penalty)
        metrics[f"{task}_critic"] = game.detach()
    gradients = list(torch.autograd.grad(torch.stack(losses).sum(), list(state.critics.parameters())))
    descend(gradients, state.critics, state.opt_critics, terms)
    return metrics


def _adversarial_loss(state: EditorState, judged: dict[str, tuple[Tensor, Tensor]]) -> Tensor:
    """The editor's loss against the critics."""
    losses = []
    for task, (answer, target) in judged.items():
        real_logits, fake_logits = state.critics[task](torch.cat([target, answer])).chunk(2)
        losses.append(GAME.generator(real_logits.detach(), fake_logits))
    return torch.stack(losses).sum()


def picture_of(task: str, answer: Tensor) -> Tensor:
    """A network's answer as an image to show, [N, 1 or 3, S, S] in [-1, 1]."""
    return answer.sigmoid() * 2 - 1 if task == "matte" else answer


def smallest_photo(tasks: tuple[str, ...]) -> int:
    """The smallest side in pixels of photos that these tasks can be learned from."""
    return max(EDITORS[task].photo for task in tasks)


def _adam(module: nn.Module, config: OptimizerConfig) -> Adam:
    return Adam(module.parameters(), config.lr, (config.beta1, config.beta2))
