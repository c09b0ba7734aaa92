import re

import pytest

from ganray.images.codec import SUFFIXES
from ganray.images.names import ALPHA_SUFFIXES, IMAGE_SUFFIXES, is_cutout_name, is_image_name


@pytest.mark.parametrize("key", ["a.jpg", "mugs/deep/b.PNG", "a b+c.v2.webp", "x.heic", "x.jp2", "x.PPM", ".shop/a.jpg"])
def test_names_of_images(key):
    assert is_image_name(key)


@pytest.mark.parametrize("key", ["a.txt", "mugs/.hidden.jpg", "._a.jpg", ".jpg", "mugs.jpg/readme", "jpg", "a.jpg.", "new\nline.jpg", ""])
def test_names_of_other_files(key):
    assert not is_image_name(key)
    assert not is_cutout_name(key)


def test_a_cutout_has_a_format_with_alpha():
    assert is_cutout_name("a/b.PNG") and is_cutout_name("b.webp")
    assert not is_cutout_name("b.jpg")
    assert ALPHA_SUFFIXES < IMAGE_SUFFIXES


def test_what_ganray_writes_has_the_name_of_an_image():
    assert {f".{suffix}" for suffix in SUFFIXES.values()} <= IMAGE_SUFFIXES
    assert all(re.fullmatch(r"\.[a-z0-9]+", suffix) for suffix in IMAGE_SUFFIXES)
