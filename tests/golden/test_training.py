"""Twenty CPU steps of tiny models against numbers in the repository: a refactor must not move them.

To accept a change that is meant to move them: `python tests/golden/test_training.py`, and say why in tests/benchmarks/LOG.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from ganray.config import AugmentConfig, LossConfig, ModelConfig, OptimizerConfig, TrainConfig
from ganray.training.context import LocalContext
from ganray.training.loop import fit, gan_step
from ganray.training.staging import Batch
from ganray.training.state import create_state

COLUMNS = ("loss_d", "loss_g", "logit", "r1", "r2", "grad_d", "grad_g")
TOLERANCE = 2e-3  # other CPUs sum in another order; a change of the algorithm moves these numbers by far more
RUN = {"precision": "fp32", "kimg": 0.16, "batch": 8, "log_kimg": 0.008, "optimizer": OptimizerConfig(lr=1e-3, lr_final=1e-4)}
CONFIGS = {
    "r3": TrainConfig(
        model=ModelConfig(resolution=16, widths=(16, 8), z_dim=8, embed_dim=8, group_channels=8, patch=2),
        loss=LossConfig(gamma=0.3, gamma_final=0.3),
        augment=AugmentConfig(p=0.3),
        **RUN,
    ),
    "mlp": TrainConfig(
        model=ModelConfig(name="mlp", resolution=8, widths=(16, 32), z_dim=8, embed_dim=8, channels=1),
        loss=LossConfig(name="bce", penalty="none"),
        augment=AugmentConfig(p=0, p_final=0),
        **RUN,
    ),
}


def rows(config: TrainConfig) -> list[list[float]]:
    rng = torch.Generator().manual_seed(0)
    side = config.model.resolution

    def batches():
        while True:
            yield Batch(
                torch.randint(0, 256, (8, side, side, 3), generator=rng, dtype=torch.uint8), torch.randint(2, (8, 2), generator=rng)
            )

    context = LocalContext()
    fit(create_state(config, (3, 2)), batches(), config, context, gan_step)
    return [[row[column] for column in COLUMNS] for row in context.rows]


def path(name: str) -> Path:
    return Path(__file__).with_name(f"training-{name}.txt")


@pytest.mark.parametrize("name", CONFIGS)
def test_the_numbers_have_not_moved(name):
    header, *lines = path(name).read_text().splitlines()
    assert header.split() == list(COLUMNS)
    expected = [[float(value) for value in line.split()] for line in lines]
    assert len(expected) == 20
    for step, (was, now) in enumerate(zip(expected, rows(CONFIGS[name]), strict=True)):
        assert now == pytest.approx(was, rel=TOLERANCE, abs=TOLERANCE), f"step {step}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, config in CONFIGS.items():
        table = [" ".join(f"{column:>10}" for column in COLUMNS), *(" ".join(f"{value:10.6f}" for value in row) for row in rows(config))]
        path(name).write_text("\n".join(table) + "\n")
        sys.stdout.write(f"{path(name)}\n")
