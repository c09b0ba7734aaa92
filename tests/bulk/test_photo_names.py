from ganray.bulk.photo_names import PhotoNames, picture_ids, sku_of
from ganray.requests import EditRequest


def ids(*keys):
    names = PhotoNames()
    for key in keys:
        names.add(key)
    return [names.id_of(key) for key in keys]


def test_an_id_is_the_key_without_its_suffix_unless_two_would_share_it():
    assert ids("hats/a.jpg", "mugs/b.png") == ["hats/a", "mugs/b"]
    assert ids("hat.jpg", "hat.png", "cap.jpg") == ["hat.jpg", "hat.png", "cap"]
    assert ids("hat.jpg", "hat.jpg.webp", "hat.png.webp") == ["hat", "hat.jpg.webp", "hat.png.webp"]


def test_keys_that_can_be_no_id_are_shortened_with_a_hash():
    long, odd, other = "a" * 300 + ".jpg", "a\tb.jpg", "a\nb.jpg"
    made = ids(long, odd, other)
    assert len(set(made)) == 3 and all(EditRequest(id=id, image="x").id == id for id in made)
    assert made[1].startswith("a_b-") and len(made[0]) < 120
    assert ids(long, odd, other) == made


def test_pictures_of_equal_names_have_different_ids():
    assert picture_ids(["a/b-c.jpg", "a-b/c.jpg", "x/c.jpg"]) == ["b-c", "a-b/c.jpg", "x-c.jpg"]
    assert picture_ids(["a/1.jpg", "b/1.jpg"]) == ["a-1.jpg", "b-1.jpg"]
    assert sku_of("hats/SKU-1.jpg") == "SKU-1"
