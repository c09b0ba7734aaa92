import pytest

from ganray.config import EvaluateConfig, ExportConfig
from ganray.errors import ConfigError


@pytest.mark.parametrize("name", ["model", "catalog", "out", "extractor"])
def test_memory_is_not_shared_with_a_cluster(name):
    with pytest.raises(ConfigError, match=f"{name} = memory://x: memory is not shared"):
        EvaluateConfig.model_validate({name: "memory://x"})


def test_an_export_has_formats():
    with pytest.raises(ConfigError, match="formats is empty. Use some of onnx, safetensors, torch"):
        ExportConfig(formats=())
