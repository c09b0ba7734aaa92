"""One training step: D, then G, then the moving average. No clock, no log, no file, no rank.

R3GAN (arXiv 2501.05441): with T the augmentation, x real, z ~ N(0, I) and c the label of x,
D minimises softplus(D(T(G(z, c)), c) - D(T(x), c)) + gamma / 2 (R1 + R2), and G minimises the same with the roles exchanged.
The penalties are taken with respect to T's output, so no second-order derivative passes through T.
Both halves of a step use one z: G has not changed in between, so its forward pass is reused, and G's loss uses the real logits of D's
half. The paper draws both anew; that costs a sixth more time and was not better (tests/benchmarks/LOG.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ganray.adam import Adam
from ganray.config import TrainConfig
from ganray.models import set_strength
from ganray.training.adapt import sign_statistic
from ganray.training.augment import augment
from ganray.training.draws import Draws
from ganray.training.ema import update_ema
from ganray.training.losses import GAMES, exact_penalty, finite_penalty
from ganray.training.precision import autocast
from ganray.training.schedules import Hyper
from ganray.training.spread import pair_sums
from ganray.training.state import TrainState

Average = Callable[[list[Tensor]], None]


@dataclass(frozen=True)
class StepInputs:
    """Inputs of one step beside the data; `average` replaces tensors by their means over workers, weighted by their shares of the batch."""

    config: TrainConfig
    hyper: Hyper
    draws: Draws
    average: Average


@dataclass(frozen=True)
class MicroBatch:
    """A micro-batch: `share` of this worker's images, with the draws of their places."""

    real: Tensor
    label: Tensor
    terms: StepInputs
    share: float


def train_step(state: TrainState, real: Tensor, label: Tensor, terms: StepInputs) -> dict[str, Tensor]:
    """Update the state in place from real images [N, C, R, R] in [-1, 1] and labels [N, A]; returns scalars that stay on the device.

    The caller advances `state.num_images`.
    """
    if terms.config.condition.ramp_kimg:
        for network in (state.generator, state.discriminator, state.ema):
            set_strength(network, terms.hyper.condition)
    passes = []
    metrics: dict[str, Tensor] = {}
    gradients: list[Tensor] = []
    parts = list(micro_batches(real, label, terms))
    for part in parts:
        with autocast(real.device, terms.config):
            z = _latent(state, part)
            with torch.set_grad_enabled(len(parts) == 1):  # keeping several graphs would defeat the purpose of micro-batches
                fake = state.generator(z, part.label)
            loss, real_logits, scalars = discriminator_loss(state, part.real, fake.detach(), part.label, part.terms)
        _add(gradients, _gradients(loss, state.discriminator), part.share)
        metrics = {name: value * part.share + metrics.get(name, 0.0) for name, value in scalars.items()}
        passes.append((part, z, real_logits.detach()))
    metrics["grad_d"] = descend(gradients, state.discriminator, state.opt_d, terms, [metrics["sign"]])
    gradients = []
    pair_means: list[Tensor] = []
    for part, z, real_logits in passes:
        with autocast(real.device, terms.config):
            fake = fake if len(parts) == 1 else state.generator(z, part.label)
            loss = generator_loss(state, real_logits, fake, part.label, part.terms)
        metrics["loss_g"] = loss.detach() * part.share + metrics.get("loss_g", 0.0)
        if state.spread:
            pairs = pair_sums(part.real, fake, part.label)
            loss = loss + terms.config.loss.spread * state.spread.loss(pairs)
            pair_means += [pairs.detach() * part.share]
        _add(gradients, _gradients(loss, state.generator), part.share)
    averaged_pairs = [torch.stack(pair_means).sum(0)] if pair_means else []
    metrics["grad_g"] = descend(gradients, state.generator, state.opt_g, terms, averaged_pairs)
    update_ema(state.ema, state.generator, terms.hyper.ema_beta)
    if state.spread:
        metrics["spread"] = state.spread.ratio
        state.spread.update(averaged_pairs[0], terms.config.batch)
    if state.adaptive:
        metrics["p"] = state.adaptive.p.clone()
        state.adaptive.update(metrics["sign"], terms.config.batch, terms.config.augment)
    return metrics


def micro_batches(real: Tensor, label: Tensor, terms: StepInputs) -> Iterator[MicroBatch]:
    """Divide this worker's images into `accumulate` parts of about equal size, at most one for each image."""
    num = len(real)
    size = math.ceil(num / (terms.config.accumulate or 1))  # None is replaced before the run starts
    for first in range(0, num, size):
        rows = slice(first, first + size)
        part_terms = terms if size >= num else replace(terms, draws=terms.draws.part(first))
        yield MicroBatch(real[rows], label[rows], part_terms, len(real[rows]) / num)


def discriminator_loss(
    state: TrainState, real: Tensor, fake: Tensor, label: Tensor, terms: StepInputs
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """D's loss with penalties, on images [N, C, R, R] without gradient; the logits of the real ones; scalars to log."""
    real, fake = _transform(state, real, terms), _transform(state, fake, terms)
    real_logits, fake_logits, r1, r2 = _score(state, real, fake, label, terms)
    game = GAMES[terms.config.loss.name].discriminator(real_logits, fake_logits)
    sign = sign_statistic(real_logits, fake_logits)
    metrics = {"loss_d": game, "logit": (real_logits - fake_logits).mean(), "sign": sign, "r1": r1, "r2": r2}
    return game + terms.hyper.gamma / 2 * (r1 + r2), real_logits, {name: value.detach() for name, value in metrics.items()}


def generator_loss(state: TrainState, real_logits: Tensor, fake: Tensor, label: Tensor, terms: StepInputs) -> Tensor:
    """G's loss on `fake`, which carries its gradient, augmented anew; `real_logits` are constants."""
    fake_logits = state.discriminator(_transform(state, fake, terms), label)
    return GAMES[terms.config.loss.name].generator(real_logits, fake_logits)


def _score(state: TrainState, real: Tensor, fake: Tensor, label: Tensor, terms: StepInputs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits [N] of real and of fake, and the mean squared gradient of D at each (R1, R2) by the configured method."""
    loss, network, num = terms.config.loss, state.discriminator, len(real)
    if loss.penalty == "none":
        if network.batch_statistics:
            real_logits, fake_logits = network(real, label), network(fake, label)
        else:
            real_logits, fake_logits = network(torch.cat([real, fake]), torch.cat([label, label])).split(num)
        return real_logits, fake_logits, real_logits.new_zeros(()), real_logits.new_zeros(())
    if loss.penalty == "exact":
        real, fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
        real_logits, fake_logits = network(torch.cat([real, fake]), torch.cat([label, label])).split(num)
        return real_logits, fake_logits, exact_penalty(real_logits, real), exact_penalty(fake_logits, fake)
    chosen = terms.draws.chosen(num, loss.fraction)
    noise = terms.draws.noise(num, loss.fraction, real.shape[1:])
    near = torch.cat([real[chosen], fake[chosen]]) + loss.sigma * noise
    logits = network(torch.cat([real, fake, near]), torch.cat([label, label, label[chosen], label[chosen]]))
    real_logits, fake_logits, near_real, near_fake = logits.split([num, num, len(chosen), len(chosen)])
    scale = len(chosen) / terms.draws.share_chosen(num, loss.fraction)  # 1 where every part has its exact share
    r1 = finite_penalty(real_logits[chosen], near_real, loss.sigma) * scale if len(chosen) else real_logits.new_zeros(())
    r2 = finite_penalty(fake_logits[chosen], near_fake, loss.sigma) * scale if len(chosen) else real_logits.new_zeros(())
    return real_logits, fake_logits, r1, r2


def _transform(state: TrainState, x: Tensor, terms: StepInputs) -> Tensor:
    p = state.adaptive.p if state.adaptive else terms.hyper.p
    return augment(x, p, terms.config.augment, terms.draws)


def _latent(state: TrainState, part: MicroBatch) -> Tensor:
    return part.terms.draws.normal(len(part.real), state.generator.z_dim)


def _gradients(loss: Tensor, network: nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(network.parameters())))


def _add(total: list[Tensor], gradients: list[Tensor], share: float) -> None:
    """Add `share` times the gradients to `total`, which is empty at first."""
    if share != 1:
        torch._foreach_mul_(gradients, share)
    if total:
        torch._foreach_add_(total, gradients)
    else:
        total += gradients


def descend(gradients: list[Tensor], network: nn.Module, optimizer: Adam, terms: StepInputs, also: Sequence[Tensor] = ()) -> Tensor:
    """One step of Adam on gradients averaged over workers; batch statistics and `also` are averaged too. Returns the gradient's norm."""
    statistics = [buffer for name, buffer in network.named_buffers() if "running_" in name]
    terms.average([*gradients, *statistics, *also])
    return applied(gradients, network, optimizer, terms)


def applied(gradients: list[Tensor], network: nn.Module, optimizer: Adam, terms: StepInputs) -> Tensor:
    """One step of Adam on gradients that are equal on all workers; returns their norm."""
    optimizer.lr, optimizer.betas = terms.hyper.lr, (terms.config.optimizer.beta1, terms.hyper.beta2)
    optimizer.step(gradients)
    norm: Tensor = torch.stack(list(torch._foreach_norm(gradients))).norm()
    return norm
