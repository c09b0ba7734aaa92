import numpy as np
import pytest

from ganray.catalog.reader import Catalog
from ganray.config import TrainConfig
from ganray.images.codec import encode
from ganray.runs.catalog_warnings import catalog_warnings
from ganray.runs.preflight import check_catalog
from tests.tools.catalogs import write_items

CONFIG = {"model": {"resolution": 32, "widths": (16, 16, 16), "patch": 2}}


@pytest.fixture(scope="module")
def noise():
    rng = np.random.default_rng(0)
    return lambda num: [encode(rng.integers(0, 256, (32, 32, 3)).astype(np.uint8), "png") for _ in range(num)]


@pytest.fixture
def told(tmp_path):
    """What is said of a catalog of (picture, category, colour)."""

    def told(items, **options):
        write_items(str(tmp_path / "catalog"), items, 32)
        config = TrainConfig.model_validate({**CONFIG, **options})
        catalog = Catalog.open(str(tmp_path / "catalog"))
        return catalog_warnings(config, catalog, check_catalog(config, catalog))

    return told


def test_a_sound_catalog_raises_none(told, noise):
    assert told([(picture, ("bag", "cap")[n % 2], ("red", "blue")[n % 3 % 2]) for n, picture in enumerate(noise(64))]) == []


def test_an_attribute_of_one_value_is_named_and_left_out(told, noise):
    """Also where it was asked for: the run goes on without it."""
    items = [(picture, "bag", ("red", "blue")[n % 2]) for n, picture in enumerate(noise(64))]
    line = "every image has category 'bag': it tells the model nothing and is left out"
    assert told(items) == [line]
    assert told(items, attributes=("category", "colour")) == [line]
    assert told(items, attributes=("category",)) == [line + ", and the model is unconditional"]
    assert told(items, attributes=("colour",)) == []


def test_small_classes_are_named(told, noise):
    items = [(picture, "cap" if n < 3 else "bag", ("red", "blue")[n % 2]) for n, picture in enumerate(noise(64))]
    (line,) = told(items)
    assert "few images of category 'cap' 3: expect little variety there; --condition.ramp-kimg" in line


def test_of_many_small_classes_the_smallest_are_named(told, noise):
    items = [(picture, f"c{n // 8}", ("red", "blue")[n % 2]) for n, picture in enumerate(noise(64))]
    (line,) = told(items)
    assert "'c0' 8, 'c1' 8, 'c2' 8, 'c3' 8, 'c4' 8 and 3 more values" in line


def test_images_that_are_seen_often_and_always_alike_are_learned_by_heart(told, noise):
    items = [(picture, ("bag", "cap")[n % 2], ("red", "blue")[n % 3 % 2]) for n, picture in enumerate(noise(64))]
    (line,) = told(items, kimg=32.0, augment={"p_final": 0.0})
    assert "each of the 64 images is seen 500 times, and may be learned by heart: try --augment.target 0.75" in line
    assert told(items, kimg=32.0, augment={"p_final": 0.6}) == []
    assert told(items, kimg=6.4, augment={"p_final": 0.0}) == []


def test_titles_that_are_longer_than_what_is_read_are_noticed(told, noise):
    items = [(picture, ("bag", "cap")[n % 2], ("red", "blue")[n % 3 % 2], f"Thing {n}") for n, picture in enumerate(noise(64))]
    assert told(items) == []
    reads = {"resolution": 32, "widths": (16, 16, 16), "patch": 2, "title_pieces": 10}
    assert told(items, model=reads) == []
    items[3] = (*items[3][:3], "A thing for long winters")
    (line,) = told(items, model=reads)
    assert "1 of 64 titles have more than 10 pieces, 'A thing for long winters' has" in line
    needed = int(line.split("--model.title-pieces ")[1].split()[0])
    assert told(items, model=reads | {"title_pieces": needed}) == []


def test_pictures_that_are_all_the_same_are_noticed(told, noise):
    (picture,) = noise(1)
    (line,) = told([(picture, ("bag", "cap")[n % 2], ("red", "blue")[n % 3 % 2]) for n in range(64)])
    assert "are all the same picture: the model will draw no other" in line


def test_pictures_that_are_nearly_the_same_are_noticed(told):
    rng = np.random.default_rng(0)
    picture = rng.integers(8, 248, (32, 32, 3))
    near = [encode((picture + rng.integers(-3, 4, picture.shape)).astype(np.uint8), "png") for _ in range(64)]
    (line,) = told([(one, ("bag", "cap")[n % 2], ("red", "blue")[n % 3 % 2]) for n, one in enumerate(near)])
    assert "nearly one picture, 1.7 of 255 levels from their mean: the model will draw no other; see --duplicates of ingest" in line
