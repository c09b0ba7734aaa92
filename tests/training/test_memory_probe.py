"""The probe against a real limit: a process that the kernel refuses more memory."""

import multiprocessing
import resource
from pathlib import Path

import pytest
import torch

from ganray.config import ModelConfig, TrainConfig
from ganray.errors import TrainingError
from ganray.training.memory_probe import fewest_micro_batches

CPU = torch.device("cpu")
CONFIG = TrainConfig(
    model=ModelConfig(resolution=64, widths=(32, 32, 32, 32, 16), z_dim=8, embed_dim=8, group_channels=8), batch=128, precision="fp32"
)


def test_what_fits_is_not_divided():
    assert fewest_micro_batches(CONFIG.model_copy(update={"batch": 4}), (3,), 4, CPU) == 1


def limited(spare):
    """The probe's answer in a process that gets `spare` more MiB than it has."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(probe, (spare,))


def probe(spare):
    torch.set_num_threads(1)
    fewest_micro_batches(CONFIG.model_copy(update={"batch": 2}), (3,), 2, CPU)  # loads what is loaded once
    pages = int(Path("/proc/self/statm").read_text().split()[5])  # data and stack
    limit = pages * resource.getpagesize() + (spare << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        return fewest_micro_batches(CONFIG, (3,), CONFIG.batch, CPU)
    except TrainingError as error:
        return str(error)


@pytest.mark.slow
def test_a_step_is_divided_until_it_fits():
    assert limited(16_000) == 1
    assert limited(400) in (4, 8, 16, 32)
    assert "a step on a single image does not fit into memory (" in limited(20)
