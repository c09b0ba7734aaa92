from __future__ import annotations

import itertools

import pytest
import torch

from ganray.checkpoint import load_state, save_state
from ganray.config import AugmentConfig, ConditionConfig, GrowConfig, LossConfig, ModelConfig, OptimizerConfig, TrainConfig
from ganray.errors import NonFiniteError, TrainingError
from ganray.storage import open_store
from ganray.training.context import Decision, LocalContext
from ganray.training.loop import fit, gan_step
from ganray.training.staging import Batch
from ganray.training.state import create_state

R3 = ModelConfig(resolution=8, widths=(16, 16), z_dim=4, embed_dim=4, group_channels=8)
MODELS = {
    "r3": R3,
    "mlp": ModelConfig(name="mlp", resolution=8, widths=(16, 16), z_dim=4, channels=1),
    "dcgan": ModelConfig(name="dcgan", resolution=8, widths=(8,), z_dim=4),
}
CONFIG = TrainConfig(
    model=R3,
    batch=8,
    kimg=0.16,
    log_kimg=0.04,
    grid_kimg=0.08,
    checkpoint_kimg=0.08,
    augment=AugmentConfig(p=0.2, ramp_kimg=0.1),
    optimizer=OptimizerConfig(lr=1e-3, lr_final=1e-4),
)
ATTRIBUTES = {"category": ("a", "b", "c"), "colour": ("x", "y")}


def batches(config: TrainConfig, num_images: int = 0, size: int = 0):
    """An endless stream that is a function of the position in the data, as the real one is."""
    for position in itertools.count(num_images, config.batch):
        rng = torch.Generator().manual_seed(position)
        n = size or config.batch
        images = torch.randint(0, 256, (n, config.model.resolution, config.model.resolution, 3), generator=rng, dtype=torch.uint8)
        yield Batch(images, torch.randint(2, (n, 2), generator=rng))


class Watching(LocalContext):
    def __init__(self, decisions: dict[int, Decision] | None = None):
        super().__init__()
        self.events: list[tuple[str, int]] = []
        self.decisions, self.steps = decisions or {}, 0

    def log(self, state, row):
        super().log(state, row)
        self.events.append(("log", state.num_images))

    def grid(self, state):
        self.events.append(("grid", state.num_images))

    def checkpoint(self, state, row):
        assert row["kimg"] == state.num_images / 1000
        self.events.append(("checkpoint", state.num_images))

    def decide(self):
        self.steps += 1
        return self.decisions.get(self.steps, Decision.GO_ON)


@pytest.mark.parametrize("name", MODELS)
def test_a_resumed_run_is_bit_equal_to_an_uninterrupted_one(name, tmp_path):
    """Promised on one kind of CPU with the same number of workers and threads; so are the other resumed runs here."""
    penalty = "finite" if name == "r3" else "none"
    config = CONFIG.model_copy(update={"model": MODELS[name], "loss": LossConfig(penalty=penalty)})
    whole = fit(create_state(config, (3, 2)), batches(config), config, LocalContext(), gan_step)

    first = fit(create_state(config, (3, 2)), batches(config), config, Watching({10: Decision.FINISH}), gan_step)
    assert first.num_images == 80
    save_state(first, open_store(str(tmp_path)), config, ATTRIBUTES)
    second = create_state(config.model_copy(update={"seed": 9}), (3, 2))
    load_state(second, open_store(str(tmp_path)), config, ATTRIBUTES)
    fit(second, batches(config, second.num_images), config, LocalContext(), gan_step)

    ours, theirs = whole.export()[0], second.export()[0]
    assert second.num_images == whole.num_images == 160
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def test_a_resumed_run_goes_on_adapting_where_it_stood(tmp_path):
    adapting = CONFIG.augment.model_copy(update={"p": 0.3, "target": 0.2, "speed_kimg": 1.0})
    config = CONFIG.model_copy(update={"augment": adapting})
    context = LocalContext()
    whole = fit(create_state(config, (3, 2)), batches(config), config, context, gan_step)
    assert 0 < whole.adaptive.p.item() != pytest.approx(0.3)
    assert context.rows[-1]["p"] != CONFIG.augment.p_final  # the log tells the p that was used, not the ramp's

    first = fit(create_state(config, (3, 2)), batches(config), config, Watching({10: Decision.FINISH}), gan_step)
    save_state(first, open_store(str(tmp_path)), config, ATTRIBUTES)
    second = create_state(config, (3, 2))
    load_state(second, open_store(str(tmp_path)), config, ATTRIBUTES)
    fit(second, batches(config, second.num_images), config, LocalContext(), gan_step)
    ours, theirs = whole.export()[0], second.export()[0]
    assert {"adaptive.p", "adaptive.sign"} < ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def test_a_resumed_ramp_of_the_condition_is_bit_equal(tmp_path):
    """Stopped half-way up: the strength is a function of images seen, and no part of the checkpoint."""
    config = CONFIG.model_copy(update={"condition": ConditionConfig(ramp_kimg=0.12)})
    whole = fit(create_state(config, (3, 2)), batches(config), config, LocalContext(), gan_step)
    first = fit(create_state(config, (3, 2)), batches(config), config, Watching({10: Decision.FINISH}), gan_step)
    assert 0 < first.ema.condition.embeddings.strength < 1
    save_state(first, open_store(str(tmp_path)), config, ATTRIBUTES)
    second = create_state(config, (3, 2))
    load_state(second, open_store(str(tmp_path)), config, ATTRIBUTES)
    fit(second, batches(config, second.num_images), config, LocalContext(), gan_step)
    ours, theirs = whole.export()[0], second.export()[0]
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def test_a_run_that_grows_resumes_bit_equal_from_before_and_after(tmp_path):
    config = CONFIG.model_copy(update={"grow": GrowConfig(kimg=(0.08,))})
    whole = fit(create_state(config, (3, 2)), batches(config), config, LocalContext(), gan_step)
    for steps in (7, 12):
        store = open_store(str(tmp_path / str(steps)))
        first = fit(create_state(config, (3, 2)), batches(config), config, Watching({steps: Decision.FINISH}), gan_step)
        save_state(first, store, config, ATTRIBUTES)
        second = create_state(config, (3, 2))
        load_state(second, store, config, ATTRIBUTES)
        fit(second, batches(config, second.num_images), config, LocalContext(), gan_step)
        ours, theirs = whole.export()[0], second.export()[0]
        assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def test_a_checkpoint_without_adaptation_begins_to_adapt(tmp_path):
    save_state(create_state(CONFIG, (3, 2)), open_store(str(tmp_path)), CONFIG, ATTRIBUTES)
    config = CONFIG.model_copy(update={"augment": CONFIG.augment.model_copy(update={"target": 0.6})})
    state = create_state(config, (3, 2))
    load_state(state, open_store(str(tmp_path)), config, ATTRIBUTES)
    assert state.adaptive.p.item() == pytest.approx(CONFIG.augment.p)


def test_the_context_hears_of_everything_in_time():
    context = Watching()
    fit(create_state(CONFIG, (3, 2)), batches(CONFIG), CONFIG, context, gan_step)
    assert context.events == [
        ("log", 40), ("log", 80), ("checkpoint", 80), ("grid", 80), ("log", 120), ("log", 160), ("checkpoint", 160), ("grid", 160)
    ]  # fmt: skip
    row = context.rows[-1]
    assert row["kimg"] == 0.16
    assert {"loss_d", "loss_g", "logit", "sign", "r1", "r2", "grad_d", "grad_g", "lr", "gamma", "p", "img_per_s", "data_wait"} <= row.keys()
    assert 0 <= row["data_wait"] <= 1


@pytest.mark.parametrize(("decision", "grids"), [(Decision.FINISH, [("grid", 24)]), (Decision.HAND_OVER, [])])
def test_a_run_that_ends_early_leaves_a_checkpoint_at_once(decision, grids):
    context = Watching({3: decision})
    state = fit(create_state(CONFIG, (3, 2)), batches(CONFIG), CONFIG, context, gan_step)
    assert state.num_images == 24
    assert context.events == [("log", 24), ("checkpoint", 24), *grids]


def test_a_checkpoint_out_of_turn_changes_nothing_else(tmp_path):
    context = Watching({3: Decision.CHECKPOINT})
    asked = fit(create_state(CONFIG, (3, 2)), batches(CONFIG), CONFIG, context, gan_step)
    assert context.events[:3] == [("log", 24), ("checkpoint", 24), ("log", 40)]
    quiet = fit(create_state(CONFIG, (3, 2)), batches(CONFIG), CONFIG, Watching(), gan_step)
    assert all(torch.equal(tensor, quiet.export()[0][name]) for name, tensor in asked.export()[0].items())


def test_a_finished_run_draws_no_batch():
    state = create_state(CONFIG, (3, 2))
    state.num_images = 160
    assert fit(state, iter([]), CONFIG, LocalContext(), gan_step).num_images == 160


def test_data_that_ends_is_an_error():
    with pytest.raises(TrainingError, match="the data ended after 16 images"):
        fit(create_state(CONFIG, (3, 2)), itertools.islice(batches(CONFIG), 2), CONFIG, LocalContext(), gan_step)


def test_a_batch_of_another_size_is_an_error():
    with pytest.raises(TrainingError, match="a batch has 5 images, not 8"):
        fit(create_state(CONFIG, (3, 2)), batches(CONFIG, size=5), CONFIG, LocalContext(), gan_step)


def test_a_planted_nan_stops_the_run_before_it_is_kept():
    state, context = create_state(CONFIG, (3, 2)), Watching()
    with torch.no_grad():
        next(state.discriminator.parameters()).view(-1)[0] = float("nan")
    with pytest.raises(NonFiniteError, match=r"loss_d.*between 0 and 40 images.*Resume from the last checkpoint"):
        fit(state, batches(CONFIG), CONFIG, context, gan_step)
    assert context.events == []


def test_an_exploding_run_stops_too():
    config = CONFIG.model_copy(update={"optimizer": OptimizerConfig(lr=1e30, lr_final=1e30)})
    with pytest.raises(NonFiniteError):
        fit(create_state(config, (3, 2)), batches(config), config, LocalContext(), gan_step)
