"""`exactly-once`: bulk jobs whose driver, workers or store fail at every step of the commit protocol.

Every case is a job of its own, run by the command that a user types against a real S3 server behind `fault_proxy.FaultProxy`, and run again
until it succeeds. It counts if it ends with every byte of an uninterrupted job, no image lost and none twice.

A second row is of jobs that begin on another kind of processor, whose kernels give other bits: they count if they end with every image once
and with a manifest of what lies there.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from ganray.benchmarks.fault_proxy import Call, Fault, FaultPlan, FaultProxy, Kind
from ganray.benchmarks.random_model import make_model
from ganray.bulk.status import KEY
from ganray.checkpoint import Attributes
from ganray.config import BenchmarkConfig, ModelConfig
from ganray.errors import ConfigError
from ganray.storage import Store, open_store

STEPS = {
    "plan": "/plan.json",
    "requests": "/requests/00001.",
    "images": "/images/00001/",
    "receipts": "/receipts/00001.",
    "manifest": "/manifest.parquet",
    "page": "/index.html",
    "job": "/job.json",
}
WORKERS = ("images", "receipts")  # the steps of a worker; the others are the driver's
OUTAGE_S = 20.0  # longer than the store retries
MODEL = ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8)
LARGE_MODEL = ModelConfig(name="r3", resolution=64, widths=(96,) * 5, z_dim=64, embed_dim=16)  # whose images differ between processors
REQUESTS = [{"id": f"SKU/{i}", "count": 1 + i % 3} for i in range(6)]  # 12 images, in 3 shards
CATEGORIES: Attributes = {"category": ("bag", "cap", "mug")}
IMAGES, SHARD = 12, 4
CLUSTER = """
import signal, ray
from ganray.config import RayConfig
from ganray.on_ray.cluster import connect
connect(RayConfig(num_cpus=3))
print(ray.get_runtime_context().gcs_address, flush=True)
signal.pause()
"""
COMMAND = "from ganray.cli import entry; entry()"


@dataclass(frozen=True)
class Case:
    """Who fails, at the write of which step, and how (see fault_proxy.py)."""

    victim: Literal["driver", "worker", "store"]
    step: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.victim} at {self.step}: {self.kind}"


CASES = (
    *(Case("driver", step, kind) for step in STEPS for kind in ("kill before", "kill after")),
    *(Case("worker", step, kind) for step in WORKERS for kind in ("kill before", "kill after")),
    *(Case("store", step, kind) for step in STEPS for kind in ("cut", "lose")),
    *(Case("store", step, "refuse") for step in ("plan", "images", "receipts", "job")),
)


MIXED = (
    *(Case("driver", step, kind) for step in WORKERS for kind in ("kill before", "kill after")),
    Case("driver", "manifest", "kill before"),
    Case("store", "receipts", "lose"),
)
OTHER_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Two rows, of one and of mixed processors: the share of cases that end as they should, over all."""
    if not config.store.startswith("s3://") or "AWS_ENDPOINT_URL" not in os.environ:
        raise ConfigError(
            "benchmark exactly-once needs an S3 server at AWS_ENDPOINT_URL, and --store s3://BUCKET/PREFIX on it",
            "Run `python tests/tools/s3_server.py`, set the variables that it prints, and use --store s3://ganray/once",
        )
    with Bench(config.store) as bench:
        return [_row("exactly-once", CASES, bench.run), _row("exactly-once mixed", MIXED, bench.run_mixed)]


def _row(name: str, cases: Sequence[Case], run: Callable[[Case], int]) -> dict[str, Any]:
    """Run the cases; `run` returns the number of objects with other bytes than those of an uninterrupted job."""
    failed, others, started = [], 0, time.monotonic()
    for case in cases:
        try:
            others += run(case)
        except AssertionError as error:
            failed.append(f"{case}: {error}")
    equal, total = len(cases) - len(failed), len(cases)
    facts = {"failed": failed, "images": IMAGES, "other_bytes": others, "seconds": round(time.monotonic() - started)}
    return {"name": name, "value": equal, "baseline": total, "ratio": equal / total, "unit": "crash points", **facts}


class Bench:
    """A model, a table, a cluster whose way to the store leads through the proxy, and the bytes of an uninterrupted job."""

    executor = "ray"

    def __init__(self, url: str) -> None:
        self.store = open_store(f"{url}/{uuid.uuid4().hex[:12]}")
        self.proxy = FaultProxy(os.environ["AWS_ENDPOINT_URL"])
        self._cluster: subprocess.Popen[str] | None = None

    def __enter__(self) -> Bench:
        self._folder = tempfile.TemporaryDirectory(prefix="ganray-once-")
        self.table = Path(self._folder.name, "table.jsonl")
        self.table.write_text("\n".join(map(json.dumps, REQUESTS)))
        self.model = f"{self._folder.name}/model"
        make_model(self.model, MODEL, CATEGORIES)
        self.proxy.__enter__()
        self.environment = os.environ | {"AWS_ENDPOINT_URL": self.proxy.url, "SOURCE_DATE_EPOCH": "1790000000"}
        for name in ("RAY_ADDRESS", "RAY_JOB_ID"):
            self.environment.pop(name, None)
        self.start_cluster()
        code, output = self.finish("whole")
        assert code == 0, output
        self.whole = self.contents("whole")
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._cluster:
            self._cluster.terminate()
            self._cluster.communicate(timeout=60)
        self.proxy.__exit__()
        self._folder.cleanup()

    def start_cluster(self) -> None:
        """Start the Ray cluster that jobs join, with a way to the store through the proxy."""
        self._cluster = subprocess.Popen([sys.executable, "-c", CLUSTER], env=self.environment, stdout=subprocess.PIPE, text=True)
        assert self._cluster.stdout is not None
        self.environment["RAY_ADDRESS"] = self._cluster.stdout.readline().strip()

    def arguments(self, name: str) -> list[str]:
        """The verb and options of job `name`."""
        options = ["--model", self.model, "--requests", str(self.table), "--out", self.store.child(name).url, "--shard-images", str(SHARD)]
        return ["generate", *options, "--threads", "1", "--no-gpu", "--executor", self.executor]

    @contextmanager
    def driver(self, name: str) -> Iterator[subprocess.Popen[str]]:
        """The command of job `name`, running; killed at the end if it is still running."""
        command = [sys.executable, "-c", COMMAND, *self.arguments(name)]
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def finish(self, name: str) -> tuple[int, str]:
        """Run the command of a job to its end; returns its exit code and output."""
        with self.driver(name) as process:
            output, _ = process.communicate(timeout=300)
            return process.returncode, output

    def contents(self, name: str) -> dict[str, bytes]:
        """All objects of a job but its status."""
        store = self.store.child(name)
        return {info.key: store.get(info.key) for info in store.list() if info.key != KEY}

    def run(self, case: Case) -> int:
        """A job on Ray; returns 0. Raises AssertionError where it does not end as it should."""
        name = str(case).replace(" ", "-").replace(":", "")
        self._end(name, *self._strike(name, case))
        contents = self.contents(name)
        differing = [key for key in contents if contents[key] != self.whole[key]]
        assert not differing, f"bytes differ: {differing}"
        return 0

    def run_mixed(self, case: Case) -> int:
        """A job in its own process that begins on another kind of processor; returns the number of objects with other bytes than without
        it. Raises AssertionError where the job does not end as it should."""
        name = "mixed-" + str(case).replace(" ", "-").replace(":", "")
        environment, executor, model = self.environment, self.executor, self.model
        self.executor, self.model = "local", f"{self._folder.name}/large"
        try:
            whole = self._large_whole()
            self.environment = environment | OTHER_PROCESSOR
            struck = self._strike(name, case)
            self.environment = environment
            self._end(name, *struck)
        finally:
            self.environment, self.executor, self.model = environment, executor, model
        return sum(data != whole[key] for key, data in self.contents(name).items())

    def _large_whole(self) -> dict[str, bytes]:
        """The objects of an uninterrupted job of the large model on this processor."""
        name = "mixed-whole"
        if not self.store.exists(f"{name}/job.json"):
            make_model(self.model, LARGE_MODEL, CATEGORIES)
            code, output = self.finish(name)
            assert code == 0, output
        return self.contents(name)

    def _strike(self, name: str, case: Case) -> tuple[int, str]:
        """Run the command of a job into the fault of a case; returns its exit code and output."""
        injected: list[float] = []
        with self.driver(name) as process:
            self.proxy.plan = fault_plan(case, f"/{name}/", process.pid, injected)
            output, _ = process.communicate(timeout=300)
            code = process.returncode
        self.proxy.plan = lambda call: None
        assert injected, "the fault was not injected"
        assert case.victim != "driver" or code != 0, "the driver survived the kill"
        return code, output

    def _end(self, name: str, code: int, output: str) -> None:
        """Run the command of a job until it succeeds, and check what it left."""
        retries = 0
        while code != 0:
            assert retries < 3, output
            retries += 1
            code, output = self.finish(name)
        check(self.store.child(name))
        keys = self.contents(name).keys()
        assert keys == self.whole.keys(), f"objects differ: {sorted(keys ^ self.whole.keys())}"


def fault_plan(case: Case, job: str, driver: int, injected: list[float]) -> FaultPlan:
    """The proxy's plan: the first write of the step in that job gets the fault; a store that refuses does so to all for a while."""

    def plan(call: Call) -> Fault | None:
        hit = call.method == "PUT" and job in call.path and STEPS[case.step] in call.path
        if case.kind == "refuse" and injected:
            return Fault("refuse") if time.monotonic() < injected[0] + OUTAGE_S else None
        if not hit or injected:
            return None
        injected.append(time.monotonic())
        return Fault(case.kind, driver if case.victim == "driver" else 0)

    return plan


def check(store: Store) -> None:
    """Raise AssertionError unless the images are exactly those of the manifest, with its digests, each once."""
    rows = pq.read_table(BytesIO(store.get("manifest.parquet"))).to_pylist()
    assert len(rows) == len({(row["id"], row["index"]) for row in rows}) == IMAGES, "the manifest does not have every image once"
    for row in rows:
        assert hashlib.sha256(store.get(row["key"])).hexdigest() == row["sha256"], f"{row['key']} has another digest than in the manifest"
    assert {info.key for info in store.list("images")} == {row["key"] for row in rows}, "there are images that the manifest does not have"
