"""Alerts and dashboards of cluster/ in a real Prometheus: every alert fires once on purpose, every panel has an answer.

ganray's numbers come from its own commands, run here. Ray's come from ray-metrics.txt, which one scrape of a real cluster has left.
"""

import itertools
import json
import re
import time
from functools import cache
from pathlib import Path

import pytest
import ray
import yaml

from ganray.config import RayConfig, TrainConfig
from ganray.errors import NonFiniteError
from ganray.runs.messages import Failed
from ganray.runs.recorder import LiveNumbers
from ganray.verbs import ingest
from tests.tools import prometheus as tool
from tests.tools.live_numbers import Published, changed, ending, run_commands, text_of
from tests.tools.serving_numbers import ServingNumbers

ROOT = Path(__file__).parents[2]
RULES, BOARDS = ROOT / "cluster" / "prometheus" / "alerts.yml", sorted((ROOT / "cluster" / "grafana").glob("*.json"))
RAY = (Path(__file__).parent / "ray-metrics.txt").read_text()
needs_prometheus = pytest.mark.skipif(bool(tool.missing()), reason=tool.missing())


@cache
def rules() -> list[dict]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def rules_at(interval: str) -> dict:
    """The file of rules, evaluated at another interval."""
    file = yaml.safe_load(RULES.read_text())
    for group in file["groups"]:
        group["interval"] = interval
    return file


ALERTS = [rule["alert"] for rule in rules() if "alert" in rule]


def panels() -> list:
    """(title, expression) of every query of every dashboard."""
    return [
        pytest.param(target["expr"], id=f"{path.stem}-{panel['title']}-{target['refId']}")
        for path in BOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    ]


def exported_by_ray() -> set[str]:
    return set(re.findall(r"^(\w+)\{", RAY, re.M))


# Each alert by series of a minute a step: when it is still silent, when it fires, and what else fires then for the same cause.


def job(verb: str, **numbers: str) -> dict[str, str]:
    return {f'ray_ganray_{verb}{{exported_job="j",WorkerId="w1",number="{name}"}}': values for name, values in numbers.items()}


def requests(code: int) -> dict[str, str]:
    return {
        'ray_serve_num_http_requests_total{application="ganray"}': "0+60x40",
        f'ray_serve_num_http_error_requests_total{{application="ganray",error_code="{code}"}}': "0+6x40",
    }


def latencies(**buckets: str) -> dict[str, str]:
    name = 'ray_serve_http_request_latency_ms_bucket{{application="ganray",status_code="200",le="{}"}}'
    return {name.format(le.lstrip("_").replace("Inf", "+Inf")): values for le, values in buckets.items()}


def answers(prefix: str, labels: str, status: int) -> dict[str, str]:
    """Of a server's own numbers: one in eleven has the status."""
    series = f'{prefix}_requests_total{{{labels},key="shop",route="/v1/generate",status='
    return {f'{series}"200"}}': "0+60x40", f'{series}"{status}"}}': "0+6x40"}


CLOCK = "0+60x120"  # `updated` of a job that goes on
GOOD = {"updated": CLOCK, "running": "1x120"}
SERIES: dict[str, tuple[dict[str, str], int, int]] = {
    "JobStalls": (job("generate", updated="0x60", running="1x60"), 14, 16),
    "JobFailed": (job("ingest", updated="0+60x5 stale", failed="0x4 1 stale"), 3, 30),
    "JobVanished": (job("edit", updated="0+60x5 stale", running="1x5 stale"), 5, 9),
    "ManyPhotosQuarantined": (job("ingest", **GOOD, before="500x60", done="500+100x60", quarantined="0+10x60"), 0, 5),
    "TrainingStalls": (job("train", updated="0x60", running="1x60"), 14, 16),
    "TrainingSlows": (job("train", **GOOD, img_per_s="100x60 40x60"), 60, 80),
    "LossNotFinite": (job("train", updated="0+60x5 stale", non_finite="0x4 1 stale"), 3, 30),
    "CheckpointTooOld": (job("train", **GOOD, checkpoint_time="0x120", checkpoint_minutes="10x120"), 29, 33),
    "ServingErrors": (requests(500), 4, 15),
    "ServingQueueFull": (requests(503), 4, 15),
    "ServingSlow": (latencies(_2000="0+1x40", _5000="0+9x40", _Inf="0+9x40"), 8, 20),
    "ServingTooLate": (answers("ray_ganray", 'application="ganray",replica="a"', 504), 4, 15),
    "AuditLinesDropped": ({'ray_ganray_audit_lines_dropped{application="ganray",replica="a"}': "0x5 7x20"}, 5, 8),
    "NoReplica": (
        {
            'ray_serve_deployment_replica_healthy{application="ganray",replica="a"}': "1x5 stale",
            'ray_serve_autoscaling_target_replicas{application="ganray"}': "1x20",
        },
        5,
        8,
    ),
    "ReplicasMissing": (
        {
            'ray_serve_deployment_replica_healthy{application="ganray",replica="a"}': "1x20",
            'ray_serve_autoscaling_target_replicas{application="ganray"}': "2x20",
        },
        4,
        8,
    ),
    "HostLost": ({'ray_local_resource_view_node_count{SessionName="s"}': "3x5 2x20"}, 5, 8),
    "HostSilent": ({'up{job="ray",instance="10.0.0.2:9090"}': "1x5 0x10"}, 7, 9),
    "DiskNearlyFull": ({'ray_node_disk_free{ip="a"}': "9x20", 'ray_node_disk_usage{ip="a"}': "91x20"}, 4, 8),
    "MemoryNearlyFull": ({'ray_node_mem_used{ip="a"}': "91x20", 'ray_node_mem_total{ip="a"}': "100x20"}, 1, 4),
    "ObjectStoreSpills": ({'ray_spill_manager_request_total{Type="Spilled",NodeAddress="a"}': "0x5 3x20"}, 5, 8),
    "GpuIdle": ({'ray_node_gpus_utilization{SessionName="s",GpuIndex="0"}': "2x40"} | job("generate", **GOOD), 14, 20),
}


LOCAL: dict[str, int] = {"ServingErrors": 500, "ServingQueueFull": 503, "ServingTooLate": 504}  # of a server without Ray


def silent_series() -> list[dict[str, str]]:
    """What must not fire: a healthy job, one that was killed and was done by the next command, one that a person stopped; a server that
    refuses and is slow in what is no fault of its own, one without an audit log's trouble, one that is scaled to zero."""
    second = {key.replace("w1", "w2"): value for key, value in job("edit", updated="_x4 0+60x9 stale", running="_x4 1x8 0 stale").items()}
    return [
        job("train", **GOOD, img_per_s="100x120", checkpoint_time=CLOCK, checkpoint_minutes="10x120"),
        job("train", **GOOD, checkpoint_time="0x120", checkpoint_minutes="0x120"),
        job("generate", **GOOD, before="0x120", done="0+100x120", quarantined="0+4x120"),
        job("edit", updated="0x5 stale", running="1x5 stale") | second,
        job("generate", updated="0x5 stale", running="1x4 0 stale", failed="0x5 stale"),
        {'ray_node_gpus_utilization{SessionName="s",GpuIndex="0"}': "2x120"},
        latencies(_2000="0+999x120", _5000="0+1000x120", _Inf="0+1000x120"),
        answers("ray_ganray", 'application="ganray",replica="a"', 429),
        answers("ganray", 'instance="a:8000",job="ganray"', 422),
        {'ray_ganray_audit_lines_dropped{application="ganray",replica="a"}': "7x10 _x2 0x10"},
        {'ray_serve_autoscaling_target_replicas{application="ganray"}': "0x20"},
    ]


def case(series: dict[str, str], expected: list[tuple[int, list[str]]]) -> dict:
    """A test of promtool: at each minute exactly these alerts fire."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts],
            }
            for minute, alerts in expected
        ],
    }


@needs_prometheus
def test_each_alert_fires_in_its_time_and_no_other_with_it(tmp_path):
    cases = [case(series, [(quiet, []), (firing, [alert])]) for alert, (series, quiet, firing) in SERIES.items()]
    local = 'instance="a:8000",job="ganray"'
    cases += [case(answers("ganray", local, status), [(4, []), (15, [alert])]) for alert, status in LOCAL.items()]
    cases += [case(series, [(minute, []) for minute in (2, 8, 20)]) for series in silent_series()]
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(rules_at("1m")))
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": cases}))
    tool.promtool("test", "rules", file)


def test_no_alert_is_without_its_series_and_its_page():
    assert SERIES.keys() == set(ALERTS)
    headings = set(re.findall(r"^### (\w+)$", (ROOT / "cluster" / "README.md").read_text(), re.M))
    for rule in (rule for rule in rules() if "alert" in rule):
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (page, anchor) == ("cluster/README.md", rule["alert"].lower())
        assert rule["alert"] in headings
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_the_costs_on_the_page_are_those_of_its_rates():
    text = (ROOT / "cluster" / "README.md").read_text()
    price = float(re.search(r"Price in the table: ([0-9.]+) a core-hour", text)[1])
    rows = re.findall(r"^\| \w[^|]* \| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+) \|$", text, re.M)
    assert len(rows) == 3
    for row in rows:
        rate, *hours, cost = map(float, row)
        expected = [millions * 1e6 / (rate * 3600) for millions in (1, 10, 100)]
        assert [*hours, cost] == pytest.approx([*expected, expected[-1] * price], rel=0.02)


def test_names_are_those_of_the_ray_that_is_installed():
    """The scrape is of this version; names of GPUs, which it could not see, are in Ray's source."""
    assert f"Ray {ray.__version__}" in RAY, "scrape a node of the new version, and compare"
    texts = [rule["expr"] for rule in rules()] + [param.values[0] for param in panels()] + [str(row) for row in SERIES.values()]
    used = {name for text in texts for name in re.findall(r"\b(ray_\w+)\b(?=[{\[ )]|$)", text) if not name.startswith("ray_ganray_")}
    assert len(used) > 15 and used <= exported_by_ray()
    reporter = (Path(ray.__file__).parent / "dashboard/modules/reporter/reporter_agent.py").read_text()
    gpu = {name for name in exported_by_ray() if "_gpus_" in name or "_gram_" in name}
    assert len(gpu) == 4 and all(f'"{name.removeprefix("ray_")}"' in reporter for name in gpu)


@pytest.fixture(scope="module")
def published(tmp_path_factory, small_catalog) -> Published:
    return run_commands(tmp_path_factory.mktemp("commands"), small_catalog)


def growing(step: int) -> str:
    """Ray's metrics, its counters a little further with each step."""
    lines = []
    for line in RAY.splitlines():
        name, _, value = line.rpartition(" ")
        counts = re.match(r"\w+_(total|bucket|count|sum)\{", line)
        lines.append(f"{name} {float(value) + 3 * step}" if counts else line)
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def scenes(published) -> tuple[list, list]:
    """Jobs that are named after the alert that they must set off, before and after what sets it off."""
    broken: list[dict] = []
    numbers = LiveNumbers(TrainConfig(), broken.append)
    numbers.take(Failed(NonFiniteError("loss_d became non-finite", "Resume")))
    numbers.end(failed=True)
    running, end = ({verb: ending(rows, state) for verb, rows in published.items()} for state in (1.0, 0.0))
    train_name, _, train_tags = running["train"]
    stays = [
        *(changed(row, f"well-{verb}") for verb, row in end.items() if verb != "failing"),
        changed(running["generate"], "well"),
        changed(running["edit"], "JobStalls", updated=-1000),
        changed(running["ingest"], "ManyPhotosQuarantined"),
        changed(running["train"], "TrainingStalls", updated=-1000),
        changed(running["train"], "CheckpointTooOld", checkpoint_time=-3000),
    ]
    before = [
        changed(end["failing"], "JobFailed"),
        changed(running["generate"], "JobVanished"),
        changed(running["train"], "TrainingSlows", img_per_s=1000),
        (train_name, broken[-1], train_tags | {"job": "LossNotFinite"}),
    ]
    return [*stays, *before], [*stays, changed(running["train"], "TrainingSlows")]


@pytest.fixture(scope="module")
def server(scenes, tmp_path_factory):
    """A Prometheus that has seen all of it, and the alerts that have fired: (alert, job) -> its summary."""
    folder, steps = tmp_path_factory.mktemp("prometheus"), itertools.count()
    file = rules_at("250ms")
    for group in file["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    (folder / "alerts.yml").write_text(yaml.safe_dump(file))
    config = yaml.safe_load((ROOT / "cluster/prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "250ms", "evaluation_interval": "250ms", "scrape_timeout": "250ms"}
    (found,) = config["scrape_configs"][0]["file_sd_configs"]
    found["files"] = [str(folder / "ray.json")]
    config["scrape_configs"].append(kuberay_job())
    scene, fired, serving = list(scenes[0]), {}, ServingNumbers()
    with tool.exporter(lambda: growing(next(steps)) + text_of(scene) + serving.page()) as address:
        (folder / "ray.json").write_text(json.dumps([{"labels": {"job": "ray"}, "targets": [address]}]))  # as Ray writes it
        with tool.running(folder, config) as running:
            wait_until(lambda: running.query('count_over_time(ganray:newest{exported_job="TrainingSlows",number="running"}[1m]) > 8'))
            scene[:], serving.dropped = scenes[1], 7
            wait_until(lambda: note_alerts(running, fired) >= {alert for alert in ALERTS if alert.startswith(("Job", "Training"))})
            time.sleep(0.6)
            note_alerts(running, fired)
            yield running, fired


def kuberay_job() -> dict:
    """The job of kuberay.yml, with two pods that stand for what Kubernetes would tell of."""
    (job,) = yaml.safe_load((ROOT / "cluster/prometheus/kuberay.yml").read_text())["scrape_configs"]
    del job["kubernetes_sd_configs"]
    pod = "__meta_kubernetes_pod_"
    labels = {
        f"{pod}label_ray_io_cluster": "shop",
        f"{pod}phase": "Running",
        "__meta_kubernetes_namespace": "catalog",
        f"{pod}name": "gpu-1",
    }
    names = {"127.0.0.1:1": "metrics", "127.0.0.1:2": "dashboard"}
    job["static_configs"] = [{"targets": [key], "labels": {**labels, f"{pod}container_port_name": name}} for key, name in names.items()]
    return {**job, "job_name": "pods"}


def wait_until(condition) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "Prometheus has not seen it"
        time.sleep(0.1)


def note_alerts(running, fired) -> set[str]:
    for alert in running.api("alerts")["alerts"]:
        fired[alert["labels"]["alertname"], alert["labels"].get("exported_job")] = alert["annotations"]["summary"]
    return {name for name, _ in fired}


@needs_prometheus
def test_alerts_on_the_numbers_of_real_commands_fire_for_their_job_alone(server):
    _, fired = server
    ours = {"JobStalls", "JobFailed", "JobVanished", "ManyPhotosQuarantined"}
    ours |= {"TrainingStalls", "TrainingSlows", "LossNotFinite", "CheckpointTooOld"}
    by_job = {(alert, job) for alert, job in fired if job}
    assert by_job == {(alert, alert) for alert in ours} | {("JobFailed", "LossNotFinite")}
    assert all(job in summary and "<no value>" not in summary for (_, job), summary in fired.items() if job)


@needs_prometheus
def test_alerts_on_the_numbers_of_a_server_say_whose_they_are(server):
    summaries = {alert: summary for (alert, _), summary in server[1].items()}
    assert summaries["AuditLinesDropped"].startswith("127.0.0.1:") and " r1: " in summaries["AuditLinesDropped"]
    assert "ServingTooLate" not in summaries  # 503 and 429 are answered before any deadline


@needs_prometheus
@pytest.mark.parametrize("expression", panels())
def test_each_panel_has_an_answer(server, expression):
    found = server[0].query(expression.replace("$job", ".*").replace("$application", "ganray.*"))
    assert found and all(sample["value"][1] != "NaN" for sample in found)


@needs_prometheus
def test_the_pods_of_kuberay_are_scraped_where_they_have_metrics(server):
    targets = server[0].api("targets")
    (pod,) = [target for target in targets["activeTargets"] if target["scrapePool"] == "pods"]
    assert pod["labels"] == {"instance": "127.0.0.1:1", "job": "pods", "namespace": "catalog", "ray_cluster": "shop", "pod": "gpu-1"}
    assert [target["discoveredLabels"]["__address__"] for target in targets["droppedTargets"]] == ["127.0.0.1:2"]


@needs_prometheus
def test_the_configuration_is_valid():
    tool.promtool("check", "config", ROOT / "cluster/prometheus/prometheus.yml")


@pytest.mark.ray
@pytest.mark.long
def test_ray_exports_what_is_published_under_the_labels_that_the_alerts_ask_for(cluster):
    import urllib.request

    from ganray.on_ray.executor import RayExecutor

    executor = RayExecutor(RayConfig())
    port = ray.nodes()[0]["MetricsExportPort"]
    executor.publish(ingest.METRIC, {"running": 1.0}, {"job": "here", "step": "ingest"})
    line = f"ray_{ingest.METRIC}{{"

    def found() -> list[str]:
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        return [row for row in page.splitlines() if row.startswith(line)]

    wait_until(found)
    (row,) = found()
    assert all(label in row for label in ('job="here"', 'step="ingest"', 'number="running"', 'WorkerId="')) and row.endswith(" 1.0")
