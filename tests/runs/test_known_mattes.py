import numpy as np
import pytest

from ganray.catalog.sample import draw, product
from ganray.config import EditorConfig, TrainConfig
from ganray.errors import CheckpointError, ConfigError
from ganray.images.codec import encode
from ganray.model_folder import EditorInfo, save_editor
from ganray.models.editor import build_editor
from ganray.runs.known_mattes import (
    SIDE,
    believable,
    drawn_cutouts,
    drawn_figures,
    drawn_shoes,
    gather_cutouts,
    mined_cutouts,
    read_cutouts,
    taught_cutouts,
    tight,
    times_drawn,
)
from ganray.storage import open_store
from tests.tools.catalogs import write_items


def test_tight_is_the_product_alone():
    rgba = np.zeros((50, 80, 4), np.uint8)
    rgba[10:20, 30:70] = [9, 8, 7, 255]
    found = tight(rgba)
    assert found.shape == (SIDE, SIDE, 4)
    rows, columns = (np.flatnonzero((found[..., 3] > 127).any(axis)) for axis in (1, 0))
    assert len(columns) == SIDE and abs(len(rows) - SIDE / 4) <= 2
    assert tight(np.zeros((5, 5, 4), np.uint8)).sum() == 0


def test_cutouts_are_pictures_with_alpha(tmp_path):
    pixels, mask = draw(product(0, 1), 64)
    store = open_store(str(tmp_path))
    store.put("plain.png", encode(pixels, "png"))
    with pytest.raises(ConfigError, match="no PNG or WebP with alpha"):
        list(read_cutouts(store.url))
    store.put("a/cut.png", encode(np.dstack([pixels, mask]), "png"))
    (found,) = read_cutouts(store.url)
    assert (found[..., 3] > 127).mean() > 0.2


def test_drawn_ones_are_others_than_a_catalogs():
    first = drawn_cutouts(0, 3)
    assert len(first) == 3 and all(one.shape == (SIDE, SIDE, 4) and one[..., 3].max() == 255 for one in first)
    assert not np.array_equal(first[0], drawn_cutouts(1, 1)[0]) and np.array_equal(first[1], drawn_cutouts(1, 1)[0])


def test_figures_that_wear_a_product_are_learned_whole(small_catalog):
    figures = drawn_figures(0, 3)
    assert all(one.shape == (SIDE, SIDE, 4) and (one[..., 3] > 127).mean() > 0.1 for one in figures)
    config = TrainConfig(catalog=small_catalog, editor=EditorConfig(tasks=("matte",), drawn=2, figures=3, shoes=0, mined=0))
    gathered = gather_cutouts(config, lambda tasks, done: [task() for task in tasks])
    assert gathered.shape == (5, 4, SIDE, SIDE)
    assert np.array_equal(gathered[2:].transpose(0, 2, 3, 1), np.stack(figures))


def test_shoes_from_above_are_learned_with_their_insoles(small_catalog):
    config = TrainConfig(catalog=small_catalog, editor=EditorConfig(tasks=("matte",), drawn=2, figures=0, shoes=3, mined=0))
    gathered = gather_cutouts(config, lambda tasks, done: [task() for task in tasks])
    assert np.array_equal(gathered[2:].transpose(0, 2, 3, 1), np.stack(drawn_shoes(0, 3)))


@pytest.fixture(scope="module")
def half_plain(tmp_path_factory):
    """A catalog of drawn products, every other one on noise; 16 a row group."""
    url, rng, items = str(tmp_path_factory.mktemp("half-plain") / "catalog"), np.random.default_rng(0), []
    for index in range(32):
        pixels, mask = draw(product(0, index), 96)
        share = mask[..., None] / 255
        ground = np.full((96, 96, 3), 200.0) if index % 2 else rng.integers(0, 256, (96, 96, 3)).astype(float)
        items.append((encode(np.rint(pixels * share + ground * (1 - share)).astype(np.uint8), "png"), "mug", "red"))
    write_items(url, items, 96)
    return url


def test_photos_on_plain_backgrounds_are_mined(half_plain):
    found = mined_cutouts(half_plain, 0, 0)
    assert 2 <= len(found) <= 8  # of 16, every other one on noise


def test_what_a_teacher_is_sure_of_is_learned_from(half_plain, tmp_path):
    """A network that has learned nothing is sure of nothing; before the ground of a studio the border is sure."""
    config, teacher = EditorConfig(tasks=("matte",), widths=(8, 8, 8, 8, 8)), str(tmp_path)
    save_editor(open_store(teacher), build_editor(config), EditorInfo(editor=config))
    found = taught_cutouts((teacher, ""), half_plain, 0, 0)
    assert 3 <= len(found) <= 8 and all((one[..., 3] > 127).mean() > 0.1 for one in found)

    run = TrainConfig(catalog=half_plain, editor=config.model_copy(update={"drawn": 0, "figures": 0, "shoes": 0, "mined": 16}))
    taught = run.model_copy(update={"editor": run.editor.model_copy(update={"teacher": teacher})})
    (mined, by_teacher) = (gather_cutouts(one, lambda tasks, done: [task() for task in tasks]) for one in (run, taught))
    assert len(by_teacher) > 0 and not np.array_equal(mined, by_teacher)

    another = taught.model_copy(update={"editor": taught.editor.model_copy(update={"teacher_digest": "0" * 64})})
    with pytest.raises(CheckpointError, match="not 000000000000 as the run's"):
        gather_cutouts(another, lambda tasks, done: [])


def test_a_teacher_without_mattes_is_refused(tmp_path, small_catalog):
    config = EditorConfig(tasks=("enhance",), detail_width=8, detail_blocks=1)
    save_editor(open_store(str(tmp_path)), build_editor(config), EditorInfo(editor=config))
    run = TrainConfig(catalog=small_catalog, editor=EditorConfig(tasks=("matte",), teacher=str(tmp_path)))
    with pytest.raises(ConfigError, match="has no network for mattes"):
        gather_cutouts(run, lambda tasks, done: [])
    lost = run.model_copy(update={"editor": run.editor.model_copy(update={"teacher": str(tmp_path / "nowhere")})})
    with pytest.raises(CheckpointError, match="has no editor"):
        gather_cutouts(lost, lambda tasks, done: [])


def test_what_is_believed():
    disc = np.hypot(*(np.indices((100, 100)) - 50)) < 30
    assert believable(disc.astype(np.float32))
    assert not believable(np.random.default_rng(0).random((100, 100)).astype(np.float32))
    assert not believable((np.indices((100, 100))[1] < 40).astype(np.float32))  # leaves the frame
    assert not believable(np.zeros((100, 100), np.float32))


def test_many_cutouts_do_not_crowd_out_the_drawn_ones():
    assert [times_drawn("cutout", num) for num in (0, 1, 24, 100, 150, 300, 600, 2000)] == [6, 6, 6, 6, 4, 2, 1, 1]
    assert times_drawn("drawn", 360) == times_drawn("figures", 200) == 1
