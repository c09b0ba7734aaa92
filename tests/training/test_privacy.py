from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from ganray.config import (
    AugmentConfig,
    ConditionConfig,
    LossConfig,
    ModelConfig,
    PrivacyConfig,
    ScoreConfig,
    TrainConfig,
)
from ganray.errors import ConfigError
from ganray.models import build_discriminator
from ganray.training import privacy
from ganray.training.context import Decision, LocalContext
from ganray.training.draws import step_draws
from ganray.training.loop import fit, private_gan_step
from ganray.training.poisson import poisson_batches
from ganray.training.privacy import add_noise, any_labels, check_private, clipped_sum, gradient_norms, private_step, seed_of
from ganray.training.schedules import hyper
from ganray.training.state import create_state
from ganray.training.step import StepInputs, train_step

MLP = ModelConfig(name="mlp", resolution=8, channels=1, z_dim=4, embed_dim=4, widths=(16, 24))
R3 = ModelConfig(resolution=8, channels=1, widths=(16, 16), z_dim=4, embed_dim=4, group_channels=8)
CONFIG = TrainConfig(
    model=MLP,
    batch=8,
    kimg=1.0,
    precision="fp32",
    loss=LossConfig(name="bce", penalty="none"),
    augment=AugmentConfig(p_final=0.0),
    privacy=PrivacyConfig(epsilon=10.0, noise=1.0),
)


def batch(num: int = 8, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(num, 1, 8, 8, generator=rng) * 2 - 1, torch.randint(3, (num, 2), generator=rng)


def terms(config: TrainConfig) -> StepInputs:
    return StepInputs(config, hyper(config, 0), step_draws(0, 0, config.batch), None)


def one_by_one(network, real, label) -> list[list[torch.Tensor]]:
    rows = zip(real, label, strict=True)
    return [list(torch.autograd.grad(softplus(-network(x[None], c[None])).sum(), list(network.parameters()))) for x, c in rows]


def norm(gradients) -> torch.Tensor:
    return torch.stack([part.norm() for part in gradients]).norm()


@pytest.mark.parametrize("model", [MLP, R3], ids=["mlp", "r3"])
@pytest.mark.parametrize("chunk", [3, 16])
def test_the_clipped_sum_is_that_of_a_loop_over_single_images(model, chunk, monkeypatch):
    monkeypatch.setattr(privacy, "CHUNK", chunk)
    torch.manual_seed(0)
    network, (real, label) = build_discriminator(model, (3, 3)), batch()
    with torch.no_grad():
        for parameter in network.parameters():  # blocks that begin at zero have no gradient behind them
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    single = one_by_one(network, real, label)
    norms = torch.stack([norm(gradients) for gradients in single])
    torch.testing.assert_close(gradient_norms(network, real, label), norms)
    clip = norms.median().item()  # half of them are cut
    factors = [min(1.0, clip / float(size)) for size in norms]
    expected = [sum(factor * part for factor, part in zip(factors, parts, strict=True)) for parts in zip(*single, strict=True)]
    torch.testing.assert_close(clipped_sum(network, real, label, clip), expected, rtol=1e-4, atol=1e-6)


def test_no_image_weighs_more_than_the_clip_and_none_weighs_nothing():
    network, (real, label) = build_discriminator(MLP, (3, 3)), batch()
    alone = clipped_sum(network, 100 * real[:1], label[:1], 0.01)
    assert norm(alone).item() == pytest.approx(0.01, rel=1e-4)
    assert norm(clipped_sum(network, real[:0], label[:0], 1.0)) == 0


def test_an_image_added_moves_the_sum_by_the_clip_at_most():
    network, (real, label) = build_discriminator(MLP, (3, 3)), batch()
    with_it, without = (clipped_sum(network, real[first:], label[first:], 0.05) for first in (0, 1))
    assert norm([a - b for a, b in zip(with_it, without, strict=True)]).item() <= 0.05 * (1 + 1e-4)


def test_noise_has_the_deviation_asked_for_and_is_the_key_s():
    first, again, other = (add_noise([torch.zeros(300, 300), torch.ones(20_000)], 0.7, key) for key in ("s/1", "s/1", "s/2"))
    assert torch.equal(first[0], again[0])
    for part, mean in zip(first, (0, 1), strict=True):
        assert part.mean().item() == pytest.approx(mean, abs=5 * 0.7 / part.numel() ** 0.5)
        assert part.std().item() == pytest.approx(0.7, rel=5 / (2 * part.numel()) ** 0.5)
    assert abs(torch.corrcoef(torch.stack([first[0].flatten(), other[0].flatten()]))[0, 1]) < 5 / 300
    assert abs(torch.corrcoef(torch.stack([first[0].flatten()[:20_000], first[1]]))[0, 1]) < 5 / 20_000**0.5


def test_without_noise_and_clip_it_is_the_plain_step():
    free = CONFIG.model_copy(update={"privacy": PrivacyConfig(epsilon=1.0, noise=0.0, clip=float("inf"))})
    plain, private = create_state(free, ()), create_state(free, ())
    real, label = batch()[0], torch.empty(8, 0, dtype=torch.int64)
    train_step(plain, real, label, terms(free))
    private_step(private, real, label, terms(free), "secret/0")
    before, after = (state.export()[0] for state in (plain, private))
    moments = [name for name in before if name.endswith("exp_avg")]
    assert moments
    for name in moments:  # gradients; Adam's step is their sign at first, whatever their size
        torch.testing.assert_close(after[name], before[name], rtol=1e-3, atol=1e-7)


def test_a_run_resumed_from_the_same_secret_is_the_whole_one():
    """Promised bit for bit on one kind of CPU with the same number of threads."""
    config = CONFIG.model_copy(update={"kimg": 0.048, "augment": AugmentConfig(p=0.5)})
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    labels = np.arange(80).reshape(40, 2) % 3

    def run(state, kimg):
        batches = poisson_batches(pixels, labels, config, "secret", state.num_images)
        until = 1000 * kimg

        class Until(LocalContext):
            def decide(self):
                return Decision.FINISH if state.num_images >= until else Decision.GO_ON

        return fit(state, batches, config, Until(), private_gan_step).export()

    whole, _ = run(create_state(config, (3, 3)), 0.048)
    tensors, description = run(create_state(config, (3, 3)), 0.024)
    later = create_state(config, (3, 3))
    later.restore(tensors, description)
    resumed, _ = run(later, 0.048)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


@pytest.mark.parametrize("num", [0, 5, 19])
def test_any_number_of_images_may_come(num):
    state = create_state(CONFIG, (3, 3))
    before = copy.deepcopy(state.export()[0])
    metrics = private_step(state, *batch(num), terms(CONFIG.model_copy(update={"augment": AugmentConfig(p=0.5)})), "secret/0")
    assert set(metrics) == {"loss_fake", "logit_fake", "grad_d", "loss_g", "grad_g"}
    assert all(value.isfinite() and not value.requires_grad for value in metrics.values())
    moved = [name for name, value in state.export()[0].items() if name in before and not torch.equal(before[name], value)]
    assert {name.split(".")[0] for name in moved} >= {"generator", "discriminator"}


def test_what_is_said_and_done_depends_on_photos_through_the_noisy_sum_alone(monkeypatch):
    """With that sum held fixed, other photos, labels and numbers of them change nothing."""
    fixed = torch.Generator().manual_seed(1)
    sums = [torch.randn(parameter.shape, generator=fixed) for parameter in create_state(CONFIG, (3, 3)).discriminator.parameters()]
    monkeypatch.setattr(privacy, "clipped_sum", lambda *_: [part.clone() for part in sums])
    config = CONFIG.model_copy(update={"condition": ConditionConfig(ramp_kimg=0.5), "augment": AugmentConfig(p=0.5)})
    ends = []
    for num, seed in ((8, 0), (3, 1)):
        state = create_state(config, (3, 3))
        metrics = private_step(state, *batch(num, seed), terms(config), "secret/0")
        ends.append(state.export()[0] | metrics)
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_labels_of_fakes_are_drawn_evenly_and_independently():
    labels = any_labels((3, 5), 30_000, step_draws(0, 0, 30_000))
    assert labels.dtype == torch.int64
    joint = torch.bincount(labels[:, 0] * 5 + labels[:, 1], minlength=15)
    assert len(joint) == 15
    assert ((joint - 2000).abs() < 5 * 2000**0.5).all()
    assert any_labels((), 4, step_draws(0, 0, 4)).shape == (4, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": ModelConfig(name="dcgan")}, "model.name = dcgan: batch norm"),
        ({"loss": LossConfig(penalty="none")}, "loss.name = relativistic"),
        ({"loss": LossConfig(name="bce", penalty="exact")}, "loss.penalty = exact"),
        ({"loss": LossConfig(name="bce", penalty="none", spread=1.0)}, "loss.spread = 1"),
        ({"augment": AugmentConfig(target=0.6)}, "augment.target = 0.6"),
        ({"score": ScoreConfig(kimg=1.0)}, "score.kimg = 1"),
        ({"model": MLP.model_copy(update={"title_pieces": 48})}, "model.title_pieces = 48"),
        ({"workers": 2}, "workers = 2"),
        ({"accumulate": 2}, "accumulate = 2"),
        ({"compile": "on"}, "compile = on"),
        ({"precision": "bf16"}, "precision = bf16"),
    ],
)
def test_what_would_reach_photos_by_another_way_is_refused_in_a_line(changes, message):
    check_private(CONFIG)
    with pytest.raises(ConfigError) as error:
        check_private(CONFIG.model_copy(update=changes))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_purposes_and_steps_have_streams_of_their_own():
    assert len({seed_of(key, purpose) for key in ("a/1", "a/2", "b/1") for purpose in ("noise", "sample")}) == 6
