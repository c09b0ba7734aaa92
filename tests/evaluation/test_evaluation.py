import json
import shutil
from collections import Counter

import numpy as np
import pytest
import torch

from ganray.catalog.reader import Catalog
from ganray.catalog.sample import draw, product
from ganray.config import EvaluateConfig, ModelConfig
from ganray.errors import CatalogError, CheckpointError, EvaluationError, StoreUnavailable
from ganray.evaluation.evaluation import Photos, Step, examine, num_of_each, requests_for, sheet_rows, split_photos
from ganray.evaluation.truncation import chosen_truncation
from ganray.images.codec import decode_prepared, encode
from ganray.images.provenance import read_label
from ganray.metrics import FIGURES
from ganray.metrics.features import new_extractor, save_extractor
from ganray.metrics.page import COMPOSITE_TYPE
from ganray.model_folder import ModelInfo, load_model, save_model
from ganray.models import build_generator
from ganray.storage import open_store, retry
from ganray.storage.local import LocalStore
from tests.tools.catalogs import write_items
from tests.tools.models import save_untrained_model

QUICK = {"num": 64, "extractor_kimg": 0.2, "copies_by": "fingerprint"}


@pytest.fixture(scope="module")
def model(small_catalog, tmp_path_factory):
    return save_untrained_model(str(tmp_path_factory.mktemp("model")), Catalog.open(small_catalog).vocabulary(["category"]))


@pytest.fixture
def config(small_catalog, model, tmp_path):
    return EvaluateConfig(model=model, catalog=small_catalog, out=str(tmp_path / "out"), **QUICK)


def finish(config):
    *steps, report = examine(config, "cpu", 1)
    assert all(isinstance(step, Step) for step in steps)
    return steps, report


def test_report_page_and_sheet_are_written(config, tmp_path):
    steps, report = finish(config)
    out = tmp_path / "out"
    assert sum(step.images for step in steps) == pytest.approx(200 + 4 * 64 + 192, abs=32)
    assert json.loads((out / "report.json").read_bytes()) == report
    assert (report["num"], report["searched"]) == (64, 192)
    assert list(report["scores"]) == list(FIGURES)
    assert report["scores"].keys() == report["floors"].keys() == FIGURES.keys()
    assert report["scores"]["frechet"] > 5 * report["floors"]["frechet"]  # an untrained model
    assert report["accuracy"]["category"]["generated"] is not None
    assert report["accuracy"]["colour"]["generated"] is None  # the model is not conditioned on it
    assert "Coverage" in (out / "report.html").read_text()
    sheet = decode_prepared((out / "contact_sheet.png").read_bytes())
    assert len(sheet) > 2 * 12 * 96
    values = report["accuracy"]["category"]["values"]
    assert sum(row["num"] for row in values.values()) == 64
    assert report["sheets"] == {"category": "nearest_photos.png"}
    picture = (out / "nearest_photos.png").read_bytes()
    assert read_label(picture)["Iptc4xmpExt:DigitalSourceType"].endswith(COMPOSITE_TYPE)
    assert len(decode_prepared(picture)) > 96 * len(values)
    assert report["summary"] in (out / "report.html").read_text()


def test_the_curve_of_truncations_is_kept_beside_the_model(config, model, tmp_path):
    place = str(tmp_path / "model")
    shutil.copytree(model, place)
    digest = load_model(place)[1].digest
    steps, report = finish(config.model_copy(update={"model": place, "truncations": (0.1, 1.0)}))
    assert [step.images for step in steps if step.stage == "truncating"] == [64] * 3
    curve = json.loads(open_store(place).get("truncation.json"))
    assert curve == report["truncation"]
    assert [row["truncation"] for row in curve["curve"]] == [0.0, 1.0, 0.1]
    assert curve["curve"][0]["accuracy"] == pytest.approx(report["scores"]["accuracy"], abs=1e-5)
    assert curve["curve"][0]["coverage"] == report["scores"]["coverage"]
    assert chosen_truncation(open_store(place), digest) == curve["chosen"]
    assert load_model(place)[1].digest == curve["model_digest"] == digest


def test_a_model_without_attributes_has_no_values_and_leaves_no_sheet_of_another(config, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "nearest_photos.png").write_bytes(b"of another")
    _, report = finish(config.model_copy(update={"model": save_untrained_model(str(tmp_path / "plain"), {})}))
    assert report["sheets"] == {}
    assert report["summary"].startswith("Frechet distance ")
    assert not (tmp_path / "out" / "nearest_photos.png").exists()
    assert "Values of" not in (tmp_path / "out" / "report.html").read_text()


def test_attributes_with_one_value_and_values_of_a_few_photos_are_reported(tmp_path, config):
    products = [product(0, place) for place in range(66)]
    pictures = [encode(draw(item, 32)[0], "png") for item in products]
    write_items(str(tmp_path / "odd"), [(data, "cap", "red" if place < 3 else "blue") for place, data in enumerate(pictures)], 32)
    model = save_untrained_model(str(tmp_path / "m"), Catalog.open(str(tmp_path / "odd")).vocabulary())
    _, report = finish(config.model_copy(update={"model": model, "catalog": str(tmp_path / "odd")}))
    assert list(report["accuracy"]) == ["colour"]  # there is nothing to recognise in the category
    assert report["accuracy"]["colour"]["values"]["red"]["verdict"] == "few"
    json.loads((tmp_path / "out" / "report.json").read_bytes(), parse_constant=pytest.fail)  # no NaN


def test_photos_that_are_all_one_picture_are_refused(tmp_path, config):
    data = encode(np.full((32, 32, 3), 200, np.uint8), "png")
    write_items(str(tmp_path / "same"), [(data, "cap", "red"), (data, "mug", "blue")] * 40, 32)
    model = save_untrained_model(str(tmp_path / "m"), {"category": ("cap", "mug")})
    with pytest.raises(EvaluationError, match="are one picture"):
        finish(config.model_copy(update={"model": model, "catalog": str(tmp_path / "same")}))


def test_the_same_inputs_give_the_same_report_and_a_kept_extractor_fits(config, tmp_path):
    _, first = finish(config)
    kept = config.model_copy(update={"extractor": str(tmp_path / "out" / "extractor"), "out": str(tmp_path / "again")})
    steps, second = finish(kept)
    assert sum(step.images for step in steps) == 4 * 64 + 192
    assert second == first
    assert (tmp_path / "again" / "report.html").read_bytes() == (tmp_path / "out" / "report.html").read_bytes()
    assert not (tmp_path / "again" / "extractor").exists()


def test_a_store_that_is_away_for_a_moment_is_waited_for(config, tmp_path, monkeypatch):
    _, expected = finish(config)
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)
    calls = Counter()

    def away_at_first(place, name):
        real = getattr(place, name)

        def call(self, *args):
            calls[name] += 1
            if calls[name] in (1, 4):
                raise StoreUnavailable(f"s3://b: {name}: no answer")
            return real(self, *args)

        monkeypatch.setattr(place, name, call)

    away_at_first(Catalog, "read_row_group")
    _, again = finish(config)
    away_at_first(LocalStore, "delete")  # the first that writing a report does
    _, third = finish(config)
    assert again == third == expected == json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert min(calls.values()) >= 2


def test_halves_do_not_overlap_and_depend_on_the_seed(small_catalog):
    catalog = Catalog.open(small_catalog)
    train, holdout = split_photos(catalog, 96, seed=0)
    train_bytes, holdout_bytes = ({photo.tobytes() for photo in half.pixels} for half in (train, holdout))
    assert not train_bytes & holdout_bytes
    assert np.array_equal(split_photos(catalog, 96, seed=0)[0].pixels, train.pixels)
    assert not np.array_equal(split_photos(catalog, 96, seed=1)[0].pixels, train.pixels)


def test_requests_have_the_values_of_the_labels():
    vocabulary = {"brand": ("", "acme"), "category": ("cap", "mug")}
    info = ModelInfo(model=ModelConfig(), attributes={"category": ("cap", "mug"), "brand": ("", "acme")})
    photos = Photos(np.empty((2, 0)), np.array([[0, 1], [1, 0]]), ["A mug", "Acme's cap"])
    requests = requests_for(vocabulary, info, photos, seed=3)
    assert [request.attributes for request in requests] == [{"category": "mug", "brand": ""}, {"category": "cap", "brand": "acme"}]
    assert [request.title for request in requests] == ["", ""]
    assert requests == requests_for(vocabulary, info, photos, seed=3)
    assert len({request.seed for request in requests}) == 2
    assert requests[0].seed != requests_for(vocabulary, info, photos, seed=4)[0].seed
    titled = ModelInfo(model=ModelConfig(title_pieces=8), attributes={})
    assert [(request.attributes, request.title) for request in requests_for(vocabulary, titled, photos, 3)] == [
        ({}, "A mug"),
        ({}, "Acme's cap"),
    ]


def test_values_that_are_too_long_for_a_request_are_scored():
    info = ModelInfo(model=ModelConfig(), attributes={"category": ("x" * 300,)})
    (request,) = requests_for({"category": ["x" * 300]}, info, Photos(np.empty((1, 0)), np.array([[0]])), seed=0)
    assert request.attributes == {"category": "x" * 300}


def test_a_model_that_reads_titles_gets_the_titles_of_the_photos(titled_catalog, config, tmp_path):
    catalog = Catalog.open(titled_catalog)
    _, holdout = split_photos(catalog, 96, seed=0)
    colours = catalog.info.attributes["colour"]
    in_title = [colours[colour] in title.lower() for colour, title in zip(holdout.labels[:, 1], holdout.titles, strict=True)]
    assert sum(in_title) >= 95  # one photo of the catalog has no title
    torch.manual_seed(0)
    model = ModelConfig(name="mlp", resolution=32, z_dim=8, widths=(16,), title_pieces=24)
    generator = build_generator(model, ())
    save_model(open_store(str(tmp_path / "titled")), generator, ModelInfo(model=model, attributes={}))
    _, report = finish(config.model_copy(update={"model": str(tmp_path / "titled"), "catalog": titled_catalog}))
    assert report["accuracy"]["category"]["generated"] is not None  # titles contain them
    assert report["accuracy"]["colour"]["generated"] is not None


def test_the_sheet_has_photos_above_samples_of_each_category():
    labels = np.array([[0], [2], [2], [0]])
    photos, sample = (Photos(np.full((4, 4, 4, 3), level, np.uint8), labels) for level in (10, 20))
    rows = sheet_rows({"category": ("cap", "dress", "mug")}, ["category"], photos, sample)
    assert [(label, len(images), int(images[0][0, 0, 0])) for label, images in rows if images] == [
        ("cap", 2, 10),
        ("generated", 2, 20),
        ("mug", 2, 10),
        ("generated", 2, 20),
    ]
    assert [label for label, _ in sheet_rows({}, [], photos, sample)] == ["photos", "generated"]


def test_a_catalog_that_is_too_small_is_refused(config, small_catalog):
    catalog = Catalog.open(small_catalog)
    assert num_of_each(config, catalog) == 64
    assert num_of_each(config.model_copy(update={"num": 1000}), catalog) == 96
    few = catalog.info.model_copy(update={"counts": catalog.info.counts.model_copy(update={"accepted": 40})})
    with pytest.raises(EvaluationError, match="40 images"):
        num_of_each(config, Catalog(catalog.store, few))


def test_large_images_are_compared_in_smaller_number(config, small_catalog):
    catalog = Catalog.open(small_catalog)
    counts = catalog.info.counts.model_copy(update={"accepted": 10**6})
    large = Catalog(catalog.store, catalog.info.model_copy(update={"counts": counts, "resolution": 1024}))
    assert num_of_each(config.model_copy(update={"num": 2000}), large) == 113


def test_what_does_not_fit_is_refused(config, small_catalog, tmp_path):
    vocabulary = Catalog.open(small_catalog).vocabulary()
    other_size = save_untrained_model(str(tmp_path / "m28"), vocabulary, resolution=28)
    with pytest.raises(CheckpointError, match="the model generates 28 px images"):
        finish(config.model_copy(update={"model": other_size}))
    other_words = save_untrained_model(str(tmp_path / "brand"), {"brand": ("acme", "zeta")})
    with pytest.raises(CatalogError, match="brand"):
        finish(config.model_copy(update={"model": other_words}))
    fewer_values = save_untrained_model(str(tmp_path / "fewer"), {"category": vocabulary["category"][1:]})
    with pytest.raises(CheckpointError, match="does not know category 'backpack'"):
        finish(config.model_copy(update={"model": fewer_values}))
    save_extractor(open_store(str(tmp_path / "other")), new_extractor(32, {"brand": ("acme", "zeta")}), {})
    with pytest.raises(EvaluationError, match="another catalog"):
        finish(config.model_copy(update={"extractor": str(tmp_path / "other")}))
