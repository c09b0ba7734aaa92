"""`ray job submit --working-dir . -- python jobs/train_editor.py [options]`: the verb `train-editor`; `--help` explains every option."""

import sys

from ganray.cli import command

if __name__ == "__main__":
    command(["train-editor", *sys.argv[1:]])
