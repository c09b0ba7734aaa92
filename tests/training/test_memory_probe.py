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
    model=ModelConfig(resolution=32, widths=(32, 32, 32, 16), z_dim=8, embed_dim=8, group_channels=8), batch=64, precision="fp32"
)


def test_what_fits_is_not_divided():
    assert fewest_micro_batches(CONFIG.model_copy(update={"batch": 4}), (3,), 4, CPU) == 1


def probes(spares):
    """The probe's answers in a process of its own that gets so many MiB more than it has, one limit after the other."""
    torch.set_num_threads(1)
    fewest_micro_batches(CONFIG.model_copy(update={"batch": 2}), (3,), 2, CPU)  # loads what is loaded once
    answers = []
    for spare in spares:
        pages = int(Path("/proc/self/statm").read_text().split()[5])  # data and stack
        resource.setrlimit(resource.RLIMIT_DATA, (pages * resource.getpagesize() + (spare << 20), resource.RLIM_INFINITY))
        try:
            answers.append(fewest_micro_batches(CONFIG, (3,), CONFIG.batch, CPU))
        except TrainingError as error:
            answers.append(str(error))
    return answers


@pytest.mark.slow
def test_a_step_is_divided_until_it_fits():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        plenty, short = pool.apply(probes, ((16_000, 60),))
    assert plenty == 1
    assert short in (2, 4, 8, 16, 32)


def test_a_single_image_that_does_not_fit_is_an_error():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (none,) = pool.apply(probes, ((4,),))
    assert "a step on a single image does not fit into memory (" in none
