import pytest
from pydantic import ValidationError

from ganray.benchmark_table import BENCHMARKS
from ganray.config import BenchmarkConfig
from ganray.errors import ConfigError


@pytest.mark.parametrize("name", ["all", *BENCHMARKS])
def test_every_benchmark_can_be_named(name):
    given = {"photos": "photos", "cutouts": "cutouts", "store": "s3://bucket/once"}
    assert BenchmarkConfig(name=name, **given).name == name


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValidationError, match="must be one of all, input, train, "):
        BenchmarkConfig(name="trian")


@pytest.mark.parametrize(
    ("given", "option"),
    [({"name": "matte", "photos": "p"}, "cutouts"), ({"name": "upscale"}, "photos"), ({"name": "exactly-once"}, "store")],
)
def test_what_a_benchmark_cannot_do_without_is_asked_for(given, option):
    with pytest.raises(ConfigError, match=f"benchmark {given['name']} needs {option}. Give --{option}"):
        BenchmarkConfig(**given)


def test_help_names_every_benchmark():
    description = BenchmarkConfig.model_fields["name"].description
    assert all(name in description for name in BENCHMARKS)
