"""`ray job submit --working-dir . -- python jobs/check.py [options]`: the verb `check`; `--help` explains every option."""

import sys

from ganray.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["check", *sys.argv[1:]]))
