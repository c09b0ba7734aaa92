"""How many micro-batches a step must be divided into (`accumulate auto`): tried out on the device before the run starts."""

from __future__ import annotations

import gc

import torch

from ganray.config import TrainConfig
from ganray.errors import TrainingError
from ganray.training.draws import step_draws
from ganray.training.schedules import hyper
from ganray.training.state import create_state
from ganray.training.step import StepInputs, train_step

ONEDNN_REFUSAL = "could not create a primitive"
REFUSALS = (
    *("allocate memory", ONEDNN_REFUSAL),  # by PyTorch and oneDNN on a CPU
    *("CUDA error: out of memory", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED", "unable to find an engine"),  # by NVIDIA's
)
MARGIN = 0.92  # of a GPU's memory: the rest is for copies, grids, and what fragments


def fewest_micro_batches(config: TrainConfig, label_sizes: tuple[int, ...], num: int, device: torch.device) -> int:
    """The fewest micro-batches, a power of two, with which a worker's share of `num` images fits into memory.

    Two whole steps are tried on networks that are thrown away, as the second one has the optimizers' memory as well. On a GPU it is
    CUDA's out-of-memory that says no. On a CPU it is a refused allocation (a limit on the process); a container that kills what grows too
    large is not foreseen: there memory that is short must be given as a number. Where oneDNN was refused memory, this process goes on with
    PyTorch's own kernels, which are slower. Raises TrainingError where not even one image fits.
    """
    config = config.model_copy(update={"compile": "off"})  # takes more memory than what is compiled, and no minutes
    parts = 1
    while refusal := _refusal(config.model_copy(update={"accumulate": parts}), label_sizes, num, device):
        if parts >= num:
            raise TrainingError(f"a step on a single image does not fit into memory ({refusal})", "Use a smaller model, or a larger device")
        parts *= 2
    return parts


def _refusal(config: TrainConfig, label_sizes: tuple[int, ...], num: int, device: torch.device) -> str:
    """How memory was refused; empty where there was enough."""
    try:
        _try(config, label_sizes, num, device)
    except (torch.OutOfMemoryError, MemoryError) as error:
        return first_line(error)
    except RuntimeError as error:
        if not any(word in str(error) for word in REFUSALS):
            raise
        if ONEDNN_REFUSAL in str(error):  # from then on it refuses every other one too, however small, for as long as the process lives
            torch.backends.mkldnn.set_flags(False)
        return first_line(error)
    finally:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.set_per_process_memory_fraction(1.0, device)
            torch.cuda.empty_cache()
    return ""


def first_line(error: Exception) -> str:
    """An error's first line, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _try(config: TrainConfig, label_sizes: tuple[int, ...], num: int, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(MARGIN, device)
    side = config.model.resolution
    state = create_state(config, label_sizes, device)
    real = torch.zeros(num, config.model.channels, side, side, device=device)
    label = torch.zeros(num, len(label_sizes) + config.model.title_pieces, dtype=torch.int64, device=device)
    for _ in range(2):
        terms = StepInputs(config, hyper(config, 1000), step_draws(config.seed, 0, config.batch, 0, device), None)
        train_step(state, real, label, terms)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
