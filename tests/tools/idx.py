"""Fashion-MNIST's IDX files -> a folder of PNGs by class name, as an ingest source: `python tests/tools/idx.py IDX_FOLDER OUT [LIMIT]`."""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image

FASHION_CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot")


def read_idx(path: Path) -> np.ndarray:
    """A gzipped IDX file of unsigned bytes, of any number of dimensions."""
    with gzip.open(path) as file:
        zero, kind, num_dimensions = struct.unpack(">HBB", file.read(4))
        if (zero, kind) != (0, 8):
            raise ValueError(f"{path} is no IDX file of unsigned bytes")
        shape = struct.unpack(f">{num_dimensions}I", file.read(4 * num_dimensions))
        return np.frombuffer(file.read(), np.uint8).reshape(shape)


def write_pngs(folder: Path, out: Path, limit: int = 0, split: str = "train") -> int:
    """Write the first `limit` images (0 = all) of a split as out/CLASS/SPLIT-NUMBER.png; returns how many."""
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")
    num = min(limit or len(images), len(images))
    for name in FASHION_CLASSES:
        (out / name).mkdir(parents=True, exist_ok=True)
    for index in range(num):
        Image.fromarray(images[index]).save(out / FASHION_CLASSES[labels[index]] / f"{split}-{index:05d}.png", compress_level=1)
    return num


if __name__ == "__main__":
    print(write_pngs(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0), "images")
