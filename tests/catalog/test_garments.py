import numpy as np

from ganray.catalog.garments import DRESSES, SHIRTS, TROUSERS


def test_sleeves_differ(outlines):
    masks = dict(zip(SHIRTS, outlines("t-shirt", len(SHIRTS)), strict=True))
    widths = {name: int(mask.any(axis=0).sum()) for name, mask in masks.items()}
    assert widths["tank"] < widths["fitted"] < widths["long-sleeved"]
    assert masks["boxy"].any(axis=1).sum() < masks["tunic"].any(axis=1).sum()


def test_a_pocket_and_a_collar_are_seen(painted):
    bare = painted("t-shirt", 0, len(SHIRTS)).pixels
    for picks in ({"pick4": 0.0}, {"pick2": 0.6}, {"pick3": 0.0}):
        assert (np.abs(painted("t-shirt", 0, len(SHIRTS), **picks).pixels - bare).max(axis=2) > 20).mean() > 0.005


def test_legs_differ(outlines):
    masks = dict(zip(TROUSERS, outlines("trousers", len(TROUSERS)), strict=True))
    height = {name: mask.any(axis=1).sum() for name, mask in masks.items()}
    assert height["shorts"] < 0.85 * height["straight"]
    assert masks["skinny"].sum() < masks["straight"].sum() < masks["wide"].sum()
    hem, knee = (masks["flared"][row].sum() for row in (58, 40))
    assert hem > 1.15 * knee


def test_dresses_differ(outlines):
    masks = dict(zip(DRESSES, outlines("dress", len(DRESSES)), strict=True))
    assert masks["pencil"].sum() < masks["flared"].sum() < masks["ball"].sum()
    assert masks["long-sleeved"][28].sum() > 1.5 * masks["flared"][28].sum()  # sleeves beside the waist
