"""From a table with titles to a picture asked for by one, through Ray."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from ganray.catalog.reader import Catalog
from ganray.checkpoint import load_model
from ganray.config import GenerateConfig, IngestConfig, TrainConfig
from ganray.errors import CatalogError
from ganray.on_ray.generate import generate
from ganray.on_ray.ingest import ingest
from ganray.on_ray.train import check_catalog, train
from ganray.storage import open_store

MODEL = {"resolution": 32, "widths": (16, 16, 16), "patch": 2, "z_dim": 8, "embed_dim": 4, "title_pieces": 24}
TINY = {"kimg": 0.128, "batch": 16, "checkpoint_kimg": 0.064, "threads": 1, "model": MODEL, "data": {"window": 48}}


def config(catalog, out, **changes) -> TrainConfig:
    return TrainConfig.model_validate({**TINY, "catalog": catalog, "out": str(out), **changes})


def test_a_catalog_without_titles_is_refused(small_catalog, titled_catalog):
    with pytest.raises(CatalogError, match=r"holds no titles, model.title_pieces is 24. Ingest with --table and --title COLUMN, or"):
        check_catalog(config(small_catalog, "out"), Catalog.open(small_catalog))
    assert list(check_catalog(config(titled_catalog, "out"), Catalog.open(titled_catalog))) == ["category", "colour"]


@pytest.mark.ray
def test_a_sample_catalog_keeps_its_titles_where_they_are_asked_for(cluster, tmp_path):
    options = {"source": "sample:60", "out": str(tmp_path), "row_group": 16, "min_images": 1}
    info = ingest(IngestConfig(**options, title="title"))
    assert info.title == "title"
    assert sorted(info.attributes) == ["category", "colour", "pattern"]
    assert len(Catalog.open(str(tmp_path)).some_titles(12)) == 12
    assert ingest(IngestConfig(**options)).title == ""


@pytest.mark.ray
@pytest.mark.parametrize("attributes", [(), None], ids=["titles alone", "attributes too"])
def test_a_model_of_titles_is_trained_resumed_and_asked(cluster, titled_catalog, tmp_path, attributes):
    whole = config(titled_catalog, tmp_path / "whole", attributes=attributes)
    halves = whole.model_copy(
        update={"out": str(tmp_path / "halves"), "optimizer": whole.optimizer.model_copy(update={"decay_kimg": 0.128})}
    )
    train(whole)
    train(halves.model_copy(update={"kimg": 0.064}))
    train(halves.model_copy(update={"resume": True}))
    (one, info), (other, _) = load_model(whole.out), load_model(halves.out)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    assert (info.pieces.num, len(info.titles)) == (24, 12)
    assert list(info.attributes) == ([] if attributes == () else ["category", "colour"])
    asked = [{"id": "a", "title": "Red mug", "seed": 1}, {"id": "b", "title": "Blue lamp", "seed": 1}, {"id": "c", "seed": 1}]
    (tmp_path / "requests.jsonl").write_text("\n".join(json.dumps(body) for body in asked))
    books = generate(GenerateConfig(model=whole.out, requests=str(tmp_path / "requests.jsonl"), out=str(tmp_path / "images")))
    assert books["written"] == 3
    manifest = pq.read_table(pa.BufferReader(open_store(str(tmp_path / "images")).get("manifest.parquet"))).to_pylist()
    assert {row["id"]: row["title"] for row in manifest} == {"a": "Red mug", "b": "Blue lamp", "c": ""}
    assert [row.get("attr:category") is not None for row in manifest] == [False, False, attributes is None]
