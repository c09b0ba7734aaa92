import pytest

from ganray.edits import EDITS, check_pictures, parse_chain, text_of
from ganray.errors import RequestError


def test_long_and_short_forms_are_the_same():
    short = parse_chain(["cutout", "white", "conform:amazon-main"])
    long = parse_chain([{"cutout": None}, {"white": {}}, {"conform": {"profile": "amazon-main"}}])
    assert short == long and text_of(short) == [{"cutout": {}}, {"white": {}}, {"conform": {"profile": "amazon-main"}}]


def test_sizes_change_anywhere_before_the_frame():
    assert [step.name for step in parse_chain(["upscale:3", "white", "conform:amazon-main"])] == ["upscale", "white", "conform"]
    assert len(parse_chain(["white", "upscale"])) == 2
    with pytest.raises(RequestError, match="upscale cannot come after conform"):
        parse_chain(["conform:amazon-main", "upscale"])


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ([], "no edits"),
        (["sharpen"], "edit 'sharpen' is unknown. Use some of .*cutout"),
        ([{"white": {}, "cutout": {}}], "is not an edit"),
        (["white:please"], "does not take a single value"),
        ([{"background": {"color": "#ffffff"}}], "edit background: color: .*Its parameters are colour, picture, shadow"),
        (["upscale:9"], "edit upscale: factor"),
        (["white", "cutout"], "cutout cannot come after white"),
        (["white", "background:#aabbcc"], "contradict each other"),
        (["conform:amazon-main", "conform:ebay-main"], "contradict each other"),
        (["conform:amazon-main", "white"], "white cannot come after conform"),
    ],
)
def test_chains_that_cannot_be(chain, words):
    with pytest.raises(RequestError, match=words):
        parse_chain(chain)


def test_every_edit_says_what_its_parameters_are():
    for name, edit in EDITS.items():
        assert edit.apply.__doc__, name
        assert all(field.description for field in edit.params.model_fields.values()), name


@pytest.mark.parametrize(
    "chain",
    [
        ["inpaint"],
        [{"recolor": {"reference": "mask"}}],
        [{"recolor": {"reference": "other", "mask": "mask"}}],
        [{"background": {"picture": "mask"}}],
        ["interpolate:mask"],
        ["mix:mask"],
    ],
)
def test_a_picture_that_is_not_given_is_told_before_anything_is_read(chain):
    steps = parse_chain(chain)
    check_pictures(steps, ["mask", "other"])
    with pytest.raises(RequestError, match=r"picture 'mask' is not among the request's pictures: other. Give it .* \{\"mask\": KEY\}"):
        check_pictures(steps, ["other"])


def test_an_edit_without_a_picture_needs_none():
    check_pictures(parse_chain(["enhance", "recolor:navy", "white"]), [])
