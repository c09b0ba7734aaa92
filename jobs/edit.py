"""`ray job submit --working-dir . -- python jobs/edit.py [options]`: the verb `edit`; `--help` explains every option."""

import sys

from ganray.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["edit", *sys.argv[1:]]))
