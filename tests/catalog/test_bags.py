import numpy as np

from ganray.catalog.bags import BACKPACKS, HANDBAGS


def test_a_turned_bag_shows_its_side_in_shadow(painted):
    box = list(HANDBAGS).index("box")
    for category, style, num, band in (("backpack", 0, len(BACKPACKS), slice(46, 54)), ("handbag", box, len(HANDBAGS), slice(52, 56))):
        front, turned = (painted(category, style, num, pick3=value) for value in (0.99, 0.0))
        rows = slice(40, 56)
        brightness = [canvas.pixels[rows, band][canvas.mask[rows, band] > 0.9].mean() for canvas in (front, turned)]
        assert brightness[1] < 0.9 * brightness[0], category


def test_handbags_have_holes_under_their_handles_and_clutches_may_have_none(painted):
    masks = {style: painted("handbag", place, len(HANDBAGS), pick3=0.99).mask > 0.5 for place, style in enumerate(HANDBAGS)}
    for style in ("flap", "tote", "hobo", "bowling", "box", "bucket"):
        column = masks[style][:, 32]
        assert np.diff(column.astype(int)).clip(0).sum() >= 2, style  # the handle, then the bag
    assert np.diff(masks["clutch"][:, 32].astype(int)).clip(0).sum() == 1


def test_backpacks_differ(outlines):
    masks = outlines("backpack", len(BACKPACKS))
    assert len({mask.tobytes() for mask in masks}) == len(masks)
