"""The probe against a real limit: a process that the kernel refuses more memory."""

import ctypes
import gc
import resource
import sys
from pathlib import Path

import pytest
import torch

from ganray.config import ModelConfig, TrainConfig
from ganray.errors import TrainingError
from ganray.training.memory_probe import fewest_micro_batches
from tests.tools.commands import run_command

CPU = torch.device("cpu")
SMALL = ModelConfig(resolution=16, widths=(16, 16, 16), z_dim=8, embed_dim=8, group_channels=8)
LARGE = ModelConfig(resolution=32, widths=(64, 64, 64, 32), z_dim=8, embed_dim=8, group_channels=8)


def config(model, batch):
    return TrainConfig(model=model, batch=batch, precision="fp32")


def test_what_fits_is_not_divided():
    assert fewest_micro_batches(config(SMALL, 4), (3,), 4, CPU) == 1


@pytest.mark.parametrize(
    "said", ["CUDA error: out of memory", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"]
)
def test_what_nvidias_libraries_say_of_memory_divides_a_step(said, monkeypatch):
    tried = []

    def step(state, real, label, terms):
        tried.append(terms.config.accumulate)
        if terms.config.accumulate < 4:
            raise RuntimeError(said)

    monkeypatch.setattr("ganray.training.memory_probe.train_step", step)
    assert fewest_micro_batches(config(SMALL, 8), (3,), 8, CPU) == 4
    assert tried == [1, 2, 4, 4]


def probe(name, batch, *spares):
    """The probe's answers in a process of its own, of this file, that gets so many MiB more than it has, one limit after the other."""
    done = run_command([__file__, name, str(batch), *map(str, spares)])
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def answer(name, batch, *spares):
    """What that process does."""
    model = {"small": SMALL, "large": LARGE}[name]
    torch.set_num_threads(1)
    fewest_micro_batches(config(SMALL, 2), (3,), 2, CPU)  # loads what is loaded once
    for spare in map(int, spares):
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what lies free in the heap would be spare memory, too
        pages = int(Path("/proc/self/statm").read_text().split()[5])  # data and stack
        resource.setrlimit(resource.RLIMIT_DATA, (pages * resource.getpagesize() + (spare << 20), resource.RLIM_INFINITY))
        try:
            print(fewest_micro_batches(config(model, int(batch)), (3,), int(batch), CPU))
        except TrainingError as error:
            print(error)


@pytest.mark.slow
def test_a_step_is_divided_until_it_fits():
    plenty, short = probe("small", 64, 16_000, 24)
    assert plenty == "1"
    assert short in ("2", "4", "8", "16", "32")


def test_a_single_image_that_does_not_fit_is_an_error():
    (none,) = probe("large", 4, 4)
    assert "a step on a single image does not fit into memory (" in none


if __name__ == "__main__":
    sys.exit(answer(*sys.argv[1:]))
