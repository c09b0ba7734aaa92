"""The exception tree. Every error names the thing, the value and the remedy, in one line.

GanrayError                    code           exit   raised when
├── ConfigError                config         2      a key is unknown or a value is wrong
├── StorageError               storage        3      a store cannot do what it was asked
│   ├── ObjectNotFound         not_found      3      no object, prefix or bucket of that name
│   ├── ObjectExists           exists         3      a conditional create found the key taken
│   ├── ObjectChanged          changed        3      a compare-and-swap found another version
│   ├── InvalidKey             invalid_key    3      no store can hold an object of that key
│   ├── AccessDenied           access_denied  3      credentials are missing, wrong or too weak
│   └── ObjectCorrupt          corrupt        3      size or sha256 differ from what was written
├── ImageError                 (its reason)   4      one image cannot be used: goes to quarantine, kills nothing
│   └── EditError              (its reason)   4      one image cannot have the edit that is asked for
├── CatalogError               catalog        4      a catalog, table or prefix cannot be used
├── CheckpointError            checkpoint     5      a checkpoint or model folder is absent, broken or of another model
├── RequestError               request        6      a request names what the model does not know
├── TrainingError              training       7      training cannot go on
│   ├── NonFiniteError         non_finite     7      a loss or gradient is not a finite number
│   ├── Stopped                stopped      143      a signal ended the training after a checkpoint
│   └── CollapseError          collapse       7      the generator came to repeat itself, and training was stopped for it
├── ClusterError               cluster        8      the Ray cluster cannot run the plan
├── EvaluationError            evaluation     9      scores cannot be computed or compared
└── ExportError                export        10      an exported file does not draw as the model does
"""

from __future__ import annotations

from typing import ClassVar


class GanrayError(Exception):
    """Base of all: `str(error)` is one line for a person, `error.code` one word for a program.

    `message` names the thing and the value; `remedy` says what to do, and may be empty.
    """

    code: ClassVar[str] = "ganray"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.message.rstrip('.')}. {self.remedy}" if self.remedy else self.message
        return " ".join(text.split())


class ConfigError(GanrayError):
    """A run was told something it does not understand."""

    code = "config"
    exit_code = 2


class StorageError(GanrayError):
    """A store cannot do what it was asked; names the object."""

    code = "storage"
    exit_code = 3


class ObjectNotFound(StorageError):
    """No object, prefix or bucket of that name."""

    code = "not_found"


class ObjectExists(StorageError):
    """A conditional create found the key taken."""

    code = "exists"


class ObjectChanged(StorageError):
    """A compare-and-swap found another version than the one it was given."""

    code = "changed"


class InvalidKey(StorageError):
    """No store can hold, or hand over, an object of that key."""

    code = "invalid_key"


class AccessDenied(StorageError):
    """Credentials are missing, wrong or too weak."""

    code = "access_denied"


class ObjectCorrupt(StorageError):
    """The bytes read are not the bytes written: size or sha256 differ."""

    code = "corrupt"


class ImageError(GanrayError):
    """One image cannot be used. `reason` is the quarantine's reason code (catalog/quarantine.py lists them)."""

    code = "image"
    exit_code = 4

    def __init__(self, reason: str, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.args = (reason, message, remedy)
        self.reason = reason


class EditError(ImageError):
    """One image cannot have the edit that is asked for; `reason` is one word: no_product, mask, too_small, not_invertible, fidelity,
    profile, no_network, no_alpha, data_url, too_large, failed."""


class CatalogError(GanrayError):
    """A catalog, an attributes table or a source prefix cannot be used."""

    code = "catalog"
    exit_code = 4


class CheckpointError(GanrayError):
    """A checkpoint or model folder is absent, broken, or belongs to another model."""

    code = "checkpoint"
    exit_code = 5


class RequestError(GanrayError):
    """A request names something that the model does not know."""

    code = "request"
    exit_code = 6


class TrainingError(GanrayError):
    """Training cannot go on."""

    code = "training"
    exit_code = 7


class NonFiniteError(TrainingError):
    """A loss or a gradient is not a finite number."""

    code = "non_finite"


class Stopped(TrainingError):
    """A signal ended the training; it can go on from its last checkpoint."""

    code = "stopped"
    exit_code = 128 + 15


class CollapseError(TrainingError):
    """Coverage fell for good; the best model before that is kept."""

    code = "collapse"


class ClusterError(GanrayError):
    """The Ray cluster cannot run the plan."""

    code = "cluster"
    exit_code = 8


class EvaluationError(GanrayError):
    """Scores cannot be computed or compared."""

    code = "evaluation"
    exit_code = 9


class ExportError(GanrayError):
    """An exported file does not draw as the model does."""

    code = "export"
    exit_code = 10
