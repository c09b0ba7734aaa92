import json
import shutil

import pytest

from ganray.benchmark_table import BENCHMARKS, names
from ganray.benchmarks import benchmark as verb
from ganray.benchmarks import labels
from ganray.benchmarks.benchmark import benchmark
from ganray.config import BenchmarkConfig
from tests.tools.commands import run_command

ROW = {"name": "input", "value": 90.0, "baseline": 100.0, "ratio": 0.9, "unit": "img/s", "px": 64}


class Fake:
    @staticmethod
    def measure(config):
        return [ROW]


def test_json_is_one_object_a_line_and_nothing_else(monkeypatch, capsys):
    monkeypatch.setattr(verb.importlib, "import_module", lambda name: Fake)
    benchmark(BenchmarkConfig(name="all", json=True))
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [ROW] * len(names(long=False))


@pytest.mark.parametrize(("name", "verdict"), [("input", "meets the bar >= 0.8"), ("train", "MISSES the bar >= 0.97"), ("memory", "meets")])
def test_a_person_reads_the_bar_beside_the_figure(monkeypatch, capsys, name, verdict):
    monkeypatch.setattr(verb.importlib, "import_module", lambda name: Fake)
    benchmark(BenchmarkConfig(name=name))
    assert verdict in capsys.readouterr().out


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", ["input", "train", "train-scale", "resume"])
def test_it_measures_both_sides(cluster, tmp_path, monkeypatch, name):
    """The short form: tiny catalogs, one repeat; the figures mean nothing, the shape does."""
    monkeypatch.chdir(tmp_path)
    module = verb.importlib.import_module(BENCHMARKS[name].module)
    monkeypatch.setattr(module, "PRODUCTS", 96)
    monkeypatch.setattr(module, "QUARTER_IMAGES", 192, raising=False)
    rows = module.measure(BenchmarkConfig(name=name, repeats=1, images=1100))
    assert [row["preset"][:7] for row in rows] == ["demo-32", "r3-64 o"] if name == "train" else len(rows) == 1
    for row in rows:
        assert row["name"] == name
        assert row["value"] > 0 and row["baseline"] > 0
        assert row["ratio"] == pytest.approx(row["value"] / row["baseline"])


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_ingest_is_measured(cluster):
    (row,) = verb.importlib.import_module(BENCHMARKS["ingest"].module).measure(BenchmarkConfig(name="ingest", repeats=1, images=200))
    assert (row["name"], row["images"]) == ("ingest", 200)
    assert row["value"] > 0 and row["baseline"] > 0


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(shutil.which("exiftool") is None, reason="apt-get install libimage-exiftool-perl")
def test_exiftool_finds_the_labels_of_every_image(cluster):
    (row,) = verb.importlib.import_module(BENCHMARKS["labels"].module).measure(BenchmarkConfig(name="labels", images=40))
    assert (row["value"], row["ratio"]) == (40, 1.0)


def test_a_label_is_that_image_s_own():
    label = {"DigitalSourceType": labels.SOURCE_TYPES + "trainedAlgorithmicMedia", "Aigc": '{"ProduceID": "a-0"}'}
    assert labels.says(label, "a-0")
    assert not labels.says(label, "a-1")
    assert not labels.says({}, "a-0")
    assert not labels.says(label | {"DigitalSourceType": "photo"}, "a-0")


@pytest.mark.ray
@pytest.mark.long
def test_the_memory_of_an_ingest_does_not_grow_with_its_photos():
    """100,000 photos made on the fly over 10,000 of them, in a process and clusters of their own."""
    done = run_command(["benchmark", "ingest-memory", "--json"], timeout=3600)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["what"] for row in rows] == ["driver", "worker"]
    assert all(row["ratio"] <= 1.1 for row in rows)
