import pytest

from ganray.catalog.join_index import ABSENT, BY_FOLDER, BY_KEY, BY_SKU, BY_TAIL, CLASH, JoinIndex, same_names, sku_folders, tails


def found(value, key):
    claim = JoinIndex([value, "other"]).find(key)
    return None if claim.row == ABSENT else claim.how


@pytest.mark.parametrize(
    ("value", "key", "how"),
    [
        ("mugs/1.png", "mugs/1.png", BY_KEY),
        ("1.png", "mugs/1.png", BY_TAIL),
        ("photos/mugs/1.png", "mugs/1.png", BY_TAIL),
        ("S1", "front/S1.jpg", BY_SKU),
        ("S1", "S1/3.jpg", BY_FOLDER),
        ("hat", "hat.jpg.webp", BY_SKU),
        ("hu\u0308te.jpg", "h\u00fcte.jpg", BY_KEY),
        ("mugs\\1.png", "mugs/1.png", BY_KEY),
        ("mugs/1.png", "mugs\\1.png", BY_KEY),
        ("red%20mug.jpg", "red mug.jpg", BY_TAIL),
        ("https://cdn.shop/s/files/red%20mug.jpg?v=1690000000", "red mug.jpg", BY_TAIL),
        ("//cdn.shop/a/b/mug.jpg#top", "photos/mug.jpg", BY_TAIL),
        ("IMG_1.JPG", "img_1.jpg", BY_TAIL),
        ("mug.jpg ", "mug.jpg", BY_TAIL),
        ("S1", "mugs/S12.jpg", None),
        ("ug.png", "mugs/mug.png", None),
    ],
)
def test_a_photo_finds_its_row_however_its_name_is_written(value, key, how):
    assert found(value, key) == how


def test_the_literal_name_wins_where_several_are_alike():
    index = JoinIndex(["a/IMG.jpg", "a/img.jpg", "a%20b.jpg", "a b.jpg"])
    assert [index.find(key).row for key in ("a/IMG.jpg", "a/img.jpg", "a%20b.jpg", "a b.jpg")] == [0, 1, 2, 3]
    assert index.find("a/Img.jpg").row == ABSENT


@pytest.mark.parametrize("folder", ["2023/11", "2023/11/05", "2023-11", "uploads/2023/11", "05/11/2023"])
def test_a_date_is_no_sku(folder):
    assert JoinIndex(["11", "5", "05", "2023"]).find(f"{folder}/hat.jpg").row == ABSENT


def test_numbers_are_skus_of_folders_that_are_no_dates():
    index = JoinIndex(["11", "4711"])
    assert index.find("4711/front.jpg") == (1, BY_FOLDER, 1)
    assert index.find("shoes/11/front.jpg") == (0, BY_FOLDER, 0)
    assert index.find("11/4711.jpg")[:2] == (ABSENT, CLASH)
    assert list(sku_folders(["shop", "2023", "11", "4711"])) == [(3, "4711"), (0, "shop")]


def test_names_that_repeat_are_found_once():
    assert same_names(["a.jpg", "b.jpg", "a.jpg", "https://x/c.jpg?v=1", "https://x/c.jpg?v=2", ""]) == [[0, 2], [3, 4]]
    assert list(tails("a/b/c")) == ["a/b/c", "b/c", "c"]
