import numpy as np

from ganray.benchmarks import input as bench
from ganray.images.codec import encode


def test_the_bare_loop_decodes_and_augments():
    bench._hold([encode(np.full((16, 16, 3), 200, np.uint8), "png")])
    assert bench._loop(3) > 0
