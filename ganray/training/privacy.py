"""The differentially private training step: DP-SGD (arXiv 1607.00133) for the part of D's loss that sees real photos.

Why it is private. Photos enter a step in one place, the sum over a Poisson sample (poisson.py) of the gradients of softplus(-D(x, c)),
each clipped to norm `clip`; Gaussian noise of standard deviation `noise` * `clip` is added before the sum is used. Everything else is
computed from that sum, from the run's settings and from seeds: the fakes, whose labels are drawn uniformly from the vocabulary instead
of from photos, D's fake half, G's step, the moving average, and the logged rows. So the accountant (accountant.py) has one Gaussian
per step to count. The divisor is the expected batch, not the number of photos in the sample.

Settings that would use photos in another way are refused: a loss in which G reads real logits, R1, the spread of photos, an augmentation
that follows real logits, scores that choose a model, titles, batch norm (which mixes the images of a pass). Logged rows have no real loss
and no real logit. The model's description omits the catalog's digest and its counts of values. Sampling and noise come from a secret that
is not published (the seed is).

Not covered, and regarded as public: the number of photos, their size, the attributes and their values, and every setting that a person
chose by looking at photos or at earlier runs. The unit is one photo: a product with ten of them counts ten times. Do not publish the other
files of the run's folder: checkpoints hold D, which is as private as the model, but `run.json` has the catalog's digest, the secret allows
to remove the noise, and logs have the speed, which reveals how many photos a step used. Noise comes from torch's generator in floating
point: there is no protection against attacks on its last bits (Mironov 2012).
"""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import softplus

from ganray.config import TrainConfig
from ganray.errors import ConfigError
from ganray.models import MODELS, Discriminator, set_strength
from ganray.training.augment import augment
from ganray.training.draws import Draws
from ganray.training.ema import update_ema
from ganray.training.state import TrainState
from ganray.training.step import StepInputs, descend, generator_loss

CHUNK = 16  # images whose own gradients are in memory at once


def check_private(config: TrainConfig) -> None:
    """Raise ConfigError for networks whose gradients of single photos cannot be told apart (the config knows all other rules)."""
    family = MODELS.get(config.model.name)
    if family and family.discriminator.batch_statistics:
        raise ConfigError(
            f"privacy.epsilon with model.name = {config.model.name}: batch norm mixes the images of a pass", "Use --model.name mlp"
        )


def private_step(state: TrainState, real: Tensor, label: Tensor, terms: StepInputs, key: str) -> dict[str, Tensor]:
    """Update the state in place from a Poisson sample: real images [n, C, R, R] in [-1, 1], labels [n, A], n around the batch, or 0.

    `key` is the step's secret. Returns scalars that stay on the device; none is of real images. The caller advances `num_images`.
    """
    config, hyper, network = terms.config, terms.hyper, state.discriminator
    if config.condition.ramp_kimg:
        for part in (state.generator, state.discriminator, state.ema):
            set_strength(part, hyper.condition)
    z = terms.draws.normal(config.batch, state.generator.z_dim)
    labels = any_labels(network.label_sizes, config.batch, terms.draws)
    fake = state.generator(z, labels)
    fake_logits = network(augment(fake.detach(), hyper.p, config.augment, terms.draws), labels)
    loss_fake = softplus(fake_logits).mean()
    gradients = list(torch.autograd.grad(loss_fake, list(network.parameters())))
    augment_draws = Draws(seed_of(key, "augment") >> 1, len(real), device=real.device)
    augmented = augment(real, hyper.p, config.augment, augment_draws) if len(real) else real
    noised = add_noise(clipped_sum(network, augmented, label, config.privacy.clip), noise_scale(config), key)
    torch._foreach_add_(gradients, noised, alpha=1 / config.batch)
    metrics = {"loss_fake": loss_fake.detach(), "logit_fake": fake_logits.detach().mean()}
    metrics["grad_d"] = descend(gradients, network, state.opt_d, terms)
    loss = generator_loss(state, fake_logits.detach(), fake, labels, terms)
    metrics["loss_g"] = loss.detach()
    gradients = list(torch.autograd.grad(loss, list(state.generator.parameters())))
    metrics["grad_g"] = descend(gradients, state.generator, state.opt_g, terms)
    update_ema(state.ema, state.generator, hyper.ema_beta)
    return metrics


def any_labels(label_sizes: tuple[int, ...], num: int, draws: Draws) -> Tensor:
    """Labels int64 [num, A], uniform over the values of each attribute: the frequencies among photos must stay private."""
    uniform = draws.uniform(len(label_sizes), num).T
    sizes = torch.tensor(label_sizes, device=uniform.device, dtype=uniform.dtype)
    return (uniform * sizes).long().minimum(sizes.long() - 1)  # in float32 a product can round up to the size


def noise_scale(config: TrainConfig) -> float:
    """Standard deviation of the noise on the sum."""
    noise = config.privacy.noise
    assert noise is not None, "set before the run"
    return noise * config.privacy.clip if noise else 0.0


def add_noise(sums: list[Tensor], scale: float, key: str) -> list[Tensor]:
    """The sums with N(0, scale^2) added to each number, in place, from the step's secret."""
    rng = torch.Generator(sums[0].device)
    rng.manual_seed(seed_of(key, "noise") >> 1)
    for part in sums:
        part.add_(torch.randn(part.shape, device=part.device, generator=rng), alpha=scale)
    return sums


def clipped_sum(network: Discriminator, real: Tensor, label: Tensor, clip: float) -> list[Tensor]:
    """Sum over images of the gradients of softplus(-D(x, c)), each clipped to norm `clip`: a tensor for every parameter.

    Two passes: one for the norms, one for the gradient of the weighted sum. No image's full gradient is ever in memory.
    """
    parameters = list(network.parameters())
    if not len(real):
        return [torch.zeros_like(parameter) for parameter in parameters]
    factors = (clip / gradient_norms(network, real, label)).clamp(max=1.0)
    loss = (factors * softplus(-network(real, label))).sum()
    return list(torch.autograd.grad(loss, parameters))


def gradient_norms(network: Discriminator, real: Tensor, label: Tensor) -> Tensor:
    """Norm [n] of each image's own gradient of softplus(-D(x, c)) over all parameters.

    A linear layer's gradient for one image is the outer product of the slope at its output and its input, so its norm is the product of
    their norms (Goodfellow, arXiv 1510.01799), without a tensor of the weights' size. Other parameters use `vmap(grad)`.
    """
    taps: dict[nn.Linear, list[tuple[Tensor, Tensor]]] = {}

    def tap(layer: nn.Linear, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        taps.setdefault(layer, []).append((inputs[0], output))
        return output.clone()  # the next layer may work in place

    hooks = [layer.register_forward_hook(tap) for layer in network.modules() if isinstance(layer, nn.Linear)]
    try:
        losses = softplus(-network(real, label))
    finally:
        for hook in hooks:
            hook.remove()
    linear = {layer: calls[0] for layer, calls in taps.items() if len(calls) == 1 and calls[0][0].shape[:-1] == (len(real),)}
    slopes = torch.autograd.grad(losses.sum(), [output for _, output in linear.values()])
    squares = torch.zeros_like(losses.detach())
    for (layer, (x, _)), slope in zip(linear.items(), slopes, strict=True):
        squares += slope.square().sum(1) * (x.detach().square().sum(1) + (layer.bias is not None))
    linear_parameters = {id(parameter) for layer in linear for parameter in layer.parameters()}
    fixed = {name: parameter.detach() for name, parameter in network.named_parameters() if id(parameter) in linear_parameters}
    free = {name: parameter.detach() for name, parameter in network.named_parameters() if id(parameter) not in linear_parameters}

    def loss_of(free: dict[str, Tensor], x: Tensor, c: Tensor) -> Tensor:
        logit: Tensor = functional_call(network, fixed | free, (x[None], c[None]))
        return softplus(-logit)[0]

    if free:
        gradients: dict[str, Any] = vmap(grad(loss_of), in_dims=(None, 0, 0), chunk_size=CHUNK)(free, real, label)
        squares += torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients.values()]).sum(0)
    return squares.sqrt()


def seed_of(key: str, purpose: str, size: int = 8) -> int:
    """The seed of `size` bytes for one purpose in the step of `key`: sampling, transforms and noise have separate streams."""
    return int.from_bytes(hashlib.sha256(f"{key}/{purpose}".encode()).digest()[:size], "big")
