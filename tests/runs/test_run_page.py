import base64
import math
import re

import pytest

from ganray.config import TrainConfig
from ganray.runs.history import RunHistory
from ganray.runs.run_page import CURVES, Pictures, duration, figures, render_run, seconds_left

ROWS = [
    {"kimg": k / 10, "loss_d": 0.7, "loss_g": 0.8, "logit": 0.1, "r1": 0.2, "r2": 0.3, "img_per_s": 200.0, "data_wait": 0.01, "eta_s": 75.0}
    for k in range(1, 9)
]
SCORES = [{"kimg": 0.5, "frechet": 8.0, "frechet_floor": 1.0, "coverage": 0.4, "coverage_floor": 0.97}]
CONFIG = TrainConfig(kimg=10.0, out="s3://shop/<model>", catalog="s3://secret/catalog", license="CC0-1.0")
PICTURES = Pictures(2, "film.webp", b"film", {"grids/kimg-00000.500.png": b"one", "grids/kimg-00001.000.png": b"two"})


def page(pictures=PICTURES, **changes):
    return render_run(RunHistory(**{"rows": ROWS, "scores": SCORES, **changes}), CONFIG, pictures)


def test_what_a_person_watches_is_there():
    text = page()
    for title in ("Losses", "Logit, real minus made", "Penalties", "Waiting for data", "Frechet distance", "Coverage"):
        assert f"<figcaption>{title}</figcaption>" in text
    assert "<b>0.8 of 10</b><span>thousand images</span>" in text
    assert "<b>1 min 15 s</b><span>left</span>" in text
    assert "<b>1 %</b><span>waiting for data</span>" in text
    assert "width:8.0%" in text
    assert "GPU" not in text
    assert "GPU memory" in page(rows=[ROWS[0] | {"gpu_gib": 12.5}])


def test_a_key_that_no_chart_knows_gets_its_own():
    assert "<figcaption>entropy</figcaption>" in page(rows=[ROWS[0] | {"entropy": 1.0}])
    assert "eta_s" not in page()


def test_the_page_stands_alone_and_tells_no_place():
    text = page()
    assert "shop/&lt;model&gt;" in text
    assert "secret" not in text
    assert not re.search(r"https?://|<script|<link|\$\w", text)
    assert all(source.startswith("data:image/") for source in re.findall(r'src="([^"]*)"', text))
    assert [base64.b64decode(data) for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", text)] == [b"film", b"one", b"two"]
    assert 'href="grids/kimg-00000.500.png"' in text


def test_a_page_renews_itself_as_long_as_the_run_goes_on():
    assert "http-equiv" in page()
    ended = page(state="stopped: loss_d became <nan>")
    assert "http-equiv" not in ended
    assert "Stopped: loss_d became &lt;nan&gt;" in ended
    assert "<span>left</span>" not in ended


def test_a_run_that_has_shown_nothing_yet_has_a_page():
    text = page(None, rows=[], scores=[])
    assert "<b>0 of 10</b>" in text
    assert "<h2>Scores</h2>" not in text and "<h2>The same z" not in text


def test_time_left_is_by_images_or_by_the_clock():
    assert seconds_left(ROWS, CONFIG, 0.0) == pytest.approx(1000 * 9.2 / 200)
    assert seconds_left(ROWS, CONFIG.model_copy(update={"minutes": 0.5}), 20.0) == pytest.approx(10.0)
    assert seconds_left(ROWS, CONFIG.model_copy(update={"minutes": 0.5}), 50.0) == 0.0
    assert math.isfinite(seconds_left([{"kimg": 1.0, "img_per_s": 0.0}], CONFIG, 0.0))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (45, "45 s"),
        (59.7, "1 min"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (18_720, "5 h 12 min"),
        (270_000, "3 d 3 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_figures_show_what_the_row_has():
    assert figures([{"kimg": 12345.6}], TrainConfig(kimg=20_000.0), running=True) == {"thousand images": "12,346 of 20,000"}


def test_no_key_is_drawn_twice():
    keys = [key for curves in CURVES for key in curves.keys]
    assert len(keys) == len(set(keys))
