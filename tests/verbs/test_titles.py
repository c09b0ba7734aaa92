"""From a table with titles to an image generated for a title."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from ganray.catalog.reader import Catalog
from ganray.config import GenerateConfig, IngestConfig, TrainConfig
from ganray.errors import CatalogError
from ganray.model_folder import load_model
from ganray.runs.preflight import check_catalog
from ganray.storage import open_store
from ganray.verbs.generate import generate
from ganray.verbs.ingest import ingest
from ganray.verbs.train import train
from tests.tools.runs import TINY, tiny

MODEL = {**TINY["model"], "title_pieces": 24}


def config(catalog, out, **changes) -> TrainConfig:
    return tiny(catalog, out, kimg=0.128, model=MODEL, **changes)


def test_a_catalog_without_titles_is_refused(small_catalog, titled_catalog):
    with pytest.raises(CatalogError, match=r"holds no titles, model.title_pieces is 24. Ingest with --table and --title COLUMN, or"):
        check_catalog(config(small_catalog, "out"), Catalog.open(small_catalog))
    assert list(check_catalog(config(titled_catalog, "out"), Catalog.open(titled_catalog))) == ["category", "colour"]


def test_a_sample_catalog_has_titles_if_its_options_name_the_column(tmp_path):
    options = {"source": "sample:60", "out": str(tmp_path), "row_group": 16, "min_images": 1}
    info = ingest(IngestConfig(**options, title="title"))
    assert info.title == "title"
    assert sorted(info.attributes) == ["category", "colour", "pattern"]
    assert len(Catalog.open(str(tmp_path)).some_titles(12)) == 12
    assert ingest(IngestConfig(**options)).title == ""


def test_a_model_of_attributes_and_titles_is_trained_and_generates(titled_catalog, tmp_path):
    train(config(titled_catalog, tmp_path / "model"))
    _, info = load_model(str(tmp_path / "model"))
    assert (info.pieces.num, len(info.titles)) == (24, 12)
    assert list(info.attributes) == ["category", "colour"]
    bodies = [{"id": "a", "title": "Red mug"}, {"id": "b", "title": "Blue lamp", "attributes": {"category": "lamp"}}, {"id": "c"}]
    (tmp_path / "requests.jsonl").write_text("\n".join(json.dumps(body) for body in bodies))
    out = str(tmp_path / "images")
    assert generate(GenerateConfig(model=str(tmp_path / "model"), requests=str(tmp_path / "requests.jsonl"), out=out))["written"] == 3
    rows = pq.read_table(pa.BufferReader(open_store(out).get("manifest.parquet"))).to_pylist()
    assert [(row["id"], row["title"]) for row in rows] == [("a", "Red mug"), ("b", "Blue lamp"), ("c", "")]
    assert [row["attr:category"] is None for row in rows] == [True, False, False]


@pytest.mark.slow
@pytest.mark.long
def test_a_run_on_titles_alone_resumes_exactly(titled_catalog, tmp_path):
    whole = config(titled_catalog, tmp_path / "whole", attributes=())
    halves = whole.model_copy(
        update={"out": str(tmp_path / "halves"), "optimizer": whole.optimizer.model_copy(update={"decay_kimg": 0.128})}
    )
    train(whole)
    train(halves.model_copy(update={"kimg": 0.064}))
    train(halves.model_copy(update={"resume": True}))
    (uninterrupted, info), (resumed, _) = load_model(whole.out), load_model(halves.out)
    assert info.attributes == {}
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in uninterrupted.state_dict().items())
