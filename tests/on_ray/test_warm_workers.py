import sys

from ganray.on_ray.warm_workers import MODULES, load_modules


def test_what_a_writer_needs_is_loaded():
    load_modules()
    assert all(name in sys.modules for name in MODULES)
