"""The mailbox of a run on a cluster: an actor that holds a `LocalMailbox`, and its client. Its process imports little, to start at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ganray.runs.mailbox import Command, LocalMailbox, MailboxClosed
from ganray.runs.messages import Message

DRAIN_S = 30.0


@dataclass(frozen=True)
class RayMailbox:
    """A `Mailbox` whose messages are in the process of `actor`; copies of it, in any process, lead to the same one."""

    actor: Any

    def send(self, message: Message) -> None:
        """See `Mailbox`."""
        self.actor.send.remote(message)

    def deliver(self, message: Message) -> None:
        """See `Mailbox`."""
        ray.get(self.actor.send.remote(message))

    def drain(self) -> list[Message]:
        """See `Mailbox`."""
        try:
            messages: list[Message] = ray.get(self.actor.drain.remote(), timeout=DRAIN_S)
        except ray.exceptions.RayError as error:
            raise MailboxClosed from error
        return messages

    def failed(self) -> bool:
        """See `Mailbox`."""
        return bool(ray.get(self.actor.failed.remote()))

    def command(self, command: Command) -> None:
        """See `Mailbox`."""
        self.actor.command.remote(command)

    def read_command(self) -> Command:
        """See `Mailbox`."""
        try:
            command: Command = ray.get(self.actor.read_command.remote())
        except ray.exceptions.RayError as error:
            raise MailboxClosed from error
        return command

    def acknowledge(self) -> None:
        """See `Mailbox`."""
        ray.get(self.actor.acknowledge.remote())

    def acknowledged(self) -> bool:
        """See `Mailbox`."""
        return bool(ray.get(self.actor.acknowledged.remote()))

    def elapsed_s(self) -> float:
        """See `Mailbox`."""
        return float(ray.get(self.actor.elapsed_s.remote()))


def make_mailbox() -> RayMailbox:
    """A new one: on the driver's node, whose loss ends the run anyway, and without a CPU slot."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return RayMailbox(ray.remote(LocalMailbox).options(num_cpus=0, scheduling_strategy=here).remote())
