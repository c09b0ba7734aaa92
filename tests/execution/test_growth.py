"""How many more actors a job that follows its cluster asks for. What Ray makes of it: test_following.py."""

import pytest

from ganray.execution.growth import Actors, Growth, Room
from ganray.execution.port import Node, Workers

EIGHT = [Node(4), Node(4)]


def ask(growth, nodes, actors=(0, 0, 0, 1000, False), grows=False):
    """(workers, finishers)"""
    return growth.requests(Actors(*actors), Room(nodes), grows)


def test_workers_fill_what_is_free():
    assert ask(Growth(Workers(1), None), EIGHT) == (8, 0)
    assert ask(Growth(Workers(1, 3), None), EIGHT) == (2, 0)


def test_no_more_workers_than_shards_that_nobody_has():
    assert ask(Growth(Workers(1), None), EIGHT, (0, 0, 0, 3, False)) == (3, 0)
    assert ask(Growth(Workers(1), None), EIGHT, (5, 0, 0, 0, False)) == (0, 0)


def test_finishers_come_in_the_planned_proportion():
    assert ask(Growth(Workers(1), 0.5), EIGHT) == (5, 3)
    assert ask(Growth(Workers(1), 3.0), EIGHT) == (2, 6)
    assert ask(Growth(Workers(1), 0.5), [Node(1)], (4, 2, 0, 9, False)) == (1, 0)
    assert ask(Growth(Workers(1), 0.5), [Node(1)], (4, 1, 0, 9, False)) == (0, 1)


def test_finishers_that_lag_get_one_more_before_the_next_worker():
    assert ask(Growth(Workers(1), 0.5), [Node(1)], (4, 2, 0, 9, True)) == (0, 1)
    assert ask(Growth(Workers(1), 0.5), [], (4, 2, 0, 9, True)) == (0, 0)


def test_the_first_of_each_is_asked_for_where_there_is_no_room():
    """So that a full cluster gives the job its turn, and a person is told what it waits for."""
    assert ask(Growth(Workers(1), 0.5), []) == (1, 1)
    assert ask(Growth(Workers(1), None), []) == (1, 0)
    assert ask(Growth(Workers(1), 0.5), [], (0, 1, 0, 9, False)) == (1, 0)


@pytest.mark.parametrize("workers", [1, 50])
def test_what_has_not_started_is_waited_for(workers):
    assert ask(Growth(Workers(1), 0.5), EIGHT, (workers, 1, 1, 1000, False)) == (0, 0)


def test_an_autoscaler_sees_more_than_there_is_room_for_and_not_every_shard():
    one = Growth(Workers(1), None)
    assert ask(one, [], grows=True) == (5, 0)
    assert ask(one, [], (5, 0, 5, 1000, False), grows=True) == (0, 0)
    assert ask(one, [], (5, 0, 0, 1000, False), grows=True) == (5, 0)
    assert ask(one, [], (100, 0, 0, 1000, False), grows=True) == (100, 0)
    assert ask(one, [], (100, 0, 0, 7, False), grows=True) == (7, 0)


def test_a_share_of_a_gpu_puts_several_on_one():
    assert ask(Growth(Workers(1, 1, 0.25), None), [Node(16, 2), Node(16)]) == (8, 0)
    assert ask(Growth(Workers(1, 1, 1.0), None), [Node(16, 2), Node(16)]) == (2, 0)


def test_finishers_take_nothing_from_gpu_nodes_where_there_are_others():
    assert ask(Growth(Workers(1, 1, 1.0), 2.0), [Node(2, 2), Node(4)]) == (2, 4)


def test_only_nodes_with_the_labels_count_for_workers():
    nodes = [Node(2, labels={"pool": "spot"}), Node(4, labels={"pool": "other"})]
    assert ask(Growth(Workers(1, labels={"pool": "spot"}), None), nodes) == (2, 0)
    assert ask(Growth(Workers(1, labels={"pool": "spot"}), 1.0), nodes) == (1, 1)  # a finisher may take a place there, too
