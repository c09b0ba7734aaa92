"""What the queue promises, over random orders of pushes, pops and cancellations."""

import gc
import itertools
import time
import weakref
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ganray.serving.fair_queue import BATCH_EVERY, MANY_GONE, FairQueue

KEYS = st.sampled_from(["a", "b", "c", "d"])
PRIORITIES = st.sampled_from(["interactive", "batch"])
WEIGHTS = {"a": 1.0, "b": 3.0, "c": 0.25, "d": 1.0}


class Orders(RuleBasedStateMachine):
    """The queue beside a list of what waits."""

    def __init__(self):
        super().__init__()
        self.queue, self.numbers, self.waiting, self.entries = FairQueue(), itertools.count(), {}, {}

    @rule(key=KEYS, priority=PRIORITIES, count=st.integers(1, 5))
    def push(self, key, priority, count):
        number = next(self.numbers)
        item = (key, priority, number)
        self.entries[item] = self.queue.push(key, item, priority, WEIGHTS[key], count)
        self.waiting[item] = count

    @precondition(lambda self: self.waiting)
    @rule()
    def pop(self):
        key, priority, number = item = self.queue.pop()
        earlier = [other for other in self.waiting if other[:2] == (key, priority) and other[2] < number]
        assert not earlier  # first come, first served within a key; what is gone or was popped is not in `waiting`
        self.waiting[item] -= 1
        if not self.waiting[item]:
            del self.waiting[item]

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def discard(self, data):
        item = data.draw(st.sampled_from(sorted(self.entries)))
        self.queue.discard(self.entries[item])  # also of those that are finished or were discarded before
        self.waiting.pop(item, None)

    @precondition(lambda self: self.waiting)
    @rule()
    def push_out(self):
        key = self.queue.longest()
        held = {name: sum(count for item, count in self.waiting.items() if item[0] == name) for name in WEIGHTS}
        assert held[key] / WEIGHTS[key] == max(held[name] / WEIGHTS[name] for name in WEIGHTS)
        of_key = [item for item in self.waiting if item[0] == key]
        assert self.queue.newest(key).item == max(of_key, key=lambda item: (item[1] == "batch", item[2]))

    @invariant()
    def counts_are_those_of_the_list(self):
        assert len(self.queue) == sum(self.waiting.values())
        for key in WEIGHTS:
            assert self.queue.held(key) == sum(count for item, count in self.waiting.items() if item[0] == key)
        assert self.queue.weights() == sum(WEIGHTS[key] for key in {item[0] for item in self.waiting})

    def teardown(self):
        left = Counter(self.queue.pop() for _ in range(len(self.queue)))
        assert left == Counter(self.waiting)
        with pytest.raises(IndexError):
            self.queue.pop()


Orders.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestOrders = Orders.TestCase


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 30)), min_size=1, max_size=12), st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_keys_that_wait_get_equal_shares_but_for_one_item_each(pushes, earlier):
    """Whatever was taken before, and whoever else comes; y has twice the weight of x."""
    queue = FairQueue()
    queue.push("x", "x", weight=1.0, count=1000)
    queue.push("y", "y", weight=2.0, count=1000)
    for _ in range(earlier):
        queue.pop()
    got = Counter()
    for key, count in pushes:
        queue.push(key, key, count=count)
        for _ in range(count + 2):
            got[queue.pop()] += 1
            assert abs(got["x"] / 1.0 - got["y"] / 2.0) <= 1.0 + 0.5


@given(st.integers(1, 5), st.integers(0, 200), st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_who_asks_for_one_waits_for_one_of_each_other_key_whatever_these_have_waiting(floods, taken, more):
    queue = FairQueue()
    for number in range(floods):
        queue.push(f"flood{number}", "flood", count=1000)
    for _ in range(taken):
        queue.pop()
    queue.push("quiet", "quiet")
    for _ in range(more):  # and whatever comes after it
        queue.push("late flood", "flood")
    before = list(iter(queue.pop, "quiet"))
    assert len(before) <= floods + 1


def test_a_key_that_asks_again_as_soon_as_it_is_served_gets_no_more_than_its_share():
    """Its queue is empty in between: a queue that forgot it then would give it every place."""
    queue, got = FairQueue(), Counter()
    queue.push("patient", "patient", count=1000)
    for _ in range(100):
        if not queue.held("eager"):
            queue.push("eager", "eager")
        got[queue.pop()] += 1
    assert abs(got["patient"] - got["eager"]) <= 2


def test_what_was_cancelled_costs_its_key_nothing():
    queue = FairQueue()
    queue.push("other", "other", count=100)
    for entry in [queue.push("key", "gone", count=10) for _ in range(5)]:
        queue.discard(entry)
    queue.push("key", "wanted")
    assert "wanted" in [queue.pop() for _ in range(2)]


def test_interactive_goes_first_and_a_batch_gets_one_place_of_eight():
    queue = FairQueue()
    queue.push("a", "batch", "batch", count=1000)
    queue.push("a", "interactive", count=1000)
    taken = [queue.pop() for _ in range(10 * BATCH_EVERY)]
    assert taken.count("batch") == 10
    assert all("batch" in taken[place : place + BATCH_EVERY] for place in range(len(taken) - BATCH_EVERY))


def test_a_class_alone_has_every_place():
    queue = FairQueue()
    queue.push("a", "batch", "batch", count=20)
    assert [queue.pop() for _ in range(20)] == ["batch"] * 20


@given(st.lists(st.tuples(KEYS, PRIORITIES, st.integers(1, 20)), max_size=12), KEYS, PRIORITIES, st.integers(1, 10), st.integers(0, 30))
@settings(max_examples=200, deadline=None)
def test_ahead_is_an_upper_bound_of_what_is_taken_first(pushes, key, priority, count, taken):
    queue = FairQueue()
    for name, of, num in pushes:
        queue.push(name, "other", of, WEIGHTS[name], num)
    for _ in range(min(taken, len(queue))):
        queue.pop()
    bound = queue.ahead(key, count, priority, WEIGHTS[key])
    queue.push(key, "mine", priority, WEIGHTS[key], count)
    taken_first = [queue.pop() for _ in range(len(queue))]
    last = max(place for place, item in enumerate(taken_first) if item == "mine") + 1
    slack = len(WEIGHTS) + 2
    assert last <= bound + slack


def test_thousands_of_keys_leave_nothing_behind():
    """Beside a key that always waits, so that the queue is never empty."""
    queue = FairQueue()
    queue.push("flood", "flood", count=100_000)
    for number in range(10_000):
        entry = queue.push(f"key{number}", "one")
        if number % 3 == 0:
            queue.discard(entry)
        queue.pop()
        queue.pop()
    assert queue.held("flood") == len(queue) and queue.weights() == 1.0
    reachable = [each for each in gc.get_objects() if type(each).__name__ == "_Key"]
    assert len([each for each in reachable if each.queue is queue._interactive]) < 10


def test_cancelled_entries_are_not_kept_behind_one_that_waits():
    class Item:
        pass

    queue, items = FairQueue(), [Item() for _ in range(2000)]
    alive = weakref.WeakSet(items)
    entries = [queue.push("key", item) for item in items]
    for entry in entries[1:]:
        queue.discard(entry)
    del entries[1:], items, entry
    gc.collect()
    assert len(queue) == 1 and len(alive) <= 2 * MANY_GONE


def test_pushing_and_popping_do_not_slow_down_with_what_waits():
    """Twenty times as many keys with twenty times as much waiting take a few steps of a heap more."""

    def seconds(keys):
        queue = FairQueue()
        for number in range(keys):
            queue.push(f"{number}", number, count=50)
        best = float("inf")
        for _ in range(5):
            began = time.process_time()
            for number in range(2000):
                queue.push(f"{number % keys}", number)
                queue.pop()
            best = min(best, time.process_time() - began)
        return best

    assert seconds(4000) < 5 * seconds(200)
