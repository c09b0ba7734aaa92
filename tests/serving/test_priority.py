"""Threads that give way, and what they start."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ganray.serving.priority import NICE, give_way


def nice():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux has a nice value for each thread")
def test_a_pool_and_what_it_starts_give_way_and_nobody_else():
    before = nice()
    with ThreadPoolExecutor(1, initializer=give_way) as pool:
        assert pool.submit(nice).result() == max(before, NICE)
        with ThreadPoolExecutor(1) as inner:
            assert pool.submit(lambda: inner.submit(nice).result()).result() == max(before, NICE)
    assert nice() == before
