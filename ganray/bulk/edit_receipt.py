"""What a receipt of an edit job says of each image: a frozen value, and the columns in which it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from ganray.bulk.edit_job import EditJob

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "source", "source_sha256", "edits", "facts", "source_type", "format")),
        *((name, pa.string()) for name in ("key", "member", "sha256", "shown", "reason", "message", "model_digest", "software", "time")),
        ("doubt", pa.float32()),
        *((name, pa.int64()) for name in ("seed", "bytes")),
        *((name, pa.int32()) for name in ("index", "width", "height")),
    ]
)


@dataclass(frozen=True, kw_only=True)
class EditReceipt:
    """Image `index` of a request: where its file lies, or the `reason` why it has none; None is what was never known.

    `source` is the photo's key, "data:" where the request held it; `doubt` the share of the product that may be wrong (`edits/doubt.py`),
    where an edit tells one; `shown` the stem of its small copies, of the few that have some.
    """

    id: str
    index: int
    seed: int | None
    source: str
    source_sha256: str | None = None
    edits: str | None = None
    facts: str | None = None
    doubt: float | None = None
    source_type: str | None = None
    format: str | None = None
    key: str = ""
    member: str = ""
    bytes: int = 0
    sha256: str = ""
    shown: str = ""
    reason: str = ""
    message: str = ""
    width: int | None = None
    height: int | None = None


def receipt_table(receipts: Sequence[EditReceipt], job: EditJob) -> pa.Table:
    """The receipt of a shard, a row an image."""
    of_job = {"model_digest": job.model_digest, "software": job.software, "time": job.created}
    return pa.Table.from_pylist([asdict(receipt) | of_job for receipt in receipts], SCHEMA)
