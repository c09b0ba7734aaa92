"""The numbers of replicas in the exporter of a real node of Ray."""

import re
import time
import urllib.request

import pytest
import ray

from ganray.on_ray.serve_metrics import RayGauges
from ganray.serving.context import Caller, RequestContext
from ganray.serving.metrics import ServerMetrics
from ganray.serving.metrics_mirror import MetricsMirror

pytestmark = pytest.mark.ray
LINE = re.compile(r"(ray_ganray_\w+)\{(.*)\} (\S+)")
STATUSES = 200, 304


def replica(name: str, requests: int) -> ServerMetrics:
    """Numbers of a replica that has answered so many requests, half of which its clients had already."""
    metrics = ServerMetrics("cpu")
    for number in range(requests):
        context = RequestContext(caller=Caller("shop"), model="0123", stages={"draw": 0.2} if number % 2 else {})
        metrics.began()
        metrics.answered("/v1/generate", context, 200 if number % 2 else 304, 0.3)
    metrics.batch(3, 8)
    MetricsMirror(metrics, RayGauges("ganray.shop", name)).copy()
    return metrics


def page() -> dict[tuple[str, str], dict[str, float]]:
    """(name, replica) -> labels of ganray's own -> value, of what the node exports."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{ray.nodes()[0]['MetricsExportPort']}/metrics", timeout=10).read().decode()
    found: dict[tuple[str, str], dict[str, float]] = {}
    for name, labels, value in LINE.findall(text):
        tags = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if tags.get("application") == "ganray.shop":
            own = "&".join(f"{key}={tags[key]}" for key in ("route", "key", "model", "status", "stage", "le") if key in tags)
            found.setdefault((name, tags["replica"]), {})[own] = float(value)
    return found


@pytest.fixture(scope="module")
def exported(cluster):
    """The page, when it has the numbers of two replicas."""
    servers = {name: replica(name, requests) for name, requests in (("r1", 4), ("r2", 2))}
    end = time.monotonic() + 60
    found = page()
    while {name for _, name in found} != set(servers):
        assert time.monotonic() < end, "the node does not export them"
        for name, metrics in servers.items():  # as the mirror does: a gauge that is not set again is forgotten
            MetricsMirror(metrics, RayGauges("ganray.shop", name)).copy()
        time.sleep(1.0)
        found = page()
    return found


def test_each_replica_has_its_own_counters_under_their_own_names(exported):
    for name, answers in (("r1", 2.0), ("r2", 1.0)):
        labels = "route=/v1/generate&key=shop&model=0123&status="
        assert exported["ray_ganray_requests_total", name] == {f"{labels}{status}": answers for status in STATUSES}
        assert exported["ray_ganray_samples_drawn_total", name] == {"": 3.0}
        assert exported["ray_ganray_batch_rows_total", name] == {"": 8.0}


def test_buckets_arrive_exactly_with_those_that_are_empty(exported):
    buckets = exported["ray_ganray_stage_seconds_bucket", "r1"]
    of_draw = {own.partition("&le=")[2]: value for own, value in buckets.items() if "stage=draw" in own}
    assert len(of_draw) == 14 and (of_draw["0.1"], of_draw["0.25"], of_draw["+Inf"]) == (0.0, 2.0, 2.0)
    assert exported["ray_ganray_stage_seconds_sum", "r1"]["route=/v1/generate&stage=draw"] == pytest.approx(0.4)


def test_the_numbers_of_the_page_and_of_ray_are_the_same(exported):
    names = {f"ray_{number.name}" for number in replica("r3", 2).numbers()}
    assert {name for name, of in exported if of == "r1"} == names
