"""The HTTP face of an engine in Ray Serve.

The engine lives in the ingress deployment itself (one hop), HAProxy in front of it (cluster.ENVIRONMENT): 8-10 times Serve's defaults.
Where Serve runs in the cluster already, ganray is one application of it among others, at Serve's own address, and removes that alone at
its end; models under different prefixes are applications of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import ray
from fastapi import FastAPI
from pydantic import ValidationError
from ray import serve as ray_serve
from ray.serve import Application
from ray.serve.exceptions import RayServeException

from ganray.config import ServeConfig
from ganray.errors import ClusterError, ConfigError
from ganray.execution.gpus import GpuDemand, announce_gpus_of_kind, plan_gpus
from ganray.execution.port import Resources
from ganray.execution.resources import engine_cpus
from ganray.on_ray.cluster import connect
from ganray.on_ray.errors import find_ganray_error
from ganray.on_ray.job_runner import RayJobs
from ganray.on_ray.rate_ledger import shared_ledger, stop_ledger
from ganray.on_ray.serve_growth import OUTSTANDING, growth
from ganray.on_ray.serve_metrics import RayGauges
from ganray.serving.access import check_protection
from ganray.serving.address import check_port
from ganray.serving.health import TIMEOUT_S
from ganray.serving.json_log import log_as_json
from ganray.serving.keys import VARIABLE
from ganray.serving.metrics_mirror import MetricsMirror
from ganray.serving.refusals import Unhealthy
from ganray.serving.server import make_server
from ganray.storage import absolute_url

APPLICATION = "ganray"
MOST_ONGOING = 100_000  # requests of a replica: none is to wait where nobody refuses it; the app's own limits answer 503 at once
SERVE_KEYS = ("host", "port", "prefix", "executor", "ray")  # of a declared application, Serve's own configuration says these


@dataclass(frozen=True)
class Serving:
    """A running endpoint; `alone` says that Serve was started for it."""

    url: str
    application: str
    alone: bool

    def stop(self) -> None:
        """Stop the endpoint when its requests are answered, and Serve too if it was started for it and serves nothing else."""
        _stop(self.application, self.alone)


class Endpoint:
    """A replica: one engine and its app. On a GPU `threads` encode; edits come one after the other."""

    def __init__(self, config: ServeConfig, device: str, threads: int) -> None:
        if config.log == "json":
            log_as_json()
        most = max(config.replicas, config.max_replicas)
        application, replica = _whose()
        ledger = shared_ledger(application, most) if application and config.keys and most > 1 else None
        runner = RayJobs(absolute_url(config.jobs)) if application and config.jobs else None
        self._server = make_server(config, device, threads, ledger, runner)
        self._server.start()
        self._mirror: MetricsMirror | None = None
        if application:
            self._mirror = MetricsMirror(self._server.services.metrics, RayGauges(application, replica))
            self._mirror.start()

    def __serve_build_asgi_app__(self) -> FastAPI:
        app = self._server.app
        app.router.lifespan_context = self._life
        return app

    @contextlib.asynccontextmanager
    async def _life(self, _: FastAPI) -> AsyncIterator[None]:
        """Serve ends it when the replica has answered its last request."""
        yield
        await self._server.close()
        if self._mirror is not None:
            await asyncio.to_thread(self._mirror.stop)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve asks where the number of replicas may grow."""
        return {OUTSTANDING: float(self._server.models.outstanding)}

    async def check_health(self) -> None:
        """Serve asks every ten seconds, and replaces a replica that raises three times, or ends: one that has lost its GPU ends at once."""
        for health in self._server.models.healths():
            try:
                await health.check()
            except Unhealthy as error:
                if health.lost:
                    print(f"serve: this replica ends: {error}", file=sys.stderr, flush=True)
                    os._exit(1)
                raise


def _whose() -> tuple[str, str]:
    """The application and the name of this replica; empty in a process that is none."""
    try:
        context = ray_serve.get_replica_context()
    except RayServeException:
        return "", ""
    return context.app_name, context.replica_tag


def serve_on_ray(config: ServeConfig) -> Serving:
    """Serve `config.model` from replicas, and return while they run; `ganray.verbs.serve` says what it raises."""
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    return _start(config)


def application_of(prefix: str) -> str:
    """The name of the application at a prefix, of characters that are valid in file names and in HAProxy."""
    return APPLICATION + prefix.rstrip("/").replace("/", ".")


def _start(config: ServeConfig) -> Serving:
    resources, asked = connect(config.ray), config.host
    gpu, labels = announce_gpus_of_kind(_demand(config), resources, {})
    threads = _threads(config, resources, gpu)
    application, host = application_of(config.prefix), _host_of_running(config)
    alone = not host
    if host:  # a Serve that runs may listen on more than loopback
        config = config.model_copy(update={"host": host})
        check_protection(config)
    try:
        if alone:
            ray_serve.start(http_options={"host": config.host, "port": config.port}, logging_config={"log_level": "ERROR"})
        ray_serve.run(_bind(config, gpu, threads, labels), name=application, route_prefix=config.prefix)
    except BaseException as error:  # also Ctrl-C while replicas start
        _stop(application, alone)
        if not isinstance(error, Exception):
            raise
        raise find_ganray_error(error) or ClusterError(f"Ray Serve did not start: {error}", "See the logs of Ray's dashboard") from error
    return Serving(f"http://{asked}:{config.port}{config.prefix.rstrip('/')}", application, alone)


def _bind(config: ServeConfig, gpu: bool, threads: int, labels: Mapping[str, str] | None = None) -> Application:
    """The application: replicas of `threads` torch threads on nodes with `labels`, each with its share of a GPU where `gpu` says so."""
    device = "cuda" if gpu else "cpu"
    urls = {name: absolute_url(getattr(config, name)) for name in ("model", "networks", "models", "keys", "source", "jobs")}
    absolute = config.model_copy(update=urls)  # replicas have another working directory
    options: dict[str, Any] = {"num_cpus": threads, "num_gpus": config.gpu_share if gpu else 0}
    if labels:
        options["label_selector"] = dict(labels)
    scaling = growth(config)
    number: dict[str, Any] = {"num_replicas": config.replicas} if scaling is None else {"autoscaling_config": scaling}
    deployment = ray_serve.deployment(
        name=APPLICATION,
        **number,
        max_ongoing_requests=MOST_ONGOING,
        ray_actor_options=options,
        health_check_timeout_s=TIMEOUT_S + 10.0,
        logging_config={"enable_access_log": False, "log_level": "ERROR"},
    )(ray_serve.ingress()(Endpoint))
    return deployment.bind(absolute, device, threads)


def build_app(args: dict[str, Any]) -> Application:
    """The application that `ganray serve` runs, from the `args` of a Serve configuration: `import_path: ganray.on_ray.serve:build_app`.

    `args` are keys of ServeConfig. It looks at no cluster, whose nodes may not have started: `gpu`, and on a CPU `threads`, must be given.
    Raises ConfigError.
    """
    taken = [name for name in SERVE_KEYS if name in args]
    if taken:
        raise ConfigError(
            f"args: {taken[0]}: Serve's own configuration says where it listens", "Use http_options and the application's route_prefix"
        )
    try:
        config = ServeConfig.model_validate(args)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"args: {key} = {first['input']!r}: {first['msg']}", "`ganray serve --help` says what it takes") from None
    if config.gpu is None or not (config.gpu or config.threads):
        missing = "gpu" if config.gpu is None else "threads"
        raise ConfigError(
            f"args: {missing} is missing: a declared application does not look at the cluster", "Give gpu, and threads on a CPU"
        )
    if not (config.keys or config.anonymous or os.environ.get(VARIABLE)):
        raise ConfigError(
            "args: keys is missing: Serve's proxy answers other machines", "Give keys, a file of `ganray key`; or anonymous: true"
        )
    return _bind(config.model_copy(update={"host": "0.0.0.0"}), config.gpu, config.threads or 1)  # wherever Serve's proxy listens


def _stop(application: str, alone: bool) -> None:
    others = set(ray_serve.status().applications) - {application}
    with contextlib.redirect_stdout(io.StringIO()):  # Ray reports the end of Serve's own controller as a failure
        if alone and not others:
            ray_serve.shutdown()
        else:
            ray_serve.delete(application)
    stop_ledger(application)


def _demand(config: ServeConfig) -> GpuDemand:
    return GpuDemand("serve", config.gpu, max(1, config.replicas), "replicas", config.gpu_share)


def serving_cpus(config: ServeConfig, resources: Resources) -> int:
    """CPUs of each replica. Raises ClusterError where the replicas do not fit."""
    return _threads(config, resources, plan_gpus(_demand(config), resources).use)


def _threads(config: ServeConfig, resources: Resources, gpu: bool) -> int:
    """Threads of a replica's engine, or on a GPU those that encode: of the node's CPUs as much as of its GPUs, but one of each node."""
    wanted = config.threads
    if gpu and not wanted:
        of_gpus = ((min(node.cpus, resources.node_cpus) - 1) / node.gpus for node in resources.nodes if node.gpus)
        wanted = max(1, int(min(of_gpus, default=1.0) * config.gpu_share))
    return engine_cpus(wanted, max(1, config.replicas), 0, resources, "serve")


def _host_of_running(config: ServeConfig) -> str:
    """Where Serve listens already; empty where it must be started. Raises where that cannot be, or no other one fits in."""
    from ganray.on_ray.ray_internals import serve_controller  # imports Ray Train and Ray Data, which replicas do not need

    controller = serve_controller()
    if controller is None:
        check_port(config.host, config.port)
        return ""
    options: Any = ray.get(controller.get_http_config.remote())
    if options.port != config.port or options.host not in (config.host, "0.0.0.0"):
        raise ConfigError(
            f"serve: {config.host}:{config.port}: Serve already runs in this cluster at {options.host}:{options.port}",
            f"Use --host {options.host} --port {options.port}",
        )
    applications: Any = ray.get(controller.get_serve_instance_details.remote())["applications"]
    for name, details in applications.items():
        if name == application_of(config.prefix) or details["route_prefix"] == config.prefix:
            raise ClusterError(
                f"{name} is already served in this cluster at {options.host}:{options.port}{config.prefix}",
                f"Choose another --prefix, or stop it; on a node: python -c \"from ray import serve; serve.delete('{name}')\"",
            )
    return str(options.host)
