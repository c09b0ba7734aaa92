import re

import pytest

from ganray.images.codec import SUFFIXES
from ganray.images.names import (
    ALPHA_SUFFIXES,
    IMAGE_SUFFIXES,
    comparable,
    folders_and_name,
    is_cutout_name,
    is_image_name,
    kind_of_name,
    loose,
    other_keys,
    stem_of,
)


@pytest.mark.parametrize("key", ["a.jpg", "mugs/deep/b.PNG", "a b+c.v2.webp", "x.heic", "x.jp2", "x.PPM", ".shop/a.jpg"])
def test_names_of_images(key):
    assert is_image_name(key)


@pytest.mark.parametrize("key", ["a.txt", "mugs/.hidden.jpg", "._a.jpg", ".jpg", "mugs.jpg/readme", "jpg", "a.jpg.", ""])
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


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a.pdf", ".pdf"),
        ("IMG_1", "no suffix"),
        (".DS_Store", "hidden files"),
        ("mugs/", ""),
        ("mugs_$folder$", ""),
        ("v1.2 final", "no suffix"),
    ],
)
def test_what_is_passed_over_is_counted_by_its_suffix(key, kind):
    assert kind_of_name(key) == kind


@pytest.mark.parametrize("key", ["hat.jpg ", "hat.jpg?v=2", "hats\\a.png", "new\nline.jpg"])
def test_names_of_images_as_uploads_leave_them(key):
    assert is_image_name(key)


@pytest.mark.parametrize(
    "name",
    [
        "a b/Hüte.jpg",
        "a b/Hu\u0308te.jpg",
        "a b\\Hüte.jpg",
        "./a b/Hüte.jpg",
        "a%20b/H%C3%BCte.jpg",
        "a b /hüte.JPG?v=2",
        "//cdn/a b/Hüte.jpg#x",
    ],
)
def test_spellings_of_one_path_are_alike(name):
    assert loose(name) == loose("a b/Hüte.jpg")


def test_the_first_comparison_keeps_what_may_be_part_of_a_name():
    assert comparable("a\\b%20c.jpg") == "a/b%20c.jpg"
    assert comparable("a\\xff.jpg") == "a\\xff.jpg", "a byte that is not UTF-8 (LocalStore), not a folder"
    assert folders_and_name("Hu\u0308te\\a.jpg") == ["Hüte", "a.jpg"]


def test_the_keys_that_a_table_may_mean():
    assert list(other_keys("https://cdn/files/red%20mug.jpg?v=1"))[:2] == ["files/red mug.jpg", "red mug.jpg"]
    assert "Hu\u0308te.jpg" in set(other_keys("Hüte.jpg"))
    assert "a\\b.jpg" in set(other_keys("a/b.jpg")) and "a/b.jpg" in set(other_keys("a\\b.jpg"))


@pytest.mark.parametrize(("name", "stem"), [("hat.jpg.webp", "hat"), ("hat.png", "hat"), ("a.b.jpg", "a.b"), ("SKU", "SKU")])
def test_the_stem_of_a_picture_of_a_picture(name, stem):
    assert stem_of(name) == stem
