"""The reader of Fashion-MNIST's files, on files of the same form made here."""

import gzip
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tools import idx

SCRIPT = Path(__file__).with_name("idx.py")

IMAGES = np.arange(4 * 3 * 2, dtype=np.uint8).reshape(4, 3, 2)  # 4 images, 3 high, 2 wide
LABELS = np.array([9, 0, 0, 4], np.uint8)


def write_idx(path, values, kind=8):
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(f">HBB{values.ndim}I", 0, kind, values.ndim, *values.shape) + values.tobytes())


@pytest.fixture
def folder(tmp_path):
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", IMAGES)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", LABELS)
    return tmp_path


def test_values_come_back_in_their_shape(folder):
    assert np.array_equal(idx.read_idx(folder / "train-images-idx3-ubyte.gz"), IMAGES)
    assert np.array_equal(idx.read_idx(folder / "train-labels-idx1-ubyte.gz"), LABELS)


def test_another_kind_and_a_cut_file_are_refused(folder):
    write_idx(folder / "floats.gz", IMAGES, kind=0x0D)
    with pytest.raises(ValueError, match=r"floats\.gz is no IDX file of unsigned bytes"):
        idx.read_idx(folder / "floats.gz")
    with gzip.open(folder / "cut.gz", "wb") as file:
        file.write(struct.pack(">HBB3I", 0, 8, 3, 4, 3, 2) + IMAGES.tobytes()[:-1])
    with pytest.raises(ValueError, match="23"):
        idx.read_idx(folder / "cut.gz")


def test_images_lie_in_folders_of_their_class(folder):
    assert idx.write_pngs(folder, folder / "out") == 4
    files = sorted(str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.png"))
    assert files == ["ankle-boot/train-00000.png", "coat/train-00003.png", "t-shirt/train-00001.png", "t-shirt/train-00002.png"]
    assert np.array_equal(np.asarray(Image.open(folder / "out" / "coat" / "train-00003.png")), IMAGES[3])
    assert idx.write_pngs(folder, folder / "few", limit=2) == 2
    assert len(list((folder / "few").rglob("*.png"))) == 2


def test_it_runs_as_a_script(folder):
    command = [sys.executable, str(SCRIPT), str(folder), str(folder / "out"), "3"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "3 images\n"
