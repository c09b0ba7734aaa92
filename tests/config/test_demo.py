import pytest
from pydantic import ValidationError

from ganray.config import DemoConfig


def test_the_demo_is_large_enough_to_be_scored():
    for key, value in (("images", 63), ("products", 127), ("port", 0)):
        with pytest.raises(ValidationError, match=key):
            DemoConfig.model_validate({key: value})
