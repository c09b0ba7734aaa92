"""Which executor is chosen, and what is said of it."""

import sys
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from ganray.config import GenerateConfig, RayConfig
from ganray.errors import ConfigError
from ganray.execution import choice
from ganray.execution.choice import Demand, choose_executor

SMALL = Demand("generate", 4.0)


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    """A machine of two cores, no cluster anywhere, and an executor of Ray that starts none."""
    for name in ("RAY_ADDRESS", "RAY_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(choice, "_connected", lambda: False)
    monkeypatch.setattr(choice, "cores", lambda: 2)
    monkeypatch.setitem(sys.modules, "stand_in", SimpleNamespace(Ray=lambda config: SimpleNamespace(name="ray", config=config)))
    monkeypatch.setattr(choice, "RAY_EXECUTOR", ("stand_in", "Ray"))


def test_a_small_job_runs_in_this_process(capsys):
    assert choose_executor("auto", RayConfig(), SMALL).name == "local"
    assert capsys.readouterr().err == "generate: runs in this process (about 2 s of work); --executor ray for the other\n"


@pytest.mark.parametrize(
    ("config", "demand", "why"),
    [
        (RayConfig(address="auto"), SMALL, "a cluster is joined"),
        (RayConfig(num_cpus=3), SMALL, "ray.num_cpus = 3"),
        (RayConfig(), Demand("generate", 4.0, 2), "2 engines"),
        (RayConfig(), Demand("train", 4.0, 4, "workers"), "4 workers"),
        (RayConfig(), Demand("generate", 600.0), "about 5 min of work"),
    ],
)
def test_a_cluster_is_used_where_it_is_asked_for_or_needed(config, demand, why, capsys):
    assert choose_executor("auto", config, demand).name == "ray"
    assert capsys.readouterr().err == f"{demand.verb}: runs on Ray ({why}); --executor local for the other\n"


@pytest.mark.parametrize("name", ["RAY_ADDRESS", "RAY_JOB_ID"])
def test_a_job_of_a_cluster_runs_on_it(monkeypatch, name):
    monkeypatch.setenv(name, "auto")
    assert choose_executor("auto", RayConfig(), SMALL).name == "ray"


def test_a_process_that_has_joined_a_cluster_stays_there(monkeypatch):
    monkeypatch.setattr(choice, "_connected", lambda: True)
    assert choose_executor("auto", RayConfig(), SMALL).name == "ray"


def test_what_is_asked_for_is_done_without_a_word(capsys):
    assert choose_executor("local", RayConfig(address="auto"), Demand("generate", 1e6)).name == "local"
    assert choose_executor("ray", RayConfig(), SMALL).name == "ray"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("unit", ["engines", "workers"])
def test_one_process_has_one_engine(unit):
    with pytest.raises(ConfigError, match=f"executor = local with {unit} = 2.*--executor ray, or --{unit} 1"):
        choose_executor("local", RayConfig(), Demand("generate", 1.0, 2, unit))


def test_an_unknown_executor_is_refused():
    with pytest.raises(ValidationError, match="'auto', 'local' or 'ray'"):
        GenerateConfig(executor="spark")
