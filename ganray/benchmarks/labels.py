"""`labels`: of the images of a bulk job in every format, on the disk, how many an independent reader finds the labels in (exiftool)."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ganray.benchmarks.random_model import make_model
from ganray.config import BenchmarkConfig, GenerateConfig
from ganray.errors import ConfigError
from ganray.images.codec import SUFFIXES
from ganray.images.provenance import SOURCE_TYPES
from ganray.storage import open_store
from ganray.verbs.generate import generate

IMAGES = 1000


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row: images that say they are a model's, by IPTC and by the AIGC record, which names the image, over all that were made."""
    if shutil.which("exiftool") is None:
        raise ConfigError("benchmark labels reads with exiftool, which is not installed", "apt-get install libimage-exiftool-perl")
    num = config.images or IMAGES
    with tempfile.TemporaryDirectory() as folder:
        make_model(f"{folder}/model")
        formats = list(SUFFIXES)
        rows = [{"id": f"SKU <{i}> & \"'", "format": formats[i % len(formats)], "side": 16 + i % 50} for i in range(num)]
        Path(folder, "table.jsonl").write_text("\n".join(map(json.dumps, rows)))
        told = {"model": f"{folder}/model", "requests": f"{folder}/table.jsonl", "out": f"{folder}/out", "gpu": False, "ray": config.ray}
        generate(GenerateConfig.model_validate(told))
        store = open_store(f"{folder}/out")
        manifest = pq.read_table(BytesIO(store.get("manifest.parquet"))).to_pylist()
        command = ["exiftool", "-json", "-recurse", "-XMP:DigitalSourceType", "-XMP:Aigc", f"{folder}/out/images"]
        read = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    found = {str(Path(one["SourceFile"]).relative_to(f"{folder}/out")): one for one in read}
    labelled = [row for row in manifest if says(found.get(row["key"], {}), f"{row['id']}-{row['index']}")]
    facts = {"formats": " ".join(formats), "reader": "exiftool"}
    return [{"name": "labels", "value": len(labelled), "baseline": num, "ratio": len(labelled) / num, "unit": "img", **facts}]


def says(tags: dict[str, Any], name: str) -> bool:
    """Whether the tags that the reader found are those of the image of that name."""
    record = tags.get("Aigc", "{}")
    implicit = record if isinstance(record, dict) else json.loads(record)
    return tags.get("DigitalSourceType") == f"{SOURCE_TYPES}trainedAlgorithmicMedia" and implicit.get("ProduceID") == name
