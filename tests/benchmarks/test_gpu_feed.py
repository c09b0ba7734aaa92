import time
from functools import wraps
from types import ModuleType

import pytest

from ganray.benchmarks import gpu_feed
from ganray.benchmarks.simulated_device import SimulatedDevice, cheap_model
from ganray.bulk import commit
from ganray.config import BenchmarkConfig
from ganray.serving import batcher
from ganray.storage import open_store

SLOW = 0.3  # seconds of a batch: encoding one costs less, on any machine that runs tests


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    url = str(tmp_path_factory.mktemp("feed") / "model")
    cheap_model(url, 64)
    return url


def test_a_device_is_kept_busy_in_bulk(model, tmp_path, monkeypatch):
    encoding = clock(monkeypatch, commit, "write")
    device = SimulatedDevice(model, SLOW)
    share = gpu_feed.bulk_share(device, open_store(str(tmp_path)), 1, 1.0)
    assert share >= 0.9 * possible(device, encoding)
    assert len(device.spans) == gpu_feed.FEWEST_SHARDS == len(encoding)
    assert len(list(open_store(str(tmp_path)).list("receipts"))) == gpu_feed.FEWEST_SHARDS


def test_a_device_is_kept_busy_in_serving(model, monkeypatch):
    """In one of three tries: on a loaded machine the event loop may get no core for seconds."""
    ratios = []
    while len(ratios) < 3 and max(ratios, default=0.0) < 0.9:
        encoding = clock(monkeypatch, batcher, "encode_sample")
        device = SimulatedDevice(model, SLOW)
        share, most = gpu_feed.serving_share(device, 1, 4.0), possible(device, encoding)
        ratios.append(share / most)
        assert len(device.spans) >= 10 * most
    assert max(ratios) >= 0.9


def clock(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[float]:
    """The seconds that each call of a function takes from now on."""
    function, seconds = getattr(module, name), []

    @wraps(function)
    def timed(*args, **kwargs):
        started = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            seconds.append(time.perf_counter() - started)

    monkeypatch.setattr(module, name, timed)
    return seconds


def possible(device: SimulatedDevice, encoding: list[float]) -> float:
    """The share of its time that a device can be busy with one encoder, which other processes may keep from a core."""
    return min(1.0, sum(end - begin for begin, end in device.spans) / sum(encoding))


def test_a_worker_waits_for_no_answer_of_the_store(model, tmp_path):
    assert gpu_feed.worker_alone(SimulatedDevice(model, 0.05), open_store(str(tmp_path)), 1.0) >= 0.8


@pytest.mark.slow
@pytest.mark.long
def test_all_shares_are_measured():
    rows = gpu_feed.measure(BenchmarkConfig(name="gpu-feed", repeats=1, seconds=1.0))
    assert [row["what"] for row in rows] == [f"{way} {side}" for side in (64, 256) for way in ("bulk", "serve", "worker")]
    assert all(0 < row["value"] <= 1 and row["ratio"] == pytest.approx(row["value"] / row["baseline"], rel=0.01) for row in rows)
