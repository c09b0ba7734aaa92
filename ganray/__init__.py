"""ganray: train a GAN on a product catalog, make and edit catalog images in bulk, serve them. On Ray.

What a notebook or a service needs is here, and is imported when it is first used: engines for single images, the verbs of the command
line as functions of their configurations (`ganray.generate(ganray.GenerateConfig(...))`), requests, stores and errors. Each docstring
has an example that runs. Other modules may change from one version to the next.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ganray.config import (
        CheckConfig,
        EditConfig,
        EvaluateConfig,
        ExportConfig,
        GenerateConfig,
        IngestConfig,
        KeyConfig,
        ProfilesConfig,
        RayConfig,
        ServeConfig,
        StatusConfig,
        TrainConfig,
        TrainEditorConfig,
    )
    from ganray.edit_engine import EditEngine
    from ganray.engine import Engine
    from ganray.errors import (
        CatalogError,
        CheckpointError,
        ClusterError,
        ConfigError,
        EditError,
        EvaluationError,
        ExportError,
        GanrayError,
        ImageError,
        RequestError,
        StorageError,
        TrainingError,
    )
    from ganray.model_folder import load_model
    from ganray.presets import preset
    from ganray.requests import EditRequest, GenerateRequest
    from ganray.storage import open_store
    from ganray.verbs.check import check
    from ganray.verbs.edit import edit
    from ganray.verbs.evaluate import evaluate
    from ganray.verbs.export import export
    from ganray.verbs.generate import generate
    from ganray.verbs.ingest import ingest
    from ganray.verbs.key import key
    from ganray.verbs.profiles import profiles as list_profiles
    from ganray.verbs.serve import serve
    from ganray.verbs.status import status
    from ganray.verbs.train import train
    from ganray.verbs.train_editor import train_editor

__all__ = [
    "CatalogError",
    "CheckConfig",
    "CheckpointError",
    "ClusterError",
    "ConfigError",
    "EditConfig",
    "EditEngine",
    "EditError",
    "EditRequest",
    "Engine",
    "EvaluateConfig",
    "EvaluationError",
    "ExportConfig",
    "ExportError",
    "GanrayError",
    "GenerateConfig",
    "GenerateRequest",
    "ImageError",
    "IngestConfig",
    "KeyConfig",
    "ProfilesConfig",
    "RayConfig",
    "RequestError",
    "ServeConfig",
    "StatusConfig",
    "StorageError",
    "TrainConfig",
    "TrainEditorConfig",
    "TrainingError",
    "__version__",
    "check",
    "edit",
    "evaluate",
    "export",
    "generate",
    "ingest",
    "key",
    "list_profiles",
    "load_model",
    "open_store",
    "preset",
    "serve",
    "status",
    "train",
    "train_editor",
]

# Names that are not functions of verbs. Those are in the table of verbs; `profiles` has another name here, since the package has its own.
_MODULES = {
    **{name: "ganray.errors" for name in __all__ if name.endswith("Error")},
    **{name: "ganray.config" for name in __all__ if name.endswith("Config")},
    "EditEngine": "ganray.edit_engine",
    "EditRequest": "ganray.requests",
    "Engine": "ganray.engine",
    "GenerateRequest": "ganray.requests",
    "load_model": "ganray.model_folder",
    "open_store": "ganray.storage",
    "preset": "ganray.presets",
}
_VERBS = {"list_profiles": "profiles", "train_editor": "train-editor"}


if not TYPE_CHECKING:  # type checkers see the imports above, and refuse names that are not public

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used (PEP 562)."""
        if name not in __all__:
            raise AttributeError(f"module 'ganray' has no attribute {name!r}")
        if name in _MODULES:
            value = getattr(importlib.import_module(_MODULES[name]), name)
        else:
            from ganray.commands import VERBS

            value = VERBS[_VERBS.get(name, name)].load_function()[1]
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted(__all__)
