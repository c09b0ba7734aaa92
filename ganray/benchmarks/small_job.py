"""`small-job`: seconds of a whole small job, cold, over a bare script that does the same: `edit --edits white` on 8 photos, and
`generate --num 16`.

Both sides are a process from its start to its end, run in turn; their images must be equal to the byte. The bare script imports what it
needs, loads the model, computes, labels and saves; it has no receipts, no books and no protection from its photos.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ganray.config import BenchmarkConfig
from ganray.errors import GanrayError
from ganray.storage import open_store

PHOTOS, IMAGES = 8, 16
COMMAND = "from ganray.cli import entry; entry()"
BARE = "import sys; from ganray.benchmarks.small_job import bare_{verb}; bare_{verb}(*sys.argv[1:])"


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """A row a verb. Raises GanrayError where a side fails, or where their images differ."""
    from ganray.benchmarks.edit_speed import shoot
    from ganray.benchmarks.random_model import make_model

    with tempfile.TemporaryDirectory() as folder:
        photos, model = f"{folder}/photos", f"{folder}/model"
        shoot(Path(photos), PHOTOS)
        make_model(model)
        return [
            _row(config, "edit", PHOTOS, ["--source", photos, "--edits", "white"], [photos], f"{folder}/edit"),
            _row(config, "generate", IMAGES, ["--model", model, "--num", str(IMAGES), "--no-gpu"], [model], f"{folder}/generate"),
        ]


def _row(config: BenchmarkConfig, verb: str, images: int, options: list[str], bare_arguments: list[str], out: str) -> dict[str, Any]:
    """Both sides in turn, each repeat into folders of its own."""
    seconds: list[tuple[float, float]] = []
    for repeat in range(config.repeats):
        job, bare = f"{out}-{repeat}", f"{out}-bare-{repeat}"
        seconds.append((_run(COMMAND, [verb, *options, "--out", job]), _run(BARE.format(verb=verb), [*bare_arguments, bare])))
        if len(_images(bare)) != images or _images(job) != _images(bare):
            raise GanrayError(f"small-job: {verb}: the images of the job are not those of the bare script", "This is a defect: report it")
    value, baseline = (statistics.median(side) for side in zip(*seconds, strict=True))
    ratio = statistics.median(job / bare for job, bare in seconds)
    return {"name": "small-job", "verb": verb, "value": value, "baseline": baseline, "ratio": ratio, "unit": "s", "images": images}


def _run(code: str, arguments: list[str]) -> float:
    """Seconds of an interpreter of its own. Raises GanrayError where it fails."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise GanrayError(f"small-job: {' '.join(arguments)} failed: {done.stderr[-2000:]}", "Run it alone to see why")
    return seconds


def _images(url: str) -> dict[str, bytes]:
    """Name -> bytes of the images under a job's folder."""
    store = open_store(url)
    return {info.key.rpartition("/")[2]: store.get(info.key) for info in store.list("images")}


def bare_edit(photos: str, out: str) -> None:
    """Put every photo of a folder on white; one process, no job."""
    from ganray.edit_engine import EditEngine
    from ganray.output.edited_file import encode_edited
    from ganray.requests import EditRequest, file_name

    engine, source, target = EditEngine.load(), open_store(photos), open_store(out)
    for info in source.list():
        request = EditRequest(id=Path(info.key).stem, image=info.key, edits=("white",))
        for edited in engine.edit(request, source.get):
            target.create(f"images/{file_name(request.id, edited.index, edited.output.format)}", encode_edited(edited, engine.digest))


def bare_generate(model: str, out: str) -> None:
    """Draw IMAGES images spread over the model's first attribute; one process, no job."""
    from ganray.engine import Engine
    from ganray.output.sample_file import SampleFile, encode_sample
    from ganray.requests import file_name
    from ganray.vocabulary import spread_requests

    engine, target = Engine.load(model, "cpu"), open_store(out)
    for sample in engine.generate(spread_requests(IMAGES, engine.info.attributes)):
        request = sample.request
        data = encode_sample(sample.pixels, SampleFile.of(request, sample.index, engine.info.digest))
        target.create(f"images/{file_name(request.id, sample.index, request.format)}", data)
