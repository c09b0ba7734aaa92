"""`ray job submit --working-dir . -- python jobs/verbs/export.py [options]`: the verb `export`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["export", *sys.argv[1:]])
