"""TARGETS: what reads bytes from outside, each with small real files to begin with. A function may raise ganray's own errors only."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
import io
import json
import re
import tempfile
from collections.abc import Sequence

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageCms

from ganray.benchmarks.random_model import make_model
from ganray.catalog.sample import draw, product
from ganray.checkpoint import load_state, save_state
from ganray.config import EditorConfig, ModelConfig, ServeConfig, TrainConfig
from ganray.engine import Engine
from ganray.errors import CatalogError, ImageError, RequestError
from ganray.images.codec import Limits, decode_jpeg_source, decode_with_alpha, encode
from ganray.images.containers import manifests_of
from ganray.images.data_url import inline_bytes
from ganray.images.manifests import claimed_source_types
from ganray.images.provenance import Label, encode_labelled, read_label
from ganray.model_folder import EditorInfo, load_editor, load_model, save_editor
from ganray.models.editor import build_editor
from ganray.network_table import read_networks
from ganray.request_tables import read_requests
from ganray.requests import EditRequest, GenerateRequest
from ganray.serving.app import make_app
from ganray.storage import open_store
from ganray.tables.reader import read_table
from ganray.training.state import create_state
from tests.fuzz.runner import Check, Target

SIDE = 24
SMALL = Limits(max_bytes=1 << 20, max_pixels=1_000_000)  # a photo at the default caps takes seconds and 1 GiB by right
MODEL = ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=4, embed_dim=4, group_channels=8)
ATTRIBUTES = {"category": ("bag", "mug"), "colour": ("red", "grün")}
JOINT = b"\n\0\0\n"  # between description and weights of a checkpoint


def photos() -> list[bytes]:
    """One small photo in every format that is read, with what formats have beside pixels."""
    pixels, mask = draw(product(0, 0), SIDE)
    image = Image.fromarray(pixels)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6

    def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
        picture.save(file := io.BytesIO(), kind, **options)
        return file.getvalue()

    return [
        *(encode_labelled(pixels, kind, Label("0" * 64, "a-0", 7, "ganray 0.1.0")) for kind in ("png", "jpeg", "webp", "avif")),
        encode(pixels, "png", alpha=mask),
        saved(image, "JPEG", exif=exif, icc_profile=profile, progressive=True),
        saved(image.convert("CMYK"), "JPEG"),
        saved(image, "PNG", icc_profile=profile),
        saved(image.convert("P"), "PNG"),
        saved(Image.fromarray(pixels[..., 0].astype(np.uint16) * 257), "PNG"),
        saved(image, "GIF"),
        saved(image, "TIFF", compression="tiff_lzw"),
        saved(image, "BMP"),
        saved(image, "WEBP", lossless=True, exif=exif),
        b"data:image/png;base64," + base64.b64encode(encode(pixels, "png")),
    ]


def _decoders() -> tuple[Check, Sequence[bytes]]:
    def check(data: bytes) -> None:
        """All that looks at a photo's bytes, each by itself: an error of one must not hide the others."""
        if data.startswith(b"data:"):
            data = inline_bytes(data.decode("latin-1"))
        for read in (decode_with_alpha, decode_jpeg_source):
            with contextlib.suppress(ImageError):
                read(data, SMALL)
        read_label(data)
        claimed_source_types(manifests_of(data))

    return check, photos()


def _requests() -> tuple[Check, Sequence[bytes]]:
    folder = tempfile.mkdtemp(prefix="ganray-fuzz-")
    make_model(folder, MODEL, ATTRIBUTES)
    config = ServeConfig(wait_ms=0.0, max_count=4, max_pixels=1_000_000)
    app = make_app(Engine.load(folder, "cpu", threads=1), config)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://fuzz")
    loop = asyncio.new_event_loop()
    photo = "data:image/png;base64," + base64.b64encode(encode(draw(product(0, 0), SIDE)[0], "png")).decode()

    def check(data: bytes) -> None:
        """`Accept`, a line end and a body: over HTTP, where no answer may be 500 (503 and 504 tell of a busy or a stopped machine), and as
        a line of a table."""
        accept, _, body = data.partition(b"\n")
        kind: type = EditRequest if b'"image"' in body else GenerateRequest
        if not _is_costly(body):
            path = "/v1/edit" if kind is EditRequest else "/v1/generate"
            header = re.sub("[^ -~]", "", accept.decode("latin-1"))
            reply = loop.run_until_complete(client.post(path, content=body, headers={"content-type": "application/json", "accept": header}))
            assert reply.status_code < 500 or reply.status_code in (503, 504), f"{reply.status_code}: {reply.text[:300]}"
            if reply.status_code >= 400:
                assert set(reply.json()) >= {"error", "message", "remedy"}
        list(read_requests(io.BytesIO(body), "requests.jsonl", kind=kind))

    bodies = [
        {"id": "SKU-1", "attributes": {"category": "mug", "colour": "grün"}, "seed": 7, "count": 2, "format": "jpeg", "quality": 80},
        {"id": "b", "title": "red mug", "side": 16, "truncation": 1.5, "format": "webp", "segment": ""},
        {"id": "a", "image": photo, "edits": ["white", {"conform": "amazon-main"}], "seed": 1},
        {
            "id": "c",
            "image": photo,
            "edits": "cutout,white",
            "pictures": {"mask": photo},
            "format": "png",
            "attributes": {"category": "bag"},
        },
        {"id": "d", "image": photo, "edits": [{"background": {"picture": "b"}}, "enhance"], "pictures": {"b": photo}, "count": 1},
    ]
    return check, [
        f"{accept}\n{json.dumps(body)}".encode()
        for body, accept in zip(bodies, ("image/png;q=0.5, application/json", *["*/*"] * 4), strict=True)
    ]


def _is_costly(body: bytes) -> bool:
    """A valid request for large pictures takes seconds by right; the queue bounds it, not the reader of requests."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return False
    large = re.compile(rb"conform|upscale|recolor|inpaint")
    if not isinstance(read, dict):
        return False
    sides = read.get("side"), read.get("count")
    return any(isinstance(side, int | float) and side > 64 for side in sides) or ("image" in read and len(large.findall(body)) > 1)


def _tables() -> tuple[Check, Sequence[bytes]]:
    rows = {"id": ["a", "b"], "category": ["mug", None], "colour": ["red", "grün"], "seed": [1, 2], "count": [1, 3], "price": [1.5, 2.25]}
    pq.write_table(pa.table(rows), parquet := io.BytesIO())
    nested = {"id": ["a"], "attributes": [[("colour", "red")]], "when": [1_700_000_000], "raw": [b"\xff"]}
    kinds = pa.schema(
        [("id", pa.string()), ("attributes", pa.map_(pa.string(), pa.string())), ("when", pa.timestamp("s")), ("raw", pa.binary())]
    )
    pq.write_table(pa.table(nested, kinds), maps := io.BytesIO())
    csv = b'\xef\xbb\xbfid;category;colour\r\n1;"mug;""x""";red\r\n2;N/A;\r\n'
    tab = "sku\timage\tedits\na\tb.jpg\twhite\n".encode("utf-16")
    lines = b'{"id": "a", "attributes": {"colour": "red"}}\n\n{"id": "b", "count": 2}\n'
    names = {b"PAR1": "parquet", b"{": "jsonl"}

    def check(data: bytes) -> None:
        """As requests of both kinds, and as a table of products; an error of one does not hide the others."""
        suffix = next((suffix for mark, suffix in names.items() if data.startswith(mark)), "csv")
        for kind in (GenerateRequest, EditRequest):
            with contextlib.suppress(RequestError):
                list(read_requests(io.BytesIO(data), f"requests.{suffix}", kind=kind))
        for _ in read_table(io.BytesIO(data), "products.csv", CatalogError):
            pass

    return check, [csv, lines, tab, gzip.compress(csv), gzip.compress(parquet.getvalue()), parquet.getvalue(), maps.getvalue()]


def _checkpoints() -> tuple[Check, Sequence[bytes]]:
    config, sizes = TrainConfig(model=MODEL, kimg=1), tuple(len(values) for values in ATTRIBUTES.values())
    editor = EditorConfig(tasks=("upscale",), widths=(8, 8, 8, 8, 8), detail_width=8, detail_blocks=1)
    model, state, edits, table = (open_store(f"memory://fuzz-{name}") for name in ("model", "state", "editor", "networks"))
    make_model(model.url, MODEL, ATTRIBUTES)
    save_state(learned := create_state(config, sizes), state, config, ATTRIBUTES)
    save_editor(edits, build_editor(editor), EditorInfo(editor=editor))
    networks = b'matte: {url: a.onnx, sha256: "' + b"0" * 64 + b'", size: 64, mean: [0.5, 0.5, 0.5], views: 1}\nupscale: &a {<<: *a}\n'

    def check(data: bytes) -> None:
        """A kind, a description and weights; the digest in the description is made to fit, or nothing else would be looked at."""
        kind, description, weights = data[:1], *[*data[1:].split(JOINT, 1), b""][:2]
        digest = hashlib.sha256(weights).hexdigest().encode()
        description = re.sub(rb'"digest":\s*"[0-9a-f]*"', b'"digest": "' + digest + b'"', description)
        description = re.sub(rb'"size":\s*[0-9]+', b'"size": ' + str(len(weights)).encode(), description)
        if kind == b"N":
            table.put("networks.yaml", description)
            read_networks(table.url_of("networks.yaml"))
        elif kind == b"S":
            state.put("state.safetensors", weights)
            state.put("state.json", description)
            load_state(learned, state, config, ATTRIBUTES)
        elif kind == b"E":
            edits.put("editor.safetensors", weights)
            edits.put("editor.json", description)
            load_editor(edits.url)
        else:
            model.put("model.safetensors", weights)
            model.put("model.json", description)
            load_model(model.url)

    seeds = [
        b"M" + model.get("model.json") + JOINT + model.get("model.safetensors"),
        b"S" + state.get("state.json") + JOINT + state.get("state.safetensors"),
        b"E" + edits.get("editor.json") + JOINT + edits.get("editor.safetensors"),
        b"N" + networks.partition(b"\n")[0],
    ]
    return check, seeds


JSON_WORDS = (b'"count"', b'"edits"', b'"pictures"', b'"attributes"', b"{}", b"[]", b"9" * 20, b'"side": 4096', b'{"conform": {}}', b"vary")
MODEL_WORDS = (
    b"1000000000",
    b"[99999999]",
    b"F32",
    b"BF16",
    b"I64",
    b"U8",
    b'"mlp"',
    b'"dcgan"',
    b"!!python/name:os",
    b"&a [*a]",
    b"<<: *a",
)
TARGETS = {
    "decoders": Target(_decoders, (b"Exif\0\0", b"ICC_PROFILE\0", b"\xff\xd8\xff", b"iCCP", b"IDAT", b"acTL", b"VP8X", b"ALPH", b"jumb")),
    "requests": Target(_requests, (*JSON_WORDS, b"data:image/svg+xml,<svg/>", b"../../etc/passwd", b"http://169.254.169.254/")),
    "tables": Target(_tables, (b"sep=;\n", b'"', b"\t", b"\xff\xfe", b"\x1f\x8b\x08", b"PAR1", b"id", b"attributes", b"N/A")),
    "checkpoints": Target(_checkpoints, (*MODEL_WORDS, b'"widths": [99999999, 99999999]', b'"resolution": 4096', b"__metadata__")),
}
