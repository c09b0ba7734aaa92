from ganray.catalog.chairs import CHAIRS


def test_chairs_differ_and_stand_on_the_ground(outlines):
    masks = dict(zip(CHAIRS, outlines("chair", len(CHAIRS)), strict=True))
    for mask in masks.values():
        assert mask[58:].any()
    assert masks["armchair"].sum() > 1.5 * masks["upholstered"].sum() > 1.5 * masks["stool"].sum()
    assert masks["stool"][54].sum() < 20 < masks["armchair"][54].sum()  # legs, or a body
