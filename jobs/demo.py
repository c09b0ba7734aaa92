"""`ray job submit --working-dir . -- python jobs/demo.py [options]`: the verb `demo`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["demo", *sys.argv[1:]])
