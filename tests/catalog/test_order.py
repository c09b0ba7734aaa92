import itertools

import pytest

from ganray.catalog.order import Order, Share
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


@pytest.mark.parametrize("lanes", [1, 2, 3, 8])
def test_windows_are_dealt_in_order_and_no_lane_falls_behind(lanes):
    order = Order(SIZES, 3, 100)
    dealt = list(itertools.islice(order.deal(lanes), 200))
    assert [window for _, _, window in dealt] == [window for epoch in range(100) for window in order.epoch(epoch)][:200]
    given = [0] * lanes
    for lane, start, window in dealt:
        assert start == given[lane] == min(given)  # the lane that runs out first is served first
        given[lane] += window.rows
    assert max(given) - min(given) <= max(window.rows for _, _, window in dealt)


@pytest.mark.parametrize(("lanes", "world"), [(1, 1), (8, 1), (8, 2), (8, 3), (4, 4), (5, 2)])
def test_workers_divide_the_lanes_and_the_places_of_a_batch(lanes, world):
    shares = [Share.of_rank(rank, world, lanes, batch=3 * lanes) for rank in range(world)]
    assert [lane for share in shares for lane in share.lanes] == list(range(lanes))
    assert [place for share in shares for place in share.places] == list(range(3 * lanes))
    sizes = {len(share.lanes) for share in shares}
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("consumed", [0, 1, 99, 100, 405, 406, 407, 5000])
def test_seek_lands_where_reading_would(consumed):
    order, share = Order(SIZES, 5, 120), Share(range(1, 3), 4, 8)
    streams = {lane: [] for lane in share.lanes}
    for lane, _, window in itertools.islice(order.deal(4), 400):
        if lane in streams:
            streams[lane] += [(window, row) for row in range(window.rows)]
    by_lane = {lane: [] for lane in share.lanes}
    for lane, skip, window in itertools.islice(order.seek(share, consumed), 10):
        by_lane[lane] += [(window, row) for row in range(skip, window.rows)]
    for lane in share.lanes:
        assert len(by_lane[lane]) > 0
        assert by_lane[lane] == streams[lane][consumed : consumed + len(by_lane[lane])]


def test_an_empty_catalog_is_an_error():
    with pytest.raises(CatalogError, match="holds no images"):
        Order([[0], []], 0, 10)
