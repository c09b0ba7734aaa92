"""The verb `export`: the moving average of G in the formats of other runtimes, each read back and compared with torch; and the networks of
an editor (`export_editor.py`), as ONNX.

G has one signature: z float32 [batch, z_dim], label int64 [batch, A + T] (may be 0) -> image float32 [batch, C, R, R], about [-1, 1];
uint8 pixels are round(127.5 * (image + 1)), clamped. `batch` is dynamic: other runtimes round differently in any shape, so the engine's
fixed shape would not give equal bits. Files contain no time: the same model gives the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganray import __version__
from ganray.config import ExportConfig, ModelConfig
from ganray.errors import ConfigError, ExportError
from ganray.images.codec import to_pixels
from ganray.model_folder import DESCRIPTION as MODEL
from ganray.model_folder import ModelInfo, has_editor, load_model
from ganray.models import Generator, build_generator, label_sizes
from ganray.storage import open_store
from ganray.verbs.export_editor import export_editor
from ganray.verbs.onnx_writer import onnx_bytes, quiet, traced

FORMAT_VERSION = 1
DESCRIPTION = "export.json"
BATCHES = (1, 3, 16)  # batch sizes at which each file is checked
HASHED = "1 + blake2b-64(UTF-8) % buckets of each word (NFKC, case-folded, of letters, marks, digits) and of # + each trigram of <word>"
TOLERANCE = 1e-3  # in units of [-1, 1]: an eighth of a uint8 level
Draw = Callable[[Tensor, Tensor], NDArray[np.float32]]


@dataclass(frozen=True)
class Format:
    """A row of FORMATS: the file's name, the packages it needs, and functions that write its bytes and read them back."""

    key: str
    needs: tuple[str, ...]
    make: Callable[[Generator, dict[str, str]], bytes]
    read: Callable[[bytes], Draw]


def export(config: ExportConfig) -> dict[str, Any]:
    """Write the requested formats under `out`, export.json last; returns the largest difference of each from torch. With onnx the networks
    of an editor are written, too, if the folder has one.

    Raises ConfigError where a package is missing, CheckpointError, StorageError, and ExportError where a file draws other images.

    >>> exported = ganray.export(ganray.ExportConfig(model="model", out="exported", formats=("safetensors",)))
    >>> [info.key for info in ganray.open_store("exported").list()]
    ['export.json', 'generator.safetensors']
    """
    formats: dict[str, Format] = {name: FORMATS[name] for name in dict.fromkeys(config.formats)}
    require(formats)
    store, networks = open_store(config.out), dict[str, str]()
    if has_editor(config.model):
        alone = not open_store(config.model).exists(MODEL)
        if alone and "onnx" not in formats:
            raise ConfigError(f"export: {config.model} holds an editor alone, which is written as onnx", "Add onnx to --formats")
        networks = export_editor(config) if "onnx" in formats else {}
        if alone:
            return {"out": store.url, **networks}
    generator, info = load_model(config.model)
    store.delete(DESCRIPTION)  # an export without it is not finished
    files: dict[str, dict[str, Any]] = {}
    for name, form in formats.items():
        data = form.make(generator, about(info))
        files[name] = {"key": form.key, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        files[name] |= compare(name, form.read(data), generator, config.seed)
        store.put(form.key, data)
    store.settle()
    store.put(DESCRIPTION, (json.dumps(describe(info, files), indent=1, ensure_ascii=False) + "\n").encode())
    return (
        {"out": store.url, "model": info.digest}
        | {name: f"{file['key']}, {file['size']:,} bytes, at most {file['max_difference']:.3g} from torch" for name, file in files.items()}
        | networks
    )


def require(formats: dict[str, Format]) -> None:
    """Raise ConfigError unless every package that the formats need is installed."""
    for name, form in formats.items():
        missing = [package for package in form.needs if importlib.util.find_spec(package) is None]
        if missing:
            raise ConfigError(
                f"export: format {name} needs {', '.join(missing)}, which is not installed",
                f"Run pip install {' '.join(missing)}, or leave {name} out of --formats",
            )


def about(info: ModelInfo) -> dict[str, str]:
    """The metadata of an exported file: no paths, no URLs."""
    return {
        "software": f"ganray {__version__}",
        "model_digest": info.digest,
        "model": info.model.model_dump_json(),
        "attributes": json.dumps(info.attributes, ensure_ascii=False),
        "num_images": str(info.num_images),
        "license": info.train.license if info.train else "unknown",
        "digital_source_type": "trainedAlgorithmicMedia",  # the IPTC term by which every generated image must be labelled
    }


def describe(info: ModelInfo, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """`export.json`: the signature of the graphs, the order of label columns and values, and the files with their digests."""
    model = info.model
    pieces = {"num": info.pieces.num, "buckets": info.pieces.buckets, "hashed": HASHED, "unsaid": "an attribute's number of values"}
    titles = {"then_pieces_of_a_title": pieces} if info.pieces.num else {}
    return {
        "format_version": FORMAT_VERSION,
        "software": f"ganray {__version__}",
        "torch": torch.__version__,
        "model_digest": info.digest,
        "inputs": {
            "z": {"type": "float32", "shape": ["batch", model.z_dim], "drawn": "standard normal"},
            "label": {"type": "int64", "shape": ["batch", len(info.attributes) + info.pieces.num], "columns": info.attributes, **titles},
        },
        "outputs": {
            "image": {
                "type": "float32",
                "shape": ["batch", model.channels, model.resolution, model.resolution],
                "pixels": "clamp(round(127.5 * (image + 1)), 0, 255)",
            }
        },
        "checked_at_batches": BATCHES,
        "files": files,
    }


def compare(name: str, draw: Draw, generator: Generator, seed: int) -> dict[str, float]:
    """The largest absolute difference from torch on random inputs, and the share of uint8 values that it changes.

    Raises ExportError for another shape, and for a difference above TOLERANCE.
    """
    rng = torch.Generator().manual_seed(seed)
    largest, changed, values = 0.0, 0, 0
    for rows in BATCHES:
        z, label = inputs(generator, rows, rng)
        with torch.inference_mode():
            expected = generator(z, label)
        actual = torch.from_numpy(draw(z, label))
        if actual.shape != expected.shape:
            raise ExportError(f"{name} draws {tuple(actual.shape)} where torch draws {tuple(expected.shape)}", "Leave it out of --formats")
        largest = max(largest, float((actual - expected).abs().max())) if torch.isfinite(actual).all() else float("inf")
        changed += int((to_pixels(actual) != to_pixels(expected)).sum())
        values += expected.numel()
        if largest > TOLERANCE:
            raise ExportError(
                f"{name} differs from torch by {largest:.3g} at {rows} rows, the most allowed is {TOLERANCE:g}",
                "Leave it out of --formats, and report the model's model.json",
            )
    return {"max_difference": largest, "pixels_changed": changed / values}


def inputs(generator: Generator, rows: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random z float32 [rows, z_dim] and label int64 [rows, A + T]."""
    z = torch.randn(rows, generator.z_dim, generator=rng)
    sizes = [*generator.label_sizes, *[generator.config.title_rows] * generator.config.title_pieces]
    columns = [torch.randint(size, (rows,), generator=rng) for size in sizes]
    return z, torch.stack(columns, 1) if columns else torch.zeros(rows, 0, dtype=torch.int64)


def _program(generator: Generator) -> torch.export.ExportedProgram:
    """The traced graph with a dynamic `batch`."""
    batch = torch.export.Dim("batch", min=1)
    return traced(generator, inputs(generator, 2, torch.Generator().manual_seed(0)), ({0: batch}, {0: batch}))


def _make_onnx(generator: Generator, facts: dict[str, str]) -> bytes:
    return onnx_bytes(_program(generator), ("z", "label"), "image", facts, ({0: "batch"}, {0: "batch"}))


def _read_onnx(data: bytes) -> Draw:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def draw(z: Tensor, label: Tensor) -> NDArray[np.float32]:
        (image,) = session.run(["image"], {"z": z.numpy(), "label": label.numpy()})
        return np.asarray(image, np.float32)

    return draw


def _make_safetensors(generator: Generator, facts: dict[str, str]) -> bytes:
    tensors = {name: tensor.contiguous() for name, tensor in generator.state_dict().items()}
    return safetensors.torch.save(
        tensors, metadata={"ganray": json.dumps(facts, ensure_ascii=False)}
    )  # one key: the order of several would vary


def _read_safetensors(data: bytes) -> Draw:
    """A generator built from the file's own metadata."""
    facts = header(data)
    model = ModelConfig.model_validate_json(facts["model"])
    generator = build_generator(model, label_sizes(model, json.loads(facts["attributes"]))).eval()
    generator.load_state_dict(safetensors.torch.load(data))
    return _drawn_by(generator)


def header(data: bytes) -> dict[str, str]:
    """The metadata of an exported safetensors file, see `about`."""
    length = int.from_bytes(data[:8], "little")
    facts: dict[str, str] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["ganray"])
    return facts


def _make_torch(generator: Generator, facts: dict[str, str]) -> bytes:
    program, buffer = _program(generator), BytesIO()
    with quiet():
        torch.export.save(program, buffer, extra_files={"about.json": json.dumps(facts, ensure_ascii=False)})
    return buffer.getvalue()


def _read_torch(data: bytes) -> Draw:
    with quiet():
        return _drawn_by(torch.export.load(BytesIO(data)).module())


def _drawn_by(module: torch.nn.Module) -> Draw:
    def draw(z: Tensor, label: Tensor) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(module(z, label).numpy(), np.float32)

    return draw


FORMATS: dict[str, Format] = {
    "onnx": Format("generator.onnx", ("onnx", "onnxscript", "onnxruntime"), _make_onnx, _read_onnx),
    "safetensors": Format("generator.safetensors", (), _make_safetensors, _read_safetensors),
    "torch": Format("generator.pt2", (), _make_torch, _read_torch),
}
