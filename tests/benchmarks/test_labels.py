import json

import pytest

from ganray.benchmarks import labels
from ganray.benchmarks.labels import says
from ganray.config import BenchmarkConfig
from ganray.errors import ConfigError
from ganray.images.provenance import SOURCE_TYPES

TAGS = {"DigitalSourceType": f"{SOURCE_TYPES}trainedAlgorithmicMedia", "Aigc": json.dumps({"ProduceID": "SKU-0"})}


def test_both_labels_must_be_those_of_the_image():
    assert says(TAGS, "SKU-0") and says(TAGS | {"Aigc": {"ProduceID": "SKU-0"}}, "SKU-0")
    assert not says(TAGS, "SKU-1")
    assert not says(TAGS | {"DigitalSourceType": "digitalCapture"}, "SKU-0")
    assert not says({}, "SKU-0")


def test_the_reader_must_be_installed(monkeypatch):
    monkeypatch.setattr(labels.shutil, "which", lambda name: None)
    with pytest.raises(ConfigError, match="exiftool.*apt-get install libimage-exiftool-perl"):
        labels.measure(BenchmarkConfig(name="labels"))
