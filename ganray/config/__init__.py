"""What a run can be told: one frozen pydantic model per verb, each field with its help text.

The same declaration gives flags, YAML keys and environment variables (`settings.py` reads them). Rules between fields are validators of the
class, so that a wrong configuration is refused before anything else is imported. Nothing here reads the environment.
"""

from __future__ import annotations

from ganray.config.base import ExecutorName, Placement, Probability, RayConfig, Section
from ganray.config.benchmark import BenchmarkConfig
from ganray.config.bulk import EditConfig, GateConfig, GenerateConfig, LabelConfig, StatusConfig
from ganray.config.check import CheckConfig, ProfilesConfig
from ganray.config.data import DataConfig
from ganray.config.demo import DemoConfig
from ganray.config.doctor import DoctorConfig
from ganray.config.evaluate import EvaluateConfig, ExportConfig
from ganray.config.ingest import IngestConfig
from ganray.config.key import KeyConfig
from ganray.config.model import EditorConfig, ModelConfig
from ganray.config.serve import ServeConfig
from ganray.config.train import (
    AugmentConfig,
    ConditionConfig,
    EditorOptimizerConfig,
    GrowConfig,
    LearnedEditsConfig,
    LossConfig,
    OptimizerConfig,
    PrivacyConfig,
    ScoreConfig,
    TrainConfig,
    TrainEditorConfig,
)

__all__ = [
    "AugmentConfig",
    "BenchmarkConfig",
    "CheckConfig",
    "ConditionConfig",
    "DataConfig",
    "DemoConfig",
    "DoctorConfig",
    "EditConfig",
    "EditorConfig",
    "EditorOptimizerConfig",
    "EvaluateConfig",
    "ExecutorName",
    "ExportConfig",
    "GateConfig",
    "GenerateConfig",
    "GrowConfig",
    "IngestConfig",
    "KeyConfig",
    "LabelConfig",
    "LearnedEditsConfig",
    "LossConfig",
    "ModelConfig",
    "OptimizerConfig",
    "Placement",
    "PrivacyConfig",
    "Probability",
    "ProfilesConfig",
    "RayConfig",
    "ScoreConfig",
    "Section",
    "ServeConfig",
    "StatusConfig",
    "TrainConfig",
    "TrainEditorConfig",
]
