"""`ray job submit --working-dir . -- python jobs/serve.py [options]`: the verb `serve`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["serve", *sys.argv[1:]])
