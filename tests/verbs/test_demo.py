import json
import socket

import pytest

from ganray.images.codec import decode_prepared
from ganray.images.provenance import read_label
from tests.tools.commands import run_command


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long  # each of its verbs by the commands of a user: tests/verbs/test_bucket.py; serving: tests/on_ray/test_serve.py
def test_the_whole_way(tmp_path):
    """As a user starts it: with no cluster but the one that serves at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--products", "160", "--kimg", "0.128", "--images", "64", "--port", str(port)]
    done = run_command(["demo", "--out", str(tmp_path), *options])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Frechet distance" in done.stdout
    for place in ("evaluation/contact_sheet.png", "evaluation/report.html", "model", "images", "catalog"):
        assert str(tmp_path / place) in done.stdout and (tmp_path / place).exists()
    told = json.loads((tmp_path / "demo.json").read_text())
    assert told["books"]["written"] == told["books"]["images"] == 64
    assert set(told["seconds"]) == {"ingest", "train", "generate", "evaluate", "serve"}
    picture = (tmp_path / "http.png").read_bytes()
    assert decode_prepared(picture).shape == (32, 32, 3)
    assert "trainedAlgorithmicMedia" in str(read_label(picture))
