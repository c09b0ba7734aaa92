import re
from pathlib import Path

import numpy as np
import pytest

from ganray.edits import fabric_colours
from ganray.edits.fabric_colours import FABRICS
from ganray.images.lab import to_lab
from ganray.metrics.paired import delta_e_2000

CENTROIDS = {"black": "222222", "white": "f2f3f4", "camel": "c19a6b", "brown": "6f4e37", "sage": "8f9779", "fuchsia": "ce4676"}


@pytest.mark.parametrize(("name", "published"), CENTROIDS.items())
def test_a_name_of_one_category_has_its_published_centroid(name, published):
    lab = to_lab(np.frombuffer(bytes.fromhex(published), np.uint8))
    assert float(delta_e_2000(np.array(FABRICS[name]), lab)) < 0.2


def test_every_name_says_its_category():
    rows = re.findall(r'^    "(\w+)": \(.*\),  # \w+', Path(fabric_colours.__file__).read_text(), re.MULTILINE)
    assert rows == list(FABRICS)
