import pytest
from pydantic import ValidationError

from ganray.config import EvaluateConfig, ExportConfig
from ganray.errors import ConfigError


@pytest.mark.parametrize("field", ["model", "catalog", "out", "extractor"])
def test_stores_in_memory_are_refused_because_workers_cannot_read_them(field):
    with pytest.raises(ConfigError, match=f"{field} = memory://x: memory is not shared between processes"):
        EvaluateConfig(**{field: "memory://x"})


def test_fewer_than_64_images_are_not_scored():
    with pytest.raises(ValidationError, match="greater than or equal to 64"):
        EvaluateConfig(num=63)


def test_an_export_has_a_format():
    with pytest.raises(ConfigError, match="formats is empty. Use some of onnx, safetensors, torch"):
        ExportConfig(formats=())


def test_truncations_are_numbers_that_a_request_may_have():
    assert EvaluateConfig.model_validate({"truncations": "0,0.5,2"}).truncations == (0.0, 0.5, 2.0)
    with pytest.raises(ValidationError, match="less than or equal to 8"):
        EvaluateConfig.model_validate({"truncations": "9"})
