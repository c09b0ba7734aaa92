"""Sees to it that jobs which are written down are run, end, and are told of: a thread of each server, which looks at what is open.

All that it does may be done twice, by several replicas or by a server that has started again: submitting a job that runs does nothing, an
end is written once, and a webhook's attempts are counted in the store.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, Protocol

from ganray.errors import GanrayError, ObjectNotFound
from ganray.serving.job_store import Ended, JobRecord, JobStore
from ganray.serving.webhooks import Webhooks

RunState = Literal["absent", "queued", "running", "gone"]  # gone: it ran, and its process has ended
EVERY_S = 2.0
SENDERS = 8  # receivers that never answer must not hold up the others for long
COUNTS = ("images", "quarantined", "untouched", "ranked_out", "doubtful")  # of a bulk job's job.json
KNOWN = 10_000  # records that are kept in memory


class JobRunner(Protocol):
    """Where jobs run. Methods block, and raise GanrayError where the place cannot be reached."""

    executor: str  # of the verb's configuration

    def submit(self, record: JobRecord) -> None:
        """Run the job, or queue it; of a job that it has already, nothing."""
        ...

    def state(self, record: JobRecord) -> RunState:
        """What has become of it."""
        ...

    def cancel(self, record: JobRecord) -> None:
        """End its process; of a job that does not run, nothing."""
        ...

    def close(self) -> None:
        """The server ends: jobs that live in it are stopped, and go on when it is started again."""
        ...


class JobKeeper:
    """Looks at open jobs every two seconds, and when it is woken."""

    def __init__(self, store: JobStore, runner: JobRunner, webhooks: Webhooks) -> None:
        self._store, self._runner, self._webhooks = store, runner, webhooks
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._records = dict[tuple[str, str], JobRecord]()
        self._due = dict[str, float]()  # job -> when its webhook's next attempt is due
        self._sending = set[str]()
        self._senders = ThreadPoolExecutor(SENDERS, "webhook")
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wake(self) -> None:
        """Something is new."""
        self._woken.set()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._senders.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except Exception as error:  # a store or a cluster that is away for a while: the next look may find it
                logging.getLogger(__name__).warning("jobs: %s", error)
            self._woken.wait(EVERY_S)
            self._woken.clear()

    def look(self) -> None:
        """Do what is due for every open job, oldest first; one that fails does not hold up the others."""
        for tenant, id in self._store.open_jobs():
            if self._stopping.is_set():
                return
            try:
                self._see_to(tenant, id)
            except GanrayError as error:
                logging.getLogger(__name__).warning("job %s: %s", id, error)

    def _see_to(self, tenant: str, id: str) -> None:
        record = self._record(tenant, id)
        if record is None or id in self._sending or self._due.get(id, 0.0) > time.time():
            return
        state = self._runner.state(record)
        ended = self._store.ended(record)  # after `state`: a process writes its end before it goes
        if ended is None:
            if state == "absent":
                self._runner.submit(record)
            elif state == "gone":
                self._store.end(record, _end_of_vanished(self._store, record))
            return
        if state in ("queued", "running") and ended.state == "cancelled":
            self._runner.cancel(record)
        elif record.webhook and (due := self._webhooks.next_due(self._store, record, ended)) is not None:
            self._tell(record, ended, due)
        else:
            self._store.close(record)
            self._records.pop((tenant, id), None)
            self._due.pop(id, None)

    def _record(self, tenant: str, id: str) -> JobRecord | None:
        """None where it is being written down, or never was to the end: its client has had no answer, and may send it again."""
        if (tenant, id) not in self._records:
            if len(self._records) > KNOWN:
                self._records.clear()
            try:
                self._records[tenant, id] = self._store.record(tenant, id)
            except GanrayError:
                return None
        return self._records[tenant, id]

    def _tell(self, record: JobRecord, ended: Ended, due: float) -> None:
        self._due[record.id] = due
        if due > time.time():
            return
        self._sending.add(record.id)
        self._senders.submit(self._attempt, record, ended)

    def _attempt(self, record: JobRecord, ended: Ended) -> None:
        try:
            self._webhooks.attempt(self._store, record, ended, counts_of(self._store, record))
        except Exception as error:
            logging.getLogger(__name__).warning("job %s: webhook: %s", record.id, error)
        finally:
            self._due.pop(record.id, None)
            self._sending.discard(record.id)
            self.wake()


def _end_of_vanished(store: JobStore, record: JobRecord) -> Ended:
    """How a job ended whose process is gone and has not said so: whole, where its last object is there."""
    if counts_of(store, record):
        return Ended("succeeded", time.time())
    return Ended("failed", time.time(), "crashed", "its process ended without a result: it was killed, or its machine was lost")


def counts_of(store: JobStore, record: JobRecord) -> dict[str, Any]:
    """The counts of a job whose results are whole; empty otherwise."""
    try:
        books = json.loads(store.out(record).get("job.json"))
    except ObjectNotFound:
        return {}
    return {name: books[name] for name in COUNTS if name in books}
