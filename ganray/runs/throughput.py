"""The rate of the bare training loop on this machine: no Ray, no data pipeline."""

from __future__ import annotations

import multiprocessing
import time

import torch

from ganray.catalog.reader import Catalog
from ganray.catalog.windows import Source, catalog_order, read_window
from ganray.config import TrainConfig
from ganray.images.codec import to_float
from ganray.runs.choice import trains_on_gpu
from ganray.runs.preflight import check_catalog
from ganray.training.draws import step_draws
from ganray.training.gradients import Average
from ganray.training.schedules import hyper
from ganray.training.state import create_state
from ganray.training.step import StepInputs, train_step


def bare_rate(config: TrainConfig, images: int, threads: int) -> float:
    """Images/s of the bare loop, in a process of its own (threads and memory as a worker has them)."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return float(pool.apply(plain_loop, (config, images, threads)))


def plain_loop(config: TrainConfig, images: int, threads: int, average: Average | None = None) -> float:
    """The step on resident batches, on the device that the run would take: no streaming, no checkpoints, no logs. `average` is what ranks
    do with their gradients."""
    torch.set_num_threads(threads)
    device = torch.device("cuda" if trains_on_gpu(config) else "cpu")
    catalog = Catalog.open(config.catalog)
    vocabulary = check_catalog(config, catalog)
    source = Source.of(catalog, vocabulary, config.data, config.seed)
    pixels, labels = (torch.from_numpy(part).to(device) for part in read_window(source, catalog_order(source).epoch(0)[0]))
    state = create_state(config, tuple(len(values) for values in vocabulary.values()), device)
    batches = list(zip(pixels.split(config.batch), labels.split(config.batch), strict=True))
    started = time.perf_counter()
    for step in range(images // config.batch):
        real, label = batches[step % (len(batches) - 1)]
        draws = step_draws(config.seed, state.num_images, config.batch, device=device)
        train_step(state, to_float(real), label, StepInputs(config, hyper(config, state.num_images), draws, average))
        state.num_images += config.batch
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # steps are queued faster than they are computed
    return images // config.batch * config.batch / (time.perf_counter() - started)
