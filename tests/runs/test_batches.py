"""Batches from windows that are read in threads; tests/on_ray/test_data.py reads the same with Ray Data."""

import itertools
import threading
import time
from functools import partial

import numpy as np
import pytest
import torch

from ganray.catalog.order import Share
from ganray.catalog.reader import Catalog
from ganray.catalog.windows import Source, catalog_order, read_window
from ganray.config import DataConfig
from ganray.errors import CatalogError, StorageError
from ganray.runs import local_readers
from ganray.runs.batches import share_batches
from ganray.runs.local_readers import read_ahead
from ganray.storage import retry

AUGMENTED = DataConfig(window=40, flip=0.5, rotate_p=0.5, scale_p=0.5, crop_p=0.5, colour_p=0.5)
WHOLE = Share.whole(16)


def source(url, seed=1, lanes=1):
    return Source.of(Catalog.open(url), ("category", "colour"), AUGMENTED, seed, lanes)


def take(url, num, share=WHOLE, consumed=0, threads=2):
    stream = source(url, lanes=share.of)
    batches = share_batches(stream, share, consumed, partial(read_ahead, stream, threads, print))
    taken = list(itertools.islice(batches, num))
    batches.close()
    return torch.cat([batch.images for batch in taken]), torch.cat([batch.labels for batch in taken])


def test_batches_are_the_windows_in_order(small_catalog):
    images, labels = take(small_catalog, 25)
    order = catalog_order(source(small_catalog))
    windows = [read_window(source(small_catalog), window) for _, _, window in itertools.islice(order.deal(1), 12)]
    assert len(images) == 400  # more than two epochs
    assert np.array_equal(images.numpy(), np.concatenate([part[0] for part in windows])[: len(images)])
    assert np.array_equal(labels.numpy(), np.concatenate([part[1] for part in windows])[: len(images)])


def test_the_number_of_threads_changes_nothing(small_catalog):
    assert torch.equal(take(small_catalog, 8, threads=1)[0], take(small_catalog, 8, threads=4)[0])


@pytest.mark.parametrize("consumed", [16, 33, 48, 208])
def test_a_position_is_where_reading_would_be(small_catalog, consumed):
    whole, _ = take(small_catalog, 16)
    rest, _ = take(small_catalog, 3, consumed=consumed)
    assert torch.equal(rest, whole[consumed : consumed + 48])


@pytest.mark.parametrize("world", [2, 3])
def test_the_shares_of_workers_are_the_batches_of_one(small_catalog, world):
    """Over more than an epoch, in even shares and in uneven ones."""
    whole, labels = take(small_catalog, 16, Share.of_rank(0, 1, 8, 16))
    shares = [Share.of_rank(rank, world, 8, 16) for rank in range(world)]
    parts = [take(small_catalog, 16, share) for share in shares]
    for batch in range(16):
        for share, (images, columns) in zip(shares, parts, strict=True):
            num = len(share.places)
            here = slice(16 * batch + share.places.start, 16 * batch + share.places.stop)
            assert torch.equal(images[num * batch : num * (batch + 1)], whole[here])
            assert torch.equal(columns[num * batch : num * (batch + 1)], labels[here])


@pytest.mark.parametrize("consumed", [2, 18, 30])
def test_a_position_in_lanes_is_where_reading_would_be(small_catalog, consumed):
    share = Share.of_rank(1, 2, 8, 16)
    whole, _ = take(small_catalog, 20, share)
    rest, _ = take(small_catalog, 3, share, consumed)
    start = consumed // share.each * len(share.places)
    assert torch.equal(rest, whole[start : start + len(rest)])


def test_readers_go_no_further_ahead_than_they_may_and_end_with_the_stream(small_catalog, monkeypatch):
    taken, original = [], local_readers.read_window
    monkeypatch.setattr(local_readers, "read_window", lambda source, window: taken.append(window) or original(source, window))
    stream = source(small_catalog)
    rows = read_ahead(stream, 1, print, (window for _, _, window in catalog_order(stream).deal(1)))
    next(rows)
    time.sleep(0.5)
    assert len(taken) == stream.data.prefetch + 1
    rows.close()
    deadline = time.monotonic() + 30
    while any(thread.name.startswith("reader") for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(thread.name.startswith("reader") for thread in threading.enumerate())


def test_an_error_of_a_reader_is_the_consumer_s(small_catalog):
    stream = source(small_catalog)
    windows = [window for _, _, window in itertools.islice(catalog_order(stream).deal(1), 1)]
    other = Source(stream.url, "sha256:other", stream.attributes, stream.data, stream.seed)
    with pytest.raises(CatalogError, match="was replaced while it was read"):
        next(read_ahead(other, 1, print, iter(windows)))


def test_a_store_that_fails_for_a_while_makes_readers_wait(small_catalog, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.01)
    failures, notes, original = [StorageError("the store does not answer", "Wait")], [], local_readers.read_window

    def read_window(source, window):
        if failures:
            raise failures.pop()
        return original(source, window)

    monkeypatch.setattr(local_readers, "read_window", read_window)
    stream = source(small_catalog)
    windows = [window for _, _, window in itertools.islice(catalog_order(stream).deal(1), 1)]
    (rows,) = read_ahead(stream, 1, notes.append, iter(windows))
    assert len(rows[0]) == windows[0].rows
    assert "trying again: the store does not answer" in notes[0]
