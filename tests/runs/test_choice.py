import importlib
import sys

import pytest
import torch

from ganray.config import RayConfig, TrainConfig
from ganray.presets import preset
from ganray.runs.choice import estimated_seconds, load_group, reason_for_ray


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No cluster, no GPU."""
    for name in ("RAY_ADDRESS", "RAY_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


SHORT = preset("demo-32").model_copy(update={"kimg": 2.0})


def test_a_short_run_of_one_worker_stays_in_this_process():
    assert reason_for_ray(SHORT) == ""
    assert estimated_seconds(SHORT) == 20


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kimg": 32.0}, "about 5 min"),
        ({"model": SHORT.model.model_copy(update={"resolution": 256, "widths": (16,) * 6})}, "about 21 min"),
        ({"workers": 2}, "2 workers"),
        ({"workers": 4, "min_workers": 1}, "4 workers"),
        ({"gpu": True}, "a GPU"),
        ({"ray": RayConfig(address="auto")}, "a cluster is joined"),
        ({"ray": RayConfig(num_cpus=4)}, "ray.num_cpus = 4"),
    ],
)
def test_what_calls_for_ray(changes, reason):
    assert reason_for_ray(SHORT.model_copy(update=changes)) == reason


def test_a_limit_in_minutes_bounds_the_estimate():
    assert estimated_seconds(SHORT.model_copy(update={"kimg": 500.0, "minutes": 0.5})) == 30


def test_a_gpu_or_a_job_on_a_cluster_calls_for_ray(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert reason_for_ray(SHORT) == "a GPU"
    assert reason_for_ray(SHORT.model_copy(update={"gpu": False})) == ""
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert reason_for_ray(SHORT) == "a cluster is joined"


def test_auto_says_what_it_chose_and_why(capsys, monkeypatch):
    assert load_group(SHORT).__name__ == "LocalWorkerGroup"
    assert capsys.readouterr().err == "train: runs in this process (about 20 s of work); --executor ray for the other\n"
    monkeypatch.setattr(importlib, "import_module", lambda name: type("module", (), {"RayWorkerGroup": name}))
    assert load_group(SHORT.model_copy(update={"workers": 2})) == "ganray.on_ray.worker_group"
    assert capsys.readouterr().err == "train: runs on Ray (2 workers); --executor local for the other\n"


def test_what_is_asked_for_is_taken_without_a_word(capsys):
    assert load_group(SHORT.model_copy(update={"executor": "local", "kimg": 500.0})).__name__ == "LocalWorkerGroup"
    assert capsys.readouterr().err == ""


def test_an_unknown_executor_is_refused():
    with pytest.raises(ValueError, match="'auto', 'local' or 'ray'"):
        TrainConfig(executor="slurm")
