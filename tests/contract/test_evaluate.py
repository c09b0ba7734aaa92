"""Contract: an evaluation gives the same report and the same page, in this process and on Ray."""

import json
import os
from pathlib import Path

import pytest
import torch

from ganray.catalog.reader import Catalog
from ganray.config import EvaluateConfig
from ganray.errors import EvaluationError
from ganray.metrics.features import new_extractor, save_extractor
from ganray.storage import open_store
from ganray.verbs.evaluate import evaluate
from tests.tools.models import save_untrained_model

QUICK = {"extractor_kimg": 0.2, "gpu": False, "copies_by": "fingerprint"}


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.ray)])
def executor(request):
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return request.param


@pytest.fixture(scope="module")
def model(small_catalog, tmp_path_factory) -> str:
    return save_untrained_model(str(tmp_path_factory.mktemp("model")), Catalog.open(small_catalog).vocabulary(["category"]))


@pytest.fixture
def config(small_catalog, model, tmp_path) -> EvaluateConfig:
    return EvaluateConfig(model=model, catalog=small_catalog, out=str(tmp_path / "out"), num=64, **QUICK)


@pytest.fixture(scope="module")
def expected(small_catalog, model, tmp_path_factory) -> tuple[dict, str]:
    """Report and page of an evaluation in this process."""
    out = tmp_path_factory.mktemp("expected")
    config = EvaluateConfig(model=model, catalog=small_catalog, out=str(out), num=64, **QUICK, executor="local")
    return without_url(evaluate(config)), page(out)


def without_url(report: dict) -> dict:
    """A report without the URL of its own extractor."""
    return report | {"extractor": report["extractor"]["digest"]}


def page(out: Path) -> str:
    """The page of a report without the URL of its own extractor."""
    return (out / "report.html").read_text().replace(str(out), "OUT")


def test_the_same_report_and_page_with_an_extractor_trained_on_as_many_threads(executor, config, expected, tmp_path):
    report = evaluate(config.model_copy(update={"executor": executor}))
    assert (without_url(report), page(tmp_path / "out")) == expected
    assert json.loads((tmp_path / "out" / "report.json").read_bytes()) == report


def test_relative_paths_progress_and_the_caller_s_threads(executor, config, tmp_path, monkeypatch, capsys):
    save_extractor(open_store(str(tmp_path / "extractor")), new_extractor(32, Catalog.open(config.catalog).vocabulary()).eval(), {})
    monkeypatch.chdir(tmp_path)  # workers of a cluster have another working directory
    threads = torch.get_num_threads()
    urls = {name: os.path.relpath(getattr(config, name)) for name in ("model", "catalog", "out")}
    report = evaluate(config.model_copy(update={**urls, "extractor": "extractor", "executor": executor}))
    assert report["scores"]["coverage"] <= 1.0
    assert (tmp_path / "out" / "report.json").exists()
    output = capsys.readouterr().err
    assert "searching for copies" in output
    assert "has no README.md to put the figures on" in output  # a model folder that no training wrote
    assert torch.get_num_threads() == threads


def test_errors_arrive_as_themselves(executor, config, tmp_path):
    save_extractor(open_store(str(tmp_path / "other")), new_extractor(32, {"brand": ("acme", "zeta")}), {})
    with pytest.raises(EvaluationError, match="was trained on another catalog") as caught:
        evaluate(config.model_copy(update={"extractor": str(tmp_path / "other"), "executor": executor}))
    assert type(caught.value) is EvaluationError
