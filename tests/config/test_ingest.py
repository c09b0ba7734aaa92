import pytest

from ganray.config import IngestConfig
from ganray.errors import ConfigError


@pytest.mark.parametrize("num", ["many", "0", ""])
def test_a_sample_catalog_has_a_number_of_products(num):
    message = f"source 'sample:{num}': '{num}' is not a number of products. Write for example sample:3000"
    with pytest.raises(ConfigError, match=message):
        IngestConfig(source=f"sample:{num}")
    assert IngestConfig(source="sample:12").source == "sample:12"
