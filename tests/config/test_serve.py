import pytest
from pydantic import ValidationError

from ganray.config import ServeConfig


@pytest.mark.parametrize("prefix", ["/", "/shop", "/shop/v2", "/a-b/c_d"])
def test_prefixes_are_paths(prefix):
    assert ServeConfig(prefix=prefix).prefix == prefix


@pytest.mark.parametrize("prefix", ["", "shop", "/shop/", "//", "/-x", "/a b", "/a?b", "/" + "x" * 100])
def test_other_prefixes_are_refused(prefix):
    with pytest.raises(ValidationError, match="prefix"):
        ServeConfig(prefix=prefix)
