import base64
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ganray.config import TrainConfig
from ganray.images.provenance import Label, encode_labelled, read_label
from ganray.runs.history import RunHistory, grid_key
from ganray.runs.live_page import FILM, FRAMES, PAGE, SHARE, SIDE, LivePage, evenly
from ganray.storage import open_store


def grid(level, height=96, width=64):
    return encode_labelled(np.full((height, width, 3), level, np.uint8), "png", Label("in training", "grid", 0))


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "model"))


def film_of(store):
    return Image.open(BytesIO(store.get(FILM)))


def levels(image):
    """The middle of each frame."""
    found = []
    for place in range(image.n_frames):
        image.seek(place)
        found.append(int(np.asarray(image.convert("RGB"))[20:60, 20:40].mean()))
    return found


def test_film_and_page_are_made_of_the_grids_and_labelled(store):
    watch, keys = LivePage(store, TrainConfig(kimg=1.0)), [grid_key(k / 10) for k in range(1, 4)]
    for key, level in zip(keys, (40, 120, 200), strict=True):
        watch.add(key, grid(level))
    watch.write(RunHistory(rows=[{"kimg": 0.3, "loss_d": 0.7}], grids=keys))
    assert levels(film_of(store)) == pytest.approx([40, 120, 200], abs=3)
    assert read_label(store.get(FILM))["Iptc4xmpExt:DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    pictures = [base64.b64decode(data) for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", store.get(PAGE).decode())]
    assert pictures[0] == store.get(FILM)
    assert [Image.open(BytesIO(picture)).format for picture in pictures] == ["WEBP", "JPEG", "JPEG", "JPEG"]
    assert all(read_label(picture)["Iptc4xmpExt:DigitalSourceType"].endswith("/trainedAlgorithmicMedia") for picture in pictures)


def test_what_an_earlier_part_drew_is_read_again_and_what_is_damaged_is_left_out(store):
    keys = [grid_key(float(k)) for k in range(1, 5)]
    store.put(keys[0], grid(40))
    store.put(keys[1], b"no picture")
    watch = LivePage(store, TrainConfig(kimg=10.0))  # keys[2] has been lost
    watch.add(keys[3], grid(200))
    watch.write(RunHistory(grids=keys))
    assert levels(film_of(store)) == pytest.approx([40, 200], abs=3)


def test_a_long_run_s_film_is_bounded(store):
    """Grids of three times as many moments as it has frames, and twice as large; small ones where they should not be shown."""
    keys = [grid_key(float(k)) for k in range(3 * FRAMES)]
    watch = LivePage(store, TrainConfig(kimg=200.0))
    for place, key in enumerate(keys):
        store.put(key, grid(2 * place, 2 * SIDE, SIDE // 8) if key in evenly(keys, FRAMES) else grid(255, 8, 8))
    watch.write(RunHistory(grids=keys))
    film = film_of(store)
    assert film.n_frames == FRAMES
    assert max(film.size) <= SIDE + 30
    found = levels(film)
    assert (found[0], found[-1]) == pytest.approx((0, 2 * (3 * FRAMES - 1)), abs=3)
    assert found == sorted(found)


def test_a_run_without_grids_has_a_page_and_no_film(store):
    LivePage(store, TrainConfig(kimg=1.0)).write(RunHistory(rows=[{"kimg": 0.5, "loss_d": 0.7}]))
    assert b"Losses" in store.get(PAGE)
    assert not store.exists(FILM)


def test_it_is_made_again_only_after_its_share_of_the_time(store, monkeypatch):
    from ganray.runs import live_page as room

    now = [100.0]
    monkeypatch.setattr(room.time, "monotonic", lambda: now[0])
    watch = LivePage(store, TrainConfig(kimg=1.0))
    assert watch.due()
    monkeypatch.setattr(watch, "_choose", lambda grids: now.__setitem__(0, now[0] + 2.0))  # it takes two seconds
    watch.write(RunHistory())
    now[0] += 2.0 / SHARE - 1
    assert not watch.due()
    now[0] += 2
    assert watch.due()


def test_evenly_keeps_both_ends():
    assert evenly(["a", "b", "c", "d", "e"], 3) == ["a", "c", "e"]
    assert evenly(["a", "b"], 3) == ["a", "b"]
    assert evenly([], 3) == []
