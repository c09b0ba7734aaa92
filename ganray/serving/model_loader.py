"""Loads model folders for a replica: reads what they say of themselves, and makes their engines."""

from __future__ import annotations

from collections.abc import Callable

from ganray.config import ServeConfig
from ganray.edit_engine import Description, EditEngine
from ganray.errors import CheckpointError
from ganray.images.codec import Limits
from ganray.images.untrusted import SafeDecoder
from ganray.serving.model_table import Source
from ganray.serving.served_model import ServedModel

READS = 3  # of a folder that is replaced while it is read


class ModelLoader:
    """Makes served models, all with one set of decoders: a child process takes more memory than many a model. Thread-safe."""

    def __init__(self, config: ServeConfig, device: str, threads: int) -> None:
        """On a CPU a model has `threads` lanes; where a device renders it has one, and `threads` threads that encode."""
        self._config, self._device, self._threads = config, device, threads
        self.lanes = threads if device == "cpu" else 1
        self._decode = SafeDecoder(self.lanes, Limits(max_pixels=config.max_pixels))
        self.on_batch: Callable[[int, int], None] = lambda drawn, rows: None  # for metrics: samples of a batch, and rows of its shape

    def describe(self, source: Source) -> Description:
        """What a folder says of itself. Raises CheckpointError, ConfigError, StorageError."""
        return Description.of(source.model, source.networks)

    def load(self, source: Source) -> tuple[ServedModel, Description]:
        """A folder's model, and the description that is true of it. Raises CheckpointError, ConfigError, StorageError.

        A folder has several files: one that is replaced in the meantime could give a generator of before and an editor of now.
        """
        for _ in range(READS):
            editor = EditEngine.load(source.model, self.lanes, self._device, self._decode, source.networks)
            described = self.describe(source)
            if described.digest == editor.digest:
                served = ServedModel.of(editor.product, self._config, editor, self._threads)
                if served.batcher is not None:
                    served.batcher.on_batch = lambda drawn, rows: self.on_batch(drawn, rows)  # noqa: PLW0108 - it is set later
                return served, described
            editor.close()
        raise CheckpointError(f"{source.model} changes while it is read", "Write a new version to a folder of its own, then name that")

    def close(self) -> None:
        """End the decoders."""
        self._decode.close()
