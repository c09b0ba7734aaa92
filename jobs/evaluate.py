"""`ray job submit --working-dir . -- python jobs/evaluate.py [options]`: the verb `evaluate`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["evaluate", *sys.argv[1:]])
