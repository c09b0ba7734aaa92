import itertools

import pytest

from ganray.catalog.order import Order
from ganray.errors import CatalogError

SIZES = [[100, 100, 37], [100, 64], [5]]


def rows(windows):
    return [group for window in windows for group in window.groups]


def test_every_epoch_holds_every_row_group_once_in_another_order():
    order = Order(SIZES, seed=1, window=150)
    everything = [(s, g) for s, shard in enumerate(SIZES) for g in range(len(shard))]
    first, second = rows(order.epoch(0)), rows(order.epoch(1))
    assert sorted(first) == sorted(second) == everything
    assert first != second
    assert sum(window.rows for window in order.epoch(0)) == order.images == 406


def test_order_depends_on_seed_and_epoch_alone():
    assert Order(SIZES, 1, 150).epoch(7) == Order(SIZES, 1, 150).epoch(7)
    assert rows(Order(SIZES, 1, 150).epoch(0)) != rows(Order(SIZES, 2, 150).epoch(0))


def test_windows_have_streams_of_their_own():
    windows = Order(SIZES, 1, 150).epoch(0) + Order(SIZES, 1, 150).epoch(1)
    draws = {float(window.rng().random()) for window in windows}
    assert len(draws) == len(windows)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_share_the_stream_without_overlap(world):
    order = Order(SIZES, 3, 100)
    ranks = [list(itertools.islice(order.stream(rank, world), 12 // world)) for rank in range(world)]
    interleaved = [window for turn in zip(*ranks, strict=True) for window in turn]
    assert interleaved == list(itertools.islice(order.stream(0, 1), len(interleaved)))


@pytest.mark.parametrize("consumed", [0, 1, 99, 100, 405, 406, 407, 5000])
def test_seek_lands_where_reading_would(consumed):
    order = Order(SIZES, 5, 120)
    left = consumed
    for window in order.stream(1, 2):
        if left < window.rows:
            break
        left -= window.rows
    windows, skip = order.seek(1, 2, consumed)
    assert next(windows) == window
    assert skip == left


def test_an_empty_catalog_is_an_error():
    with pytest.raises(CatalogError, match="holds no images"):
        Order([[0], []], 0, 10)
