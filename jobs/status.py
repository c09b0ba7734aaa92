"""`ray job submit --working-dir . -- python jobs/status.py [options]`: the verb `status`; `--help` explains every option."""

import sys

from ganray.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["status", *sys.argv[1:]]))
