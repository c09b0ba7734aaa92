"""The verb `serve`: a model over HTTP, from this process or from replicas in a Ray cluster."""

from __future__ import annotations

import contextlib
import importlib
import signal
import sys
import threading
from typing import Protocol

from ganray.config import ServeConfig
from ganray.edit_engine import Description, EditEngine
from ganray.errors import ConfigError
from ganray.execution.choice import reason_for_cluster
from ganray.serving.access import check_protection
from ganray.serving.model_table import Source, TableFile

RAY_SERVE = "ganray.on_ray.serve", "serve_on_ray"  # imported only where it is chosen


class Serving(Protocol):
    """A running endpoint."""

    @property
    def url(self) -> str:
        """Where its API lies."""
        ...

    def stop(self) -> None:
        """Stop the endpoint when its requests are answered."""
        ...


def serve(config: ServeConfig, blocking: bool = True) -> Serving:
    """Serve `config.model` until Ctrl-C or SIGTERM, or, not `blocking`, return while it runs.

    Raises CheckpointError for no model folder, ConfigError for a port in use (or another than Serve's, where it runs already), ClusterError
    where the replicas do not fit or the prefix is taken.

    >>> try:
    ...     ganray.serve(ganray.ServeConfig(model="nowhere"), blocking=False)
    ... except ganray.CheckpointError as error:
    ...     print(error.code)
    checkpoint
    """
    check_protection(config)
    serving = _start(config)
    if blocking:
        print(_banner(config))
        page = f", {serving.url}/studio is a page" if config.studio else ""
        print(f"{serving.url}/docs describes the API{page}. Ctrl-C stops", flush=True)
        try:
            _wait_for_the_end()
        finally:
            serving.stop()
    return serving


def _wait_for_the_end() -> None:
    """Until Ctrl-C, or SIGTERM, by which machines end a server: both leave time for the requests under way."""
    ended = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        with contextlib.suppress(KeyboardInterrupt):
            ended.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def show(serving: Serving) -> str:
    """The last line, when the endpoint is stopped."""
    return f"stopped serving at {serving.url}"


def _start(config: ServeConfig) -> Serving:
    most = max(config.replicas, config.max_replicas)
    reason = reason_for_cluster(config.ray, most, "replicas")
    if config.executor == "local" and most > 1:
        raise ConfigError(f"executor = local with replicas = {most}: one process has one", "Use --executor ray")
    if config.executor == "ray" or (config.executor == "auto" and reason):
        if not config.models:  # a wrong folder is told before a cluster starts
            EditEngine.load(config.model, threads=1, device="cpu", networks=config.networks).close()
        module, name = RAY_SERVE
        serving: Serving = getattr(importlib.import_module(module), name)(config)
        return serving
    if config.executor == "auto":
        print("serve: runs in this process; --executor ray for replicas in a Ray cluster", file=sys.stderr, flush=True)
    from ganray.serving.local_server import start_local  # FastAPI and uvicorn, which a head of Ray Serve does not need

    return start_local(config)


def _banner(config: ServeConfig) -> str:
    """One line that says what is served."""
    if config.models:
        return f"{config.models}: {len(TableFile(config.models, Source(config.model, config.networks)).table.models)} models by name"
    described = Description.of(config.model, config.networks)
    parts = []
    if (info := described.info) is not None:
        known = ", ".join(f"{name} ({len(values)} values)" for name, values in info.attributes.items()) or "none"
        parts.append(f"model {info.digest[:12]}, attributes {known}" + (", reads titles" if info.pieces.num else ""))
    if described.tasks:
        parts.append(f"edits learned: {', '.join(described.tasks)}")
    return f"{config.model or 'no model'}: {'; '.join(parts) or 'edits that need none'}"
