"""BentoML around the same Engine, with its adaptive batching: `bentoml serve ganray.benchmarks.peer_bentoml:Peer`.

$PEER_FOLDER is the model folder, $PEER_WORKERS the number of processes, each with an engine of one thread. A batchable method takes and
gives lists, over HTTP too: a request is a list of one, and its image comes as base64.
"""

from __future__ import annotations

import base64
import os
from typing import Any

import bentoml  # type: ignore[import-not-found]

from ganray.benchmarks.plain_server import make_files, with_defaults
from ganray.engine import ROWS, Engine
from ganray.requests import GenerateRequest


@bentoml.service(workers=int(os.environ.get("PEER_WORKERS", "1")), logging={"access": {"enabled": False}})
class Peer:
    """POST /generate: {"requests": [the body of POST /v1/generate]}."""

    def __init__(self) -> None:
        self._engine = Engine.load(os.environ["PEER_FOLDER"], device="cpu", threads=1)

    @bentoml.api(batchable=True, max_batch_size=ROWS["cpu"])  # type: ignore[untyped-decorator]
    def generate(self, requests: list[dict[str, Any]]) -> list[str]:
        """Draw and encode."""
        files = make_files(self._engine, [with_defaults(GenerateRequest.model_validate(request)) for request in requests])
        return [base64.b64encode(data).decode() for data in files]
