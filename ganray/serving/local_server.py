"""The HTTP server of one process, without Ray: uvicorn with the app that a replica of Ray Serve runs, and so the same bytes."""

from __future__ import annotations

import threading
import time
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from ganray.config import ServeConfig
from ganray.errors import ClusterError
from ganray.execution.resources import cores
from ganray.serving.address import check_port
from ganray.serving.jobs import Jobs
from ganray.serving.json_log import log_as_json
from ganray.serving.local_jobs import LocalJobs
from ganray.serving.server import make_server, spare_collector
from ganray.storage import absolute_url

START_SECONDS = 60.0
DRAIN_SECONDS = 30  # for requests under way, when the server is told to end


class LocalServer:
    """A server in a thread of this process; `url` is where its API lies."""

    def __init__(self, config: ServeConfig, app: FastAPI, jobs: Jobs | None = None) -> None:
        self.url = f"http://{config.host}:{config.port}{config.prefix.rstrip('/')}"
        self._app, self._jobs = app, jobs
        options: dict[str, Any] = {"log_level": "error", "access_log": False, "timeout_graceful_shutdown": DRAIN_SECONDS, "lifespan": "off"}
        outer = app if config.prefix == "/" else Starlette(routes=[Mount(config.prefix, app)])
        self._server = uvicorn.Server(uvicorn.Config(outer, host=config.host, port=config.port, **options))
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        """Return when it listens. Raises ClusterError where it does not."""
        self._thread.start()
        until = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise ClusterError(f"the server did not start at {self.url}", "Choose another --port or --host")
            time.sleep(0.01)
        if self._jobs is not None:
            self._jobs.start()

    def stop(self) -> None:
        """Take no new requests, finish those under way, and end."""
        self._app.state.draining = True
        self._server.should_exit = True
        self._thread.join(DRAIN_SECONDS + 5)
        if self._jobs is not None:
            self._jobs.stop()


def start_local(config: ServeConfig) -> LocalServer:
    """Serve `config.model` from this process. Raises CheckpointError for no model folder, ConfigError for a port in use."""
    check_port(config.host, config.port)
    device = _device(config)
    threads = config.threads or cores()
    if config.log == "json":
        log_as_json()
    runner = LocalJobs(absolute_url(config.jobs)) if config.jobs else None
    made = make_server(config, device, threads, runner=runner)
    spare_collector()
    server = LocalServer(config, made.app, made.jobs)
    server.start()
    return server


def _device(config: ServeConfig) -> str:
    import torch

    there = torch.cuda.is_available()
    if config.gpu and not there:
        raise ClusterError("serve: gpu = true, and PyTorch sees no GPU here", "`ganray doctor` says why; or leave out --gpu")
    return "cuda" if there and config.gpu is not False else "cpu"
