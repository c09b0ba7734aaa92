from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ganray.errors import ImageError
from ganray.images import animation as room
from ganray.images.animation import CAPTION, encode_film, film_frame
from ganray.images.provenance import Label, read_label

LABEL = Label("in training", "film of 3 grids", 0)


def noise(num, side=64):
    return list(np.random.default_rng(0).integers(0, 256, (num, side, side, 3), dtype=np.uint8))


def opened(data):
    return Image.open(BytesIO(data))


def test_a_film_moves_and_says_what_it_is():
    frames = [np.full((40, 60, 3), level, np.uint8) for level in (20, 120, 220)]
    data = encode_film(frames, LABEL, 100_000)
    image = opened(data)
    assert (image.format, image.n_frames, image.size) == ("WEBP", 3, (60, 40))
    levels = []
    for place in range(3):
        image.seek(place)
        levels.append(int(np.asarray(image.convert("RGB")).mean()))
    assert levels == pytest.approx([20, 120, 220], abs=3)
    assert image.info["loop"] == 0
    label = read_label(data)
    assert label["Iptc4xmpExt:DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert label["ganray:RequestID"] == "film of 3 grids"


def test_a_film_stays_under_its_size_and_keeps_the_last_frame():
    frames = noise(11)
    whole = encode_film(frames, LABEL, 10_000_000)
    small = encode_film(frames, LABEL, len(whole) // 6)
    assert len(small) <= len(whole) // 6
    assert opened(whole).n_frames == 11
    image = opened(small)
    assert image.n_frames < 11
    image.seek(image.n_frames - 1)
    last = np.asarray(image.convert("RGB")).astype(float)
    distances = [float(np.abs(last - frame).mean()) for frame in frames]
    assert int(np.argmin(distances)) == 10


def test_a_frame_that_is_too_large_alone_is_an_error():
    with pytest.raises(ImageError, match="one frame of the film takes .* the cap is 100"):
        encode_film(noise(2), LABEL, 100)


def test_frames_of_another_shape_are_padded_or_cut():
    data = encode_film([*noise(1, 64), *noise(1, 32), *noise(1, 96)], LABEL, 1_000_000)
    assert (opened(data).size, opened(data).n_frames) == ((64, 64), 3)


def test_a_label_that_gets_lost_is_an_error(monkeypatch):
    monkeypatch.setattr(room, "xmp_packet", lambda label: b"")
    with pytest.raises(ImageError, match="label of film of 3 grids does not read back from its webp bytes"):
        encode_film(noise(2), LABEL, 1_000_000)


def test_a_frame_is_shrunk_to_fit_and_captioned():
    frame = film_frame(np.full((300, 200, 3), 90, np.uint8), "0.5 kimg", 150)
    assert frame.shape == (150 + CAPTION, 100, 3)
    assert (frame[:150] == 90).all()
    assert frame[150:].min() < 100 and (frame[150:] == 255).mean() > 0.5  # dark letters on white
    small = film_frame(np.full((30, 20, 3), 90, np.uint8), "", 150)
    assert small.shape == (30 + CAPTION, 20, 3)
