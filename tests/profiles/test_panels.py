import numpy as np

from ganray.profiles.evidence import CLEAR, LIKELY
from ganray.profiles.foreground import foreground
from ganray.profiles.panels import panels


def test_a_close_up_beside_the_product_is_a_panel(goods):
    whole, near = goods(side=400), goods(box=(-0.3, -0.3, 1.3, 1.3), side=400)
    sheet = np.full((400, 400, 3), 255, np.uint8)
    sheet[100:300, :200] = whole[::2, ::2]
    sheet[:, 200:] = near[:, :200]
    assert panels(foreground(sheet)).strength == LIKELY


def test_quarters_are_panels(goods):
    quarter = goods()[::2, ::2]
    sheet = np.concatenate([np.concatenate([quarter, quarter], 1)] * 2)
    assert panels(foreground(sheet)).strength == LIKELY


def test_one_product_and_a_pair_are_none(goods):
    pair = goods(box=(0.55, 0.2, 0.95, 0.8), on=goods(box=(0.05, 0.2, 0.45, 0.8)))
    assert panels(foreground(goods())).strength == panels(foreground(pair)).strength == CLEAR
