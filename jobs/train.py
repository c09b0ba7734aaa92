"""`ray job submit --working-dir . -- python jobs/train.py [options]`: the verb `train`; `--help` explains every option."""

import sys

from ganray.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["train", *sys.argv[1:]]))
