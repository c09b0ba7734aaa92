import numpy as np

from ganray.catalog.umbrellas import STYLES


def test_umbrellas_are_open_tilted_or_rolled(outlines):
    masks = dict(zip(STYLES, outlines("umbrella", len(STYLES), pick3=0.99), strict=True))
    assert masks["rolled"].sum() < 0.6 * masks["open"].sum()
    assert (masks["open"] == masks["open"][:, ::-1]).mean() > 0.95
    assert (masks["tilted"] != masks["tilted"][:, ::-1]).mean() > 0.1
    width = {name: int(mask.any(axis=0).sum()) for name, mask in masks.items()}
    assert width["bell"] < width["open"]
    assert masks["flat"][:32].sum() > 4 * masks["flat"][32:].sum()


def test_handles_and_rolls_vary(painted):
    hook, straight = (painted("umbrella", 0, len(STYLES), pick4=value).mask > 0.5 for value in (0.0, 0.99))
    assert np.abs(hook[54:].sum(axis=0).astype(int) - straight[54:].sum(axis=0)).sum() > 10
    short, long = (painted("umbrella", 4, len(STYLES), pick3=value).mask > 0.5 for value in (0.0, 0.99))
    assert short.sum() > 1.3 * long.sum()
