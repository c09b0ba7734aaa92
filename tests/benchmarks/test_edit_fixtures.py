import numpy as np
import pytest

from ganray.benchmarks import edit_fixtures
from ganray.errors import ConfigError


def test_composites_have_their_products_where_their_alpha_is(edit_config):
    made = list(edit_fixtures.composites(edit_config, 4))
    assert all(composite.pixels.shape == (200, 200, 3) and 0.05 < composite.alpha.mean() < 0.8 for composite in made)
    again = list(edit_fixtures.composites(edit_config, 4))
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(made, again, strict=True))


def test_holes_are_as_large_as_is_asked_for():
    rng = np.random.default_rng(0)
    for size in ((80, 120), (200, 90)):
        assert all(0.15 <= edit_fixtures.hole_of_share(size, rng, 0.15, 0.25).mean() <= 0.25 for _ in range(5))


def test_pictures_must_be_named(edit_config):
    for name, words in (("photos", "no photos under ''. Name held-out photos with --photos"), ("cutouts", "no cut-outs with alpha")):
        with pytest.raises(ConfigError, match=words):
            list(edit_fixtures.composites(edit_config.model_copy(update={name: ""}), 1))


def test_without_examples_there_is_no_sheet():
    assert edit_fixtures.write_sheet("nothing", []) == ""
