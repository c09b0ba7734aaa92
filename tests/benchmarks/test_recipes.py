import pytest

from ganray.benchmarks.recipes import RECIPES, recipes_at
from ganray.errors import ConfigError


@pytest.mark.parametrize("side", RECIPES)
def test_every_recipe_draws_pictures_of_its_side(side):
    assert {recipe.config().model.resolution for recipe in recipes_at(side, "").values()} == {side}


def test_other_sides_are_refused_with_what_to_do():
    with pytest.raises(ConfigError, match=r"catalog bucket has 48 px images.* 32 or 64 px"):
        recipes_at(48, "bucket")
