"""`ray job submit --working-dir . -- python jobs/train.py [options]`: the verb `train`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["train", *sys.argv[1:]])
