from datetime import date

import pytest
import yaml

from ganray.errors import RequestError
from ganray.profiles import PROFILES, profile
from ganray.profiles.profile import FOLDER, best_frame, least_frame, output_format


@pytest.mark.parametrize("name", sorted(PROFILES()))
def test_every_profile_can_be_met(name):
    known = profile(name)
    assert known.name == name and known.source and known.title
    for day in (None, *known.days):
        for kind in ("", *known.kinds):
            rules = known.on(day, kind)
            for ratio in [rules.aspect.ratio] if rules.aspect else [0.5, 1.0, 2.0]:
                least, best = least_frame(rules, ratio), best_frame(rules, ratio)
                assert least[0] <= best[0] and least[1] <= best[1], (least, best)
                for width, height in (least, best):
                    assert rules.width.min <= width <= rules.width.max and rules.height.min <= height <= rules.height.max
                    assert rules.long_side.min <= max(width, height) <= rules.long_side.max
                    if rules.aspect:
                        assert width / height == pytest.approx(rules.aspect.ratio, rel=rules.aspect.tolerance)
            assert output_format(rules) in ("jpeg", "png", "webp", "avif")


def test_a_rule_holds_from_its_day_on():
    google = profile("google-main")
    assert google.on(date(2027, 1, 30)).width.min == 100
    assert google.on(date(2027, 1, 30), "apparel").width.min == 250
    assert google.on(date(2027, 1, 31), "apparel").height.min == google.on(None).height.min == 500


def test_an_unknown_profile_or_kind_lists_the_known_ones():
    with pytest.raises(RequestError, match="amazon-main.*zalando-packshot"):
        profile("amazn")
    with pytest.raises(RequestError, match="'shoes' is unknown.*apparel"):
        profile("google-main").on(None, "shoes")
    with pytest.raises(RequestError, match="same rules for all goods"):
        profile("amazon-main").on(None, "shoes")


def test_a_file_of_your_own_is_a_profile(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text((FOLDER / "shopify.yaml").read_text().replace("name: shopify", "name: my-shop"))
    assert profile(str(path)).name == "my-shop"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, r"colour: no such key, the keys are name, title"),
        ({"rules.bakground": 1}, r"rules.bakground: no such key, the keys are background, fill"),
        ({"rules.width": {"min": 10, "max": 5}}, "in ascending order"),
        ({"rules.fill": {"min": 0.9, "aim": 0.5}}, "must lie between"),
        ({"rules.formats": ["gif"]}, "the first format is the one to write"),
        ({"version": "soon"}, "version"),
        ({"changes": [{"since": date(2030, 1, 1), "rules": {"widht": {}}}]}, "widht"),
    ],
)
def test_a_wrong_key_or_value_is_one_line(tmp_path, change, message):
    body = yaml.safe_load((FOLDER / "shopify.yaml").read_text())
    for key, value in change.items():
        *above, last = key.split(".")
        place = body[above[0]] if above else body
        place[last] = value
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump(body))
    with pytest.raises(RequestError, match=message) as caught:
        profile(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n- b", "a: [", "\x00"])
def test_no_profile_at_all(tmp_path, text):
    path = tmp_path / "shop.yaml"
    path.write_text(text)
    with pytest.raises(RequestError, match="shop.yaml"):
        profile(str(path))
    with pytest.raises(RequestError, match=r"missing\.yaml"):
        profile(str(tmp_path / "missing.yaml"))
