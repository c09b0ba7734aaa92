"""`ray job submit --working-dir . -- python jobs/key.py [options]`: the verb `key`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["key", *sys.argv[1:]])
