"""What files of a job say beyond their labels: a word that people see, content credentials."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ganray.config import LabelConfig
from ganray.images.credentials import Signer
from ganray.images.visible import Stamp
from ganray.storage import open_object


@dataclass(frozen=True)
class LabelOptions:
    """A stamp, a signer, both or none."""

    stamp: Stamp | None = None
    signer: Signer | None = None

    @property
    def digest(self) -> str:
        """Of what the bytes depend on, but for the key; empty where nothing is asked for."""
        parts = [self.stamp.digest if self.stamp else "", hashlib.sha256(self.signer.chain).hexdigest() if self.signer else ""]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest() if any(parts) else ""


NO_LABEL_OPTIONS = LabelOptions()


def read_label_options(label: LabelConfig) -> LabelOptions:
    """The visible label and the signer that are asked for, tried. Raises ConfigError, ObjectNotFound."""
    stamp = Stamp(label.visible, _bytes_at(label.font)) if label.visible else None
    signer = Signer(_bytes_at(label.chain), _bytes_at(label.key)) if label.chain else None
    if stamp:
        stamp.check()
    if signer:
        signer.check()
    return LabelOptions(stamp, signer)


def _bytes_at(url: str) -> bytes:
    if not url:
        return b""
    store, key = open_object(url)
    return store.get(key)
