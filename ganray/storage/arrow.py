"""A store as a pyarrow filesystem, for Ray Train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
else:
    FileSystem = Any


def arrow_filesystem(url: str) -> tuple[FileSystem, str]:
    """The filesystem and the path in it of a store's URL; both pickle to Ray workers."""
    raise NotImplementedError
