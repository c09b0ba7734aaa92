"""One training step: D, then G, then the moving average. No clock, no log, no file, no rank.

R3GAN (arXiv 2501.05441): with T the augmentation, x real, z ~ N(0, I) and c the label of x,
D minimises softplus(D(T(G(z, c)), c) - D(T(x), c)) + gamma / 2 (R1 + R2), and G minimises the same with the roles exchanged.
The penalties are taken with respect to T's output, so no second-order derivative passes through T.
Both halves of a step use one z: G has not changed in between, so its forward pass is reused, and G's loss uses the real logits of D's
half. The paper draws both anew; that costs a sixth more time and was not better (tests/benchmarks/LOG.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganray.adam import Adam
from ganray.config import TrainConfig
from ganray.models import Discriminator, Generator, set_strength
from ganray.training.adapt import sign_statistic
from ganray.training.augment import augment
from ganray.training.classification import Score, classification_loss, judged
from ganray.training.draws import Draws
from ganray.training.ema import update_ema
from ganray.training.gradients import Average, Gradients, room_for
from ganray.training.losses import GAMES, difference_step, exact_penalty, finite_penalty
from ganray.training.precision import CastOnce, autocast, in_bf16
from ganray.training.schedules import Hyper
from ganray.training.spread import pair_sums
from ganray.training.state import TrainState


@dataclass(frozen=True)
class StepInputs:
    """Inputs of one step beside the data; `average` is None where there is one worker."""

    config: TrainConfig
    hyper: Hyper
    draws: Draws
    average: Average | None


@dataclass(frozen=True)
class MicroBatch:
    """A micro-batch: `share` of this worker's images, with the draws of their places."""

    real: Tensor
    label: Tensor
    terms: StepInputs
    share: float


class _Scores(NamedTuple):
    """Logits [N] of real and fake images, the scores of values where there is a classifier, R1 and R2."""

    real: Tensor
    fake: Tensor
    classes: Tensor | None
    penalties: tuple[Tensor, Tensor]

    def of_photos(self, num: int) -> _Scores:
        """The same with the scores of values of the first `num` rows alone, the real images."""
        return self if self.classes is None else self._replace(classes=self.classes[:num])


class Pass(NamedTuple):
    """What D's half of a step leaves to G's. The fakes have a gradient where there is one micro-batch."""

    part: MicroBatch
    z: Tensor
    fake: Tensor
    real_logits: Tensor


def train_step(state: TrainState, real: Tensor, label: Tensor, terms: StepInputs) -> dict[str, Tensor]:
    """Update the state in place from real images [N, C, R, R] in [-1, 1] and labels [N, A]; returns scalars that stay on the device.

    The caller advances `state.num_images`.
    """
    if terms.config.condition.ramp_kimg:
        for network in (state.generator, state.discriminator, state.ema):
            set_strength(network, terms.hyper.condition)
    if terms.hyper.side < real.shape[2]:
        real = F.avg_pool2d(real, real.shape[2] // terms.hyper.side)
    bf16 = in_bf16(real.device, terms.config)
    generator = CastOnce(state.generator, bf16)
    parts = list(micro_batches(real, label, terms))
    gradients, passes, metrics = _discriminator_half(state, generator, parts, CastOnce(state.discriminator, bf16))
    with autocast(real.device, terms.config):
        ready = _prepared(state, generator, passes[0], len(parts) == 1)  # while D's gradients are on their way between workers
    metrics["grad_d"] = applied(gradients.wait(), state.discriminator, state.opt_d, terms)
    discriminator = CastOnce(state.discriminator, bf16)
    gradients = Gradients(list(state.generator.parameters()), terms.average)
    pair_means: list[Tensor] = []
    for place, (part, _, _, real_logits) in enumerate(passes):
        with autocast(real.device, terms.config):
            transformed, pairs = ready if place == 0 else _prepared(state, generator, passes[place], False)
            with discriminator.frozen():
                logits, classes = judged(discriminator, transformed, part.label, terms.config.model)
            loss = GAMES[terms.config.loss.name].generator(real_logits, logits)
        metrics["loss_g"] = loss.detach() * part.share + metrics.get("loss_g", 0.0)
        if classes is not None:
            named = _classification_loss(state, classes, part)
            metrics["classes_g"] = named.detach() * part.share + metrics.get("classes_g", 0.0)
            loss = loss + weight * named if (weight := terms.config.loss.classify_fakes) else loss
        if pairs is not None and state.spread:
            loss = loss + terms.config.loss.spread * state.spread.loss(pairs)
            pair_means += [pairs.detach() * part.share]
        gradients.add(
            _differentiated(loss, generator.variables, terms),
            part.share,
            room=room_for([*_statistics(state.generator), *pair_means[:1]]),
        )
    averaged_pairs = [torch.stack(pair_means).sum(0)] if pair_means else []
    gradients.begin_average([*_statistics(state.generator), *averaged_pairs])
    metrics["grad_g"] = applied(gradients.wait(), state.generator, state.opt_g, terms)
    update_ema(state.ema, state.generator, terms.hyper.ema_beta)
    if state.spread:
        metrics["spread"] = state.spread.ratio
        state.spread.update(averaged_pairs[0], terms.config.batch)
    if state.adaptive:
        metrics["p"] = state.adaptive.p.clone()
        state.adaptive.update(metrics["sign"], terms.config.batch, terms.config.augment)
    return metrics


def _discriminator_half(
    state: TrainState, generator: CastOnce[Generator], parts: list[MicroBatch], discriminator: CastOnce[Discriminator]
) -> tuple[Gradients, list[Pass], dict[str, Tensor]]:
    """D's gradients, on their way to the other workers; what G's half needs; and scalars to log."""
    passes: list[Pass] = []
    metrics: dict[str, Tensor] = {}
    terms, statistics = parts[0].terms, _statistics(state.discriminator)
    gradients = Gradients(list(state.discriminator.parameters()), terms.average)
    for part in parts:
        with autocast(part.real.device, terms.config):
            z = _latent(state, part)
            with torch.set_grad_enabled(len(parts) == 1):  # keeping several graphs would defeat the purpose of micro-batches
                fake = _drawn(generator, z, part)
            loss, real_logits, scalars = discriminator_loss(state, discriminator, fake.detach(), part)
        gradients.add(_differentiated(loss, discriminator.variables, terms), part.share, room=room_for([*statistics, scalars["sign"]]))
        metrics = {name: value * part.share + metrics.get(name, 0.0) for name, value in scalars.items()}
        passes.append(Pass(part, z, fake, real_logits.detach()))
    gradients.begin_average([*statistics, metrics["sign"]])
    return gradients, passes, metrics


def _prepared(state: TrainState, generator: CastOnce[Generator], passed: Pass, drawn: bool) -> tuple[Tensor, Tensor | None]:
    """What G's half can compute before D's weights are known: the transformed fakes, `drawn` already or anew, and the sums over pairs."""
    part = passed.part
    fake = passed.fake if drawn else _drawn(generator, passed.z, part)
    return _transform(state, fake, part.terms), pair_sums(part.real, fake, part.label) if state.spread else None


def _drawn(generator: CastOnce[Generator], z: Tensor, part: MicroBatch) -> Tensor:
    side = part.terms.hyper.side
    fake: Tensor = generator(z, part.label) if side == generator.network.resolution else generator(z, part.label, side)
    return fake


def micro_batches(real: Tensor, label: Tensor, terms: StepInputs) -> Iterator[MicroBatch]:
    """Divide this worker's images into `accumulate` parts of about equal size, at most one for each image."""
    num = len(real)
    size = math.ceil(num / (terms.config.accumulate or 1))  # None is replaced before the run starts
    for first in range(0, num, size):
        rows = slice(first, first + size)
        part_terms = terms if size >= num else replace(terms, draws=terms.draws.part(first))
        yield MicroBatch(real[rows], label[rows], part_terms, len(real[rows]) / num)


def discriminator_loss(state: TrainState, score: Score, fake: Tensor, part: MicroBatch) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """D's loss with penalties, on images [N, C, R, R] without gradient; the logits of the real ones; scalars to log."""
    terms = part.terms
    real, fake = _transform(state, part.real, terms), _transform(state, fake, terms)
    real_logits, fake_logits, classes, (r1, r2) = _score(state, score, real, fake, part)
    game = GAMES[terms.config.loss.name].discriminator(real_logits, fake_logits)
    sign = sign_statistic(real_logits, fake_logits)
    metrics = {"loss_d": game, "logit": (real_logits - fake_logits).mean(), "sign": sign, "r1": r1, "r2": r2}
    loss = game + terms.hyper.gamma / 2 * (r1 + r2)
    if classes is not None:
        metrics["classes_d"] = _classification_loss(state, classes, part)
        loss = loss + terms.config.loss.classify * metrics["classes_d"]
    return loss, real_logits, {name: value.detach() for name, value in metrics.items()}


def generator_loss(state: TrainState, real_logits: Tensor, fake: Tensor, label: Tensor, terms: StepInputs) -> Tensor:
    """G's loss on `fake`, which carries its gradient, augmented anew; `real_logits` are constants."""
    fake_logits = state.discriminator(_transform(state, fake, terms), label)
    return GAMES[terms.config.loss.name].generator(real_logits, fake_logits)


def _classification_loss(state: TrainState, classes: Tensor, part: MicroBatch) -> Tensor:
    return classification_loss(classes, part.label, state.discriminator.label_sizes, part.terms.config.model)


def _score(state: TrainState, network: Score, real: Tensor, fake: Tensor, part: MicroBatch) -> _Scores:
    """What D says of real and fake images, and the mean squared gradient of D at each (R1, R2) by the configured method."""
    config, label, terms, num = part.terms.config, part.label, part.terms, len(real)
    loss, both = config.loss, torch.cat([label, label])
    if loss.penalty == "none":
        if state.discriminator.batch_statistics:
            (real_logits, classes), (fake_logits, _) = (judged(network, images, label, config.model) for images in (real, fake))
        else:
            logits, classes = judged(network, torch.cat([real, fake]), both, config.model)
            real_logits, fake_logits = logits.split(num)
        return _Scores(real_logits, fake_logits, classes, (real_logits.new_zeros(()), real_logits.new_zeros(()))).of_photos(num)
    if loss.penalty == "exact":
        real, fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
        logits, classes = judged(network, torch.cat([real, fake]), both, config.model)
        real_logits, fake_logits = logits.split(num)
        penalties = exact_penalty(real_logits, real), exact_penalty(fake_logits, fake)
        return _Scores(real_logits, fake_logits, classes, penalties).of_photos(num)
    sigma = difference_step(loss, real.shape[2], torch.is_autocast_enabled(real.device.type))
    chosen = terms.draws.chosen(num, loss.fraction)
    noise = terms.draws.noise(num, loss.fraction, real.shape[1:])
    near = torch.cat([real[chosen], fake[chosen]]) + sigma * noise
    logits, classes = judged(network, torch.cat([real, fake, near]), torch.cat([both, label[chosen], label[chosen]]), config.model)
    real_logits, fake_logits, near_real, near_fake = logits.split([num, num, len(chosen), len(chosen)])
    scale = len(chosen) / terms.draws.share_chosen(num, loss.fraction)  # 1 where every part has its exact share
    r1 = finite_penalty(real_logits[chosen], near_real, sigma) * scale if len(chosen) else real_logits.new_zeros(())
    r2 = finite_penalty(fake_logits[chosen], near_fake, sigma) * scale if len(chosen) else real_logits.new_zeros(())
    return _Scores(real_logits, fake_logits, classes, (r1, r2)).of_photos(num)


def _transform(state: TrainState, x: Tensor, terms: StepInputs) -> Tensor:
    p = state.adaptive.p if state.adaptive else terms.hyper.p
    return augment(x, p, terms.config.augment, terms.draws)


def _latent(state: TrainState, part: MicroBatch) -> Tensor:
    return part.terms.draws.normal(len(part.real), state.generator.z_dim)


def _differentiated(loss: Tensor, variables: list[Tensor], terms: StepInputs) -> list[Tensor]:
    """Gradients of a loss; zeros for stages that coarse pictures do not pass."""
    return list(torch.autograd.grad(loss, variables, materialize_grads=bool(terms.config.grow.kimg)))


def _statistics(network: nn.Module) -> list[Tensor]:
    """Running statistics of batch norm, which are averaged like gradients."""
    return [buffer for name, buffer in network.named_buffers() if "running_" in name]


def averaged(gradients: list[Tensor], network: nn.Module, terms: StepInputs) -> list[Tensor]:
    """The means of gradients over workers; batch statistics are averaged too, in place."""
    statistics = _statistics(network)
    sums = Gradients(list(network.parameters()), terms.average)
    sums.add(gradients, 1.0, room=room_for(statistics))
    sums.begin_average(statistics)
    return sums.wait()


def descend(gradients: list[Tensor], network: nn.Module, optimizer: Adam, terms: StepInputs) -> Tensor:
    """One step of Adam on gradients averaged over workers. Returns the gradient's norm."""
    return applied(averaged(gradients, network, terms), network, optimizer, terms)


def applied(gradients: list[Tensor], network: nn.Module, optimizer: Adam, terms: StepInputs) -> Tensor:
    """One step of Adam on gradients that are equal on all workers; returns their norm."""
    optimizer.lr, optimizer.betas = terms.hyper.lr, (terms.config.optimizer.beta1, terms.hyper.beta2)
    optimizer.step(gradients)
    norm: Tensor = torch.stack(list(torch._foreach_norm(gradients))).norm()
    return norm
