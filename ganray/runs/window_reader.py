"""What a reader process does for a run with several workers: an actor of Ray Data.

No torch: a process that has to import it takes twice as long to start, and twice the memory.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy.typing as npt

from ganray.catalog.windows import Source, joined, read_window, unpacked
from ganray.runs.mailbox import Mailbox
from ganray.runs.messages import Note
from ganray.storage.retry import retry_while_unavailable


class WindowReader:
    """Some windows in, one block out; its catalog stays open from one call to the next."""

    def __init__(self, source: Source, mailbox: Mailbox | None = None) -> None:
        self._source, self._mailbox = source, mailbox

    def __call__(self, item: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
        """`read_window` one after the other, as Ray Data calls it: on a batch of one `packed` item."""
        windows = unpacked(str(item["windows"][0]))
        read = [
            retry_while_unavailable(partial(read_window, self._source, window), f"reading {self._source.url}", self._say)
            for window in windows
        ]
        images, labels = zip(*read, strict=True)
        return {"image": joined(images), "label": joined(labels)}

    def _say(self, text: str) -> None:
        if self._mailbox is not None:
            self._mailbox.send(Note(text))
