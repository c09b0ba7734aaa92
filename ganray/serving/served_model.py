"""One model folder that is served: its engines, the batcher in front of them, and what is told about it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ganray.config import ServeConfig
from ganray.edit_engine import EditEngine
from ganray.engine import Engine
from ganray.images.codec import MEDIA_TYPES, Limits
from ganray.images.untrusted import SafeDecoder
from ganray.output.device import describe_device
from ganray.serving.batcher import Batcher
from ganray.serving.edit_service import EditService
from ganray.serving.health import Health
from ganray.serving.refusals import NotFound


@dataclass(frozen=True)
class ServedModel:
    """A loaded model folder. Without a generator there is no batcher; photos are edited by `edits` in any case."""

    name: str
    editor: EditEngine
    edits: EditService
    batcher: Batcher | None
    health: Health | None
    max_count: int
    device: str = ""  # that renders: the same request gives the same bits on one kind of device

    @classmethod
    def of(
        cls, engine: Engine | None, config: ServeConfig, editor: EditEngine | None = None, encoders: int = 0, name: str = ""
    ) -> ServedModel:
        """Of engines that are loaded. `encoders` are the threads that encode where a device renders; 0 takes all cores."""
        decode = SafeDecoder(limits=Limits(max_pixels=config.max_pixels))
        editor = editor or EditEngine(engine, threads=engine.lanes if engine else 0, decode=decode)
        health = batcher = None
        if engine is not None:
            health = Health(engine, trials=engine.offloads)
            encoders = (encoders or os.cpu_count() or 1) if engine.offloads else 0
            batcher = Batcher(engine, config.wait_ms / 1000.0, config.queue, encoders, health)
        max_count = min(config.max_count, config.queue)  # a request for more than the queue holds would get 503 on every retry
        device = "" if engine is None else describe_device(str(engine.device))
        return cls(name, editor, EditService(editor, config), batcher, health, max_count, device)

    @property
    def engine(self) -> Engine:
        """The engine that generates. Raises NotFound where the folder has no generator."""
        if self.editor.product is None:
            raise NotFound(f"model {self.name or self.digest[:12]}: it has no generator, only edits", "Name a model that generates")
        return self.editor.product

    @property
    def digest(self) -> str:
        """The digest of its weights, in headers and labels."""
        return self.editor.digest

    @property
    def outstanding(self) -> int:
        """Pictures that wait or are being made."""
        return self.edits.outstanding + (self.batcher.outstanding if self.batcher is not None else 0)

    def card(self) -> dict[str, Any]:
        """What GET /v1/models says of it."""
        engine = self.editor.product
        if engine is None:
            return {"name": self.name, "digest": self.digest, "generates": False}
        return {
            "name": self.name or engine.info.model.name,
            "digest": engine.info.digest,
            "generates": True,
            "resolution": engine.resolution,
            "attributes": engine.vocabulary.values,
            "titles": {"read": bool(engine.vocabulary.pieces.num), "examples": engine.info.titles},
            "formats": list(MEDIA_TYPES),
            "max_count": self.max_count,
        }
