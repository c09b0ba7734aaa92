"""Names of photos that have no request yet: valid ids, and no two alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ganray.bulk.duplicate_ids import DuplicateIds
from ganray.images.names import is_image_name
from ganray.requests import safe_id


class PhotoNames:
    """The ids of photos that are listed once: 8 bytes a photo.

    An id is the key without its suffix; the whole key where two photos would have one name, or where the rest is the name of an image
    itself (hat.jpg.webp): so it is none of another photo. A key that can be no id is shortened, with a hash.
    """

    def __init__(self) -> None:
        self._stems = DuplicateIds()
        self._twice: set[bytes] | None = None

    def add(self, key: str) -> None:
        """Take a photo."""
        self._stems.add(_stem(key))

    def id_of(self, key: str) -> str:
        """The id of a photo, once all are added."""
        if self._twice is None:
            self._twice = self._stems.twice()
        stem = _stem(key)
        return safe_id(key if is_image_name(stem) or DuplicateIds.hash(stem) in self._twice else stem)


def picture_ids(keys: Sequence[str]) -> list[str]:
    """An id for each picture: its name without folder and suffix, its key joined by `-`, or the key: the first that no other may have."""
    candidates = [(sku_of(key), key.replace("/", "-"), key) for key in keys]
    counts = Counter(name for names in candidates for name in dict.fromkeys(names))
    return [safe_id(next((name for name in names if counts[name] == 1), names[-1])) for names in candidates]


def sku_of(key: str) -> str:
    """A picture's name without folder and suffix."""
    return _stem(key.rpartition("/")[2]) or key


def _stem(key: str) -> str:
    return key.rpartition(".")[0] or key
