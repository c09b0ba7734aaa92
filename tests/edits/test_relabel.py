from __future__ import annotations

import numpy as np
import pytest
import torch

from ganray.edits import EDITS, apply_chain, parse_chain
from ganray.edits.inversion import drawn, inverted
from ganray.edits.relabel import slerp
from ganray.errors import EditError, RequestError
from ganray.metrics.paired import psnr

STEPS = {"steps": 40, "threshold": 20}
KNOWN = {"category": "cap", "colour": "red"}


def after(photo, tools, **edit):
    return apply_chain(photo, parse_chain([{name: {**params, **STEPS} for name, params in edit.items()}]), tools)


def test_relabel_is_what_the_model_draws_of_that_label(drawer, lent):
    """The photo is the model's own picture, so the truth is known: the same z under the other label."""
    for seed in range(2):
        photo, truth = (drawer.draw(seed, category=category, colour="red") for category in ("cap", "mug"))
        made = after(photo, lent(drawer, **KNOWN), relabel={"category": "mug"})
        assert psnr(made.pixels, truth.pixels) > psnr(photo.pixels, truth.pixels) + 4
        assert made.facts["psnr"] > 20 and made.facts["resolution"] == 16
        assert made.source_types == ("trainedAlgorithmicMedia",)


def test_relabel_to_what_it_is_changes_nothing(drawer, lent):
    photo = drawer.draw(0, **KNOWN)
    inversion = inverted(photo, lent(drawer, **KNOWN), STEPS["steps"], 0)
    made = after(photo, lent(drawer, **KNOWN), relabel={"to": {"colour": "red"}})
    np.testing.assert_allclose(made.pixels, drawn(inversion.features, drawer.generator), atol=1)


@pytest.mark.parametrize(
    ("params", "lists"),
    [({"category": "sofa"}, "bag, cap, mug"), ({"size": "XL"}, "category, colour"), ({}, "category"), ({"steps": 3}, "name an attribute")],
)
def test_relabel_lists_what_is_known(drawer, lent, params, lists):
    with pytest.raises(RequestError, match=lists):
        apply_chain(drawer.draw(0, **KNOWN), parse_chain([{"relabel": params}]), lent(drawer))


def test_a_variation_is_the_seeds_own_and_stays_near(drawer, lent):
    photo = drawer.draw(2, **KNOWN)
    one, again, other = (after(photo, lent(drawer, seed=seed, **KNOWN), vary={"strength": 0.3}) for seed in (1, 1, 2))
    assert one.pixels.tobytes() == again.pixels.tobytes() != other.pixels.tobytes()
    far = after(photo, lent(drawer, seed=1, **KNOWN), vary={"strength": 1.5})
    assert psnr(one.pixels, photo.pixels) > psnr(far.pixels, photo.pixels)


def test_interpolation_goes_from_one_to_the_other(drawer, lent):
    photo, other = drawer.draw(3, **KNOWN), drawer.draw(4, category="bag", colour="blue")
    tools = lent(drawer, pictures={"other": (other.pixels, other.matte)}, **KNOWN)
    made = [after(photo, tools, interpolate={"picture": "other", "t": t}).pixels for t in (0.0, 0.5, 1.0)]
    assert psnr(made[0], photo.pixels) > 20 and psnr(made[2], other.pixels) > 20
    near = [psnr(pixels, other.pixels) for pixels in made]
    assert near == sorted(near)


def test_slerp_keeps_to_the_sphere():
    one, other = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    middle = slerp(one, other, 0.5)
    assert float(middle.norm()) == pytest.approx(2.0) and float(middle[0, 0]) == pytest.approx(float(middle[0, 1]))
    assert torch.allclose(slerp(one, other, 0), one) and torch.allclose(slerp(one, other, 1), other, atol=1e-6)
    assert torch.allclose(slerp(one, 2 * one, 0.5), 1.5 * one)


def test_a_mix_has_the_others_look(drawer, lent):
    photo, other = drawer.draw(3, **KNOWN), drawer.draw(6, category="mug", colour="blue")
    tools = lent(drawer, pictures={"other": (other.pixels, other.matte), "self": (photo.pixels, photo.matte)}, **KNOWN)
    mixed = after(photo, tools, mix={"picture": "other"}).pixels

    def apart(a, b):
        return float(np.abs(a.reshape(-1, 3).mean(0) - b.reshape(-1, 3).mean(0)).sum())

    assert apart(mixed, other.pixels) < apart(photo.pixels, other.pixels)
    assert psnr(after(photo, tools, mix={"picture": "self"}).pixels, photo.pixels) > 18
    with pytest.raises(RequestError, match="3 stages"):
        after(photo, tools, mix={"picture": "other", "coarse": 3})


@pytest.mark.parametrize("name", ["relabel", "vary", "interpolate", "mix"])
def test_without_a_generator(drawer, lent, name):
    params = {"relabel": {"category": "mug"}, "vary": {}, "interpolate": {"picture": "a"}, "mix": {"picture": "a"}}[name]
    with pytest.raises(EditError, match="no generator"):
        apply_chain(drawer.draw(0, **KNOWN), parse_chain([{name: params}]), lent())
    assert EDITS[name].source_type == "trainedAlgorithmicMedia"
