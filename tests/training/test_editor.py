import itertools

import pytest
import torch

from ganray.checkpoint import load_state, save_state
from ganray.config import EditorConfig, OptimizerConfig, TrainConfig
from ganray.errors import CheckpointError
from ganray.models.editor import EDITORS
from ganray.storage import open_store
from ganray.training.context import LocalContext
from ganray.training.draws import step_draws
from ganray.training.editor import MatteShape, cap_, create_editor_state, degraded, smallest_photo, task_loss
from ganray.training.loop import edits_step, fit
from ganray.training.staging import Batch

TASKS = ("matte", "inpaint", "upscale", "enhance")
CONFIG = TrainConfig(
    batch=4,
    kimg=0.016,
    log_kimg=0.008,
    grid_kimg=1,
    checkpoint_kimg=1,
    ema_kimg=0.01,
    precision="fp32",
    editor=EditorConfig(tasks=TASKS, widths=(8, 8), detail_width=8, detail_blocks=1),
    optimizer=OptimizerConfig(lr=2e-3, lr_final=1e-4, beta1=0.9, beta2=0.99),
)
CUTOUTS = torch.zeros(3, 4, 32, 32, dtype=torch.uint8)
CUTOUTS[:, :2] = 200
CUTOUTS[:, 3, 6:26, 9:23] = 255


def batches(num_images=0, size=4, first=0):
    for position in itertools.count(num_images, 4):
        rng = torch.Generator().manual_seed(position)
        coarse = 255.0 * torch.randint(0, 2, (4, 3, 6, 6), generator=rng)  # all or nothing: what diffusion leaves grey can be learned
        images = torch.nn.functional.interpolate(coarse, size=(96, 96), mode="bilinear").byte().permute(0, 2, 3, 1)
        yield Batch(images[first : first + size], torch.zeros(size, 0, dtype=torch.int64))


def tensors(state):
    return state.export()[0]


def test_every_task_gets_better():
    """At a low rate: from their beginning, which is a good resampling, networks get worse at first if they learn fast."""
    editor, optimizer = CONFIG.editor.model_copy(update={"composites": 1}), CONFIG.optimizer.model_copy(update={"lr": 2e-4})
    config = CONFIG.model_copy(update={"kimg": 0.1, "editor": editor, "optimizer": optimizer})
    state, context = create_editor_state(config, CUTOUTS), LocalContext()
    fit(state, batches(), config, context, edits_step)
    real = next(batches(40_000)).images.permute(0, 3, 1, 2).float() / 127.5 - 1
    fresh = create_editor_state(config, CUTOUTS)
    for task in TASKS:
        pairs = [degraded(task, real, CUTOUTS, step_draws(seed, 0, 4), MatteShape(1, 128)) for seed in range(9, 13)]
        losses = ([task_loss(task, networks[task](pair.x), pair).item() for pair in pairs] for networks in (fresh.networks, state.ema))
        before, after = map(sum, losses)
        assert after < before, task
    assert {*TASKS, "grad", "img_per_s"} <= context.rows[-1].keys()


@pytest.mark.parametrize("adversarial", [0.0, 0.1])
def test_a_run_that_is_cut_in_two_ends_bit_equal(tmp_path, adversarial):
    """Promised on one kind of CPU with the same number of workers and threads."""
    config = CONFIG.model_copy(update={"editor": CONFIG.editor.model_copy(update={"adversarial": adversarial})})
    whole = fit(create_editor_state(config, CUTOUTS), batches(), config, LocalContext(), edits_step)
    first = config.model_copy(update={"kimg": 0.008, "optimizer": config.optimizer.model_copy(update={"decay_kimg": 0.016})})
    rest = config.model_copy(update={"optimizer": config.optimizer.model_copy(update={"decay_kimg": 0.016})})
    half = fit(create_editor_state(first, CUTOUTS), batches(), first, LocalContext(), edits_step)
    store = open_store(str(tmp_path))
    save_state(half, store, rest, {})
    state = create_editor_state(rest, CUTOUTS)
    load_state(state, store, rest, {})
    fit(state, batches(state.num_images), rest, LocalContext(), edits_step)
    ours, theirs = tensors(state), tensors(whole)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert any(name.startswith("critics.") for name in ours) == bool(adversarial)


def test_two_halves_of_a_batch_are_the_whole():
    """Two workers with two images each, in turn: their mean is what one worker with four computes."""

    class Half(LocalContext):
        def __init__(self, rank, seen):
            super().__init__()
            self.rank, self.world_size, self.seen = rank, 2, seen

        def places(self, batch):
            return range(2 * self.rank, 2 * self.rank + 2)

        def average(self, gradients):
            self.seen.append([gradient.clone() for gradient in gradients])

    config = CONFIG.model_copy(update={"kimg": 0.004, "editor": CONFIG.editor.model_copy(update={"tasks": ("upscale", "enhance")})})
    seen: list[list[list[torch.Tensor]]] = [[], [], []]
    whole = Half(0, seen[2])
    whole.places = lambda batch: range(4)
    fit(create_editor_state(config, CUTOUTS), batches(), config, whole, edits_step)
    for rank in (0, 1):
        fit(create_editor_state(config, CUTOUTS), batches(size=2, first=2 * rank), config, Half(rank, seen[rank]), edits_step)
    for one, other, both in zip(seen[0][0], seen[1][0], seen[2][0], strict=True):
        assert ((one + other) / 2 - both).norm() <= 1e-3 * both.norm()


def test_other_networks_do_not_fit():
    state = create_editor_state(CONFIG, CUTOUTS)
    other = create_editor_state(CONFIG.model_copy(update={"editor": EditorConfig(tasks=("matte",), widths=(16, 8))}), CUTOUTS)
    with pytest.raises(CheckpointError, match="shape"):
        other.restore(*state.export())


def test_photos_must_hold_a_window():
    assert smallest_photo(("upscale",)) == 96 and smallest_photo(("matte",)) == 64


def test_a_steep_gradient_is_shortened_where_its_task_says_so():
    networks = torch.nn.ModuleDict({"matte": torch.nn.Linear(2, 2), "inpaint": torch.nn.Linear(2, 2)})
    gradients = [torch.full_like(parameter, 3.0) for parameter in networks.parameters()]
    cap_(gradients, networks)
    assert all((gradient == 3).all() for gradient in gradients[:2])
    assert torch.stack([gradient.norm() for gradient in gradients[2:]]).norm() == pytest.approx(EDITORS["inpaint"].cap)
    small = [torch.full_like(parameter, 0.01) for parameter in networks.parameters()]
    cap_(small, networks)
    assert all((gradient == 0.01).all() for gradient in small)


def test_a_photo_is_behind_as_many_products_as_it_is_said_to_be():
    real = next(batches()).images.permute(0, 3, 1, 2).float() / 127.5 - 1
    one, three = (degraded("matte", real, CUTOUTS, step_draws(9, 0, 4), MatteShape(composites, 128)) for composites in (1, 3))
    assert [tuple(part.shape[:1]) for part in three] == [(12,)] * 3 and torch.equal(three.x[:4], one.x)
    assert not torch.equal(three.x[4:8], one.x)
    assert len(degraded("upscale", real, CUTOUTS, step_draws(9, 0, 4), MatteShape(3, 128)).x) == 4
