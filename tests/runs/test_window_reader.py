import subprocess
import sys

import numpy as np

from ganray.catalog.reader import Catalog
from ganray.catalog.windows import Source, catalog_order, packed, read_window
from ganray.config import DataConfig
from ganray.runs.window_reader import WindowReader


def test_windows_come_as_one_block(small_catalog):
    source = Source.of(Catalog.open(small_catalog), ("category",), DataConfig(window=40), 1)
    windows = catalog_order(source).epoch(0)[:2]
    block = WindowReader(source)({"windows": [packed(windows)]})
    for name, parts in zip(("image", "label"), zip(*(read_window(source, window) for window in windows), strict=True), strict=True):
        assert np.array_equal(block[name], np.concatenate(parts))


def test_a_reader_process_imports_no_torch():
    code = "import sys; import ganray.runs.window_reader; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
