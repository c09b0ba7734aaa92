"""Photos of requests: a data: URL, a file of the form, or a key under the server's source.

Nothing is fetched from anywhere else: a URL in a request would let a client reach hosts that only the server can reach (SSRF).
"""

from __future__ import annotations

from collections.abc import Mapping

from ganray.errors import ImageError, InvalidKey, ObjectNotFound, ObjectUnavailable, RequestError
from ganray.images.codec import Limits
from ganray.images.data_url import inline_bytes, is_inline
from ganray.storage import open_store
from ganray.storage.capped import read_capped

MAX_PHOTO = Limits().max_bytes
# A red square on white, 32 x 32, for the examples of the OpenAPI document.
EXAMPLE_PHOTO = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAACAAAAAgAQMAAABJtOi3AAAABlBMVEX////IHh7kMB"
    "Y6AAAAF0lEQVR42mNgIBb8/8/AxMDAQCWCWAAA9BUCHTVYa/EAAAAASUVORK5CYII="
)


class PhotoSource:
    """Reads photos by their keys; errors do not reveal the source's URL."""

    def __init__(self, url: str) -> None:
        self._store = open_store(url) if url else None

    def read(self, name: str, files: Mapping[str, bytes]) -> bytes:
        """The bytes of a data: URL, of a file of the form, or of a key. Raises RequestError, ImageError."""
        if is_inline(name):
            return inline_bytes(name)
        if name in files:
            return files[name]
        return self.fetch(name)

    def fetch(self, key: str) -> bytes:
        """The bytes of a key. Raises RequestError where there is no such photo, ImageError where it cannot be read."""
        if self._store is None or "://" in key:
            raise RequestError(f"image {key[:60]!r} is not a data: URL", "Send the picture itself, as data:image/jpeg;base64,...")
        try:
            return read_capped(self._store, key, MAX_PHOTO)
        except (ObjectNotFound, InvalidKey) as error:
            raise RequestError(f"image {key[:60]!r} is not among the server's photos", "Check the key") from error
        except ObjectUnavailable as error:
            raise ImageError(
                "unreadable", f"image {key[:60]!r} is archived or encrypted: the server cannot read it", error.remedy
            ) from error
