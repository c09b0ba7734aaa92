import numpy as np
import pytest
from PIL import Image

from ganray.bulk.doubt import REFUSED
from ganray.catalog.sample import draw, product
from ganray.edits import matting
from ganray.edits.border import border_matte
from ganray.edits.filters import box_mean
from ganray.edits.matting import UNCONFIRMED, refined, with_matte
from ganray.edits.photo import Photo
from ganray.errors import EditError
from ganray.images.components import near
from ganray.metrics.paired import iou
from tests.tools.edit_tools import Lent


def on(colour, index, side=160):
    """A drawn product on a plain colour that gets darker downwards, with its mask."""
    pixels, mask = draw(product(3, index), side)
    share = mask[..., None] / 255
    ground = np.array(colour) * np.linspace(1, 0.85, side)[:, None, None]
    noise = np.random.default_rng(index).normal(0, 2, (side, side, 1))
    return np.clip(pixels * share + (ground + noise) * (1 - share), 0, 255).astype(np.uint8), mask > 127


@pytest.mark.parametrize("index", range(0, 24, 3))
def test_plain_backgrounds_are_known_by_their_border(index):
    pixels, truth = on((180, 190, 205), index)
    photo = with_matte(Photo(pixels), Lent())
    assert iou(photo.matte > 0.5, truth) > 0.9 and photo.facts["matte"] == "border"


def test_specks_apart_from_the_product_are_none_of_it():
    pixels, truth = on((180, 190, 205), 4)
    dirty = pixels.copy()
    assert not truth[:28, :28].any()
    dirty[12:16, 12:16] = 20
    matte = with_matte(Photo(dirty), Lent()).matte
    assert matte[8:20, 8:20].max() < 0.5 and iou(matte > 0.5, truth) > 0.9


def test_a_matte_that_is_known_is_kept():
    photo = Photo(np.zeros((20, 20, 3), np.uint8), matte=np.ones((20, 20), np.float32))
    assert with_matte(photo, Lent()) is photo


def test_a_cluttered_background_needs_the_network_which_sees_the_whole_picture():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 90, 3), np.uint8)
    pixels[20:40, 35:55] = (255, 0, 0)
    assert border_matte(pixels) is None
    with pytest.raises(EditError, match="no network for mattes") as raised:
        with_matte(Photo(pixels), Lent())
    assert raised.value.reason == "no_network"

    class Red:
        size, halo = 64, 0

        def __call__(self, x):
            assert x.shape == (1, 3, 64, 64)
            return ((x[:, :1] > 0.5) & (x[:, 1:].max(1, keepdims=True) < -0.5)).astype(np.float32)

    photo = with_matte(Photo(pixels), Lent({"matte": Red()}))
    assert photo.matte.shape == (60, 90) and photo.facts["matte"] == "learned"
    assert photo.matte[20:40, 35:55].mean() > 0.9 and photo.matte[:5].max() < 0.1


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.full((1, 1, 3), 9, np.uint8), "too_small"),
        (np.full((64, 64, 3), 255, np.uint8), "no_product"),
        (np.full((7, 200, 3), 80, np.uint8), "too_small"),
    ],
)
def test_pictures_without_a_product(pixels, reason):
    with pytest.raises(EditError) as raised:
        with_matte(Photo(pixels), Lent())
    assert raised.value.reason == reason and raised.value.remedy


def test_a_matte_is_refined_at_the_photos_own_size():
    pixels, truth = on((220, 220, 220), 7, side=700)
    rough = np.asarray(truth[::7, ::7], np.float32)
    assert iou(refined(pixels, rough) > 0.5, truth) > iou(np.kron(rough, np.ones((7, 7))) > 0.5, truth)


def test_an_edge_has_no_rim_of_the_old_ground():
    """Before clutter, with the coarse matte of a network."""
    rng = np.random.default_rng(0)
    y, x = np.indices((400, 400))
    product = (np.abs(x - 200) < 110) & (np.abs(y - 200) < 130)
    clutter = np.asarray(Image.fromarray(rng.integers(60, 200, (50, 50, 3), np.uint8)).resize((400, 400), Image.Resampling.BICUBIC))
    cloth = np.array([150, 60, 50]) + 20 * np.sin(x / 5)[..., None]
    pixels = np.where(product[..., None], cloth, clutter) + rng.normal(0, 4, (400, 400, 3))
    rough = np.asarray(Image.fromarray((255 * product).astype(np.uint8)).resize((64, 64), Image.Resampling.BILINEAR))
    matte = refined(pixels.clip(0, 255).astype(np.uint8), rough.astype(np.float32) / 255)
    outside, inside = near(product, 8) & ~near(product, 2), ~near(~product, 2) & near(~product, 8)
    assert matte[outside].mean() < 0.02 and matte[inside].mean() > 0.98
    assert np.abs(matte - product)[near(product, 6) & near(~product, 6)].mean() < 0.08


class Shoes:
    """Sees what is red; what is green it sees fainter."""

    size, halo = 64, 0

    def __init__(self, red=0.9, green=0.35):
        self.red, self.green = red, green

    def __call__(self, x):
        red, green = (x[:, channel : channel + 1] - x[:, 1 - channel : 2 - channel] > 0.3 for channel in (0, 1))
        return np.maximum(self.red * red, self.green * green).astype(np.float32)


def pair():
    pixels = np.full((300, 300, 3), 200, np.uint8)
    pixels[100:200, 40:120], pixels[100:200, 180:260] = (220, 40, 40), (40, 220, 40)
    return pixels


def test_the_fainter_one_of_a_pair_is_not_taken_away():
    matte = with_matte(Photo(pair()), Lent({"matte": Shoes()})).matte
    assert matte[110:190, 50:110].min() > 0.9 and matte[110:190, 190:250].min() > 0.9 and matte[:90].max() == 0


def test_a_network_that_sees_something_else_does_not_overrule_a_plain_background():
    class Nothing(Shoes):
        def __call__(self, x):
            return np.full_like(x[:, :1], 0.2)

    photo = with_matte(Photo(pair()), Lent({"matte": Nothing()}))
    assert photo.facts["matte"] == "border" and photo.matte[110:190, 50:110].min() > 0.9


def rough(pixels):
    """On a floor as sellers have it: plain, and not smooth."""
    return (pixels + np.random.default_rng(0).normal(0, 5, (*pixels.shape[:2], 1))).clip(0, 255).astype(np.uint8)


def test_on_a_plain_floor_a_shadow_that_the_network_does_not_see_is_none_of_the_product():
    pixels = pair()
    pixels[200:230, 50:130] = 140  # smooth and plain, and darker than the floor
    photo = with_matte(Photo(rough(pixels)), Lent({"matte": Shoes(0.95, 0.95)}))
    assert photo.facts["matte"] == "learned" and photo.matte[212:228, 60:120].max() < 0.1
    assert with_matte(Photo(rough(pixels)), Lent()).matte[212:228, 60:120].mean() > 0.9


def test_before_the_ground_of_a_studio_the_border_is_believed_whatever_the_network_leaves_out():
    pixels = pair()
    pixels[20:100, 60:100] = (214, 160, 122)  # who wears the shoe
    photo = with_matte(Photo(pixels), Lent({"matte": Shoes(0.95, 0.95)}))
    assert photo.facts["matte"] == "border" and photo.matte[25:95, 65:95].min() > 0.9
    assert photo.facts["doubt"] == 0 and 0.5 < photo.facts["matte_agreement"] < 0.95


def test_a_floor_that_no_network_has_seen_is_doubtful_and_a_studio_is_not():
    pixels, _ = on((180, 190, 205), 2)
    assert "doubt" not in with_matte(Photo(pixels), Lent()).facts
    facts = with_matte(Photo(rough(pixels)), Lent()).facts
    assert (facts["matte"], facts["doubt"]) == ("border", UNCONFIRMED) and UNCONFIRMED >= REFUSED


def test_where_border_and_network_see_different_products_neither_is_sure():
    class Elsewhere(Shoes):
        def __call__(self, x):
            seen = np.full_like(x[:, :1], 0.2)
            seen[..., :12, 40:60] = 1
            return seen

    photo = with_matte(Photo(rough(pair())), Lent({"matte": Elsewhere()}))
    assert photo.facts["matte"] == "border" and photo.facts["doubt"] >= 0.5 and photo.facts["matte_agreement"] < 0.5


def test_the_edge_of_a_pattern_in_the_colours_of_the_ground_is_smooth(monkeypatch):
    """Such a cloth has a frayed edge where the colours alone decide."""
    rng, (rows, columns) = np.random.default_rng(0), np.indices((320, 320))
    truth = (np.hypot(rows - 160, columns - 160) < 100).astype(np.float32)
    pattern = np.kron(rng.random((46, 46, 1)), np.ones((7, 7, 1)))[:320, :320] * (-80, -60, 20)
    ground = rng.normal((165, 158, 150), 5, (320, 320, 3))
    pixels = np.where(truth[..., None] > 0, np.array((170, 160, 150)) + pattern, ground).clip(0, 255).astype(np.uint8)

    def error():
        return np.abs(refined(pixels, box_mean(box_mean(truth, 4), 4)) - truth).mean()

    settled = error()
    monkeypatch.setattr(matting, "EXPLAINED", (-2.0, -1.0))
    assert settled < 0.6 * error()


def test_a_clear_edge_of_a_large_photo_is_the_colours_own():
    """A blurred edge at the working size would be as wide as its pixels are in the photo."""
    rows, columns = np.indices((1200, 1200))
    radius = 380 + 25 * np.cos(7 * np.arctan2(rows - 600, columns - 600))
    truth = np.hypot(rows - 600, columns - 600) < radius
    pixels = np.where(truth[..., None], (40, 50, 90), (205, 200, 190)) + np.random.default_rng(0).normal(0, 2, (1200, 1200, 1))
    rough = np.asarray(Image.fromarray(truth).convert("L").resize((64, 64), Image.Resampling.BOX), np.float32) / 255
    wrong = np.abs(refined(pixels.clip(0, 255).astype(np.uint8), rough) - truth).sum() / (2 * np.pi * 380)
    assert wrong < 0.3
