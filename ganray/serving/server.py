"""A server from its configuration: models, what stands around them, and the app. Of one process, under uvicorn or in a replica."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, field

from fastapi import FastAPI

from ganray.config import ServeConfig
from ganray.edit_engine import EditEngine
from ganray.images.codec import Limits
from ganray.images.untrusted import SafeDecoder
from ganray.serving.app import app_of
from ganray.serving.context import Caller
from ganray.serving.job_keeper import JobRunner
from ganray.serving.jobs import FolderOf, Jobs
from ganray.serving.model_cache import ModelCache
from ganray.serving.models import Models, OneModel
from ganray.serving.rates import Ledger
from ganray.serving.refusals import NotFound
from ganray.serving.served_model import ServedModel
from ganray.serving.services import Services
from ganray.storage import absolute_url

YOUNG = 20_000  # objects, more than were forgotten, after which the collector looks at those


@dataclass(frozen=True)
class Server:
    """What serves: its app, its models, its numbers, and the bulk jobs that it takes."""

    app: FastAPI
    models: Models
    services: Services
    jobs: Jobs | None = None
    _threshold: int = field(default_factory=lambda: gc.get_threshold()[0])

    def start(self) -> None:
        """Begin to run bulk jobs, where it takes them, and have the garbage collector do less.

        It leaves alone what is there by now: to look through 350,000 objects, nearly all of libraries, stops Python for .3 s.
        And it begins later: what a request makes is in no cycle, and is gone when it is answered.
        """
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG)
        if self.jobs is not None:
            self.jobs.start()

    async def close(self) -> None:
        """After the last request: end what runs beside them, and write what audit and traces still hold."""
        if self.jobs is not None:
            await asyncio.to_thread(self.jobs.stop)
        await self.models.close()
        await asyncio.to_thread(self.services.close)
        gc.set_threshold(self._threshold)
        gc.unfreeze()


def make_server(config: ServeConfig, device: str, threads: int, ledger: Ledger | None = None, runner: JobRunner | None = None) -> Server:
    """Load the models of a configuration, and make their app. On a CPU `threads` render, on `cuda` they encode.

    `runner` runs bulk jobs, where `config.jobs` has a place for them. The caller starts and closes what it gets.

    Raises CheckpointError, ConfigError, StorageError.
    """
    lanes = threads if device == "cpu" else 1
    models: Models
    if config.models:
        models = cache = ModelCache(config, device, threads)
        described = cache.device
    else:
        decode = SafeDecoder(lanes, Limits(max_pixels=config.max_pixels))
        editor = EditEngine.load(config.model, lanes, device, decode, config.networks)
        served = ServedModel.of(editor.product, config, editor, threads)
        models, described = OneModel(served), served.device
    services = Services.of(config, described, ledger)
    if config.models:
        cache.loader.on_batch = services.metrics.batch
        services.metrics.watch_models(lambda: len(cache.memory.current), lambda: cache.memory.used)
    elif served.batcher is not None:
        served.batcher.on_batch = services.metrics.batch
    jobs = Jobs(config, runner, _folders(cache) if config.models else None) if config.jobs and runner else None
    return Server(app_of(models, config, lanes, services, described, jobs), models, services, jobs)


def _folders(cache: ModelCache) -> FolderOf:
    """The folders of a table's models, for bulk jobs: a job has one model, so a divided name stands for its largest share."""

    def folder_of(name: str, caller: Caller) -> str:
        table = cache.file.table
        name = name or table.default
        if name not in table.names(caller):
            raise NotFound(f"model {name[:100]!r} is not served here", "GET /v1/models lists those that are")
        leaves = table.leaves(name)
        return absolute_url(table.models[max(leaves, key=leaves.__getitem__)].source.model)

    return folder_of
