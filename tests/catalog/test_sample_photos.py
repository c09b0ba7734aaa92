import pytest

from ganray.catalog.sample import SAMPLE_KEY, SamplePlan, draw, photo_key
from ganray.catalog.sample_photos import SHEET_KEY, draw_chunk, find_sample, finish_sample, num_chunks, own_objects
from ganray.errors import CatalogError
from ganray.images.codec import decode_prepared
from ganray.storage import open_store

PLAN = SamplePlan(products=130, seed=1, side=24)


@pytest.fixture
def out(tmp_path):
    return open_store(str(tmp_path / "out"))


def test_chunks_draw_every_product_once_with_its_mask(out):
    assert num_chunks(PLAN) == 2
    assert [draw_chunk(out, PLAN, chunk) for chunk in range(2)] == [128, 2]
    assert len(list(out.list("photos"))) == len(list(out.list("truth"))) == 130
    item = PLAN.product(129)
    assert (decode_prepared(out.get(f"photos/{photo_key(item)}")) == draw(item, 24)[0]).all()
    assert (decode_prepared(out.get(f"truth/{photo_key(item)}"))[..., 0] == draw(item, 24)[1]).all()


def test_a_finished_sample_has_its_table_and_no_photos_of_a_larger_one(out):
    draw_chunk(out, PLAN, 0)
    smaller = PLAN.model_copy(update={"products": 24})
    out.put("photos/own.png", b"mine")
    finish_sample(out, smaller)
    assert find_sample(out) == smaller.model_copy(update={"finished": True})
    assert len(list(out.list("truth"))) == 24
    assert out.get("photos/attributes.csv").count(b"\n") == 25
    assert out.get("photos/own.png") == b"mine"


@pytest.mark.parametrize("key", ["photos/mug/a.jpg", "truth/b.png", SAMPLE_KEY])
def test_files_of_another_origin_are_an_error(out, key):
    assert find_sample(out) is None
    out.put(key, b"{}")
    with pytest.raises(CatalogError, match=f"{key} exists and is not part of a sample"):
        find_sample(out)


def test_an_ingest_does_not_read_what_it_wrote(out):
    shop = open_store(out.url.removesuffix("/out"))
    assert not own_objects(out, shop)("photos/a.png")
    assert own_objects(shop, out)(f"out/{SHEET_KEY}") and not own_objects(shop, out)("out/photos/a.png")
    out.put(SAMPLE_KEY, PLAN.to_json())
    assert own_objects(shop, out)("out/photos/a.png") and own_objects(out, out)("truth/a.png")
    assert not own_objects(shop, out)("mug/a.png")
