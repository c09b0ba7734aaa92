"""The exception tree. Every error is one line: the subject, the value and the remedy.

GanrayError                    code           exit   raised when
├── ConfigError                config         2      a key is unknown or a value is wrong
├── StorageError               storage        3      a store operation failed
│   ├── ObjectNotFound         not_found      3      an object, prefix or bucket does not exist
│   ├── ObjectExists           exists         3      a conditional create found an existing object
│   ├── InvalidKey             invalid_key    3      the key is not valid in every store
│   ├── AccessDenied           access_denied  3      credentials are missing, wrong or too weak
│   ├── ObjectUnavailable      unavailable    3      one object cannot be had: archived, or its encryption key is out of reach
│   ├── StoreUnavailable       no_answer      3      the store cannot be reached, or fails: time may mend it
│   └── ObjectCorrupt          corrupt        3      size or sha256 differ from what was written
├── ImageError                 (its reason)   4      one image cannot be used: it goes to quarantine, the job continues
│   └── EditError              (its reason)   4      one image cannot have the requested edit
├── CatalogError               catalog        4      a catalog, table or prefix cannot be used
├── CheckpointError            checkpoint     5      a checkpoint or model folder is missing, broken or of another model
├── RequestError               request        6      a request has values that the model does not know
├── TrainingError              training       7      training cannot continue
│   ├── NonFiniteError         non_finite     7      a loss or gradient is not a finite number
│   ├── Stopped                stopped      143      a signal ended the training after a checkpoint
│   └── CollapseError          collapse       7      the generator repeats itself (mode collapse), training was stopped
├── ClusterError               cluster        8      the Ray cluster cannot run the plan
├── EvaluationError            evaluation     9      scores cannot be computed or compared
└── ExportError                export        10      an exported file does not give the images of the model
"""

from __future__ import annotations

from typing import ClassVar


class GanrayError(Exception):
    """Base class: `str(error)` is one line for people, `error.code` one word for programs.

    `message` names the subject and the value; `remedy` says what to do and may be empty.

    >>> try:
    ...     ganray.load_model("nowhere")
    ... except ganray.GanrayError as error:
    ...     print(error.code, error.exit_code)
    checkpoint 5
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
    """A key of the config is unknown or a value is wrong.

    >>> ganray.preset("r3-65")
    Traceback (most recent call last):
    ganray.errors.ConfigError: preset is 'r3-65'. Use one of mlp-28, dcgan-64, demo-32, lunch-64, night-64, r3-64, r3-128, r3-256.
    """

    code = "config"
    exit_code = 2


class StorageError(GanrayError):
    """A store operation failed; the message names the object.

    >>> ganray.open_store("ftp://shop/photos")
    Traceback (most recent call last):
    ganray.errors.StorageError: ftp://shop/photos: unknown scheme ftp://. Use a plain path or one of file://, memory://, s3://, gs://, az://.
    """

    code = "storage"
    exit_code = 3


class ObjectNotFound(StorageError):
    """An object, prefix or bucket does not exist."""

    code = "not_found"


class ObjectExists(StorageError):
    """A conditional create found an existing object."""

    code = "exists"


class InvalidKey(StorageError):
    """The key is not valid in every store."""

    code = "invalid_key"


class AccessDenied(StorageError):
    """Credentials are missing, wrong or too weak."""

    code = "access_denied"


class ObjectUnavailable(StorageError):
    """The store has the object and does not give it: it is archived, or its encryption key is out of reach. Others are not affected."""

    code = "unavailable"


class StoreUnavailable(StorageError):
    """The store cannot be reached, or has answered several retries with an error of its own: time may mend it."""

    code = "no_answer"


class ObjectCorrupt(StorageError):
    """The bytes read are not the bytes written: size or sha256 differ."""

    code = "corrupt"


class ImageError(GanrayError):
    """One image cannot be used. `reason` is a reason code of the quarantine (`catalog.quarantine.REASONS`).

    >>> engine = ganray.EditEngine.load(threads=1)
    >>> try:
    ...     list(engine.edit(ganray.EditRequest(image="empty.png", edits=["white"]), {"empty.png": b""}.get))
    ... except ganray.ImageError as error:
    ...     print(error.reason)
    empty
    """

    code = "image"
    exit_code = 4

    def __init__(self, reason: str, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.args = (reason, message, remedy)
        self.reason = reason


class EditError(ImageError):
    """One image cannot have the requested edit; `reason` is one word: no_product, mask, too_small, not_invertible, fidelity,
    profile, no_network, no_alpha, data_url, too_large, failed.

    >>> engine = ganray.EditEngine.load(threads=1)
    >>> try:
    ...     list(engine.edit(ganray.EditRequest(image="data:image/png,%", edits=["white"]), {}.get))
    ... except ganray.EditError as error:
    ...     print(error.reason)
    data_url
    """


class CatalogError(GanrayError):
    """A catalog, an attributes table or a source prefix cannot be used.

    >>> from ganray.catalog.reader import Catalog
    >>> try:
    ...     Catalog.open("nowhere")
    ... except ganray.CatalogError as error:
    ...     print(error.code, error.exit_code)
    catalog 4
    """

    code = "catalog"
    exit_code = 4


class CheckpointError(GanrayError):
    """A checkpoint or model folder is missing, broken, or belongs to another model.

    >>> try:
    ...     ganray.Engine.load("nowhere")
    ... except ganray.CheckpointError as error:
    ...     print(error.remedy)
    Train one with `ganray train --out URL`.
    """

    code = "checkpoint"
    exit_code = 5


class RequestError(GanrayError):
    """A request has values that the model does not know.

    >>> engine = ganray.Engine.load("model", threads=1)
    >>> list(engine.generate([ganray.GenerateRequest(id="SKU-1", attributes={"colour": "mauve"})]))
    Traceback (most recent call last):
    ganray.errors.RequestError: ...
    """

    code = "request"
    exit_code = 6


class TrainingError(GanrayError):
    """Training cannot continue.

    >>> ganray.TrainingError("the loss is not a finite number").exit_code
    7
    """

    code = "training"
    exit_code = 7


class NonFiniteError(TrainingError):
    """A loss or a gradient is not a finite number."""

    code = "non_finite"


class Stopped(TrainingError):
    """A signal ended the training; it can be resumed from its last checkpoint."""

    code = "stopped"
    exit_code = 128 + 15


class CollapseError(TrainingError):
    """Coverage fell and did not recover; the best model before that is kept."""

    code = "collapse"


class ClusterError(GanrayError):
    """The Ray cluster cannot run the plan.

    >>> ganray.ClusterError("3 engines need 3 GPUs, the cluster has 1", "Use --engines 1").exit_code
    8
    """

    code = "cluster"
    exit_code = 8


class EvaluationError(GanrayError):
    """Scores cannot be computed or compared.

    >>> ganray.EvaluationError("the catalog has 12 photos, scores need 64").exit_code
    9
    """

    code = "evaluation"
    exit_code = 9


class ExportError(GanrayError):
    """An exported file does not give the images of the model.

    >>> ganray.ExportError("onnx: 0.1 from torch", "Report this").exit_code
    10
    """

    code = "export"
    exit_code = 10
