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


def test_engines_are_a_number_or_follow_the_cluster():
    assert GenerateConfig().engines is None
    assert GenerateConfig.model_validate({"engines": "auto"}).engines is None
    assert GenerateConfig.model_validate({"engines": "3"}).engines == 3


@pytest.mark.parametrize("text", ["a=b,ray.io/market-type=spot", '{"a": "b", "ray.io/market-type": "spot"}'])
def test_labels_of_nodes_are_pairs_or_json(text):
    assert GenerateConfig.model_validate({"node_labels": text}).node_labels == {"a": "b", "ray.io/market-type": "spot"}
    assert EditConfig.model_validate({"source": "p", "edits": "white", "node_labels": ""}).node_labels == {}


def test_labels_without_a_value_are_refused():
    with pytest.raises(ValueError, match="spot is not of the form name=value"):
        GenerateConfig.model_validate({"node_labels": "spot"})


@pytest.mark.parametrize(("value", "text"), [("", ""), ("auto", "auto"), (1.5, "1.5"), ("1.50", "1.5"), (0, "0.0")])
def test_a_truncation_is_a_number_or_auto(value, text):
    assert GenerateConfig.model_validate({"truncation": value}).truncation == text


@pytest.mark.parametrize("value", ["often", -1, 9, "nan", None])
def test_another_truncation_is_one_line(value):
    with pytest.raises(ConfigError, match="truncation = .* is no choice. Use auto, or a number from 0 .not cut. to 8"):
        GenerateConfig.model_validate({"truncation": value})


def test_what_is_kept_is_checked_with_the_configuration():
    assert GenerateConfig.model_validate({"keep": "best:.50"}).keep == "best:0.5"
    with pytest.raises(ConfigError, match="keep = 'best:0' is no choice. Use all, or best:SHARE"):
        GenerateConfig.model_validate({"keep": "best:0"})
