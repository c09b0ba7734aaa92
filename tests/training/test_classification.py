from __future__ import annotations

import math

import pytest
import torch

from ganray.config import ModelConfig, TrainConfig
from ganray.training.classification import classification_loss, judged
from ganray.training.draws import step_draws
from ganray.training.schedules import hyper
from ganray.training.state import create_state
from ganray.training.step import StepInputs, train_step

PLAIN, TITLED = ModelConfig(classifier=True), ModelConfig(classifier=True, title_pieces=2)
MODEL = ModelConfig(resolution=8, widths=(16, 16), z_dim=4, embed_dim=4, group_channels=8, classifier=True)
CONFIG = TrainConfig(model=MODEL, batch=8, augment={"p_final": 0.0}, optimizer={"lr": 5e-3, "lr_final": 5e-3})
COLOURS = torch.tensor([[0.9, -0.9, -0.9], [-0.9, 0.9, -0.9], [-0.9, -0.9, 0.9]])


def batch(seed):
    rng = torch.Generator().manual_seed(seed)
    label = torch.randint(3, (8, 1), generator=rng)
    return COLOURS[label[:, 0]][:, :, None, None].expand(8, 3, 8, 8) + 0.1 * torch.randn(8, 3, 8, 8, generator=rng), label


def trained(steps, **loss):
    config = CONFIG.model_copy(update={"loss": CONFIG.loss.model_copy(update=loss)})
    state = create_state(config, (3,))
    rows = [train_step(state, *batch(step), StepInputs(config, hyper(config, 0), step_draws(0, step, 8), None)) for step in range(steps)]
    return state, rows


def test_the_loss_is_the_mean_over_attributes():
    scores = torch.tensor([[10.0, 0.0, 0.0, 0.0, 0.0], [0.0, 10.0, 0.0, 0.0, 0.0]])
    label = torch.tensor([[0, 2], [0, 1]])
    of_two = (math.log1p(math.exp(-10)) + math.log1p(math.exp(10))) / 2
    assert classification_loss(scores, label, (2, 3), PLAIN).item() == pytest.approx((of_two + math.log(3)) / 2, rel=1e-5)


def test_an_attribute_that_was_left_out_of_a_titled_image_counts_nothing():
    scores, label = torch.randn(4, 3), torch.tensor([[0, 9, 9], [2, 9, 9], [1, 9, 9], [2, 9, 9]])
    known = classification_loss(scores[[0, 2]], label[[0, 2]], (3,), TITLED)
    assert classification_loss(scores, label, (3,), TITLED).item() == pytest.approx(known.item() / 2)
    assert classification_loss(scores, label, (3,), PLAIN).item() != pytest.approx(known.item() / 2)


def test_a_model_without_attributes_has_nothing_to_name():
    assert classification_loss(torch.zeros(4, 0), torch.zeros(4, 0, dtype=torch.int64), (), PLAIN).item() == 0


def test_d_learns_to_name_what_photos_show_and_g_to_draw_it():
    state, rows = trained(100, classify_fakes=1.0)
    real, label = batch(1000)
    assert rows[0]["classes_d"].item() == pytest.approx(math.log(3), rel=0.5)
    _, classes = judged(state.discriminator, real, label, MODEL)
    assert classes.argmax(1).tolist() == label[:, 0].tolist()
    assert torch.stack([row["classes_g"] for row in rows[-10:]]).mean() < 0.5 * torch.stack([row["classes_g"] for row in rows[:10]]).mean()


def test_without_a_weight_g_does_not_learn_from_the_classifier():
    _, (with_it, _) = trained(2, classify_fakes=1.0)
    _, (without, _) = trained(2, classify_fakes=0.0)
    assert with_it["grad_d"] == without["grad_d"] and with_it["classes_g"] == without["classes_g"]
    assert with_it["grad_g"] != without["grad_g"]
