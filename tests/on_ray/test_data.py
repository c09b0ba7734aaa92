import itertools
import time
from collections import Counter

import numpy as np
import pytest
import torch

from ganray.catalog.order import Share
from ganray.catalog.reader import Catalog
from ganray.catalog.sample import product
from ganray.catalog.windows import Source, catalog_order, read_window
from ganray.config import DataConfig
from ganray.errors import CatalogError
from ganray.on_ray.data import Readers, stream
from ganray.titles import Pieces

AUGMENTED = DataConfig(window=40, flip=0.5, rotate_p=0.5, scale_p=0.5, crop_p=0.5, colour_p=0.5)
PLAIN = DataConfig(window=40, flip=0.0)


def source(url, data=AUGMENTED, seed=1, lanes=1):
    return Source.of(Catalog.open(url), ("category", "colour"), data, seed, lanes)


WHOLE = Share.whole(16)


def take(url, num, share=WHOLE, data=AUGMENTED, **options):
    batches = stream(source(url, data, lanes=share.of), share, **{"consumed": 0, "readers": Readers(), **options})
    taken = list(itertools.islice(batches, num))
    batches.close()
    return torch.cat([batch.images for batch in taken]), torch.cat([batch.labels for batch in taken])


def test_a_window_holds_its_images_with_their_labels(small_catalog):
    told = source(small_catalog, PLAIN)
    catalog = Catalog.open(small_catalog)
    truth = {image.tobytes(): tuple(label) for images, labels in catalog.iter_images() for image, label in zip(images, labels, strict=True)}
    seen = []
    for window in catalog_order(told).epoch(0):
        images, labels = read_window(told, window)
        assert images.shape == (window.rows, 32, 32, 3)
        assert images.dtype == np.uint8
        for image, label in zip(images, labels, strict=True):
            assert truth[image.tobytes()] == tuple(label)
            seen.append(image.tobytes())
    assert sorted(seen) == sorted(truth)  # an epoch is every image once


def test_a_window_is_a_pure_function_of_seed_and_place(small_catalog):
    first, second = catalog_order(source(small_catalog)).epoch(0)[:2]
    again = read_window(source(small_catalog), first)
    assert np.array_equal(read_window(source(small_catalog), first)[0], again[0])
    assert not np.array_equal(read_window(source(small_catalog), second)[0], again[0])


def test_augmentation_changes_pixels_but_not_labels(small_catalog):
    window = catalog_order(source(small_catalog)).epoch(0)[0]
    plain, labels = read_window(source(small_catalog, PLAIN), window)
    augmented, same = read_window(source(small_catalog), window)
    assert np.array_equal(labels, same)
    assert not np.array_equal(plain, augmented)


def test_titles_travel_behind_the_labels_and_nothing_else_changes(titled_catalog, small_catalog):
    """Of every image its title tells, or its attributes, or both, and what tells is right."""
    data = PLAIN.model_copy(update={"word_drop": 0.0})
    plain, titled = source(small_catalog, data), Source.of(Catalog.open(titled_catalog), ("category", "colour"), data, 1, pieces=Pieces(24))
    told = {"title": 0, "category": 0, "colour": 0}
    titles = {tuple(Pieces(24).of(product(0, index).title)) for index in range(192)}
    for one, other in zip(catalog_order(plain).epoch(0), catalog_order(titled).epoch(0), strict=True):
        images, labels = read_window(plain, one)
        same, more = read_window(titled, other)
        assert more.shape == (len(labels), 2 + 24)
        assert np.array_equal(read_window(titled, other)[1], more)
        assert sorted(image.tobytes() for image in images) == sorted(image.tobytes() for image in same)
        right = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
        for image, (category, colour, *pieces) in zip(same, more, strict=True):
            assert category in (12, right[image.tobytes()][0])
            assert colour in (9, right[image.tobytes()][1])
            assert not any(pieces) or tuple(pieces) in titles
            told["title"] += any(pieces)
            told["category"] += category != 12
            told["colour"] += colour != 9
    assert all(80 < count < 160 for count in told.values())


def blocks_read_here(source, readers, mailbox, windows):
    return (read_window(source, window) for window in windows)


@pytest.fixture
def read_here(monkeypatch):
    """The windows are read in this process: where a position is does not depend on who reads them."""
    monkeypatch.setattr("ganray.on_ray.data._blocks", blocks_read_here)


@pytest.mark.ray
def test_batches_are_the_windows_in_order(cluster, small_catalog):
    images, labels = take(small_catalog, 25, readers=Readers(2, 0.5))
    order = catalog_order(source(small_catalog))
    windows = [read_window(source(small_catalog), window) for _, _, window in itertools.islice(order.deal(1), 12)]
    expected = np.concatenate([part[0] for part in windows])[: len(images)]
    assert len(images) == 400  # more than two epochs
    assert np.array_equal(images.numpy(), expected)
    assert np.array_equal(labels.numpy(), np.concatenate([part[1] for part in windows])[: len(images)])


@pytest.mark.ray
def test_readers_that_reserve_nothing_read_the_same(cluster, small_catalog):
    first = read_window(source(small_catalog), next(catalog_order(source(small_catalog)).deal(1))[2])[0]
    assert np.array_equal(take(small_catalog, 2, readers=Readers(1, 0.0))[0].numpy(), first[:32])


@pytest.mark.ray
def test_a_position_on_ray_is_one_in_this_process(cluster, small_catalog, monkeypatch):
    lane = Share.of_rank(1, 2, 8, 16)
    on_ray = take(small_catalog, 3, consumed=208) + take(small_catalog, 3, lane, consumed=18)
    monkeypatch.setattr("ganray.on_ray.data._blocks", blocks_read_here)
    here = take(small_catalog, 3, consumed=208) + take(small_catalog, 3, lane, consumed=18)
    assert all(torch.equal(one, other) for one, other in zip(on_ray, here, strict=True))


@pytest.mark.parametrize("consumed", [16, 48, 208])
def test_a_position_is_where_reading_would_be(read_here, small_catalog, consumed):
    whole, _ = take(small_catalog, 16)
    rest, _ = take(small_catalog, 3, consumed=consumed)
    assert torch.equal(rest, whole[consumed : consumed + 48])


@pytest.mark.parametrize("consumed", [0, 16, 33, 40, 47])
def test_a_position_holds_where_ray_splits_a_window(small_catalog, monkeypatch, consumed):
    """Ray Data hands over a block of more than 192 MiB in parts: here 40 rows come as 30 and 10."""

    def split(source, readers, mailbox, windows):
        for window in windows:
            images, labels = read_window(source, window)
            yield images[:30], labels[:30]
            yield images[30:], labels[30:]

    monkeypatch.setattr("ganray.on_ray.data._blocks", split)
    whole, _ = take(small_catalog, 8)
    rest, _ = take(small_catalog, 3, consumed=consumed)
    assert torch.equal(rest, whole[consumed : consumed + 48])


def test_another_catalog_in_its_place_is_refused(small_catalog):
    told = source(small_catalog)
    other = Source(told.url, "sha256:other", told.attributes, told.data, told.seed)
    with pytest.raises(CatalogError, match="was replaced while it was read"):
        catalog_order(other)


@pytest.mark.parametrize("world", [2, 3])
def test_the_shares_of_workers_are_the_batches_of_one(read_here, small_catalog, world):
    """Over more than an epoch, in even shares and in uneven ones."""
    whole, labels = take(small_catalog, 16, Share.of_rank(0, 1, 8, 16))
    parts = [Share.of_rank(rank, world, 8, 16) for rank in range(world)]
    taken = [take(small_catalog, 16, share) for share in parts]
    for batch in range(16):
        for share, (images, their) in zip(parts, taken, strict=True):
            num = len(share.places)
            here = slice(16 * batch + share.places.start, 16 * batch + share.places.stop)
            assert torch.equal(images[num * batch : num * (batch + 1)], whole[here])
            assert torch.equal(their[num * batch : num * (batch + 1)], labels[here])


@pytest.mark.parametrize("consumed", [2, 18, 30])
def test_a_position_in_lanes_is_where_reading_would_be(read_here, small_catalog, consumed):
    share = Share.of_rank(1, 2, 8, 16)
    whole, _ = take(small_catalog, 20, share)
    rest, _ = take(small_catalog, 3, share, consumed=consumed)
    start = consumed // share.each * len(share.places)
    assert torch.equal(rest, whole[start : start + len(rest)])


def test_an_epoch_in_lanes_is_every_image_once_give_or_take_a_window(small_catalog):
    """Lanes are as far as the windows let them be, and no image is lost between them."""
    told = source(small_catalog, PLAIN, lanes=4)
    counts = Counter()
    for _, _, window in itertools.islice(catalog_order(told).deal(4), len(catalog_order(told).epoch(0))):
        counts.update(image.tobytes() for image in read_window(told, window)[0])
    truth = Counter(image.tobytes() for images, _ in Catalog.open(small_catalog).iter_images() for image in images)
    assert counts == truth


@pytest.mark.ray
def test_a_consumer_keeps_its_core_while_the_readers_rest(cluster, small_catalog):
    """Without the breather Ray Data's thread spins here: more than one second of this process's time a second."""
    batches = stream(source(small_catalog), Share.whole(16), consumed=0, readers=Readers())
    next(batches)
    time.sleep(2.0)  # the readers go as far ahead as they may
    started = time.process_time()
    time.sleep(2.0)
    used = time.process_time() - started
    batches.close()
    assert used < 1.0
