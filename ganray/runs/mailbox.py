"""The mailbox between the workers of a run and its driver: messages one way, commands the other. It imports almost nothing."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from enum import StrEnum
from typing import Protocol

from ganray.runs.messages import Failed, Message

POLL_S = 0.5  # between looks at the command


class Command(StrEnum):
    """What the workers are to do: nothing special; stop after a checkpoint; write a checkpoint, because their number will change."""

    NONE = ""
    STOP = "stop"
    RESIZE = "resize"


class MailboxClosed(Exception):
    """The mailbox is gone, and the driver with it."""


class Mailbox(Protocol):
    """The port. `LocalMailbox` is one for a single process; that of a cluster is `on_ray/mailbox.py`. Others than the driver get copies."""

    def send(self, message: Message) -> None:
        """Leave a message, without waiting."""

    def deliver(self, message: Message) -> None:
        """Leave a message; return when the driver can read it."""

    def drain(self) -> list[Message]:
        """All messages since the last call. Raises MailboxClosed."""

    def failed(self) -> bool:
        """Whether a `Failed` was sent, perhaps by an earlier group of workers."""

    def command(self, command: Command) -> None:
        """Tell the workers what to do, without waiting. STOP stands; RESIZE can be taken back by NONE."""

    def read_command(self) -> Command:
        """The current command. Raises MailboxClosed."""

    def acknowledge(self) -> None:
        """The workers have written their checkpoint and done what the command says; returns when the driver can see it."""

    def acknowledged(self) -> bool:
        """Whether they have, since the last command."""

    def elapsed_s(self) -> float:
        """Seconds since the first call: since training began, whatever happened to its workers."""


class LocalMailbox:
    """The mailbox of one process, for any of its threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may give a command while this thread sends a message
        self._messages: list[Message] = []
        self._failed = self._acknowledged = False
        self._command = Command.NONE
        self._started: float | None = None

    def send(self, message: Message) -> None:
        """See `Mailbox`."""
        with self._lock:
            self._messages.append(message)
            self._failed = self._failed or isinstance(message, Failed)

    def deliver(self, message: Message) -> None:
        """See `Mailbox`."""
        self.send(message)

    def drain(self) -> list[Message]:
        """See `Mailbox`."""
        with self._lock:
            messages, self._messages = self._messages, []
            return messages

    def failed(self) -> bool:
        """See `Mailbox`."""
        return self._failed

    def command(self, command: Command) -> None:
        """See `Mailbox`."""
        with self._lock:
            if self._command is not Command.STOP:
                self._command, self._acknowledged = command, False

    def read_command(self) -> Command:
        """See `Mailbox`."""
        return self._command

    def acknowledge(self) -> None:
        """See `Mailbox`."""
        self._acknowledged = True

    def acknowledged(self) -> bool:
        """See `Mailbox`."""
        return self._acknowledged

    def elapsed_s(self) -> float:
        """See `Mailbox`."""
        self._started = time.monotonic() if self._started is None else self._started
        return time.monotonic() - self._started


class CommandListener:
    """Rank 0's view of the command: a thread reads it, so that a step does not wait for an answer."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.command = Command.NONE
        self._mailbox, self._closed = mailbox, threading.Event()
        threading.Thread(target=self._listen, name="commands", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()

    def _listen(self) -> None:
        with suppress(MailboxClosed):  # without the driver this process ends soon as well
            while not self._closed.wait(POLL_S):
                self.command = self._mailbox.read_command()
