"""The HTTP server of one process, without Ray: uvicorn with the app that a replica of Ray Serve runs, and so the same bytes."""

from __future__ import annotations

import asyncio
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
from ganray.serving.json_log import log_as_json
from ganray.serving.local_jobs import LocalJobs
from ganray.serving.server import Server, make_server
from ganray.storage import absolute_url

START_SECONDS = 60.0
DRAIN_SECONDS = 30  # for requests under way, when the server is told to end
END_SECONDS = 15  # for a job that runs in this process, and for all else


class LocalServer:
    """A server in a thread of this process; `url` is where its API lies."""

    def __init__(self, config: ServeConfig, app: FastAPI, made: Server | None = None) -> None:
        """`made` is what belongs to the app, and begins and ends with it."""
        self.url = f"http://{config.host}:{config.port}{config.prefix.rstrip('/')}"
        self._app, self._made = app, made
        options: dict[str, Any] = {"log_level": "error", "access_log": False, "timeout_graceful_shutdown": DRAIN_SECONDS, "lifespan": "off"}
        outer = app if config.prefix == "/" else Starlette(routes=[Mount(config.prefix, app)])
        self._options = uvicorn.Config(outer, host=config.host, port=config.port, **options)
        self._server = uvicorn.Server(self._options)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Return when it listens. Raises ClusterError where it does not."""
        self._thread.start()
        until = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise ClusterError(f"the server did not start at {self.url}", "Choose another --port or --host")
            time.sleep(0.01)
        if self._made is not None:
            self._made.start()

    def stop(self) -> None:
        """Take no new requests, finish those under way, and end."""
        self._app.state.draining = True
        self._server.should_exit = True
        self._thread.join(DRAIN_SECONDS + END_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._options.get_loop_factory()) as runner:
            runner.run(self._server.serve())
            if self._made is not None:
                runner.run(self._made.close())


def start_local(config: ServeConfig) -> LocalServer:
    """Serve `config.model` from this process. Raises CheckpointError for no model folder, ConfigError for a port in use."""
    check_port(config.host, config.port)
    device = _device(config)
    threads = config.threads or cores()
    if config.log == "json":
        log_as_json()
    runner = LocalJobs(absolute_url(config.jobs)) if config.jobs else None
    made = make_server(config, device, threads, runner=runner)
    server = LocalServer(config, made.app, made)
    server.start()
    return server


def _device(config: ServeConfig) -> str:
    import torch

    there = torch.cuda.is_available()
    if config.gpu and not there:
        raise ClusterError("serve: gpu = true, and PyTorch sees no GPU here", "`ganray doctor` says why; or leave out --gpu")
    return "cuda" if there and config.gpu is not False else "cpu"
