"""One shard of an edit job: photos in, edited pictures and a receipt out. No Ray in here.

Of a few photos, chosen by their names alone, small copies from before and after are kept for the page (`edit_page.py`).
"""

from __future__ import annotations

import functools
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

from ganray.bulk.commit import UNTOUCHED, Tally, create_receipt
from ganray.bulk.edit_job import EditJob
from ganray.bulk.edit_page import Thumbnails
from ganray.bulk.edit_receipt import EditReceipt, receipt_table
from ganray.bulk.job import Span, read_spans
from ganray.bulk.layouts import LAYOUTS, Picture
from ganray.bulk.profile_filter import ProfileFilter
from ganray.edit_engine import EditEngine, EditResult
from ganray.errors import (
    CheckpointError,
    EditError,
    GanrayError,
    ImageError,
    InvalidKey,
    ObjectNotFound,
    ObjectUnavailable,
    RequestError,
    StorageError,
)
from ganray.images.codec import Limits
from ganray.images.data_url import inline_bytes, is_inline
from ganray.images.names import other_keys
from ganray.images.untrusted import SafeDecoder
from ganray.output.edited_file import encode_edited, label_of, with_visible_label
from ganray.output.first_writer import same_sample, same_signed_sample
from ganray.output.label_options import NO_LABEL_OPTIONS, LabelOptions
from ganray.requests import EditRequest
from ganray.storage import Store, open_store
from ganray.storage.capped import read_capped

DOUBTFUL_MATTE = "doubtful_matte"  # reason of a result that may be wrong
READ_AHEAD = 4  # photos that are read before they are wanted
T = TypeVar("T")
Result = EditResult | GanrayError | None  # None where the photo is fine as it is, an error where the edit cannot be had


def load_editor(model: str, networks: str, plan: EditJob, store: Store, marks: LabelOptions) -> ShardEditor:
    """A worker's editor, with a decoder process of its own. Raises CheckpointError where another model, or other own networks, lie there
    by now."""
    engine = EditEngine.load(model, threads=1, device="cpu", decode=SafeDecoder(1, _limits(plan)), networks=networks)
    if engine.digest != plan.model_digest:
        places = " or ".join(place for place in (model, networks) if place)
        raise CheckpointError(f"{places} was replaced while the job ran", "Run the same command again with the model of the job")
    return ShardEditor(engine, open_store(plan.source) if plan.source else None, store, plan, marks)


def _limits(plan: EditJob) -> Limits:
    return Limits(max_bytes=plan.max_bytes, max_pixels=plan.max_pixels)


class ShardEditor:
    """Edits shards of a job with one engine."""

    def __init__(self, engine: EditEngine, source: Store | None, out: Store, plan: EditJob, marks: LabelOptions = NO_LABEL_OPTIONS) -> None:
        self._engine, self._source, self._out, self._plan, self._marks = engine, source, out, plan, marks
        self._chain = json.loads(plan.chain)
        self._failing = ProfileFilter(plan.failing, _limits(plan)) if plan.failing else None
        self._picture = functools.lru_cache(8)(self._read)  # a background is the same one for thousands
        self._ready = time.time()

    def __call__(self, shard: int) -> Tally:
        """Make the images of a shard, then its receipt. Raises StorageError where a key is taken by other bytes, or the source is away."""
        layout, receipts = LAYOUTS[self._plan.layout], list[EditReceipt]()
        thumbnails = Thumbnails(self._plan, shard)

        def pictures(readers: ThreadPoolExecutor) -> Iterator[Picture]:
            for span, fetch in self._fetched(read_spans(self._out, self._plan, shard, EditRequest), readers):
                for asked, result in self._results(span, fetch):
                    receipt, picture = self._picture_of(shard, asked, result)
                    receipts.append(receipt)
                    if isinstance(result, EditResult) and receipt.facts is not None:
                        thumbnails.see(result, label_of(result, self._plan.model_digest), refused=picture is None)
                    if picture is not None:
                        yield picture

        same = same_signed_sample if self._marks.signer else same_sample
        # Not in the generator: one that an error leaves behind is closed by the garbage collector, in any thread, at any time. To wait for
        # threads there is a deadlock where that is within `Thread.start`.
        with ThreadPoolExecutor(READ_AHEAD, "read") as readers:
            written = layout.write(self._out, shard, pictures(readers), same)
        thumbnails.keep(self._out)
        self._out.settle()  # a receipt must not outlive its images
        made, finished = iter(written), list[EditReceipt]()
        for receipt in receipts:
            shown = thumbnails.stem_of(receipt.id, receipt.index)
            if receipt.reason:
                finished.append(replace(receipt, shown=shown))
            else:
                file = next(made)
                finished.append(replace(receipt, bytes=file.size, sha256=file.sha256, shown=shown))
        create_receipt(self._out, shard, receipt_table(finished, self._plan))
        untouched = sum(receipt.reason == UNTOUCHED for receipt in receipts)
        outcomes = [file.outcome for file in written]
        refused = len(receipts) - len(written) - untouched
        return Tally(outcomes.count("written"), outcomes.count("existing"), refused, self._ready, untouched)

    def attempt(self, request: EditRequest) -> list[EditReceipt]:
        """What would become of a request, image by image: its `bytes`, 0 where it has a `reason` to have none. Nothing is written."""
        receipts = list[EditReceipt]()
        for asked, result in self._results(Span(request, 0, request.count), functools.partial(self._fetch, request.image, None)):
            receipt, picture = self._picture_of(0, asked, result)
            receipts.append(replace(receipt, bytes=len(picture.data) if picture else 0))
        return receipts

    def _fetched(
        self, spans: list[Span[EditRequest]], readers: ThreadPoolExecutor
    ) -> Iterator[tuple[Span[EditRequest], Callable[[str], bytes]]]:
        """Every span with what gives the bytes of its keys; photos are read AHEAD."""
        todo = iter(spans)

        def start(span: Span[EditRequest]) -> tuple[Span[EditRequest], Future[bytes] | None]:
            return span, None if is_inline(span.request.image) else readers.submit(self._read, span.request.image)

        waiting = deque(start(span) for span in islice(todo, READ_AHEAD))
        while waiting:
            span, photo = waiting.popleft()
            waiting.extend(start(following) for following in islice(todo, 1))
            yield span, functools.partial(self._fetch, span.request.image, photo)

    def _fetch(self, image: str, photo: Future[bytes] | None, key: str) -> bytes:
        return photo.result() if photo is not None and key == image else self._picture(key)

    def _read(self, key: str) -> bytes:
        """An object under the source, or the one whose key differs only in how the name is written."""
        try:
            return self._read_exactly(key)
        except (ObjectNotFound, InvalidKey):
            for other in other_keys(key):
                with suppress(ObjectNotFound, InvalidKey):
                    return self._read_exactly(other)
            raise

    def _read_exactly(self, key: str) -> bytes:
        """An object under the source, no more of it than a photo may have. Raises ImageError("unreadable") for one that the store refuses
        while it answers otherwise, twice: it may have been away for the first one alone."""
        assert self._source is not None
        for last in (False, True):
            try:
                return read_capped(self._source, key, self._plan.max_bytes)
            except (ObjectNotFound, InvalidKey):
                raise
            except ObjectUnavailable as error:
                raise ImageError("unreadable", error.message, error.remedy) from error
            except StorageError as error:
                next(iter(self._source.list()), None)  # raises where the whole source is away
                if last:
                    raise ImageError("unreadable", error.message, error.remedy) from error
        raise AssertionError("unreachable")

    def _results(self, span: Span[EditRequest], fetch: Callable[[str], bytes]) -> Iterator[tuple[EditReceipt, Result]]:
        """A receipt of what was asked and a result for each image of the span."""
        request = span.request
        begun = _attempted(functools.partial(self._begin, request, fetch))
        for index in range(span.first, span.first + span.num):
            source = "data:" if is_inline(request.image) else request.image
            asked = EditReceipt(id=request.id, index=index, seed=request.seed, source=source)
            yield asked, _attempted(functools.partial(self._made, begun, index)) if callable(begun) else begun

    def _made(self, begun: Callable[[int], Future[EditResult]], index: int) -> EditResult:
        return with_visible_label(begun(index).result(), self._marks)

    def _begin(self, request: EditRequest, fetch: Callable[[str], bytes]) -> Callable[[int], Future[EditResult]] | None:
        if self._failing is not None:
            photo = inline_bytes(request.image) if is_inline(request.image) else fetch(request.image)
            if not self._failing(photo):
                return None
        return self._engine.begin(request, fetch, self._chain)

    def _picture_of(self, shard: int, asked: EditReceipt, result: Result) -> tuple[EditReceipt, Picture | None]:
        """The receipt with what came of the image, but for its size and digest; and its file, None where it has a reason to have none."""
        if isinstance(result, EditResult):
            try:
                data = encode_edited(result, self._plan.model_digest, self._marks.signer)
            except ImageError as error:
                result = error
        if result is None:
            return replace(asked, reason=UNTOUCHED), None
        if isinstance(result, GanrayError):
            reason = result.reason if isinstance(result, ImageError) else result.code
            return replace(asked, reason=reason, message=str(result)), None
        format = result.output.format
        key, member = LAYOUTS[self._plan.layout].place(shard, asked.id, asked.index, format)
        facts: dict[str, Any] = {
            "source_sha256": result.source_sha256,
            "edits": result.edits,
            "facts": json.dumps(result.facts, sort_keys=True),
            "source_type": label_of(result, "").source_type,
        }
        height, width = result.pixels.shape[:2]
        doubt = result.facts.get("doubt")
        asked = replace(asked, **facts, doubt=doubt if isinstance(doubt, float) else None, format=format, width=width, height=height)
        if asked.doubt is not None and asked.doubt >= self._plan.most_doubt:
            wrong = f"{100 * asked.doubt:.0f} % of the product, or of its outline, may be wrong"
            message = f"{wrong}: look at shown/; give a mask or a photo on a plainer ground, or train a network for mattes on such photos"
            return replace(asked, reason=DOUBTFUL_MATTE, message=message), None
        receipt = replace(asked, key=key, member=member)
        return receipt, Picture(asked.id, asked.index, format, data, {"source": asked.source, "seed": asked.seed, **facts})


def _attempted(work: Callable[[], T]) -> T | GanrayError:
    """What `work` gives, or the error that keeps this one photo from it. What is wrong with more than the photo is raised."""
    try:
        return work()
    except (ImageError, RequestError, ObjectNotFound, InvalidKey) as error:
        return error
    except GanrayError:
        raise
    except Exception as error:  # a defect, or no memory for a photo as large as this: the others are not to wait for it
        return EditError("failed", f"{type(error).__name__}: {error}", "Report it with the photo, and leave the photo out")
