"""What a test lets a node do in place of its examination."""

import os
import time


def ends_its_process():
    os._exit(7)


def sleeps():
    time.sleep(60)
