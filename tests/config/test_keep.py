import pytest

from ganray.config.keep import canonical_keep, num_kept
from ganray.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("all", "all"),
        ("best:0.3", "best:0.3"),
        ("best:0.30", "best:0.3"),
        ("best:.3", "best:0.3"),
        ("best:1", "best:1"),
        ("best:1.0", "best:1"),
    ],
)
def test_one_choice_has_one_form(text, canonical):
    assert canonical_keep(text) == canonical == canonical_keep(canonical)


@pytest.mark.parametrize("text", ["best:0", "best:1.5", "best:x", "best:", "best:-1", "best:nan", "best:inf", "0.3", "", "worst:0.3"])
def test_anything_else_is_one_line_with_the_remedy(text):
    with pytest.raises(ConfigError) as caught:
        canonical_keep(text)
    assert f"keep = {text!r} is no choice" in str(caught.value) and "best:0.3" in str(caught.value)


@pytest.mark.parametrize(
    ("keep", "count", "kept"),
    [
        ("best:0.3", 10, 3),
        ("best:0.3", 9, 2),
        ("best:0.3", 1, 1),
        ("best:0.01", 20, 1),
        ("best:0.1", 30, 3),
        ("best:1", 7, 7),
        ("all", 7, 7),
    ],
)
def test_the_share_is_rounded_down_and_at_least_one(keep, count, kept):
    assert num_kept(keep, count) == kept
