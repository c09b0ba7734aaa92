import base64
import hashlib
import json
import shutil

import numpy as np
import pytest
import yaml

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig
from ganray.edit_engine import EditEngine
from ganray.edits import EDITS, Edit, NoParams, Stage
from ganray.edits.edit import Params
from ganray.edits.onnx_network import OnnxNetwork
from ganray.edits.photo import Output
from ganray.engine import Engine
from ganray.errors import CheckpointError, EditError, ImageError, ObjectNotFound, RequestError
from ganray.images.codec import decode, decode_with_alpha, encode
from ganray.images.untrusted import SafeDecoder
from ganray.model_folder import DESCRIPTION, load_editor
from ganray.requests import EditRequest, seed_of
from ganray.storage import open_store
from tests.tools.onnx_files import larger, put_networks, saturation


class NoisyParams(Params):
    """Of an edit that draws by chance."""

    strength: int = 3


def noisy(photo, params, tools):
    noise = tools.rng().integers(0, params.strength, photo.pixels.shape, np.uint8)
    assert (tools.rng().integers(0, params.strength, photo.pixels.shape, np.uint8) == noise).all()  # from their beginning, each time
    return photo.having(pixels=photo.pixels // 2 + noise, facts={"noise": float(noise.mean())})


@pytest.fixture(scope="module")
def engine():
    return EditEngine.load(threads=2)


@pytest.fixture(scope="module")
def safe_engine():
    """One that decodes in a child process."""
    return EditEngine.load(threads=1, decode=SafeDecoder())


@pytest.fixture
def with_noise(monkeypatch):
    monkeypatch.setitem(EDITS, "noisy", Edit(NoisyParams, noisy, Stage.REPAIR, "algorithmicallyEnhanced"))


def made(engine, photos, request, chain=("white",)):
    return list(engine.edit(EditRequest(**request), photos.__getitem__, chain))


def inline(data):
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_a_photo_goes_through_its_chain(engine, seller_photos):
    (one,) = made(engine, seller_photos, {"id": "a", "image": "mugs/red ü.jpg"})
    data = seller_photos["mugs/red ü.jpg"]
    assert (one.edits, one.kinds, one.output) == ('[{"white":{}}]', (), Output("jpeg"))
    assert one.facts["matte"] == "border"
    assert one.source_sha256 == hashlib.sha256(data).hexdigest()
    np.testing.assert_array_equal(one.before, decode(data).pixels)
    white = (one.pixels == 255).all(2)
    assert white.mean() > (one.before == 255).all(2).mean()  # a JPEG's white is not all white at the product's edge
    assert (one.pixels[40:56, 40:56] == one.before[40:56, 40:56]).all() and not white[40:56, 40:56].any()


def test_the_request_s_own_edits_count_before_the_job_s(engine, seller_photos):
    (one,) = made(engine, seller_photos, {"id": "a", "image": "same.jpg", "edits": "cutout"})
    assert one.edits == '[{"cutout":{}}]'
    (two,) = made(engine, seller_photos, {"id": "a", "image": "same.jpg", "edits": ["cutout", {"background": "#102030"}]})
    assert json.loads(two.edits) == [{"cutout": {}}, {"background": {"colour": "#102030"}}]
    assert (two.pixels[0, 0] == (16, 32, 48)).all()


def test_a_picture_in_the_request_is_one_under_the_source(engine, seller_photos):
    (one,) = made(engine, seller_photos, {"id": "a", "image": "mugs/plain.png"})
    (two,) = made(engine, {}, {"id": "a", "image": inline(seller_photos["mugs/plain.png"])})
    np.testing.assert_array_equal(one.pixels, two.pixels)
    assert one.source_sha256 == two.source_sha256


def test_a_cut_out_has_alpha_hides_nothing_under_it_and_asks_for_a_format_that_holds_it(engine, seller_photos):
    (one,) = made(engine, seller_photos, {"id": "a", "image": "mugs/red ü.jpg"}, ["cutout"])
    assert one.output == Output("png")
    assert one.alpha.shape == one.pixels.shape[:2] and one.alpha.dtype == np.uint8
    assert (one.pixels[one.alpha == 0] == 255).all() and (one.alpha == 0).mean() > 0.2 and (one.alpha == 255).mean() > 0.1
    (kept,) = made(engine, seller_photos, {"id": "a", "image": "same.webp"}, ["cutout"])
    assert kept.output == Output("webp")


def test_the_alpha_of_a_photo_is_its_matte(engine, seller_photos):
    (one,) = made(engine, seller_photos, {"id": "a", "image": "cutout.png"}, ["cutout"])
    np.testing.assert_array_equal(one.alpha, decode_with_alpha(seller_photos["cutout.png"])[1])
    assert "matte" not in one.facts  # none had to be found


def test_pictures_are_given_by_name_with_their_alpha(engine, seller_photos, monkeypatch):
    seen = {}

    def look(photo, params, tools):
        seen["picture"] = tools.picture("mask")
        return photo

    monkeypatch.setitem(EDITS, "look", Edit(NoParams, look, Stage.REPAIR))
    request = {"id": "a", "image": "same.jpg", "pictures": {"mask": "cutout.png"}}
    made(engine, seller_photos, request, ["look"])
    pixels, alpha = seen["picture"]
    assert pixels.shape == (96, 96, 3) and alpha.dtype == np.float32 and (alpha.min(), alpha.max()) == (0, 1)
    made(engine, seller_photos, request | {"pictures": {"mask": inline(seller_photos["mugs/plain.png"])}}, ["look"])
    assert seen["picture"][1] is None
    with pytest.raises(RequestError, match="picture 'mask' is not among the request's pictures: shade"):
        made(engine, seller_photos, request | {"pictures": {"shade": "cutout.png"}}, ["look"])


def test_results_depend_on_seed_and_index_alone(engine, seller_photos, with_noise):
    request = {"id": "a", "image": "same.jpg", "count": 7}
    several = made(engine, seller_photos, request, ["noisy"])
    assert [one.index for one in several] == list(range(7))
    assert len({one.pixels.tobytes() for one in several}) == 7
    begun = EditEngine(threads=1).begin(EditRequest(**request), seller_photos.__getitem__, ["noisy"])
    for one in reversed(several):
        np.testing.assert_array_equal(begun(one.index).result().pixels, one.pixels)
    assert several[0].kinds == ("algorithmicallyEnhanced",)
    assert several[0].request.seed == seed_of(EditRequest(**request))
    (other,) = made(engine, seller_photos, request | {"count": 1, "seed": 5}, ["noisy"])
    assert (other.pixels != several[0].pixels).any()


def test_who_wants_no_more_results_stops_the_work(engine, seller_photos, monkeypatch):
    calls = []
    monkeypatch.setitem(EDITS, "count", Edit(NoParams, lambda photo, *_: calls.append(1) or photo, Stage.REPAIR))
    results = engine.edit(EditRequest(id="a", image="same.jpg", count=1000), seller_photos.__getitem__, ["count"])
    next(results)
    results.close()
    assert len(calls) <= 4


@pytest.mark.parametrize(
    ("image", "error", "reason"),
    [
        ("animated.gif", ImageError, "animated"),
        ("broken.jpg", ImageError, "truncated"),
        ("empty.png", ImageError, "empty"),
        ("notes.txt", ImageError, "unknown_format"),
        ("one.png", EditError, "too_small"),
        ("cluttered.png", EditError, "no_network"),
        ("data:image/png,abc", ImageError, "data_url"),
    ],
)
@pytest.mark.parametrize("safe", [False, True])
def test_a_photo_that_cannot_have_it_says_why(engine, safe_engine, seller_photos, image, error, reason, safe):
    with pytest.raises(error) as caught:
        made(safe_engine if safe else engine, seller_photos, {"id": "a", "image": image})
    assert caught.value.reason == reason


def test_what_no_photo_could_have_is_found_before_the_photo_is_read(engine):
    def unread(key):
        raise AssertionError(key)

    with pytest.raises(RequestError, match="edit 'whiten' is unknown. Use some of .*cutout, white"):
        next(engine.edit(EditRequest(id="a", image="x", edits=("whiten",)), unread))
    with pytest.raises(RequestError, match="has no edits"):
        next(engine.edit(EditRequest(id="a", image="x"), unread))


def test_a_cmyk_photo_is_edited_in_srgb(engine, seller_photos):
    (one,) = made(engine, seller_photos, {"id": "a", "image": "cmyk.jpg"})
    assert one.output == Output("jpeg")
    assert one.pixels.shape == (96, 96, 3)


def test_a_generator_is_lent_to_edits_and_names_the_model(tmp_path, seller_photos, monkeypatch):
    make_model(str(tmp_path), ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), {"colour": ("red", "blue")})
    engine = EditEngine.load(str(tmp_path), threads=1)
    assert isinstance(engine.product, Engine)
    assert engine.digest == engine.product.info.digest
    lent = []
    monkeypatch.setitem(EDITS, "borrow", Edit(NoParams, lambda photo, _, tools: lent.append(tools.product) or photo, Stage.REPAIR))
    made(engine, seller_photos, {"id": "a", "image": "same.jpg"}, ["borrow"])
    made(EditEngine.load(), seller_photos, {"id": "a", "image": "same.jpg"}, ["borrow"])
    product, none = lent
    assert none is None and product.generator is engine.product.generator and product.attributes == {"colour": ["red", "blue"]}
    assert product.label({"colour": "blue"}).tolist() == [[1]]
    with pytest.raises(RequestError, match="'colour' is missing"):
        product.label({})
    with pytest.raises(RequestError, match="colour 'green' is unknown. The model knows red, blue"):
        product.label({"colour": "green"})


def test_networks_are_lent_by_task(seller_photos, monkeypatch):
    class Grey:
        size = 32

        def __call__(self, x):
            return np.full((len(x), 1, 32, 32), 0.5, np.float32)

    found = []
    monkeypatch.setitem(EDITS, "ask", Edit(NoParams, lambda photo, _, tools: found.append(tools.network("matte")) or photo, Stage.REPAIR))
    grey = Grey()
    engine = EditEngine(networks={"matte": grey}, editor_digest="e" * 64, threads=1)
    made(engine, seller_photos, {"id": "a", "image": "same.jpg"}, ["ask"])
    assert found == [grey]
    assert engine.digest == "e" * 64


def test_an_editor_s_folder_gives_networks_and_names_the_model(editor_folder, tmp_path, seller_photos):
    engine = EditEngine.load(editor_folder, threads=1)
    assert set(engine.networks) == {"upscale", "matte"} and engine.product is None
    assert engine.digest == load_editor(editor_folder)[1].digest
    (one,) = made(engine, seller_photos, {"id": "a", "image": "cluttered.png"}, ["upscale:2"])
    assert one.pixels.shape == (192, 192, 3) and one.kinds == ("algorithmicallyEnhanced",)
    shutil.copytree(editor_folder, tmp_path / "both")
    make_model(
        str(tmp_path / "both"), ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), {"colour": ("red", "blue")}
    )
    both = EditEngine.load(str(tmp_path / "both"), threads=1, device="cpu")
    assert both.digest == f"{both.product.info.digest}+{engine.digest}"


def test_a_folder_without_any_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=f"neither {DESCRIPTION} nor editor.json nor networks.yaml"):
        EditEngine.load(str(tmp_path))


@pytest.fixture
def own(tmp_path):
    """A `networks.yaml` of a matte by colour and an upscaler."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    matte, upscale = {"size": 64, "min_max": True}, {"size": 64, "halo": 4}
    return put_networks(tmp_path / "own", matte=(saturation(64), matte), upscale=(larger(64), upscale))


def test_own_networks_need_no_model(own, seller_photos):
    engine = EditEngine.load(networks=own, threads=1)
    assert list(engine.networks) == ["matte", "upscale"] and engine.product is None
    rows = yaml.safe_load(open_store(own.rpartition("/")[0]).get("networks.yaml"))
    named = [part.partition("/")[0] for part in engine.digest.split("+")]
    assert named == [f"{task}:{rows[task]['sha256']}" for task in ("matte", "upscale")]
    (one,) = made(engine, seller_photos, {"id": "a", "image": "cluttered.png"}, ["upscale:2"])
    assert one.pixels.shape == (192, 192, 3) and one.facts["upscale"] == "learned"
    (two,) = made(engine, seller_photos, {"id": "a", "image": "cluttered.png"}, ["cutout"])
    assert two.facts["matte"] == "learned"


def test_own_networks_take_the_place_of_an_editor_s(own, editor_folder, tmp_path):
    trained, engine = EditEngine.load(editor_folder, threads=1), EditEngine.load(editor_folder, threads=1, networks=own)
    alone = EditEngine.load(networks=own, threads=1)
    assert engine.digest == f"{trained.digest}+{alone.digest}"
    assert {type(network) for network in engine.networks.values()} == {OnnxNetwork}
    assert EditEngine.load(str(tmp_path / "own"), threads=1).digest == alone.digest  # a model folder of these alone
    shutil.copytree(editor_folder, tmp_path / "both")
    shutil.copytree(tmp_path / "own", tmp_path / "both", dirs_exist_ok=True)
    assert EditEngine.load(str(tmp_path / "both"), threads=1).digest == engine.digest
    only = put_networks(tmp_path / "only", upscale=(larger(32), {"size": 32}))
    mixed = EditEngine.load(str(tmp_path / "both"), threads=1, networks=only)
    assert (mixed.networks["upscale"].size, mixed.networks["matte"].size) == (32, 64)


def test_own_networks_that_cannot_be_used_are_told_when_the_engine_is_loaded(own, tmp_path):
    (tmp_path / "own" / "matte.onnx").write_bytes(b"replaced")
    with pytest.raises(CheckpointError, match=r"matte\.onnx has sha256 .* is named for it"):
        EditEngine.load(networks=own, threads=1)
    (tmp_path / "own" / "matte.onnx").unlink()
    with pytest.raises(ObjectNotFound, match=r"matte\.onnx does not exist"):
        EditEngine.load(networks=own, threads=1)


def test_errors_of_the_source_come_out_as_they_are(engine, tmp_path):
    with pytest.raises(ObjectNotFound):
        next(engine.edit(EditRequest(id="a", image="gone.png"), open_store(str(tmp_path)).get, ["white"]))


def transparent(format="png"):
    """A disc that is cut out, encoded."""
    y, x = np.indices((80, 100))
    alpha = np.where((y - 40) ** 2 + (x - 50) ** 2 < 900, 255, 0).astype(np.uint8)
    return encode(np.full((80, 100, 3), (150, 60, 40), np.uint8), format, alpha=alpha)


@pytest.mark.parametrize("format", ["png", "webp", "avif"])
@pytest.mark.parametrize("chain", [("upscale:2",), ("enhance",), ("recolor:#2040a0",), ("enhance", "recolor:#2040a0", "upscale:2")])
def test_transparency_stays_where_no_edit_lays_a_ground(engine, chain, format):
    (result,) = made(engine, {"a": transparent(format)}, {"id": "a", "image": "a"}, chain)
    scale = 2 if "upscale:2" in chain else 1
    assert result.output.format == format and result.alpha.shape == (80 * scale, 100 * scale)
    assert result.alpha[40 * scale, 50 * scale] == 255 and result.alpha[0, 0] == 0
    (flat,) = made(engine, {"a": transparent(format)}, {"id": "a", "image": "a", "format": "jpeg"}, chain)
    assert flat.alpha is None and (flat.pixels[0, 0] == 255).all()


@pytest.mark.parametrize("chain", [("white",), ("background:#ffffff",)])
def test_a_ground_takes_the_transparency_away(engine, chain):
    (result,) = made(engine, {"a": transparent()}, {"id": "a", "image": "a"}, chain)
    assert result.alpha is None and (result.pixels[0, 0] == 255).all() and (result.pixels[40, 50] == (150, 60, 40)).all()


@pytest.mark.parametrize("chain", ["white", "cutout", "upscale:2", "enhance", "background:#aabbcc", "conform:amazon-main"])
def test_a_wholly_transparent_picture_is_refused_by_every_edit(engine, chain):
    blank = encode(np.full((64, 64, 3), 90, np.uint8), "png", alpha=np.zeros((64, 64), np.uint8))
    with pytest.raises(EditError) as raised:
        made(engine, {"a": blank}, {"id": "a", "image": "a"}, (chain,))
    assert raised.value.reason == "no_product"
