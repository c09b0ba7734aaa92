"""`ingest`: images/s of real work, JPEGs of 400x533 px to a catalog of 64 px, over a bare Pillow loop with `draft` on as many processes.

Ours lists, decodes in a child process under caps, checks, writes Parquet, writes receipts and the manifest; the bare loop reads,
decodes (at 1/2, 1/4 or 1/8 where that is enough), pads, shrinks and encodes. Both read the same files.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganray.benchmarks.generate import MEMORY
from ganray.catalog.sample import draw, product
from ganray.config import BenchmarkConfig, IngestConfig
from ganray.execution.resources import cores
from ganray.verbs.ingest import ingest

IMAGES, DRAWN, RESOLUTION = 6000, 48, 64
SIZE = (400, 533)


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row; a first ingest fills the page cache, and is not timed."""
    images, processes = config.images or IMAGES, cores()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        photos = Path(folder, "photos")
        write_photos(photos, images)
        files = [str(path) for path in sorted(photos.rglob("*.jpg"))]
        rounds = []
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for repeat in range(config.repeats + 1):
                started = time.perf_counter()
                info = ingest(IngestConfig(source=str(photos), out=f"{folder}/catalog-{repeat}", resolution=RESOLUTION, ray=config.ray))
                value = images / (time.perf_counter() - started)
                assert info.counts.accepted == images
                started = time.perf_counter()
                pool.map(bare, [files[place::processes] for place in range(processes)], chunksize=1)
                rounds.append((value, images / (time.perf_counter() - started)))
    rounds = rounds[1:]
    value, baseline = (statistics.median(side) for side in zip(*rounds, strict=True))
    ratio = statistics.median(one / two for one, two in rounds)
    facts = {"images": images, "processes": processes, "px": RESOLUTION}
    return [{"name": "ingest", "value": round(value, 1), "baseline": round(baseline, 1), "ratio": ratio, "unit": "img/s", **facts}]


def write_photos(folder: Path, images: int) -> None:
    """Write JPEGs of products before cluttered backgrounds, all different in their bytes, a folder for each category."""
    rng = np.random.default_rng(0)
    shots = []
    for index in range(DRAWN):
        item = product(0, index)
        scene = Image.fromarray(rng.integers(60, 220, (12, 9, 3), np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
        pixels, mask = draw(item, SIZE[0])
        scene.paste(Image.fromarray(pixels), (0, 66), Image.fromarray(mask))
        grainy = np.asarray(scene, np.int16) + rng.integers(-6, 7, (SIZE[1], SIZE[0], 3))
        shots.append((item.category, Image.fromarray(grainy.clip(0, 255).astype(np.uint8))))
    encoded = []
    for category, shot in shots:
        buffer = BytesIO()
        shot.save(buffer, "JPEG", quality=88)
        encoded.append((category, buffer.getvalue()))
        (folder / category).mkdir(parents=True, exist_ok=True)
    for index in range(images):
        category, data = encoded[index % DRAWN]
        comment = f"{index:08d}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment  # a JPEG comment makes each file different
        (folder / category / f"{index:06d}.jpg").write_bytes(data[:2] + segment + data[2:])


def bare(files: list[str]) -> int:
    """The loop that a person would write: read, decode with `draft`, pad to a square on white, shrink, encode as PNG."""
    total = 0
    for name in files:
        with Image.open(BytesIO(Path(name).read_bytes())) as image:
            image.draft("RGB", (2 * RESOLUTION, 2 * RESOLUTION))
            whole = image.convert("RGB")
        scale = RESOLUTION / max(whole.size)
        small = whole.resize((round(whole.width * scale), round(whole.height * scale)), Image.Resampling.BICUBIC, reducing_gap=2.0)
        sheet = Image.new("RGB", (RESOLUTION, RESOLUTION), (255, 255, 255))
        sheet.paste(small, ((RESOLUTION - small.width) // 2, (RESOLUTION - small.height) // 2))
        buffer = BytesIO()
        sheet.save(buffer, "PNG", compress_level=3)
        total += len(buffer.getvalue())
    return total
