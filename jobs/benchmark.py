"""`ray job submit --working-dir . -- python jobs/benchmark.py [options]`: the verb `benchmark`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["benchmark", *sys.argv[1:]])
