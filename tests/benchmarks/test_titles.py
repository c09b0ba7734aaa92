import itertools

import numpy as np
import pytest

from ganray.benchmarks import titles
from ganray.benchmarks.titles import HELD_OUT, Photos, batches, drawn, fresh, held_out, measure, row, shares, sheet, wanted
from ganray.catalog.products import CATEGORIES
from ganray.catalog.sample import COLOURS
from ganray.config import BenchmarkConfig
from ganray.images.provenance import read_label
from ganray.presets import preset
from ganray.titles import Pieces

FIGURES = {"held_out": {"both": 0.8, "colour": 0.9}, "seen": {"both": 1.0, "colour": 0.95}}


def test_every_category_and_colour_is_still_seen():
    held = held_out()
    assert len(set(held)) == HELD_OUT
    seen = set(itertools.product(CATEGORIES, COLOURS)) - set(held)
    assert all(sum(category == name for category, _ in seen) >= len(COLOURS) - 1 for name in CATEGORIES)
    assert all(sum(colour == name for _, colour in seen) >= len(CATEGORIES) - 2 for name in COLOURS)


def test_titles_are_asked_for_and_judged_as_what_they_say():
    items = wanted(held_out())
    assert len(items) == titles.JUDGED
    assert len({item.title for item in items}) == 3 * HELD_OUT
    assert {(item.category, item.colour) for item in items} == set(held_out())
    labels = Photos(np.empty((len(items), 0)), items).labels
    first = [values[place] for values, place in zip(titles.VOCABULARY.values(), labels[0], strict=True)]
    assert first == [items[0].category, items[0].colour, items[0].pattern]
    assert items[0].title.lower().endswith(f"{items[0].colour} {items[0].category}")


def test_batches_carry_titles_alone_and_change_each_epoch():
    config = preset("demo-32")
    config = config.model_copy(update={"model": config.model.model_copy(update={"title_pieces": 24})})
    photos = drawn(range(32), 32)
    first, again, second, _ = itertools.islice(batches(photos, config), 4)
    assert first.labels.shape == (16, 24)
    known = {image.tobytes(): set(Pieces(24).of(item.title)) for image, item in zip(photos.pixels, photos.items, strict=True)}
    for batch in (first, again, second):
        for image, label in zip(batch.images.numpy(), batch.labels.numpy(), strict=True):
            assert set(label) - {0} <= known[image.tobytes()]
    assert not np.array_equal(first.images, second.images)


def test_the_ratio_is_of_medians():
    figures = [FIGURES, FIGURES, {"held_out": {"both": 0.1, "colour": 0.1}, "seen": {"both": 0.1, "colour": 0.1}}]
    made = row(figures, FIGURES)
    assert (made["value"], made["baseline"], made["ratio"]) == (0.8, 1.0, 0.8)
    assert made["held_out"]["colour"] == 0.9
    assert made["photos"] == FIGURES


@pytest.mark.slow
@pytest.mark.long
def test_the_short_form(tmp_path, monkeypatch):
    """Training that is too short to mean anything; an extractor that is long enough to know colours."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"PRODUCTS": 200, "JUDGED": 60, "KIMG": 0.064, "EXTRACTOR_KIMG": 1.0}.items():
        monkeypatch.setattr(titles, name, value)
    (made,) = measure(BenchmarkConfig(name="titles", seeds=1))
    assert made["photos"]["held_out"]["colour"] > 0.5
    assert made["held_out"]["colour"] < made["photos"]["held_out"]["colour"]
    assert read_label((tmp_path / "out/benchmark/titles.png").read_bytes())["ganray:RequestID"] == "titles"


def test_photos_to_judge_by_are_no_photos_of_the_training(monkeypatch):
    monkeypatch.setattr(titles, "JUDGED", 40)
    items = fresh(held_out(), 8).items
    assert len(items) == titles.JUDGED
    assert min(item.index for item in items) >= titles.PRODUCTS
    assert {(item.category, item.colour) for item in items} <= set(held_out())
    assert sheet(Photos(np.zeros((len(items), 8, 8, 3), np.uint8), items))


def test_both_are_category_and_colour_of_one_image():
    labels = Photos(np.empty((480, 0)), wanted(held_out())).labels
    named = labels.copy()
    named[::2, 1] += 1
    named[::4, 0] += 1
    named[1::4, 2] += 1
    assert shares(named, labels) == {"both": 0.5, "category": 0.75, "colour": 0.5, "pattern": 0.75}
