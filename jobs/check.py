"""`ray job submit --working-dir . -- python jobs/check.py [options]`: the verb `check`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["check", *sys.argv[1:]])
