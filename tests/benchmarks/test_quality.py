import itertools
import json

import numpy as np
import pytest

from ganray.benchmarks import quality
from ganray.benchmarks.quality import family_of, perform_all, row, sheet, table
from ganray.benchmarks.quality_run import AT_32, Run, batches, config_of, is_grey, named
from ganray.catalog.reader import Catalog
from ganray.config import BenchmarkConfig
from ganray.images.provenance import read_label


def report(distance, coverage, floor=1.0):
    figures = {"frechet": distance, "coverage": coverage, "kernel": 0.1, "density": 1.0, "accuracy": 0.9, "neighbour_ratio": 1.0}
    return {"scores": figures, "floors": figures | {"frechet": floor}, "training": {"kimg": 9.0, "cpu_minutes": 3.0}}


class Named:
    url, num_images = "somewhere/photos", 100

    class info:
        digest = "sha256:0123456789"


def test_the_ratio_is_of_median_distances_above_the_floor():
    reports = {
        "mlp": [report(30.0, 0.2)] * 3,
        "dcgan": [report(x, 0.3) for x in (5.0, 11.0, 90.0)],
        "r3": [report(x, 0.6) for x in (2.0, 6.0, 3.0)],
    }
    made = row(Named, reports)
    assert (made["value"], made["baseline"], made["ratio"]) == (2.0, 10.0, 0.2)
    assert made["leads"]
    assert not row(Named, reports | {"mlp": [report(30.0, 0.7)] * 3})["leads"]
    text = table(Named, reports)
    assert "| r3 | 9 | 3.0 | 3 (2 - 6) |" in text
    assert "| held-out photos | - | - | 1 |" in text


def test_an_epoch_shows_every_photo_once():
    pixels, labels = np.zeros((100, 4, 4, 3), np.uint8), np.arange(100)[:, None]
    config = config_of(Run("", "r3", 0, 1.0, "", 64, ""), grey=False)
    seen = [batch.labels[:, 0].tolist() for batch in itertools.islice(batches(pixels, labels, config), 12)]
    first, second = (list(itertools.chain(*part)) for part in (seen[:6], seen[6:]))
    assert len(set(first)) == len(first) == 96
    assert first != second


def test_all_models_draw_grey_where_the_photos_are():
    grey = np.full((2, 4, 4, 3), 7, np.uint8)
    assert is_grey(grey)
    assert not is_grey(grey + np.array([0, 0, 1], np.uint8))
    channels = {config_of(Run("", model, 0, 1.0, "", 64, ""), grey=True).model.channels for model in AT_32}
    assert channels == {1}


@pytest.mark.slow
@pytest.mark.long
def test_a_run_is_trained_scored_and_kept(small_catalog, tmp_path, monkeypatch):
    """The short form: one model for a second; the figures mean nothing."""
    monkeypatch.setattr(quality, "AT_32", {"r3": AT_32["r3"]})
    catalog = Catalog.open(small_catalog)
    family = family_of(catalog, tmp_path, BenchmarkConfig(name="quality", minutes=0.02))
    runs = [named(family, 0, "r3")]
    reports = perform_all(runs, 1.0)
    made = reports[runs[0].out]
    assert made["scores"]["frechet"] > made["floors"]["frechet"]
    assert made["training"]["kimg"] > 0
    assert 0.01 < made["training"]["cpu_minutes"] < 0.2
    assert perform_all(runs, 1.0) == json.loads(json.dumps(reports))  # nothing is made twice
    assert read_label(sheet(catalog, family))["Iptc4xmpExt:DigitalSourceType"].endswith("compositeWithTrainedAlgorithmicMedia")
