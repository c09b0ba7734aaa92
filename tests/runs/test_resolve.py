import json

import pytest

from ganray.config import PrivacyConfig
from ganray.errors import CheckpointError
from ganray.runs.resolve import resolve_run
from ganray.storage import open_store
from tests.tools.runs import tiny


def test_a_run_is_resolved_once(small_catalog, tmp_path, capsys):
    given = tiny(small_catalog, tmp_path / "model")
    run = resolve_run(given)
    assert (given.loss.gamma, given.lanes, given.privacy.noise) == (None, 0, None)
    assert run.config.loss.gamma > run.config.loss.gamma_final > 0
    assert run.config.lanes == 8
    assert run.private is None
    assert (run.source.lanes, run.source.attributes) == (8, ("category", "colour"))
    assert list(run.info.attributes) == ["category", "colour"]
    noted = json.loads((tmp_path / "model" / "run.json").read_text())
    assert noted["config"]["lanes"] == 8
    assert "few images of colour" in capsys.readouterr().err
    assert resolve_run(run.config).config == run.config


def test_what_a_run_began_with_stays(small_catalog, tmp_path):
    config = tiny(small_catalog, tmp_path / "model", lanes=4)
    resolve_run(config)
    open_store(config.out).put("checkpoints/kimg-000000.016-1/state.json", b"{}")
    with pytest.raises(CheckpointError, match="holds a run already"):
        resolve_run(config)
    assert resolve_run(config.model_copy(update={"lanes": 0, "resume": True})).config.lanes == 4


def test_a_private_run_is_not_compiled_and_keeps_a_secret(small_catalog, tmp_path):
    changes = {
        "model": {"name": "mlp", "resolution": 32, "widths": (16, 16), "z_dim": 8},
        "loss": {"name": "bce", "penalty": "none"},
        "privacy": PrivacyConfig(epsilon=8.0, delta=1e-4, noise=4.0),
    }
    run = resolve_run(tiny(small_catalog, tmp_path / "model", **changes))
    assert (run.config.compile, run.config.privacy.noise, run.private.photos) == ("off", 4.0, 192)
    assert (tmp_path / "model" / "privacy.key").read_text() == run.private.secret
    assert (run.info.catalog_digest, run.info.histograms) == ("", {})
