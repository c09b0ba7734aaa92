"""`ray job submit --working-dir . -- python jobs/demo.py [options]`: the verb `demo`; `--help` explains every option."""

import sys

from ganray.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", *sys.argv[1:]]))
