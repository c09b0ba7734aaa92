import numpy as np
import pytest

from ganray.bulk.gate import Judge, gate_digest, measure_photos, next_seed
from ganray.catalog.reader import Catalog
from ganray.config import GateConfig
from ganray.engine import Engine
from ganray.metrics.features import new_extractor, save_extractor
from ganray.model_folder import load_model
from ganray.requests import GenerateRequest
from ganray.storage import open_store
from tests.tools.catalogs import write_catalog
from tests.tools.copy_methods import BOTH
from tests.tools.models import save_untrained_model

PHOTOS = 36
REQUESTS = [(GenerateRequest(id=str(number), seed=number, attributes={}), 0) for number in range(6)]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """Of a few photos: their embeddings are slow."""
    url = str(tmp_path_factory.mktemp("photos") / "catalog")
    write_catalog(url, PHOTOS, 32)
    return url


@pytest.fixture(scope="module")
def folder(catalog, tmp_path_factory):
    """A model, and an extractor that has learned nothing: what is refused is refused for being a copy."""
    place = tmp_path_factory.mktemp("gate")
    vocabulary = Catalog.open(catalog).vocabulary(["category"])
    save_untrained_model(str(place / "model"), vocabulary)
    save_extractor(open_store(str(place / "extractor")), new_extractor(32, vocabulary).eval(), {})
    return place


def judge(folder, catalog, tmp_path, **options) -> Judge:
    lenient = {"match": 0.0, "far": 1e6, "tries": 1}
    config = GateConfig(extractor=str(folder / "extractor"), catalog=catalog, **lenient, **options)
    info, store = load_model(str(folder / "model"))[1], open_store(str(tmp_path / "job"))
    assert gate_digest(config, info)
    assert sum(measure_photos(store, config, info)) == PHOTOS
    assert list(measure_photos(store, config, info)) == []  # measured once
    return Judge(store, config, Engine.load(str(folder / "model"), "cpu", 1))


@pytest.mark.parametrize("method", BOTH)
def test_a_sample_that_is_a_photo_is_drawn_again(folder, catalog, tmp_path, monkeypatch, method):
    photos = next(Catalog.open(catalog).iter_images([]))[0]
    gate, render = judge(folder, catalog, tmp_path, copies_by=method, copies=1e-6), Engine.render
    copying = {2: photos[5], 4: photos[9][:, ::-1] if method == "imagenet" else photos[9]}

    def first_copies(self, z, labels):
        pixels = render(self, z, labels)
        for row, photo in copying.items() if len(pixels) == 6 else ():
            pixels[row] = photo
        return pixels

    monkeypatch.setattr(Engine, "render", first_copies)
    drawn = gate.draw(REQUESTS)
    assert drawn.tries == [1, 1, 2, 1, 2, 1]
    assert drawn.seeds == [next_seed(number, 0, tries - 1) for number, tries in enumerate(drawn.tries)]
    assert {verdict.reason for verdict in drawn.verdicts} == {""}
    refused = gate._attempt(REQUESTS, 0).verdicts
    assert [verdict.reason for verdict in refused] == ["", "", "copy", "", "copy", ""]
    assert refused[2].score == 0


def test_copies_are_let_through_where_their_share_is_0(folder, catalog, tmp_path, monkeypatch):
    photos = next(Catalog.open(catalog).iter_images([]))[0]
    gate = judge(folder, catalog, tmp_path, copies_by="fingerprint", copies=0.0)
    monkeypatch.setattr(Engine, "render", lambda self, z, labels: np.array(photos[: len(z)]))
    assert gate.draw(REQUESTS).tries == [1] * 6
