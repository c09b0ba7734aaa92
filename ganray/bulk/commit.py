"""The books of a bulk job: what is to be made, what has been, and when it is all there. No Ray in here, and no torch.

plan.json               who this job is: created first, compared by every later run (another model or table is refused)
requests/00000.jsonl    the work of one shard: at most `shard_images` images, or as many as `shard_sizes` says
ranks/00000.json        where only the best share is kept: the ranking of a shard's samples, created before its images (keep.py)
images/...              see layouts.py; created only if absent: there already with equal bytes, or with a label of the same sample, counts
                        as done; with other bytes is an error
receipts/00000.parquet  one row an image, created after the shard's images: a shard with a receipt is finished
manifest.parquet        all receipts of written images; quarantine.parquet: the images that could not be made, with their reasons; of a
                        large job both are folders of parts, see manifest.py
index.html              a page of some of the images, for a person; contact_sheet.png: the same as one picture
job.json                the closed books, created last

The only time in these objects is the job's beginning, which plan.json fixes, and none tells the number of attempts: however often a job
is cut off, and however many drivers work at it, they end up the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ganray.bulk.doubt import DOUBTFUL
from ganray.bulk.job import GenerateJob, W, describe, images_of, json_bytes, shard_key
from ganray.bulk.keep import with_ranks
from ganray.bulk.layouts import LAYOUTS, Outcome, Picture, create_once
from ganray.bulk.manifest import Manifest, ManifestWriter, is_large
from ganray.errors import ImageError, StorageError
from ganray.output.first_writer import same_sample, same_signed_sample
from ganray.output.label_options import NO_LABEL_OPTIONS, LabelOptions
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.storage import Store

RECEIPT_OF = ["id", "index", "model_digest", "software", "time"]  # columns that say which images of which job a receipt is of
DOUBTFUL_IMAGES = "doubtful"  # the number of images, in the books, that a person should look at
UNTOUCHED = "untouched"  # the reason of a receipt's row whose photo is fine as it is
RANKED_OUT = "ranked_out"  # of a row whose sample is fit to be written, and not among the best of its request
LEFT_OUT = (UNTOUCHED, RANKED_OUT)  # neither in the manifest nor in the quarantine


def finished(store: Store) -> set[int]:
    """The shards that have receipts."""
    return {int(info.key.rpartition("/")[2].partition(".")[0]) for info in store.list("receipts", ".parquet")}


@dataclass(frozen=True)
class ImageReceipt:
    """What came of an image: where its file lies, or the reason why it has none."""

    key: str = ""
    member: str = ""
    bytes: int = 0
    sha256: str = ""
    reason: str = ""
    message: str = ""


class Tally(NamedTuple):
    """What comes back of a shard: images by outcome, and when (seconds since 1970) the engine behind it was ready.

    `untouched` are photos that an edit job was to leave alone, see edit.py; `ranked_out` samples of a job that keeps the best, see keep.py.
    """

    written: int
    existing: int
    quarantined: int
    ready: float
    untouched: int = 0
    ranked_out: int = 0

    @property
    def images(self) -> int:
        """All of them."""
        return self.written + self.existing + self.quarantined + self.untouched + self.ranked_out


def write(rendered: pa.Table, *, store: Store, plan: GenerateJob, marks: LabelOptions = NO_LABEL_OPTIONS) -> Tally:
    """What follows the engines: the images and the receipt of one rendered shard.

    `rendered` has the columns shard, ready (see Tally), and those of `write_shard`.
    """
    shard, ready = (rendered.column(name)[0].as_py() for name in ("shard", "ready"))
    outcomes = write_shard(store, shard, rendered.drop_columns(["shard", "ready"]), plan, marks)
    written, existing, quarantined = (outcomes.count(outcome) for outcome in ("written", "existing", "quarantined"))
    return Tally(written, existing, quarantined, ready, ranked_out=outcomes.count("ranked_out"))


def write_shard(store: Store, shard: int, rendered: pa.Table, plan: GenerateJob, marks: LabelOptions = NO_LABEL_OPTIONS) -> list[Outcome]:
    """Encode, label and create the images of a shard, then its receipt.

    `rendered` has the columns id, index, seed, format, side, quality, truncation, one `attr:NAME` an attribute, perhaps title and segment,
    of a gated job tries, score and refused (why, or empty), and pixels (R * R * 3 bytes, row-major RGB).
    Returns the outcome of every image. Raises StorageError where a key is taken by other bytes.
    """
    if plan.keep:
        rendered = with_ranks(store, shard, rendered, plan.keep)
    pixels = rendered.column("pixels").combine_chunks()
    side = round((len(pixels[0].as_buffer()) / 3) ** 0.5)
    layout, receipts = LAYOUTS[plan.layout], list[ImageReceipt]()
    facts = {"seed", "title", "segment", *(name for name in rendered.column_names if name.startswith("attr:"))}

    def encoded() -> Iterator[Picture]:
        """Every image that could be labelled, in order; the receipts of all of them go into `receipts`."""
        for number, row in enumerate(rendered.drop_columns(["pixels"]).to_pylist()):
            if not_written := _not_written(row):
                receipts.append(not_written)
                continue
            image = np.frombuffer(pixels[number].as_buffer(), np.uint8).reshape(side, side, 3)
            try:
                file = SampleFile(row["id"], row["index"], row["seed"], row["format"], plan.model_digest, row["side"], row["quality"])
                data = encode_sample(image, file, marks)
            except ImageError as error:
                receipts.append(ImageReceipt(reason=error.reason, message=str(error)))
                continue
            receipts.append(ImageReceipt(*layout.place(shard, row["id"], row["index"], row["format"])))
            yield Picture(row["id"], row["index"], row["format"], data, {name: row[name] for name in row if name in facts})

    written = layout.write(store, shard, encoded(), same_signed_sample if marks.signer else same_sample)
    files = iter(written)
    for number, receipt in enumerate(receipts):
        if not receipt.reason:
            file = next(files)
            receipts[number] = replace(receipt, bytes=file.size, sha256=file.sha256)
    store.settle()  # a receipt must not outlive its images
    create_receipt(store, shard, receipt_table(rendered, receipts, side, plan))
    ranked_out = sum(receipt.reason == RANKED_OUT for receipt in receipts)
    outcomes: list[Outcome] = [file.outcome for file in written]
    outcomes += ["ranked_out"] * ranked_out
    return outcomes + ["quarantined"] * (len(receipts) - len(outcomes))


def _not_written(row: Mapping[str, Any]) -> ImageReceipt | None:
    """The receipt of a sample that the gate refused, or that others of its request outrank; None for one that is to be written."""
    if reason := row.get("refused"):
        tried = f"score {row['score']:g} after {row['tries']} seeds, the last of which is {row['seed']}"
        return ImageReceipt(reason=reason, message=tried)
    if message := row.get("ranked_out"):
        return ImageReceipt(reason=RANKED_OUT, message=message)
    return None


def create_receipt(store: Store, shard: int, table: pa.Table) -> None:
    """Create the receipt of a shard. One that is there already for the same images of the same job wins, even if it has other measurements:
    a driver on another kind of processor wrote it, and every image that it lists was there before it. Raises StorageError for any other."""
    create_once(store, shard_key("receipts", shard, "parquet"), parquet_bytes(table), _same_receipt)


def _same_receipt(ours: bytes, theirs: bytes) -> bool:
    """Whether two receipts are of the same images of one job."""
    first, second = (pq.read_table(BytesIO(data)) for data in (ours, theirs))
    return bool(first.schema.equals(second.schema)) and bool(first.select(RECEIPT_OF).equals(second.select(RECEIPT_OF)))


def receipt_table(rendered: pa.Table, receipts: list[ImageReceipt], side: int, plan: GenerateJob) -> pa.Table:
    """What was asked and what came of it, a row an image."""
    table = rendered.drop_columns([name for name in ("pixels", "side", "refused", "ranked_out") if name in rendered.column_names])
    for field in fields(ImageReceipt):
        kind = pa.int64() if field.name == "bytes" else pa.string()
        table = table.append_column(field.name, pa.array([getattr(receipt, field.name) for receipt in receipts], kind))
    asked = rendered.column("side")
    sides = pc.if_else(pc.equal(asked, 0), side, asked).cast(pa.int32())
    table = table.append_column("width", sides).append_column("height", sides)
    of_job = {"model_digest": plan.model_digest, "software": plan.software, "time": plan.created}
    if plan.policy_digest:
        of_job["policy_digest"] = plan.policy_digest
    for name, value in of_job.items():
        table = table.append_column(name, pa.array([value] * len(receipts), pa.string()))
    return table


def close_job(store: Store, plan: W, show: Callable[[Store, W, Manifest], None]) -> dict[str, int]:
    """Write the manifest and the quarantine from all receipts, what `show`(store, plan, manifest) makes of them for a person, and job.json.

    Returns the number of images, of quarantined ones and, where there are any, of those left alone, ranked out and of doubtful images.

    A job that is closed already is left as it is. Manifest and quarantine are put together, digested and sent from the disk: in memory is a
    row group at a time.
    """
    if store.exists("job.json"):
        job = json.loads(store.get("job.json"))
        return {name: job[name] for name in ("images", "quarantined", *LEFT_OUT, DOUBTFUL_IMAGES) if name in job}
    with ManifestWriter(store, plan, "manifest") as images, ManifestWriter(store, plan, "quarantine") as quarantined:
        left_out, doubtful = dict.fromkeys(LEFT_OUT, 0), 0
        for shard in range(plan.shards):
            receipt = _read_receipt(store, plan, shard)
            reasons = receipt.column("reason")
            good, alone = pc.equal(reasons, ""), pc.is_in(reasons, pa.array(LEFT_OUT))
            made = receipt if pc.all(good).as_py() else receipt.filter(good)
            images.add(made.drop_columns(["reason", "message"]))
            quarantined.add(receipt.schema.empty_table() if made is receipt else receipt.filter(pc.invert(pc.or_(good, alone))))
            for reason in LEFT_OUT:
                left_out[reason] += pc.sum(pc.equal(reasons, reason)).as_py() or 0
            doubtful += num_doubtful(made)
        books = {"images": images.rows, "quarantined": quarantined.rows} | {name: num for name, num in left_out.items() if num}
        books |= {DOUBTFUL_IMAGES: doubtful} if doubtful else {}
        manifest = images.finish()
        lists = {"manifest": manifest.parts}
        if quarantined.rows:
            lists["quarantine"] = quarantined.finish().parts
        show(store, plan, manifest)
    store.settle()
    if is_large(plan):
        parts: dict[str, Any] = {name: [part._asdict() for part in written] for name, written in lists.items()}
    else:
        parts = {"manifest_sha256": manifest.parts[0].sha256}
    create_once(store, "job.json", json_bytes({**describe(plan), **books, **parts}))
    return books


def _read_receipt(store: Store, plan: W, shard: int) -> pa.Table:
    """Raises StorageError where it does not count the images of its shard: a part of the manifest must not be written of it."""
    key = shard_key("receipts", shard, "parquet")
    with pq.ParquetFile(pa.BufferReader(store.get(key))) as file:
        receipt = file.read(use_threads=False)  # threads cost more than 512 rows do
    if receipt.num_rows != (images := images_of(plan, [shard])):
        raise StorageError(f"{store.url_of(key)} counts {receipt.num_rows} images, the plan {images}", "Delete receipts/ and run again")
    return receipt


def num_doubtful(receipt: pa.Table) -> int:
    """The images of a receipt that a person should look at; 0 where no edit tells its doubt."""
    if "doubt" not in receipt.column_names:
        return 0
    return pc.sum(pc.greater_equal(receipt.column("doubt"), pa.scalar(DOUBTFUL, pa.float32()))).as_py() or 0


def format_books(books: dict[str, Any], names: tuple[str, ...] = ("written", "existing", "quarantined")) -> str:
    """Closed books for a person: what came of the images, where the manifest is, and where the reasons are for those that are not in it."""
    parts = " + ".join(f"{name} {books[name]:,}" for name in names)
    lines = [f"{books['requests']:,} requests, images {books['images']:,} = {parts}, in {books['seconds']:.1f} s"]
    lines.append(f"manifest {books['manifest']}")
    if books[DOUBTFUL_IMAGES]:
        lines.append(f"doubtful {books[DOUBTFUL_IMAGES]:,}: look at them, index.html has them first; --strict quarantines such")
    if books["quarantined"]:
        where, _, ending = books["manifest"].rpartition("manifest")
        lines.append(f"why not  {where}quarantine{ending}")
    return "\n".join(lines)


def parquet_bytes(table: pa.Table) -> bytes:
    """The table as an object."""
    sink = BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
