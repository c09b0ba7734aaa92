"""Options beyond the embedded label: a visible label, content credentials (C2PA)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ganray.config import LabelConfig
from ganray.images.credentials import Signer
from ganray.images.visible import Stamp
from ganray.storage import open_object


@dataclass(frozen=True)
class LabelOptions:
    """A stamp (the visible label), a signer, both or neither."""

    stamp: Stamp | None = None
    signer: Signer | None = None

    @property
    def digest(self) -> str:
        """A digest of all that the bytes of a file depend on, without the private key; empty if there are no options."""
        parts = [self.stamp.digest if self.stamp else "", hashlib.sha256(self.signer.chain).hexdigest() if self.signer else ""]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest() if any(parts) else ""


NO_LABEL_OPTIONS = LabelOptions()


def read_label_options(label: LabelConfig) -> LabelOptions:
    """Load the visible label and the signer of a configuration, and try both. Raises ConfigError, ObjectNotFound."""
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
