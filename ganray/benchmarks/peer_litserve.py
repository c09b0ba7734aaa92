"""LitServe around the same Engine, with its own batching: `python -m ganray.benchmarks.peer_litserve FOLDER PORT WORKERS`.

Each worker is a process with an engine of one thread: LitServe runs one batch at a time in a worker. Annotations are evaluated here, since
LitServe reads that of `decode_request`.
"""

import sys
from typing import Any

import litserve  # type: ignore[import-not-found]
from fastapi import Response

from ganray.benchmarks.plain_server import WAIT, make_files, with_defaults
from ganray.engine import ROWS, Engine
from ganray.requests import GenerateRequest


class Peer(litserve.LitAPI):  # type: ignore[misc]
    """POST /predict: the body of POST /v1/generate, one image as an answer."""

    def __init__(self, folder: str) -> None:
        super().__init__(max_batch_size=ROWS["cpu"], batch_timeout=WAIT)
        self._folder = folder

    def setup(self, device: str) -> None:
        """Load the engine, once a worker."""
        self._engine = Engine.load(self._folder, device="cpu", threads=1)

    def decode_request(self, request: dict[str, Any]) -> GenerateRequest:
        """Check a body."""
        return with_defaults(GenerateRequest.model_validate(request))

    def batch(self, inputs: list[GenerateRequest]) -> list[GenerateRequest]:
        """The engine takes a list."""
        return inputs

    def predict(self, batch: list[GenerateRequest]) -> list[bytes]:
        """Draw and encode."""
        return make_files(self._engine, batch)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        """It gives one back."""
        return output

    def encode_response(self, output: bytes) -> Response:
        """An image."""
        return Response(output, media_type="image/png")


if __name__ == "__main__":
    server = litserve.LitServer(Peer(sys.argv[1]), accelerator="cpu", workers_per_device=int(sys.argv[3]))
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="error", generate_client_file=False, access_log=False)
