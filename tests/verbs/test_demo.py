import json
import socket

import pytest

from ganray.config import DemoConfig
from ganray.images.codec import decode_prepared
from ganray.images.provenance import read_label


@pytest.mark.ray
@pytest.mark.slow
def test_the_whole_way(cluster, tmp_path, capsys):
    from ganray.verbs.demo import demo

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = demo(DemoConfig(out=str(tmp_path), products=240, kimg=0.256, images=64, port=port))
    assert all(place.exists() for place in places.values())
    told = json.loads((tmp_path / "demo.json").read_text())
    assert told["books"]["written"] == told["books"]["images"] == 64
    assert set(told["seconds"]) == {"ingest", "train", "generate", "evaluate", "serve"}
    picture = places["over HTTP"].read_bytes()
    assert decode_prepared(picture).shape == (32, 32, 3)
    assert "trainedAlgorithmicMedia" in str(read_label(picture))
    assert "Frechet distance" in capsys.readouterr().out
