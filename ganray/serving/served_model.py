"""One model folder that is served: its engines, the batcher in front of them, and what is told about it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ganray.config import ServeConfig
from ganray.edit_engine import Description, EditEngine
from ganray.engine import Engine
from ganray.images.codec import MEDIA_TYPES, Limits
from ganray.images.untrusted import SafeDecoder
from ganray.output.device import describe_device
from ganray.serving.batcher import Batcher
from ganray.serving.edit_service import EditService
from ganray.serving.health import Health
from ganray.serving.refusals import NotFound

DIGITS = 12  # of a digest, in names and numbers


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
        device = "" if engine is None else describe_device(str(engine.device))
        return cls(name, editor, EditService(editor, config), batcher, health, most_images(config), device)

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
    def waiting(self) -> int:
        """Images that wait for their batch."""
        return self.batcher.waiting if self.batcher is not None else 0

    @property
    def outstanding(self) -> int:
        """Pictures that wait or are being made."""
        return self.edits.outstanding + (self.batcher.outstanding if self.batcher is not None else 0)

    @property
    def label(self) -> str:
        """What numbers and logs call it: its name and the first digits of its digest."""
        digest = self.digest[:DIGITS]
        return f"{self.name}@{digest}" if self.name and digest else self.name or digest

    def card(self) -> dict[str, Any]:
        """What GET /v1/models says of it."""
        engine = self.editor.product
        return card_of(Description(self.digest, 0, engine.info if engine else None), self.name, self.max_count)

    def close(self) -> None:
        """Give back threads and weights, when no request uses it. The threads of batcher and edits end as they are forgotten."""
        self.editor.close()


def card_of(described: Description, name: str, max_count: int) -> dict[str, Any]:
    """What GET /v1/models says of a folder, whether it is loaded or not."""
    info = described.info
    if info is None:
        return {"name": name, "digest": described.digest, "generates": False}
    return {
        "name": name or info.model.name,
        "digest": info.digest,
        "generates": True,
        "resolution": info.model.resolution,
        "attributes": {attribute: list(values) for attribute, values in info.attributes.items()},
        "titles": {"read": bool(info.pieces.num), "examples": info.titles},
        "formats": list(MEDIA_TYPES),
        "max_count": max_count,
    }


def most_images(config: ServeConfig) -> int:
    """Of one request: one for more than the queue holds would get 503 on every retry."""
    return min(config.max_count, config.queue)
