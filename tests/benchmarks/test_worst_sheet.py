import math

import numpy as np
from PIL import Image

from ganray.benchmarks.edit_fixtures import PICTURES_SHOWN, TILE
from ganray.benchmarks.worst_sheet import WorstSheet


def flat(level: int) -> np.ndarray:
    return np.full((40, 40, 3), level, np.uint8)


def test_the_worst_come_first_and_the_good_ones_make_room(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sheet = WorstSheet("levels")
    for level in np.random.default_rng(0).permutation(60).tolist():
        sheet.add(level / 60, [flat(4 * level)])
    facts = sheet.facts()
    assert (facts["worst"], sheet.num) == (0, 60)
    with Image.open(facts["sheet"]) as image:
        lines = image.height // (TILE + 6)
        shown = [
            image.getpixel((TILE // 2 + column * (TILE + 10), TILE // 2 + line * (TILE + 6)))[0]
            for line in range(lines)
            for column in range(4)
        ]
    np.testing.assert_allclose(shown, [4 * level for level in range(PICTURES_SHOWN)], atol=2)


def test_equal_figures_and_no_examples():
    sheet = WorstSheet("none")
    assert math.isnan(sheet.worst) and sheet.facts()["sheet"] == ""
    for level in (10, 20):
        sheet.add(1.0, [flat(level)])
    assert sheet.worst == 1.0
    for figure in (3.0, math.nan, 0.5):
        sheet.add(figure, [flat(0)])
    assert sheet.worst == -math.inf and [figure for figure, _, _ in sheet._kept] == [-math.inf, 0.5, 1.0, 1.0, 3.0]
