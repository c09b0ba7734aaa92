import pytest

from ganray.benchmarks.peer_environment import has_peers
from ganray.errors import ConfigError


def test_without_the_peers_it_says_what_is_missing(short_form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="serve-peers needs LitServe and BentoML"):
        short_form("serve-peers")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(not has_peers(), reason="python -m ganray.benchmarks.peer_environment")
def test_rate_and_p99_are_compared_with_both_peers(short_form):
    rows = short_form("serve-peers", seconds=1.0)
    assert [(row["peer"], row["unit"]) for row in rows] == [(peer, unit) for peer in ("litserve", "bentoml") for unit in ("req/s", "ms")]
    for row in rows:
        assert row["failures"] == row["peer_failures"] == 0
        assert row["value"] > 0 and row["baseline"] > 0
