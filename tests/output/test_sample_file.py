import subprocess
import sys

import numpy as np
import pytest

from ganray.images.codec import decode_prepared
from ganray.images.provenance import read_label
from ganray.output.sample_file import SampleFile, encode_sample


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_an_encoded_sample_says_what_it_is(format):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    data = encode_sample(pixels, SampleFile("SKU <1>", 4, 9, format, "f00d"))
    label = read_label(data)
    assert label["Iptc4xmpExt:DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert (label["ganray:RequestID"], label["ganray:Seed"], label["ganray:ModelDigest"]) == ("SKU <1>-4", "9", "f00d")
    if format != "jpeg":
        assert np.array_equal(decode_prepared(data), pixels)


def test_a_process_that_only_writes_does_not_load_torch():
    code = "import sys, ganray.bulk.commit; sys.exit('torch' in sys.modules or 'ray' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
