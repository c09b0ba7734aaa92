"""The driver's side of an evaluation; what a worker does is in tests/evaluation, both executors in tests/contract."""

import pytest

from ganray.config import EvaluateConfig
from ganray.errors import ClusterError, ConfigError
from ganray.execution.port import Resources
from ganray.verbs.evaluate import absolute, demand, evaluation_cpus, show

SHOES = {"num": 50, "generated": 0.41, "photos": 0.88, "verdict": "worse"}
HAT = {"num": 0, "generated": None, "photos": None, "verdict": "few"}


def test_the_estimate_is_for_two_threads_however_many_cores_there_are(monkeypatch):
    for cores in (1, 2, 64):
        monkeypatch.setattr("ganray.verbs.evaluate.cores", lambda cores=cores: cores)
        monkeypatch.setattr("ganray.execution.choice.cores", lambda cores=cores: cores)
        assert demand(100.0).seconds == (100.0 if cores == 1 else 50.0)


def test_the_worker_has_no_more_threads_than_a_node_has_cpus():
    assert [evaluation_cpus(Resources(cpus=8, gpus=0, node_cpus=node)) for node in (1, 2, 8)] == [1, 2, 2]
    with pytest.raises(ClusterError, match="evaluate needs 1 CPUs, the cluster has 0"):
        evaluation_cpus(Resources(cpus=0, gpus=0, node_cpus=0))


def test_stores_in_memory_are_refused():
    with pytest.raises(ConfigError, match="memory is not shared"):
        EvaluateConfig(out="memory://x")


def test_urls_are_valid_in_another_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")  # no credentials to look for
    config = absolute(EvaluateConfig(model="model", catalog="s3://bucket/catalog", extractor=""))
    assert (config.model, config.catalog, config.extractor) == (str(tmp_path / "model"), "s3://bucket/catalog", "")


def test_the_result_has_each_score_beside_that_of_photos():
    report = {
        "num": 64,
        "scores": {"frechet": 12.5},
        "floors": {"frechet": 0.5},
        "searched": 192,
        "copies": {"method": "fingerprint", "found": 3},
        "catalog": {"num_images": 1000},
        "accuracy": {
            "category": {
                "generated": 0.5,
                "photos": 0.9,
                "values": {"shoes": SHOES, "hat": HAT} | {f"v{place}": SHOES for place in range(7)},
            },
            "brand": {"generated": None, "photos": 0.9, "values": {"acme": HAT}},
        },
        "summary": "the line",
    }
    lines = show(report).splitlines()
    assert lines[0].split() == ["64", "of", "each", "generated", "held-out", "photos"]
    assert lines[1].split()[-2:] == ["12.5", "0.5"]
    assert lines[2].split() == ["category", "50", "%", "90", "%"]
    assert lines[3].split(maxsplit=5)[-1] == "worse than photos, 50 of each"
    assert "hat" in lines[4] and "none" in lines[4]
    assert lines[11] == "  and 1 more, see report.html"
    assert lines[12] == "searched for copies in 192 of 1,000 photos: 3 of 64 images are copies of one, sought by fingerprint"
    assert lines[13:] == ["the line"]
