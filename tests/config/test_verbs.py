"""Rules of the smaller verbs."""

import pytest

from ganray.config import CheckConfig, EvaluateConfig, ExportConfig, IngestConfig
from ganray.errors import ConfigError


@pytest.mark.parametrize(
    ("config", "given", "message"),
    [
        (
            IngestConfig,
            {"source": "sample:many"},
            "'sample:many': 'many' is not a number of products. Write for example sample:3000",
        ),
        (IngestConfig, {"source": "sample:0"}, "'0' is not a number of products"),
        (CheckConfig, {"day": "soon"}, "day = 'soon': .*Write it as YYYY-MM-DD"),
        (ExportConfig, {"formats": ()}, "formats is empty. Use some of onnx, safetensors, torch"),
        *((EvaluateConfig, {name: "memory://x"}, f"{name} = memory://x: memory is not shared") for name in ("model", "catalog", "out")),
        (EvaluateConfig, {"extractor": "memory://x"}, "extractor = memory://x: memory is not shared"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_configured(config, given, message):
    with pytest.raises(ConfigError, match=message):
        config.model_validate(given)
