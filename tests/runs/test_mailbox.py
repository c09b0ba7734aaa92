"""One contract for both mailboxes: that of one process, and that of a cluster."""

import time

import pytest

from ganray.errors import NonFiniteError
from ganray.runs import mailbox as module
from ganray.runs.mailbox import Command, CommandListener, LocalMailbox, MailboxClosed
from ganray.runs.messages import Failed, Log, Note

FAILED = Failed(NonFiniteError("loss_d became non-finite", "Resume"))


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.ray)])
def mailbox(request):
    if request.param == "local":
        yield LocalMailbox()
        return
    import ray

    from ganray.on_ray.mailbox import make_mailbox

    request.getfixturevalue("cluster")
    mailbox = make_mailbox()
    yield mailbox
    ray.kill(mailbox.actor)


def test_messages_are_drained_once_in_their_order_and_an_error_is_remembered(mailbox):
    mailbox.send(Log({"kimg": 1.0}))
    mailbox.send(Note("a"))
    assert not mailbox.failed()
    mailbox.deliver(FAILED)
    *first, failed = mailbox.drain()
    assert first == [Log({"kimg": 1.0}), Note("a")]
    assert str(failed.error) == str(FAILED.error)
    assert mailbox.drain() == []
    assert mailbox.failed()


def test_a_command_to_resize_can_be_taken_back_and_one_to_stop_cannot(mailbox):
    mailbox.command(Command.RESIZE)
    mailbox.acknowledge()
    assert (mailbox.read_command(), mailbox.acknowledged()) == (Command.RESIZE, True)
    mailbox.command(Command.NONE)
    mailbox.command(Command.RESIZE)
    assert not mailbox.acknowledged()  # it was the earlier command
    mailbox.command(Command.STOP)
    mailbox.command(Command.NONE)
    assert mailbox.read_command() is Command.STOP


def test_the_clock_starts_with_the_first_call(mailbox):
    first = mailbox.elapsed_s()
    time.sleep(0.1)
    assert 0 <= first < mailbox.elapsed_s() - 0.09


def test_a_listener_follows_the_command(monkeypatch):
    monkeypatch.setattr(module, "POLL_S", 0.01)
    mailbox = LocalMailbox()
    listener = CommandListener(mailbox)
    assert not listener.command
    mailbox.command(Command.STOP)
    deadline = time.monotonic() + 30
    while not listener.command and time.monotonic() < deadline:
        time.sleep(0.01)
    assert listener.command is Command.STOP
    listener.close()


def test_a_listener_outlives_its_mailbox(monkeypatch):
    monkeypatch.setattr(module, "POLL_S", 0.01)

    class Closed(LocalMailbox):
        def read_command(self):
            raise MailboxClosed

    listener = CommandListener(Closed())  # an exception in its thread would be a warning, which is an error here
    time.sleep(0.1)
    assert not listener.command


@pytest.mark.ray
def test_the_mailbox_of_a_cluster_that_ended_is_closed(cluster):
    import ray

    from ganray.on_ray.mailbox import make_mailbox

    mailbox = make_mailbox()
    mailbox.drain()
    ray.kill(mailbox.actor)  # returns before the process has ended
    with pytest.raises(MailboxClosed):
        for _ in range(300):
            mailbox.drain()
            time.sleep(0.1)
    with pytest.raises(MailboxClosed):
        mailbox.read_command()
