import numpy as np

from ganray.catalog.lamps import LAMPS


def test_lamps_hang_stand_or_lean(outlines):
    masks = dict(zip(LAMPS, outlines("lamp", len(LAMPS)), strict=True))
    rows = {name: mask.sum(axis=1) for name, mask in masks.items()}
    assert rows["pendant"][12] < 4 < rows["table"][12]  # a cord
    assert rows["pendant"][50] > rows["floor"][50]
    assert (masks["desk"] != masks["desk"][:, ::-1]).mean() > 0.15
    assert (masks["table"] == masks["table"][:, ::-1]).mean() > 0.97


def test_a_shade_glows_or_does_not(painted):
    glowing, dark = (painted("lamp", 0, len(LAMPS), pick3=value).pixels for value in (0.75, 0.9))
    assert np.mean(glowing[20:28, 28:36]) > np.mean(dark[20:28, 28:36])
