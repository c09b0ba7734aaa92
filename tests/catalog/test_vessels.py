import numpy as np

from ganray.catalog.vessels import BOTTLES, MUGS


def test_a_mug_has_its_ear_on_either_side(painted):
    for place, style in enumerate(MUGS):
        right, left = (painted("mug", place, len(MUGS), pick6=value).mask > 0.5 for value in (0.99, 0.0))
        assert (left[:, ::-1] == right).mean() > 0.99
        row = right[34].astype(int)
        assert np.diff(row).clip(0).sum() == 2, style  # the wall, then the ear


def test_mugs_and_bottles_differ(outlines):
    mugs = dict(zip(MUGS, outlines("mug", len(MUGS)), strict=True))
    assert mugs["cappuccino"].any(axis=1).sum() < mugs["straight"].any(axis=1).sum() <= mugs["latte"].any(axis=1).sum()
    bottles = dict(zip(BOTTLES, outlines("bottle", len(BOTTLES)), strict=True))
    assert bottles["slim"].sum() < bottles["classic"].sum() < bottles["canteen"].sum()
    assert bottles["slim"][12].sum() < 0.5 * bottles["thermos"][12].sum()


def test_a_saucer_a_filling_and_a_matte_glaze_are_seen(painted):
    place = list(MUGS).index("cappuccino")
    bare, saucer = (painted("mug", place, len(MUGS), pick2=value) for value in (0.99, 0.0))
    assert (saucer.mask > 0.5)[54].sum() > 1.5 * (bare.mask > 0.5)[54].sum()
    for pick in ("pick4", "pick1"):
        other = painted("mug", place, len(MUGS), **{pick: 0.0})
        assert (np.abs(other.pixels - bare.pixels).max(axis=2) > 20).sum() > 20
