"""`ray job submit --working-dir . -- python jobs/edit.py [options]`: the verb `edit`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["edit", *sys.argv[1:]])
