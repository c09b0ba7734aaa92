from __future__ import annotations

import copy
import threading

import pytest
import torch

from ganray.config import AugmentConfig, ConditionConfig, GrowConfig, LossConfig, ModelConfig, TrainConfig
from ganray.training.draws import step_draws
from ganray.training.gradients import room_for
from ganray.training.precision import autocast
from ganray.training.schedules import hyper
from ganray.training.state import create_state
from ganray.training.step import MicroBatch, StepInputs, discriminator_loss, generator_loss, train_step

CPU = torch.device("cpu")
MODEL = ModelConfig(resolution=8, widths=(16, 16), z_dim=4, embed_dim=4, group_channels=8)
CONFIG = TrainConfig(model=MODEL, batch=8, augment=AugmentConfig(p=0.5))


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(8, 3, 8, 8, generator=rng) * 2 - 1, torch.randint(3, (8, 1), generator=rng)


def terms(config: TrainConfig, average=None) -> StepInputs:
    return StepInputs(config, hyper(config, 0), step_draws(0, 0, config.batch), average)


def losing(**changes) -> TrainConfig:
    return CONFIG.model_copy(update={"loss": CONFIG.loss.model_copy(update=changes)})


@pytest.mark.parametrize("name", ["relativistic", "bce"])
@pytest.mark.parametrize("penalty", ["exact", "finite", "none"])
def test_every_game_with_every_penalty_moves_all_three_networks(name, penalty):
    config = losing(name=name, penalty=penalty)
    state = create_state(config, (3,))
    train_step(state, *batch(), terms(config))  # blocks end in zeros: what lies before them learns from the second step on
    before = copy.deepcopy(state.export()[0])
    metrics = train_step(state, *batch(), terms(config))
    after = state.export()[0]
    still = [key for key in before if not key.startswith("opt") and "embeddings" not in key and torch.equal(before[key], after[key])]
    assert not still
    assert set(metrics) == {"loss_d", "logit", "sign", "r1", "r2", "grad_d", "loss_g", "grad_g"}
    assert all(value.isfinite() and not value.requires_grad for value in metrics.values())
    assert (metrics["r1"] > 0) == (penalty != "none")


def test_the_penalties_enter_d_s_loss_by_half_of_gamma():
    state, (real, label) = create_state(CONFIG, (3,)), batch()
    exact = losing(penalty="exact", gamma=3.0, gamma_final=3.0)
    loss, _, metrics = discriminator_loss(state, state.discriminator, -real, MicroBatch(real, label, terms(exact), 1.0))
    assert loss.item() == pytest.approx((metrics["loss_d"] + 1.5 * (metrics["r1"] + metrics["r2"])).item(), rel=1e-5)


def test_each_loss_reaches_its_own_network_only():
    state, (real, label) = create_state(CONFIG, (3,)), batch()
    g, d = list(state.generator.parameters()), list(state.discriminator.parameters())
    fake = state.generator(torch.randn(8, 4), label)
    part = MicroBatch(real, label, terms(CONFIG), 1.0)
    loss, real_logits, _ = discriminator_loss(state, state.discriminator, fake.detach(), part)
    assert all(gradient is None for gradient in torch.autograd.grad(loss, g, allow_unused=True))
    before = [parameter.clone() for parameter in d]
    generator_loss(state, real_logits.detach(), fake, label, terms(CONFIG)).backward(inputs=g)
    assert all(parameter.grad is None and torch.equal(parameter, old) for parameter, old in zip(d, before, strict=True))


def test_a_step_is_a_function_of_its_arguments():
    """Promised bit for bit on one machine with one number of threads."""
    first, second = create_state(CONFIG, (3,)), create_state(CONFIG, (3,))
    train_step(first, *batch(), terms(CONFIG))
    torch.rand(10)
    train_step(second, *batch(), terms(CONFIG))
    assert all(torch.equal(a, second.export()[0][key]) for key, a in first.export()[0].items())


def test_halves_of_a_batch_averaged_over_two_workers_descend_as_the_mean():
    """What `average` is given is exactly what the optimizer then uses."""
    state, (real, label) = create_state(CONFIG, (3,)), batch()
    seen, waited = [], []

    def double(tensors):
        seen.append(sum(len(tensor) for tensor in tensors))
        return lambda: waited.extend(tensor.zero_() for tensor in tensors)

    before = copy.deepcopy(state.discriminator.state_dict())
    train_step(state, real, label, terms(CONFIG, double))
    sizes = [room_for(list(network.parameters())) for network in (state.discriminator, state.generator)]
    assert seen == [sizes[0] + room_for([torch.zeros(())]), sizes[1]]  # and D's advantage
    assert len(waited) == 2
    assert all(torch.equal(before[key], value) for key, value in state.discriminator.state_dict().items())


def in_parts(config: TrainConfig, world: int) -> dict[str, torch.Tensor]:
    """Two steps of `world` workers played one after the other: each hands its tensors to `average`, the last one's turn adds them up."""
    states = [create_state(config, (3,)) for _ in range(world)]
    real, label = batch()
    each = len(real) // world
    for step in range(2):
        barrier = threading.Barrier(world)
        given: list[list[torch.Tensor]] = [[] for _ in range(world)]

        def play(rank, step=step, barrier=barrier, given=given):
            def average(tensors):
                given[rank] = [tensor.clone() for tensor in tensors]
                barrier.wait()
                for i, tensor in enumerate(tensors):
                    tensor.copy_(sum(theirs[i] for theirs in given) / world)
                barrier.wait()

            rows = slice(rank * each, (rank + 1) * each)
            draws = step_draws(config.seed, step * config.batch, config.batch, rank * each)
            train_step(states[rank], real[rows], label[rows], StepInputs(config, hyper(config, 0), draws, average))

        threads = [threading.Thread(target=play, args=(rank,)) for rank in range(world)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ours = [state.export()[0] for state in states]
    assert all(torch.equal(ours[0][name], theirs[name]) for theirs in ours for name in ours[0])
    return ours[0]


@pytest.mark.parametrize("penalty", ["finite", "exact", "none"])
@pytest.mark.parametrize(("world", "accumulate"), [(2, 1), (4, 1), (1, 2), (1, 3), (1, 8), (2, 2)])
def test_a_batch_in_parts_is_the_whole_batch(penalty, world, accumulate):
    """Over workers and micro-batches, even and uneven: equal to 1e-5 of the largest weight, which is rounding (other sums of 8 images)."""
    model = MODEL.model_copy(update={"classifier": world == accumulate == 2})
    config = losing(penalty=penalty).model_copy(update={"precision": "fp32", "model": model})
    whole = in_parts(config, 1)
    parts = in_parts(config.model_copy(update={"accumulate": accumulate}), world)
    for name, value in whole.items():
        if not name.startswith("opt"):
            assert torch.allclose(parts[name], value, atol=1e-5, rtol=0), (name, (parts[name] - value).abs().max())


def test_the_augmentation_adapts_to_what_all_workers_see():
    """D's advantage is averaged with its gradients, and the mean moves p: equal on every worker."""
    config = CONFIG.model_copy(update={"augment": AugmentConfig(p=0.5, target=0.6, speed_kimg=0.1)})
    state, (real, label) = create_state(config, (3,)), batch()
    averaged = iter([0.9, None, -0.9, None])  # D's gradients and G's, in turn

    def average(tensors):
        if (sign := next(averaged)) is not None:
            tensors[0][-4] = sign

    first = train_step(state, real, label, terms(config, average))
    assert (first["p"], first["sign"]) == (0.5, pytest.approx(0.9))
    assert state.adaptive.p.item() == pytest.approx(0.5 + 8 / 100)
    second = train_step(state, real, label, terms(config, average))
    assert (second["p"].item(), second["sign"].item()) == (pytest.approx(0.58), pytest.approx(-0.9))
    assert state.adaptive.p.item() == pytest.approx(0.5)


def test_labels_come_in_by_the_ramp_on_all_three_networks():
    """As long as labels count for nothing the step is the same for any label, and their embeddings learn nothing."""
    config = CONFIG.model_copy(update={"condition": ConditionConfig(ramp_kimg=1.0)})
    (real, label), states = batch(), [create_state(config, (3,)) for _ in range(3)]
    weights = states[0].generator.condition.embeddings[0].weight.clone()
    train_step(states[0], real, label, terms(config))
    train_step(states[1], real, label.flip(0), terms(config))
    assert all(torch.equal(a, states[1].export()[0][key]) for key, a in states[0].export()[0].items())
    assert torch.equal(states[0].generator.condition.embeddings[0].weight, weights)
    full = StepInputs(config, hyper(config, 1000), step_draws(0, 0, config.batch), None)
    train_step(states[2], real, label, full)
    assert not torch.equal(states[2].discriminator.head.embeddings[0].weight, states[0].discriminator.head.embeddings[0].weight)
    assert states[2].ema.condition.embeddings.strength == 1 != states[0].ema.condition.embeddings.strength


def test_a_coarse_step_sees_pooled_photos_and_leaves_the_finest_stage_as_it_is():
    config = CONFIG.model_copy(update={"grow": GrowConfig(kimg=(1.0,))})
    state, (real, label) = create_state(config, (3,)), batch()
    before = copy.deepcopy(state.export()[0])
    seen = []
    state.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-1]))
    for _ in range(2):
        train_step(state, real, label, terms(config))
    assert set(seen) == {4}
    changed = {key for key, value in state.export()[0].items() if not key.startswith("opt") and not torch.equal(value, before[key])}
    finest = {key for key in before if key.startswith(("generator.stages.1.", "discriminator.stages.0.", "ema.stages.1."))}
    assert finest and not changed & finest
    assert {key.split(".")[0] for key in changed} == {"generator", "discriminator", "ema"}


def test_batch_norm_statistics_are_averaged_too():
    config = CONFIG.model_copy(
        update={"model": ModelConfig(name="dcgan", resolution=8, widths=(8,), z_dim=4), "loss": LossConfig(penalty="none")}
    )
    state, (real, label) = create_state(config, (3,)), batch()
    found = []
    train_step(state, real, label, terms(config, lambda tensors: found.append(tensors[0].clone())))
    norm = state.generator.layers[1]
    assert torch.equal(found[1][-16:], torch.cat([norm.running_mean, norm.running_var]))


@pytest.mark.parametrize(("precision", "native", "enabled"), [("auto", 0, 0), ("auto", 1, 1), ("fp32", 1, 0), ("bf16", 0, 1)])
def test_bf16_on_a_cpu_where_it_is_native_or_asked_for(precision, native, enabled, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": bool(native)})
    with autocast(CPU, CONFIG.model_copy(update={"precision": precision})):
        assert torch.is_autocast_enabled("cpu") is bool(enabled)


def test_bf16_gives_float32_images_and_logits():
    config = CONFIG.model_copy(update={"precision": "bf16"})
    state, (real, label) = create_state(config, (3,)), batch()
    metrics = train_step(state, real, label, terms(config))
    with autocast(CPU, config):
        assert state.generator(torch.randn(8, 4), label).dtype == torch.float32
        assert state.discriminator(real, label).dtype == torch.float32
    assert all(value.isfinite() for value in metrics.values())
    assert all(parameter.dtype == torch.float32 for parameter in state.generator.parameters())
