"""Runs the jobs of POST /v1/jobs as Ray jobs of the cluster that serves: they outlive every replica.

A job's submission id follows from its own id: of several replicas that submit it, one does. Nothing but names is on its command line.
"""

from __future__ import annotations

import shlex
import sys
from typing import Any

import ray
from ray.exceptions import RayError
from ray.job_submission import JobStatus, JobSubmissionClient

from ganray.errors import ClusterError
from ganray.serving.job_keeper import RunState
from ganray.serving.job_store import JobRecord, folder_of

STATES: dict[str, RunState] = {JobStatus.PENDING: "queued", JobStatus.RUNNING: "running"}
FAILURES = (RuntimeError, OSError, RayError)  # an answer that is no success; no answer; a token that is not the cluster's
REMEDY = "The head must run its dashboard: `ray start --head` does, a cluster that `ganray serve` starts by itself does not"


class RayJobs:
    """A runner over Ray's job API; see JobRunner. The address of the cluster's dashboard is asked of Ray where none is given."""

    executor = "auto"  # small jobs run in the job's own process, without engines to wait for

    def __init__(self, url: str, address: str | None = None) -> None:
        """Of the jobs under this URL."""
        self._url, self._address = url, address
        self._client: JobSubmissionClient | None = None

    def submit(self, record: JobRecord) -> None:
        """Run the job; see JobRunner."""
        words = [sys.executable, "-m", "ganray.serving.job_process", self._url, folder_of(record.tenant), record.id]
        try:
            self._connected().submit_job(
                entrypoint=shlex.join(words),
                submission_id=submission_of(record),
                runtime_env=_own_code(),
                metadata={"ganray_job": record.id, "ganray_kind": record.kind},
            )
        except FAILURES as error:
            if "already exists" not in str(error):
                raise _error(error) from error

    def state(self, record: JobRecord) -> RunState:
        """What has become of the job; see JobRunner."""
        try:
            status = self._connected().get_job_status(submission_of(record))
        except FAILURES as error:
            if "404" in str(error):
                return "absent"
            raise _error(error) from error
        return STATES.get(status, "gone")

    def cancel(self, record: JobRecord) -> None:
        """SIGTERM to its processes, and after a few seconds SIGKILL; see JobRunner."""
        try:
            self._connected().stop_job(submission_of(record))
        except FAILURES as error:
            if "404" not in str(error):
                raise _error(error) from error

    def close(self) -> None:
        """Nothing: its jobs are the cluster's."""

    def _connected(self) -> JobSubmissionClient:
        """The client. Raises ClusterError where the cluster has no job API."""
        if self._client is None:
            try:
                self._client = JobSubmissionClient(self._address or ray.get_runtime_context().gcs_address)
            except FAILURES as error:
                raise _error(error) from error
        return self._client


def submission_of(record: JobRecord) -> str:
    """The id of the Ray job.

    >>> submission_of(JobRecord("e5dd4c84fc2-fb8adcd58517", "shop-a", "k", "edit", 0.0, "result"))
    'ganray-e5dd4c84fc2-fb8adcd58517'
    """
    return f"ganray-{record.id}"


def _own_code() -> dict[str, Any]:
    """The working directory that this server was submitted with, if it was: its nodes may have no other ganray."""
    folder = ray.get_runtime_context().runtime_env.get("working_dir") if ray.is_initialized() else None
    return {"working_dir": folder} if folder and "://" in folder else {}


def _error(error: Exception) -> ClusterError:
    return ClusterError(f"jobs: Ray's job API: {str(error)[:300]}", REMEDY)
