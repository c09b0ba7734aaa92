"""All engines of one command draw on one kind of device: another kind draws pictures that differ in their last bits."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import TypeVar

from ganray.bulk.job import GenerateJob
from ganray.errors import ClusterError
from ganray.execution.gpus import KIND
from ganray.output.device import describe_device
from ganray.storage import Store

R = TypeVar("R")


def load_on(accelerator: str, load: Callable[[], R]) -> R:
    """What `load` gives, in a worker; on CPUs `accelerator` is empty. Raises ClusterError where the worker's GPU is not of the kind that
    the command's other engines draw on."""
    if accelerator and (here := describe_device("cuda")) != accelerator:
        raise ClusterError(
            f"host {socket.gethostname()} has {here}, the job's engines draw on {accelerator}: pictures would differ",
            f"Use --node-labels {KIND}=KIND, or another label that only nodes of one kind have",
        )
    return load()


def drawn_by(store: Store) -> str:
    """The GPU of the job that lies in a store; empty where none does, or it began on CPUs."""
    return str(json.loads(store.get("plan.json")).get("accelerator", "")) if store.exists("plan.json") else ""


def note_of_device(found: GenerateJob, here: GenerateJob) -> str:
    """What is said of a job that began on another kind of device; empty where it goes on on its own."""
    unnamed = not found.accelerator  # on CPUs, and in jobs of before devices were noted
    if found.device == here.device and (unnamed or found.accelerator == here.accelerator):
        return ""
    return (
        f"the job began on {found.accelerator or found.device} and goes on on {here.accelerator or here.device}: "
        "pictures that are there stay, the others are drawn here, and the two kinds differ in their last bits"
    )
