"""`ray job submit --working-dir . -- python jobs/benchmark.py [options]`: the verb `benchmark`; `--help` explains every option."""

import sys

from ganray.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["benchmark", *sys.argv[1:]]))
