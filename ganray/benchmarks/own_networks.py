"""`own-networks`: photos a CPU second of an edit through an ONNX network, over those of onnxruntime alone on the same inputs.

For a matte the bare side is one look at each photo, whatever ganray takes. The networks are an editor's, exported: those under `--editor`,
else an upscaler of CHANNELS that has learned nothing, which costs the same (Real-ESRGAN's have as many; ganray's own is four times as fast,
and the rest of its edit a fifth). `--networks` names others beside them. Both sides run in turn in this process, on one thread; CPU time
counts, so that other work on the machine does not. Decoding is left out of both.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ganray.catalog.sample import draw, product
from ganray.config import BenchmarkConfig, EditorConfig, ExportConfig
from ganray.edit_engine import EditEngine
from ganray.edits.onnx_network import OnnxNetwork
from ganray.images.codec import Pixels
from ganray.images.untrusted import Raw
from ganray.model_folder import EditorInfo, has_editor, save_editor
from ganray.models.editor import build_editor
from ganray.network_table import NETWORKS
from ganray.requests import EditRequest
from ganray.storage import open_store
from ganray.verbs.export import export

PHOTOS, SIDE, HOLE = 3, 256, (80, 170)
CHANNELS = 64
CHAINS = {"matte": "white", "inpaint": "inpaint:hole", "upscale": "upscale:2", "enhance": "enhance"}
RATED: Literal["upscale"] = "upscale"  # of an editor's networks the one that is most of its edit


@dataclass
class Recorder:
    """A network that keeps what it is given."""

    network: OnnxNetwork
    seen: list[NDArray[np.float32]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `OnnxNetwork`."""
        self.seen.extend(np.split(x, len(x)))
        return self.network(x)


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """A row for the editor's networks, and one for each of `config.networks`."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        editor = config.editor if has_editor(config.editor) else untrained(f"{folder}/editor")
        export(ExportConfig(model=editor, out=f"{folder}/networks", formats=("onnx",)))
        exported = EditEngine.load(networks=f"{folder}/networks/{NETWORKS}", threads=1).networks
        trained = EditEngine.load(editor, threads=1, device="cpu").networks
    task = RATED if RATED in exported else next(iter(exported))
    by_torch = (config.images or PHOTOS) / _seconds(_editing(task, trained[task], config))
    calls = {f"{name} call": round(_calls(network, config), 3) for name, network in exported.items() if isinstance(network, OnnxNetwork)}
    own = EditEngine.load(networks=config.networks, threads=1).networks if config.networks else {}
    first = _row(task, exported[task], config) | {"torch img/s": round(by_torch, 3)} | calls
    return [first, *(_row(name, network, config) for name, network in own.items())]


def untrained(folder: str) -> str:
    """An upscaler that has learned nothing; returns its folder."""
    editor = EditorConfig(tasks=(RATED,), detail_width=CHANNELS)
    save_editor(open_store(folder), build_editor(editor), EditorInfo(editor=editor))
    return folder


def _row(task: str, network: Any, config: BenchmarkConfig) -> dict[str, Any]:
    """The edit of a task through its network, and its network alone on what the edit gave it."""
    recorder = Recorder(network)
    _editing(task, recorder, config)()
    edit, photos = _editing(task, network, config), config.images or PHOTOS
    feeds = [network.feed(x) for x in recorder.seen]
    calls = len(feeds) / photos
    if task == "matte":
        feeds = feeds[:photos]

    def bare() -> None:
        for feed in feeds:
            network.run(feed)

    sides = [(_seconds(edit), _seconds(bare)) for _ in range(config.repeats)]
    through, alone = (statistics.median(side) for side in zip(*sides, strict=True))
    facts = {"edit": CHAINS[task], "px": SIDE, "size": network.size, "calls a photo": round(calls, 1)}
    return {
        "name": "own-networks",
        "value": photos / through,
        "baseline": photos / alone,
        "ratio": statistics.median(bare / edit for edit, bare in sides),
        "unit": "img/s",
        **facts,
    }


def _calls(network: OnnxNetwork, config: BenchmarkConfig) -> float:
    """A network's calls/s through ganray over onnxruntime's on the same input."""
    x = np.random.default_rng(0).uniform(-1, 1, (1, network.channels, network.size, network.size)).astype(np.float32)
    feed = network.feed(x)
    sides = [(_seconds(lambda: network(x), 20), _seconds(lambda: network.run(feed), 20)) for _ in range(config.repeats)]
    return statistics.median(bare / through for through, bare in sides)


def _editing(task: str, network: Any, config: BenchmarkConfig) -> Callable[[], None]:
    """What edits every photo once with the network of a task."""
    pictures = {str(index): _photo(index, task) for index in range(config.images or PHOTOS)}
    hole = np.zeros((SIDE, SIDE, 3), np.uint8)
    hole[HOLE[0] : HOLE[1], HOLE[0] : HOLE[1]] = 255
    known = {key.encode(): Raw(pixels, None, "PNG", None) for key, pixels in (pictures | {"hole": hole}).items()}
    engine = EditEngine(networks={task: network}, threads=1, decode=known.__getitem__)
    chain = [{"inpaint": {"mask": "hole"}}] if task == "inpaint" else CHAINS[task]
    holes = {"hole": "hole"} if task == "inpaint" else {}
    requests = [EditRequest(id=key, image=key, edits=chain, pictures=holes, seed=0) for key in pictures]

    def edit() -> None:
        for request in requests:
            list(engine.edit(request, str.encode))

    return edit


def _photo(index: int, task: str) -> Pixels:
    """A drawn product before clutter, where a matte has to be learned; with noise, where it has to be removed."""
    pixels, _ = draw(product(2, index, cluttered=1.0 if task == "matte" else 0.0), SIDE)
    noise = np.random.default_rng(index).normal(0, 8 if task == "enhance" else 1, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def _seconds(work: Callable[[], object], times: int = 1) -> float:
    started = time.process_time()
    for _ in range(times):
        work()
    return time.process_time() - started
