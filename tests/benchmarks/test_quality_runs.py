import json

import pytest

from ganray.benchmarks.quality_run import named
from ganray.benchmarks.quality_runs import family_of, perform_all, sheet
from ganray.catalog.reader import Catalog
from ganray.copies.methods import AUTO, IMAGENET, chosen_method
from ganray.images.provenance import read_label


@pytest.mark.slow
@pytest.mark.long
def test_a_run_is_trained_scored_and_kept(small_catalog, tmp_path):
    """The short form: one model for a second; the figures mean nothing."""
    catalog = Catalog.open(small_catalog)
    family = family_of(catalog, tmp_path, 0.02, marks=(0.5,))
    runs = [named(family, 0, "r3")]
    reports = perform_all(runs, 1.0)
    made = reports[runs[0].out]
    assert made["scores"]["frechet"] > made["floors"]["frechet"]
    assert made["training"]["kimg"] > 0
    assert 0.01 < made["training"]["cpu_minutes"] < 0.2
    if chosen_method(AUTO) == IMAGENET:
        assert made["imagenet"]["frechet"] > made["imagenet"]["floor"] > 0
    (point,) = made["curve"]
    assert 0 < point["kimg"] <= made["training"]["kimg"] and point["scores"].keys() == made["scores"].keys()
    assert perform_all(runs, 1.0) == json.loads(json.dumps(reports))  # nothing is made twice
    assert read_label(sheet(catalog, family, ["r3"]))["Iptc4xmpExt:DigitalSourceType"].endswith("compositeWithTrainedAlgorithmicMedia")
