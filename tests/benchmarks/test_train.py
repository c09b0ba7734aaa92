import json

import pytest

from ganray.benchmarks.train import steady


def test_the_rate_leaves_out_the_start(tmp_path):
    logs = tmp_path / "logs" / "run"
    logs.mkdir(parents=True)
    rows = [{"kimg": 1.0, "img_per_s": 1.0}, {"kimg": 2.0, "img_per_s": 100.0}, {"kimg": 4.0, "img_per_s": 400.0}]
    (logs / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert steady(str(tmp_path)) == pytest.approx(3000 / (1000 / 100 + 2000 / 400))
