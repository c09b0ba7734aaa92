import pytest
from pydantic import ValidationError

from ganray.config.networks import NetworkFile, Networks

ROW = {"url": "a.onnx", "sha256": "0" * 64, "size": 64}


@pytest.mark.parametrize(
    ("task", "changes", "said"),
    [
        ("matte", {"sha256": "12"}, "64 hex digits"),
        ("matte", {"std": [1, 0, 1]}, "std has a zero"),
        ("matte", {"range": [1, 1]}, "range has twice the same value"),
        ("matte", {"output_range": [0, 0]}, "output_range has twice the same value"),
        ("matte", {"layout": "CHW"}, "'NCHW' or 'NHWC'"),
        ("matte", {"halo": 8}, "matte.halo: is for upscale and enhance alone"),
        ("matte", {"inputs": ["a", "b"]}, "matte.inputs: one name"),
        ("matte", {"factor": 4}, "matte.factor: is for upscale alone"),
        ("upscale", {"factor": 3}, "2 or 4"),
        ("upscale", {"halo": 32}, "halo 32 leaves nothing of 64 px: at most 31"),
        ("upscale", {"logits": True}, "upscale.logits: is for matte alone"),
        ("enhance", {"mirror": True}, "enhance.mirror: is for matte and inpaint alone"),
        ("inpaint", {"size": 320}, "inpaint.size 320: must be a power of two"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused(task, changes, said):
    Networks.model_validate({task: ROW})
    with pytest.raises(ValidationError) as caught:
        Networks.model_validate({task: ROW | changes})
    assert said in str(caught.value)


def test_the_digest_of_settings_is_of_what_answers_depend_on():
    row = NetworkFile.model_validate(ROW)
    same = [{"url": "s3://elsewhere/b.onnx"}, {"sha256": "1" * 64}, {"mean": [0, 0, 0]}, {"layout": "NCHW"}]
    other = [{"size": 32}, {"mean": [0.5, 0.5, 0.5]}, {"channels": "BGR"}, {"mirror": True}, {"output": "y"}, {"range": [0, 255]}]
    assert {NetworkFile.model_validate(ROW | change).settings_digest for change in same} == {row.settings_digest}
    assert len({row.settings_digest, *(NetworkFile.model_validate(ROW | change).settings_digest for change in other)}) == 7


def test_rows_are_those_that_are_given():
    assert list(Networks.model_validate({"upscale": ROW, "matte": ROW}).rows()) == ["matte", "upscale"]
    assert NetworkFile.model_validate(ROW | {"sha256": " " + "AB" * 32}).sha256 == "ab" * 32
