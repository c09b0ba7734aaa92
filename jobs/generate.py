"""`ray job submit --working-dir . -- python jobs/generate.py [options]`: the verb `generate`; `--help` explains every option."""

import sys

from ganray.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["generate", *sys.argv[1:]]))
