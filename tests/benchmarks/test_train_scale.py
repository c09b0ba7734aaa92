import pytest

from ganray.benchmarks import train_scale
from ganray.benchmarks.train_scale import rate, rounded
from ganray.config import BenchmarkConfig
from ganray.presets import preset


def test_each_worker_has_the_preset_s_batch_and_a_thread(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    runs = []
    monkeypatch.setattr(train_scale, "train", lambda run, *_: runs.append(run))
    monkeypatch.setattr(train_scale, "steady", lambda out: 123.456)
    base = preset("demo-32")
    assert rate(base, "catalog", 2, 1000, BenchmarkConfig(name="train-scale")) == 123.456
    assert (runs[0].workers, runs[0].batch, runs[0].threads, runs[0].kimg) == (2, 2 * base.batch, 1, pytest.approx(2.0))
    assert runs[0].score.kimg == 0.0
    assert rounded([1.26, 2.0]) == [1.3, 2.0]
