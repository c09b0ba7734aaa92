"""The only path on which edits are computed: bulk jobs, HTTP and the CLI all edit photos here.

A result depends on its request, its photo and the model, never on other requests: every edit runs on one thread (see engine.py for the
reason), and several threads run several edits in parallel.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, cast

import numpy as np
import torch

from ganray.edits import EDITS, Photo, Step, apply_chain, check_pictures, parse_chain, text_of
from ganray.edits.edit import Network, Product
from ganray.edits.network import TaskNetwork
from ganray.edits.onnx_network import OnnxNetwork, identity_of, shared_network
from ganray.edits.photo import Alpha, Output
from ganray.edits.transparency import flattened, levels_of, on_white, opened
from ganray.engine import Engine
from ganray.errors import CheckpointError, RequestError
from ganray.images.codec import SUFFIXES, Format, Pixels, decode_jpeg_source
from ganray.images.data_url import inline_bytes, is_inline
from ganray.images.jpeg import JpegSource
from ganray.images.provenance import read_label
from ganray.images.untrusted import Raw, SafeDecoder, decode_raw
from ganray.model_folder import DESCRIPTION, EDITOR, ModelInfo, describe_folder, has_editor, load_editor
from ganray.models import Generator
from ganray.models.editor import EDITORS
from ganray.network_table import NETWORKS, network_rows, read_file, size_of, version_of
from ganray.requests import EditRequest, GenerateRequest, Stream, seed_of
from ganray.storage import open_store
from ganray.titles import NONE

Chain = Iterable[str | Mapping[str, Any]]
Fetch = Callable[[str], bytes]
Decode = Callable[[bytes], Raw]


@dataclass(frozen=True)
class EditResult:
    """Result `index` of a request: uint8 [H, W, 3]; `output` is how to encode it. There is `alpha` [H, W] where the product was cut out, or
    the photo is transparent and no edit laid a ground.

    `edits` is the chain as JSON, `kinds` are its IPTC terms; `label` is the source's label, `before` its pixels on white, `source` its
    bytes, `source_format` the decoder's name of their format, `density` its dots per inch, `profiled` whether it has a colour profile.
    `jpeg` is how the source was encoded, for a result that is to be encoded in the same way.
    """

    request: EditRequest
    index: int
    pixels: Pixels
    alpha: Pixels | None
    output: Output
    edits: str
    facts: dict[str, float | str]
    kinds: tuple[str, ...]
    before: Pixels
    source: bytes
    source_format: str
    source_sha256: str
    label: dict[str, str]
    density: tuple[float, float] | None = None
    profiled: bool = False
    jpeg: JpegSource | None = None


class EditEngine:
    """Edits photos, with the generator of a model folder (`product`), learned networks, both or none; thread-safe.

    `threads` = 0 uses all cores. `decode` turns bytes into pixels: in this process by default, which is for trusted photos only.

    >>> engine = ganray.EditEngine.load(threads=1)  # without a model: closed-form edits
    >>> request = ganray.EditRequest(image="mug.png", edits=["white"])
    >>> (result,) = engine.edit(request, ganray.open_store("photos").get)
    >>> result.pixels.shape, result.alpha
    ((96, 96, 3), None)
    """

    def __init__(
        self,
        product: Engine | None = None,
        networks: Mapping[str, Network] | None = None,
        editor_digest: str = "",
        threads: int = 0,
        decode: Decode = decode_raw,
    ) -> None:
        self.product = product
        self.networks = dict(networks or {})
        self.digest = "+".join(part for part in (product.info.digest if product else "", editor_digest) if part)
        self.lanes = threads or os.cpu_count() or 1
        self._decode = decode
        self._read_jpeg = decode.jpeg_source if isinstance(decode, SafeDecoder) else decode_jpeg_source
        torch.get_num_threads()  # fixes the caller's setting, see Engine
        self._pool = ThreadPoolExecutor(self.lanes, "edit", initializer=torch.set_num_threads, initargs=(1,))

    @classmethod
    def load(
        cls, url: str = "", threads: int = 0, device: str | None = None, decode: Decode = decode_raw, networks: str = ""
    ) -> EditEngine:
        """Load the engine of a model folder; url "" is an engine without a model, for closed-form edits. `networks` is the URL of a
        `networks.yaml`, whose rows replace networks of the folder.

        Raises CheckpointError for a folder with neither a generator nor networks, and for a file of own networks that cannot be used.
        """
        trained, digest = _networks(url, device) if url else ({}, "")
        own = _own_networks(url, networks)
        has_generator = bool(url) and open_store(url).exists(DESCRIPTION)
        if url and not (has_generator or trained or own):
            raise CheckpointError(
                f"{url} is not a model folder: it has neither {DESCRIPTION} nor {EDITOR} nor {NETWORKS}",
                "Train one, or edit without a model: --model ''",
            )
        digests = "+".join(part for part in (digest, *(network.identity for network in own.values())) if part)
        return cls(Engine.load(url, device, threads) if has_generator else None, {**trained, **own}, digests, threads, decode)

    def steps(self, request: EditRequest, chain: Chain = ()) -> list[Step]:
        """The edits of the request, else those of `chain`. Raises RequestError, see `parse_chain`."""
        return parse_chain(request.edits or chain)

    def edit(self, request: EditRequest, fetch: Fetch, chain: Chain = ()) -> Iterator[EditResult]:
        """All results of a request, in order. `fetch` returns the bytes of a key; data: URLs are decoded here.

        Raises RequestError for an invalid request, ImageError for a photo that cannot be read, EditError for a photo that cannot be edited
        like that, and what `fetch` raises.
        """
        yield from _in_order(self.begin(request, fetch, chain), request.count, self.lanes)

    def begin(self, request: EditRequest, fetch: Fetch, chain: Chain = ()) -> Callable[[int], Future[EditResult]]:
        """Read the photo once; the returned function starts result `index`, in any order. Both raise as `edit` does, the future too."""
        steps = self.steps(request, chain)
        check_pictures(steps, request.pictures)
        source = _Source.of(_bytes(request.image, fetch), self._decode)
        request = request.model_copy(update={"seed": seed_of(request)})

        def result(index: int) -> EditResult:
            made = _finished(apply_chain(source.photo, steps, _Tools(self, request, index, fetch)), request, index, steps, source)
            return replace(made, jpeg=self._read_jpeg(source.data)) if _is_local(made, steps) else made

        return lambda index: self._pool.submit(result, index)

    def close(self) -> None:
        """Give back threads and weights when the edits under way are done; it edits nothing afterwards."""
        self._pool.shutdown()
        self.networks.clear()
        if self.product is not None:
            self.product.close()

    def picture(self, url: str, fetch: Fetch) -> tuple[Pixels, Alpha | None]:
        """Another picture of the request: uint8 [H, W, 3] straight colours, and alpha float32 [H, W] if it has one."""
        raw = self._decode(_bytes(url, fetch))
        return raw.pixels, _shares(raw.alpha)


@dataclass(frozen=True)
class Description:
    """What is known of a model folder before it is loaded: the digest that its engine has, the bytes of its weights, its generator.

    Of a folder with neither a generator nor networks, the digest is empty.
    """

    digest: str
    size: int
    info: ModelInfo | None
    tasks: tuple[str, ...] = ()  # learned edits

    @classmethod
    def of(cls, url: str, networks: str = "") -> Description:
        """Read a folder's descriptions. Raises CheckpointError, ConfigError, StorageError as loading it would."""
        info, editor = describe_folder(url) if url else (None, None)
        rows = network_rows(url, networks)
        parts = [part.digest for part in (info, editor) if part is not None]
        parts += [identity_of(task, rows[task]) for task in EDITORS if task in rows]
        sizes = [part.size for part in (info, editor) if part is not None] + [size_of(row) for row in rows.values()]
        learned = {*rows, *(editor.editor.tasks if editor is not None else ())}
        return cls("+".join(part for part in parts if part), sum(sizes), info, tuple(task for task in EDITORS if task in learned))


@dataclass(frozen=True)
class _Source:
    """The photo before its edits."""

    photo: Photo
    before: Pixels  # as it looks on white
    data: bytes
    format: str
    sha256: str
    label: dict[str, str]
    density: tuple[float, float] | None
    profiled: bool

    @staticmethod
    def of(data: bytes, decode: Decode) -> _Source:
        raw = decode(data)
        alpha = _shares(raw.alpha)
        return _Source(
            photo=opened(raw.pixels, alpha),
            before=on_white(raw.pixels, alpha),
            data=data,
            format=raw.format.lower(),
            sha256=hashlib.sha256(data).hexdigest(),
            label=read_label(data),
            density=raw.density,
            profiled=raw.profiled,
        )


class EngineProduct:
    """`edits.Product` of an engine."""

    def __init__(self, engine: Engine) -> None:
        self.generator: Generator = engine.generator
        self.attributes: Mapping[str, Sequence[str]] = engine.vocabulary.values
        self._vocabulary = engine.vocabulary

    def label(self, attributes: Mapping[str, str]) -> torch.Tensor:
        """See `Product`."""
        positions = self._vocabulary.encode(GenerateRequest.model_construct(attributes=dict(attributes)))
        missing = [name for name in self.attributes if name not in positions]
        if missing:
            raise RequestError(f"attribute {missing[0]!r} is missing", f"Give {', '.join(self.attributes)} under attributes")
        return torch.tensor([[*(positions[name] for name in self.attributes), *[NONE] * self._vocabulary.pieces.num]])


class _Tools:
    """`edits.Tools` of one result."""

    def __init__(self, engine: EditEngine, request: EditRequest, index: int, fetch: Fetch) -> None:
        self._engine, self._request, self._index, self._fetch = engine, request, index, fetch
        self.product: Product | None = EngineProduct(engine.product) if engine.product else None
        product = engine.product
        self.attributes: Mapping[str, str] = product.vocabulary.known(request.attributes) if product else request.attributes

    def network(self, task: str) -> Network | None:
        return self._engine.networks.get(task)

    def picture(self, name: str) -> tuple[Pixels, Alpha | None]:
        pictures = self._request.pictures
        if name not in pictures:
            known = ", ".join(pictures) or "none"
            raise RequestError(f"picture {name!r} is not among the request's pictures: {known}", 'Give it under "pictures"')
        return self._engine.picture(pictures[name], self._fetch)

    def rng(self) -> np.random.Generator:
        return Stream().at(seed_of(self._request), self._index)


def _finished(photo: Photo, request: EditRequest, index: int, steps: list[Step], source: _Source) -> EditResult:
    output = _output(photo, request, source.format)
    if output.format == "jpeg" and not photo.cut:
        photo = flattened(photo)
    pixels, alpha, shares = photo.pixels, None, photo.matte if photo.cut else photo.alpha
    if shares is not None:
        alpha = levels_of(shares)
        pixels = np.where(alpha[..., None] > 0, pixels, np.uint8(255))  # no pixels of the background remain under the transparency
    return EditResult(
        request=request,
        index=index,
        pixels=pixels,
        alpha=alpha,
        output=output,
        edits=json.dumps(text_of(steps), sort_keys=True, ensure_ascii=False, separators=(",", ":")),
        facts=dict(photo.facts),
        kinds=photo.source_types,
        before=source.before,
        source=source.data,
        source_format=source.format,
        source_sha256=source.sha256,
        label=source.label,
        density=source.density,
        profiled=source.profiled,
    )


def _is_local(result: EditResult, steps: list[Step]) -> bool:
    """Whether the result is a JPEG that was one before, and changed in parts alone: then all else is to stay as it is. A request or profile
    that asks for a quality or a limit gets that instead."""
    if result.source_format != "jpeg" or result.output != Output("jpeg") or result.pixels.shape != result.before.shape:
        return False
    return all(EDITS[step.name].local for step in steps) or np.array_equal(result.pixels, result.before)


def _output(photo: Photo, request: EditRequest, source_format: str) -> Output:
    """The format and quality of the request, else of the last edit, else of the photo: png for a cut-out whose format has no alpha, and for
    a format that ganray does not write."""
    own = cast(Format, source_format if source_format in SUFFIXES else "png")
    output = photo.output or Output("png" if photo.cut and own == "jpeg" else own)
    format = request.format or output.format
    return replace(output, format=format, quality=None if format == "png" else request.quality or output.quality)


def _networks(url: str, device: str | None) -> tuple[dict[str, Network], str]:
    """The networks of a model folder by task, and their digest; ({}, "") without an editor. Raises CheckpointError."""
    if not has_editor(url):
        return {}, ""
    modules, info = load_editor(url)
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return {task: TaskNetwork(task, module, where) for task, module in modules.items()}, info.digest


def _own_networks(url: str, networks: str) -> dict[str, OnnxNetwork]:
    """Own networks by task, in the order of EDITORS: those of a model folder, and over them those of a `networks.yaml`."""
    rows = network_rows(url, networks)
    return {task: shared_network(task, rows[task], version_of(rows[task]), read_file) for task in EDITORS if task in rows}


def _bytes(url: str, fetch: Fetch) -> bytes:
    return inline_bytes(url) if is_inline(url) else fetch(url)


def _shares(alpha: Pixels | None) -> Alpha | None:
    return None if alpha is None else alpha.astype(np.float32) / 255.0


def _in_order(start: Callable[[int], Future[EditResult]], count: int, ahead: int) -> Iterator[EditResult]:
    """The results in order, with `ahead` of them started; closing the iterator cancels those that wait."""
    indices = iter(range(count))
    waiting: deque[Future[EditResult]] = deque(start(index) for index in islice(indices, ahead))
    try:
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(start(index) for index in islice(indices, 1))
            yield result
    finally:
        for future in waiting:
            future.cancel()
