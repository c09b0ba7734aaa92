"""The fair queue: nothing lost, nothing twice, order within a key, and a bound on what another key's flood costs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganray.serving.fair_queue import BATCH_EVERY, FairQueue


def drain(queue):
    items = []
    while len(queue):
        items.append(queue.pop())
    return items


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["interactive", "batch"]), st.booleans()), max_size=200))
def test_each_item_leaves_once_and_a_key_s_in_order(pushes):
    queue, expected = FairQueue(), {}
    for number, (key, priority, cancelled) in enumerate(pushes):
        entry = queue.push(key, (key, priority, number), priority)
        if cancelled:
            queue.discard(entry, priority)
            queue.discard(entry, priority)
        else:
            expected.setdefault((key, priority), []).append(number)
    items = drain(queue)
    assert len(items) == sum(map(len, expected.values()))
    for (key, priority), numbers in expected.items():
        assert [number for k, p, number in items if (k, p) == (key, priority)] == numbers


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(0, 200), st.lists(st.integers(1, 10), min_size=1, max_size=20))
def test_a_flood_costs_another_key_at_most_one_place_for_each_of_its_own(flood, served, bursts):
    """However much one key has waiting, and however much of it was served already."""
    queue = FairQueue()
    for number in range(flood):
        queue.push("flood", ("flood", number))
    for _ in range(min(served, flood - 1)):
        queue.pop()
    for burst in bursts:
        for number in range(burst):
            queue.push("small", ("small", number))
        for _ in range(burst):
            places = 0
            while queue.pop()[0] != "small":
                places += 1
            assert places <= 2
        if not len(queue):
            break


def test_weights_are_shares():
    queue = FairQueue()
    for _ in range(300):
        queue.push("one", "one", weight=1.0)
        queue.push("three", "three", weight=3.0)
    first = [queue.pop() for _ in range(200)]
    assert first.count("three") == pytest.approx(150, abs=2)


def test_interactive_goes_first_and_batch_is_never_starved():
    queue = FairQueue()
    for _ in range(100):
        queue.push("a", "batch", "batch")
        queue.push("a", "interactive", "interactive")
    first = [queue.pop() for _ in range(10 * BATCH_EVERY)]
    assert first.count("batch") == 10
    assert max("".join("b" if item == "batch" else "i" for item in first).split("b"), key=len) == "i" * (BATCH_EVERY - 1)


def test_a_key_leaves_room_for_others():
    queue = FairQueue()
    while queue.has_room("flood", 1, 256):
        queue.push("flood", 0)
    assert 220 <= len(queue) < 256
    assert queue.has_room("small", 20, 256) and not queue.has_room("small", 40, 256)
    assert FairQueue().has_room("any", 4, 4) and not FairQueue().has_room("any", 5, 4)


def test_thousands_of_keys_and_cancelled_items_take_no_memory():
    queue = FairQueue()
    for number in range(5000):
        queue.push(str(number), number)
    drain(queue)
    for number in range(5000):
        queue.discard(queue.push("a", number))
    assert not queue.held("a") and not len(queue)
    assert sum(len(each.keys) + len(each.heap) for each in queue._classes.values()) < 200


def test_an_empty_queue_has_nothing():
    with pytest.raises(IndexError):
        FairQueue().pop()
