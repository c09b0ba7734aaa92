import logging
import threading
import time

from ganray import __version__
from ganray.serving.context import Caller, RequestContext
from ganray.serving.metrics import Number, ServerMetrics
from ganray.serving.metrics_mirror import MetricsMirror


class Kept:
    """A sink that keeps what it is given, or fails."""

    def __init__(self, failures=0):
        self.numbers: dict[tuple, float] = {}
        self.failures, self.threads = failures, set()

    def set(self, number: Number) -> None:
        self.threads.add(threading.current_thread().name)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no agent")
        self.numbers[number.name, *sorted(number.labels.items())] = number.value


def served() -> ServerMetrics:
    metrics = ServerMetrics()
    metrics.answered("/v1/edit", RequestContext(caller=Caller("shop"), stages={"draw": 0.2}), 200, 0.3)
    return metrics


def wait_until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_all_numbers_arrive_from_a_thread_and_the_last_at_the_end():
    metrics, sink = served(), Kept()
    mirror = MetricsMirror(metrics, sink, seconds=0.01)
    mirror.start()
    wait_until(lambda: ("ganray_server_info", ("device", "cpu"), ("version", __version__)) in sink.numbers)
    metrics.batch(3, 8)
    mirror.stop()
    assert sink.threads == {"metrics"}
    assert sink.numbers[("ganray_samples_drawn_total",)] == 3.0
    bucket = "ganray_stage_seconds_bucket", ("le", "0.25"), ("route", "/v1/edit"), ("stage", "draw")
    assert sink.numbers[bucket] == 1.0
    assert not any("_created" in key[0] for key in sink.numbers)
    assert len(sink.numbers) == len(list(metrics.numbers()))


def test_a_sink_that_fails_is_told_once_and_tried_again(caplog):
    caplog.set_level(logging.WARNING)
    sink = Kept(failures=2)
    mirror = MetricsMirror(served(), sink, seconds=60)
    for _ in range(3):
        mirror.copy()
    assert len([record for record in caplog.records if "do not arrive" in record.getMessage()]) == 1
    assert sink.numbers[("ganray_requests_total", ("key", "shop"), ("model", ""), ("route", "/v1/edit"), ("status", "200"))] == 1.0
