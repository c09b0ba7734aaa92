import numpy as np
from PIL import Image, ImageFilter

from ganray.edits.border import plain_ground
from ganray.edits.shadows import soft_shadows

NOTHING = np.zeros((320, 320), np.float32)


def standing(product, level=245.0, softness=12):
    """A product on a light ground, with a soft shadow below it; the places [y, x] of both."""
    shade = np.zeros((320, 320), np.uint8)
    shade[236:250, 90:230] = 120
    shade = np.asarray(Image.fromarray(shade).filter(ImageFilter.GaussianBlur(softness)), np.float32)
    pixels = np.repeat((level - shade)[..., None], 3, 2)
    pixels[80:240, 110:210] = product
    return pixels.clip(0, 255).astype(np.uint8)


def test_a_soft_shadow_is_found_and_the_product_is_not():
    found = soft_shadows(plain_ground(standing((200, 60, 60))), NOTHING)
    assert found[246:256, 120:200].mean() > 0.9 and not found[84:236, 114:206].any()


def test_a_grey_product_has_an_edge_and_stays_even_where_the_network_sees_none():
    found = soft_shadows(plain_ground(standing((140, 140, 140))), NOTHING)
    assert found[246:256, 120:200].mean() > 0.9 and found[90:230, 116:204].mean() < 0.01


def test_what_the_network_takes_for_a_product_is_no_shadow():
    assert not soft_shadows(plain_ground(standing((200, 60, 60))), np.ones((160, 160), np.float32)).any()


def test_skin_is_no_shadow():
    pixels = standing((200, 60, 60)).astype(np.float32)
    pixels[40:80, 130:190] = (236, 192, 160)
    found = soft_shadows(plain_ground(pixels.astype(np.uint8)), NOTHING)
    assert not found[42:78, 132:188].any()
