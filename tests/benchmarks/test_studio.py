import numpy as np

from ganray.benchmarks import studio
from ganray.benchmarks.edit_fixtures import BenchmarkTools


def test_the_border_keeps_every_figure_of_a_studio(monkeypatch, tmp_path, edit_config):
    (row,) = studio.measure(edit_config.model_copy(update={"editor": "", "images": 3}))
    assert row["value"] == 1 and row["lost_over_2_percent"] == 0 and row["refused"] == 0 and (tmp_path / row["sheet"]).exists()


def test_a_network_that_sees_nothing_does_not_cost_a_figure(edit_config):
    (row,) = studio.measure(edit_config.model_copy(update={"images": 2}))
    assert row["value"] == 1


def test_what_turned_white_is_counted():
    photo = studio.studio_photo(0)
    result = photo.pixels.copy()
    assert studio.lost_share(photo, result) == 0
    result[: len(result) // 2] = 255
    assert 0.1 < studio.lost_share(photo, result) < 0.9
    assert studio.lost_share(photo, np.full_like(result, 255)) == 1
    assert studio._white(photo.pixels, BenchmarkTools({})) is not None
