import pytest
from pydantic import ValidationError

from ganray.config import IngestConfig
from ganray.errors import ConfigError


@pytest.mark.parametrize("source", ["sample:many", "sample:0", "sample:", "sample:-3", "sample:1.5"])
def test_a_sample_needs_a_number_of_products(source):
    with pytest.raises(ConfigError, match="is not a number of products. Write for example sample:3000"):
        IngestConfig(source=source)


@pytest.mark.parametrize(
    ("field", "value"), [("resolution", 4), ("square", "stretch"), ("auto_attributes", ("size",)), ("executor", "dask")]
)
def test_values_out_of_range_are_errors(field, value):
    with pytest.raises(ValidationError, match=field):
        IngestConfig(**{field: value})


def test_lists_are_read_from_one_string():
    assert IngestConfig(attributes="colour, size").attributes == ("colour", "size")
    assert IngestConfig(attributes="").attributes == ()
    assert IngestConfig(attributes="none").attributes is None
