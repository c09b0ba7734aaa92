import pytest
from pydantic import ValidationError

from ganray.config import DataConfig


def test_only_the_mirror_is_on_by_default():
    config = DataConfig()
    assert config.flip == 0.5
    assert config.rotate_p == config.scale_p == config.crop_p == config.colour_p == 0.0


@pytest.mark.parametrize(("key", "value"), [("scale", 0.5), ("crop", -0.1), ("flip", 1.5), ("window", 0)])
def test_values_out_of_range_are_refused(key, value):
    with pytest.raises(ValidationError, match=key):
        DataConfig.model_validate({key: value})
