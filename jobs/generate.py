"""`ray job submit --working-dir . -- python jobs/generate.py [options]`: the verb `generate`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["generate", *sys.argv[1:]])
