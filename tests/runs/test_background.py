from __future__ import annotations

import os
import sys
import threading

import pytest

from ganray.runs.background import LatestItemWorker


def test_the_newest_is_done_and_what_waited_gives_way():
    done, go = [], threading.Event()

    def work(item):
        go.wait(10)
        done.append(item)

    aside = LatestItemWorker("test", work)
    aside.submit(1)
    assert not aside.flush(0.05)
    while aside._waiting:  # until it has begun
        pass
    for item in (2, 3, 4):
        aside.submit(item)
    go.set()
    assert aside.flush(10)
    assert done == [1, 4]


def test_work_can_ask_whether_it_is_overtaken():
    seen = []
    aside = LatestItemWorker("test", lambda item: seen.append((item, aside.superseded(0.05 if item == 2 else 10))))
    aside.submit(1)
    while aside._waiting:
        pass
    aside.submit(2)
    assert aside.flush(10)
    assert seen == [(1, True), (2, False)]


def test_a_defect_is_raised_at_the_next_occasion():
    aside = LatestItemWorker("test", lambda item: 1 // item)
    aside.submit(0)
    with pytest.raises(ZeroDivisionError):
        aside.flush(10)
    with pytest.raises(ZeroDivisionError):
        aside.submit(1)


def test_closing_does_not_wait_and_ends_the_thread():
    stopped, entered = threading.Event(), threading.Event()

    def work(item):
        entered.set()
        if aside.superseded(30):
            stopped.set()

    aside = LatestItemWorker("test", work)
    aside.submit(1)
    assert entered.wait(10)
    aside.close()
    assert stopped.wait(10)


@pytest.mark.skipif(sys.platform != "linux", reason="niceness is a thread's own on Linux only")
def test_the_thread_is_nice_and_its_process_is_not():
    found = []
    aside = LatestItemWorker("test", lambda item: found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id())), niceness=7)
    aside.submit(1)
    assert aside.flush(10)
    assert found == [min(19, os.getpriority(os.PRIO_PROCESS, os.getpid()) + 7)]  # also where the tests themselves are nice
