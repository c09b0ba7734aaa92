"""`ray job submit --working-dir . -- python jobs/profiles.py [options]`: the verb `profiles`; `--help` explains every option."""

import sys

from ganray.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["profiles", *sys.argv[1:]]))
