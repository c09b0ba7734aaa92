import pytest

from ganray.config import EditConfig, GenerateConfig
from ganray.errors import ConfigError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edits": "white"}, "neither source nor requests is given. Name photos with --source, or a table with --requests"),
        ({"source": "photos"}, "edits is empty. Say what to do, e.g. --edits cutout,white"),
        ({"source": "memory://x", "edits": "white"}, "source = memory://x: memory is not shared"),
        ({"source": "photos", "edits": "white", "out": "memory://x"}, "out = memory://x: memory is not shared"),
    ],
)
def test_photos_and_edits_must_be_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        EditConfig.model_validate(changes)


def test_a_table_brings_photos_and_edits():
    assert EditConfig(requests="table.jsonl").edits == ""


@pytest.mark.parametrize("layout", ["parquet", "webdataset"])
def test_signed_pictures_are_objects_of_their_own(layout):
    with pytest.raises(ConfigError, match=f"label.chain with layout = {layout}: .*Use --layout objects"):
        GenerateConfig.model_validate({"layout": layout, "label": {"chain": "chain.pem"}})
    assert GenerateConfig.model_validate({"label": {"chain": "chain.pem"}}).layout == "objects"


def test_each_job_keeps_its_own_defaults():
    generate, edit = GenerateConfig(), EditConfig(requests="table.jsonl")
    assert (generate.model, generate.out, generate.format) == ("out/model", "out/images", "png")
    assert (edit.model, edit.out, edit.format) == ("", "out/edited", "")
    with pytest.raises(ConfigError, match="out = memory://x: memory is not shared"):
        GenerateConfig(out="memory://x")
