import pytest

from ganray.bulk.segment_policy import Policy, applied
from ganray.errors import ConfigError, ObjectNotFound, RequestError
from ganray.requests import GenerateRequest

RULES = {"beach": {"colour": "blue", "season": None}, "office": {"colour": "black"}}


def test_a_segment_changes_attributes_and_null_leaves_one_to_the_seed():
    asked = GenerateRequest(id="a", attributes={"category": "mug", "season": "winter"}, segment="beach")
    made = Policy.parse(RULES).apply(asked)
    assert made.attributes == {"category": "mug", "colour": "blue"}
    assert (made.id, made.segment) == ("a", "beach")
    assert Policy.parse(RULES).apply(GenerateRequest(id="b")) == GenerateRequest(id="b")


def test_the_digest_is_of_the_rules_and_not_of_the_file(tmp_path):
    (tmp_path / "a.yaml").write_text("office: {colour: black}\nbeach:\n  season: null\n  colour: blue\n")
    (tmp_path / "b.json").write_text('{"beach": {"colour": "blue", "season": null}, "office": {"colour": "black"}}')
    one, two = (Policy.read(str(tmp_path / name)) for name in ("a.yaml", "b.json"))
    assert one == two == Policy.parse(RULES)
    assert one.digest == two.digest != Policy.parse({"office": {"colour": "red"}}).digest


@pytest.mark.parametrize("text", ["", "- a", "beach: blue", "a: [1", "beach: {colour: [red]}"])
def test_what_is_no_policy_is_one_line(tmp_path, text):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"policy .*p.yaml: .*Write a YAML file like") as caught:
        Policy.read(str(tmp_path / "p.yaml"))
    assert "\n" not in str(caught.value)


def test_a_policy_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ObjectNotFound, match=r"none\.yaml"):
        Policy.read(str(tmp_path / "none.yaml"))


def test_segments_and_rules_must_meet():
    with pytest.raises(RequestError, match="request 'a': segment 'moon' has no rule. The policy has rules for beach, office"):
        Policy.parse(RULES).apply(GenerateRequest(id="a", segment="moon"))
    with pytest.raises(RequestError, match="request 'a' is for segment 'moon', and there is no policy. Name one by --policy"):
        applied(None, GenerateRequest(id="a", segment="moon"))
