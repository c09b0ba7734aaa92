"""A slow and lossy cable between a host and the switch, where the kernel has no `netem`: a process that carries every frame.

    python -m tests.tools.cable HOST_PROCESS SWITCH_PROCESS PORT DELAY LOSS SEED

makes `eth0` in the network of one process and PORT in that of the other one, says "ready", and ends with its standard input.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time
from dataclasses import dataclass

from tests.tools.namespaces import enter_network

TUNSETIFF = 0x400454CA  # linux/if_tun.h
TAP, WITHOUT_HEADER = 0x0002, 0x1000  # IFF_TAP, IFF_NO_PI
FRAME = 65536


def missing() -> str:
    """Why there can be no such cable here; empty where there can."""
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return f"/dev/net/tun: {error.strerror}"
    return ""


@dataclass(frozen=True)
class Cable:
    """`delay` in seconds of what the host sends; `loss` is the share of frames that are lost, both ways."""

    delay: float
    loss: float
    seed: int = 0


def open_tap(process: int, name: str) -> int:
    """A new Ethernet interface in the network of a process; frames are read from, and written to, the descriptor."""
    enter_network(process)
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP | WITHOUT_HEADER))
    return descriptor


def carry(host: int, switch: int, cable: Cable, end: int) -> None:
    """Carry frames between two interfaces until the descriptor `end` has nothing more to say."""
    draws, waiting = random.Random(cable.seed), list[tuple[float, bytes]]()
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([host, switch, end], [], [], pause)
        if end in ready and not os.read(end, 1):
            return
        if host in ready:
            for frame in frames(host):
                if draws.random() >= cable.loss:
                    heapq.heappush(waiting, (time.monotonic() + cable.delay, frame))
        if switch in ready:
            for frame in frames(switch):
                if draws.random() >= cable.loss:
                    send(host, frame)
        while waiting and waiting[0][0] <= time.monotonic():
            send(switch, heapq.heappop(waiting)[1])


def frames(descriptor: int) -> list[bytes]:
    """All frames that have arrived."""
    found = []
    while True:
        try:
            found.append(os.read(descriptor, FRAME))
        except OSError:  # none left, or the interface is down
            return found


def send(descriptor: int, frame: bytes) -> None:
    """Send a frame; an interface that is down, or full, loses it as a wire does."""
    with contextlib.suppress(OSError):
        os.write(descriptor, frame)


if __name__ == "__main__":
    first, second, port, delay, loss, seed = sys.argv[1:]
    own, other = open_tap(int(first), "eth0"), open_tap(int(second), port)
    print("ready", flush=True)
    carry(own, other, Cable(float(delay), float(loss), int(seed)), 0)
