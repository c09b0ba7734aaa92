import base64
import json
import urllib.request

import pytest

from ganray.benchmarks.peer_environment import find_python, has_peers
from ganray.benchmarks.plain_server import make_files
from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_peers import bentoml_side
from ganray.engine import Engine
from ganray.requests import GenerateRequest


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(not has_peers(), reason="python -m ganray.benchmarks.peer_environment")
def test_it_answers_with_the_file_of_the_engine(tmp_path):
    make_model(str(tmp_path))
    body = json.dumps({"requests": [{"id": "a", "seed": 1}]}).encode()
    with bentoml_side(find_python(), str(tmp_path)) as side:
        request = urllib.request.Request(f"http://127.0.0.1:{side.port}/generate", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            (data,) = map(base64.b64decode, json.load(answer))
    assert data == make_files(Engine.load(str(tmp_path), "cpu", 1), [GenerateRequest(id="a", seed=1)])[0]
