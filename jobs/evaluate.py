"""`ray job submit --working-dir . -- python jobs/evaluate.py [options]`: the verb `evaluate`; `--help` explains every option."""

import sys

from ganray.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["evaluate", *sys.argv[1:]]))
