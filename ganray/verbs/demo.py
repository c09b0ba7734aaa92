"""The verb `demo`: the whole way on one machine, with times. Running it again keeps what is finished."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganray.commands import VERBS
from ganray.config import DemoConfig, EvaluateConfig, GenerateConfig, IngestConfig, ServeConfig, TrainConfig
from ganray.execution.resources import cores
from ganray.presets import preset
from ganray.runs.throughput import bare_rate
from ganray.verbs.evaluate import evaluate
from ganray.verbs.evaluate import show as figures
from ganray.verbs.generate import generate
from ganray.verbs.ingest import ingest
from ganray.verbs.train import train

PRESET = "demo-32"
PROBE_IMAGES = 320
VARIETY = 0.3  # two styles or so of a category: what minutes of training can learn


def demo(config: DemoConfig) -> dict[str, Any]:
    """Sample catalog -> training -> bulk images -> evaluation -> HTTP; returns the paths of the results."""
    out = Path(config.out)
    catalog, model, images, evaluation, picture = (out / name for name in ("catalog", "model", "images", "evaluation", "http.png"))
    times: dict[str, float] = {}
    start = preset(PRESET)
    with _step("1/5 ingest: draw and prepare a sample catalog", "ingest", times):
        source, side = f"sample:{config.products}", start.model.resolution
        ingest(IngestConfig(source=source, out=str(catalog), resolution=side, variety=VARIETY, ray=config.ray))
    with _step(f"2/5 train: {PRESET} from nothing, at most {config.minutes:g} minutes", "train", times):
        if not (model / "model.json").exists():
            run = start.model_copy(update={"catalog": str(catalog), "out": str(model), "minutes": config.minutes, "ray": config.ray})
            train(run.model_copy(update={"kimg": affordable_kimg(run, config.kimg), "resume": True}))
    with _step(f"3/5 generate: {config.images:,} labelled images in bulk", "generate", times):
        books = generate(GenerateConfig(model=str(model), num=config.images, out=str(images), ray=config.ray))
    with _step("4/5 evaluate: distances, coverage, accuracy, nearest neighbours", "evaluate", times):
        scoring = EvaluateConfig(
            model=str(model), catalog=str(catalog), out=str(evaluation), num=config.images, extractor_kimg=6, ray=config.ray
        ).model_copy(update={"copies_by": "fingerprint"})  # in a minute less
        report = evaluate(scoring)
    with _step("5/5 serve: one image over HTTP", "serve", times):
        serve: Callable[..., Any] = VERBS["serve"].load_function()[1]  # by name: the steps before may need no Ray
        server = serve(ServeConfig(model=str(model), port=config.port, ray=config.ray), blocking=False)
        fetch(server.url, picture)
    if config.keep_serving:
        _wait(server.url)
    server.stop()
    (out / "demo.json").write_text(json.dumps({"seconds": times, "books": books, "report": report}, indent=1, default=str))
    return _summary(out, times, report)


def affordable_kimg(run: TrainConfig, kimg: float) -> float:
    """As many thousand images as this machine trains on in `run.minutes`, at most `kimg`: schedules must end with the run."""
    description = Path(run.out) / "run.json"
    if description.exists():  # an interrupted demo continues with its first value
        return float(json.loads(description.read_text())["config"]["kimg"])
    rate = bare_rate(run, PROBE_IMAGES, run.threads or cores())
    affordable = min(kimg, max(1.0, round(0.9 * rate * 60 * run.minutes / 1000, 1)))
    print(f"this machine trains on {rate:.0f} images/s: {affordable:g} thousand images", flush=True)
    return affordable


def fetch(url: str, picture: Path) -> None:
    """One image through `POST /v1/generate`, into a file."""
    body = json.dumps({"id": "demo", "seed": 7}).encode()
    request = urllib.request.Request(f"{url}/v1/generate", data=body, headers={"Content-Type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the server is on this machine, whatever proxy is set
    with direct.open(request, timeout=60) as reply:
        picture.write_bytes(reply.read())


def _wait(url: str) -> None:
    print(f"Serving on {url} (docs at {url}/docs); Ctrl-C ends it", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()


@contextmanager
def _step(title: str, name: str, times: dict[str, float]) -> Iterator[None]:
    print(f"\n{title}", flush=True)
    started = time.monotonic()
    yield
    times[name] = round(time.monotonic() - started, 1)


def _summary(out: Path, times: dict[str, float], report: dict[str, Any]) -> dict[str, Any]:
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in times.items())
    print(f"\n{figures(report)}\n\nDone in {sum(times.values()):.0f} s ({spent})\n", flush=True)
    return {
        "contact sheet": out / "evaluation" / "contact_sheet.png",
        "report": out / "evaluation" / "report.html",
        "model": out / "model",
        "images": out / "images",
        "over HTTP": out / "http.png",
        "catalog": out / "catalog",
    }
