import time

import numpy as np
import pytest

from ganray.benchmarks.simulated_device import SimulatedDevice, cheap_model
from ganray.requests import GenerateRequest


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    url = str(tmp_path_factory.mktemp("feed") / "model")
    cheap_model(url, 64)
    return url


def test_the_same_sample_is_the_same_picture(model):
    first, second = SimulatedDevice(model, 0.0), SimulatedDevice(model, 0.0)
    samples = [(GenerateRequest(id="a", seed=1), index) for index in range(100)]
    pixels = first.render(*first.draw(samples))
    assert pixels.shape == (100, 64, 64, 3) and len(np.unique(pixels.reshape(100, -1), axis=0)) > 30
    assert np.array_equal(pixels[70:], second.render(*second.draw(samples[70:])))


def test_it_takes_its_time_for_each_batch_and_no_cpu(model):
    device = SimulatedDevice(model, 0.1)
    drawn = device.draw([(GenerateRequest(id="a", seed=1), index) for index in range(3 * device.rows)])
    started, spent = time.perf_counter(), time.process_time()
    device.render(*drawn)
    assert time.perf_counter() - started >= 0.3 > 3 * (time.process_time() - spent)
    assert len(device.spans) == 3 and device.busy > 0.9
